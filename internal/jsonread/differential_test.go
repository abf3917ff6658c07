package jsonread

import (
	"bytes"
	"encoding/json"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/lazaret/lazaret"
)

// unlimited leaves the grammar, UTF-8 and duplicate names only. jsontext nests 10,000
// deep at most.
var unlimited = Limits{Depth: 10_000, NumberLength: -1, Exponent: -1, Values: -1}

// seeds are texts that other texts are made of.
var seeds = []string{
	``, ` `, `null`, `true`, `false`, `0`, `-0.5e+7`, `1e309`, `123456789012345678901234567890`, `""`, `"a"`,
	`"\"\\\/\b\f\n\r\t\u00e9\ud83d\ude00"`, `"\ud800"`, `"\udc00\ud800"`, "\"\xff\"", "\"é€😀\"", "\"\x00\"", "\ufeff1",
	`[]`, `{}`, `[1,2,3]`, `[[],{},[{}]]`, `{"a":1,"b":[true,null],"c":{"d":"e"}}`, `{"a":1,"a":2}`, `{"a":1,"\u0061":2}`,
	`{"":0,"\u0000":1}`, `{"a/b":{"~":[{"x":"y"}]}}`, `[1 2]`, `[1,]`, `{"a":}`, `{"a"}`, `{,}`, `[tru]`, `[1`, `[{"a":"x},{"b":"y"}]`,
	`[{"a":1},{"b":2},"c",4,[5],null]`, `[{"a":1}{"b":2}]`, `[{"a":]}]`, `["\\","\\\"",{"\"":"]"}]`, `[01,1e99999,"` + "\xff" + `",nul]`,
	`{"k00":0,"k01":0,"k02":0,"k03":0,"k04":0,"k05":0,"k06":0,"k07":0,"k08":0,"k09":0,"k10":0,"k11":0,"k12":0,"k13":0,"k14":0,"k15":0,"k16":0,"k17":0,"k05":0}`,
}

// sameVerdict holds Check, Decode and Members against readers that others wrote.
func sameVerdict(t *testing.T, data []byte) {
	t.Helper()
	err := Check(data, unlimited)
	if reference := jsontext.Value(data).IsValid(); reference != (err == nil) && !tooDeep(err) {
		t.Fatalf("%q: jsontext accepts: %v, Check says: %v", data, reference, err)
	}
	value, decodeErr := Decode(data, unlimited)
	if summary(decodeErr) != summary(err) {
		t.Fatalf("%q: Check says %v, Decode %v", data, err, decodeErr)
	}
	members, object, membersErr := Members(data, unlimited)
	if summary(membersErr) != summary(err) {
		t.Fatalf("%q: Check says %v, Members %v", data, err, membersErr)
	}
	if err != nil {
		if err.Offset < 0 || err.Offset > len(data) || err.Line < 1 || err.Column < 1 || err.Message == "" {
			t.Fatalf("%q: the error has no place: %+v", data, err)
		}
		return
	}
	if want := standardDecode(t, data); !reflect.DeepEqual(value, want) {
		t.Fatalf("%q: decoded as %#v, want %#v", data, value, want)
	}
	if decoded, ok := value.(map[string]any); ok != object || len(decoded) != len(members) {
		t.Fatalf("%q: %d members, want %d", data, len(members), len(decoded))
	}
	for _, m := range members {
		if got := standardDecode(t, m.Value); !reflect.DeepEqual(got, value.(map[string]any)[m.Name]) || len(m.Value) != len(bytes.TrimSpace(m.Value)) {
			t.Fatalf("%q: the member %q is %q", data, m.Name, m.Value)
		}
	}
}

func tooDeep(err *Error) bool { return err != nil && err.Code == lazaret.CodeDepth }

func standardDecode(t *testing.T, data []byte) any {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		t.Fatalf("%q was accepted, but encoding/json says: %v", data, err)
	}
	return v
}

// Promise: on any text, the verdict is that of jsontext, and the values are those of
// encoding/json. The texts are seeds with random damage, and random well-formed ones.
func TestSameVerdictAsOtherReaders(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	accepted := 0
	for i := range 12_000 {
		data := []byte(seeds[i%len(seeds)])
		if i%3 == 0 {
			data = randomText(rng)
		}
		for range rng.IntN(3) {
			data = damage(rng, data)
		}
		sameVerdict(t, data)
		if Check(data, unlimited) == nil {
			accepted++
		}
	}
	if accepted < 2_000 || accepted > 10_000 {
		t.Errorf("%d of 12,000 texts were well formed: too one-sided to show anything", accepted)
	}
}

// damage changes, drops or adds a byte, or repeats a piece.
func damage(rng *rand.Rand, data []byte) []byte {
	const bytesThatMatter = "{}[],:\"\\/ \t\n-+.eE0123456789abntrufls\x00\x1f\x7f\x80\xbf\xc3\xed\xf4\xff"
	out := append([]byte(nil), data...)
	at := rng.IntN(len(out) + 1)
	c := bytesThatMatter[rng.IntN(len(bytesThatMatter))]
	switch op := rng.IntN(4); {
	case op == 0 || at == len(out):
		return append(out[:at], append([]byte{c}, data[at:]...)...)
	case op == 1:
		out[at] = c
		return out
	case op == 2:
		return append(out[:at], out[at+1:]...)
	default:
		return append(out, data[at:]...)
	}
}

// randomText returns a well-formed text, but for duplicate names now and then.
func randomText(rng *rand.Rand) []byte {
	var b bytes.Buffer
	writeRandom(rng, &b, 5)
	return b.Bytes()
}

func writeRandom(rng *rand.Rand, b *bytes.Buffer, depth int) {
	words := []string{`"a"`, `"b"`, `"c\u0061"`, `"ca"`, `"longer than eight"`, `"longer than nine"`, `"é"`, `""`, `"\ud83d\ude00"`, `"😀"`}
	space := func() { b.WriteString([]string{"", "", " ", "\n\t"}[rng.IntN(4)]) }
	space()
	defer space()
	kind := rng.IntN(8)
	if depth == 0 {
		kind = rng.IntN(6)
	}
	switch kind {
	case 0, 1, 2:
		b.WriteString([]string{`null`, `true`, `false`, `0`, `-1.5e3`, `12345678901234567890`}[rng.IntN(6)])
	case 3, 4, 5:
		b.WriteString(words[rng.IntN(len(words))])
	case 6:
		b.WriteByte('[')
		for i := range rng.IntN(5) {
			if i > 0 {
				b.WriteByte(',')
			}
			writeRandom(rng, b, depth-1)
		}
		b.WriteByte(']')
	case 7:
		b.WriteByte('{')
		for i := range rng.IntN(4) {
			if i > 0 {
				b.WriteByte(',')
			}
			space()
			b.WriteString(words[rng.IntN(len(words))])
			space()
			b.WriteByte(':')
			writeRandom(rng, b, depth-1)
		}
		b.WriteByte('}')
	}
}

// FuzzCheck holds the promise of TestSameVerdictAsOtherReaders on whatever is found,
// and that no text makes the limits of every day accept more than no limits.
func FuzzCheck(f *testing.F) {
	for _, s := range seeds {
		f.Add([]byte(s))
	}
	f.Add([]byte(strings.Repeat(`[{"a":`, 300)))
	f.Fuzz(func(t *testing.T, data []byte) {
		sameVerdict(t, data)
		if Check(data, Limits{}) == nil && Check(data, unlimited) != nil {
			t.Fatalf("%q: accepted under limits, refused without", data)
		}
	})
}
