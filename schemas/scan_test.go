package schemas

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"
)

// TestFewDigits: what is read eight bytes at a time is what the digits say.
func TestFewDigits(t *testing.T) {
	rng := rand.New(rand.NewPCG(21, 22))
	for range 200_000 {
		digits := strconv.Itoa(rng.IntN(pow10(1 + rng.IntN(9))))
		if rng.IntN(4) == 0 {
			digits = strings.Repeat("0", rng.IntN(4)) + digits
		}
		after := make([]byte, rng.IntN(12))
		for i := range after {
			after[i] = byte(rng.Uint32())
		}
		if len(after) > 0 && after[0]-'0' <= 9 {
			after[0] = pick(rng, []byte{'/', ':', 0, 0xFF, ',', '.', 'e', 0xB0, '0' | 0x80})
		}
		d := append([]byte(" "+digits), after...)
		v, n := fewDigits(d, 1)
		if len(digits) > 7 || len(d) < 1+8 {
			if n != 0 {
				t.Fatalf("%q: %d digits, %d", d, n, v)
			}
			continue
		}
		if n != len(digits) || fmt.Sprintf("%0*d", n, v) != digits {
			t.Fatalf("%q: %d digits, %d", d, n, v)
		}
	}
	if _, n := fewDigits([]byte("-1234567"), 0); n != 0 {
		t.Error("no digit is read as one")
	}
}

func pow10(n int) int {
	p := 1
	for range n {
		p *= 10
	}
	return p
}

// TestSpelling: comparing by words is comparing.
func TestSpelling(t *testing.T) {
	rng := rand.New(rand.NewPCG(23, 24))
	for range 200_000 {
		text := make([]byte, rng.IntN(30))
		for i := range text {
			text[i] = byte('a' + rng.IntN(3))
		}
		d := append([]byte("xy"), text...)
		for range rng.IntN(12) {
			d = append(d, 'a')
		}
		if len(text) > 0 && rng.IntN(2) == 0 {
			d[2+rng.IntN(len(text))] = 'd'
		}
		d = d[:max(2, len(d)-rng.IntN(3))]
		s := newSpelling(string(text))
		if got, want := s.follows(d, 2), strings.HasPrefix(string(d[2:]), string(text)); got != want {
			t.Fatalf("%q in %q: %v", text, d, got)
		}
	}
}

// TestNamesThatDifferInTheMiddle: a table of names whose ends are alike is searched as
// quickly as another.
func TestNamesThatDifferInTheMiddle(t *testing.T) {
	for _, form := range []string{"customer%05d_address", "n%d", "%06d-aaaaaaaaaaaaaaaa", "aaaaaaaaaaaaaaaa-%06d", "aaaaaaaa%06daaaaaaaaaaaa"} {
		props := make([]property, 5000)
		for i := range props {
			props[i].name = fmt.Sprintf(form, i)
		}
		table := newNameTable(props)
		most := 0
		for i := range props {
			probes := 0
			for k := table.hash([]byte(props[i].name)); table.slots[k] != uint16(i+1); k = (k + 1) & (len(table.slots) - 1) {
				probes++
			}
			most = max(most, probes)
			if table.find(props, []byte(props[i].name)) != i {
				t.Fatalf("%s is not found", props[i].name)
			}
		}
		if most > 64 {
			t.Errorf("%s: up to %d others are looked at", form, most)
		}
		if table.find(props, []byte("nobody")) >= 0 {
			t.Error("a name is found that is not there")
		}
	}
}
