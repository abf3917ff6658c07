package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/lazaret/lazaret"
)

// seen is one line as the blocks tell it.
type seen struct {
	number int64
	text   string
	size   int64 // of a long line, whose text is not held
}

// naive is what lines a text has, by the simplest means.
func naive(text string, most int) []seen {
	var all []seen
	for i, l := range strings.Split(text, "\n") {
		l = strings.TrimSuffix(l, "\r")
		switch {
		case strings.Trim(l, " \t\r\n") == "":
		case len(l) > most:
			all = append(all, seen{int64(i + 1), "", int64(len(l))})
		default:
			all = append(all, seen{int64(i + 1), l, int64(len(l))})
		}
	}
	return all
}

// through is what the blocks make of it: each is judged as check does.
func through(r io.Reader, most int) ([]seen, error) {
	var all []seen
	var at *block
	w := newWorker(checkOptions{all: true, judge: judgeFunc(func(e *lazaret.Event) {
		s := seen{e.Source.Offset, string(e.Data), int64(len(e.Data))}
		if at.size > 0 {
			s.size = at.size
		}
		if s.size > int64(most) {
			s.text = ""
		}
		all = append(all, s)
	})})
	var bad error
	err := readBlocks(r, most, func(b *block) {
		if at = b; b.size > 0 && len(b.data) <= most {
			bad = fmt.Errorf("line %d: %d bytes are held of a long line: its judge would take it for a short one", b.first, len(b.data))
		}
		bad = errors.Join(bad, w.judge(context.Background(), b))
	})
	return all, errors.Join(bad, err)
}

// readBlocks has r read into two blocks, of which the one that use has had is filled with
// something else before it is read into again: what still looks at it is found out.
func readBlocks(r io.Reader, most int, use func(*block)) error {
	free := []*block{newBlock(), newBlock()}
	s := blockReader{r: r, most: most, take: func() (*block, error) {
		b := free[0]
		free = free[1:]
		return b, nil
	}, emit: func(b *block) {
		use(b)
		clear(b.data)
		b.clear()
		free = append(free, b)
	}}
	return s.run()
}

type judgeFunc func(e *lazaret.Event)

func (f judgeFunc) Judge(_ context.Context, e *lazaret.Event) (lazaret.Verdict, error) {
	f(e)
	return lazaret.Verdict{Status: lazaret.Accepted}, nil
}

func sameLines(t *testing.T, r io.Reader, text string, most int) {
	t.Helper()
	got, err := through(r, most)
	if err != nil {
		t.Fatal(err)
	}
	want := naive(text, most)
	if len(got) != len(want) {
		t.Fatalf("%d lines, want %d", len(got), len(want))
	}
	for i := range want {
		if got[i] != want[i] {
			t.Fatalf("line %d: got %.80v, want %.80v", i, got[i], want[i])
		}
	}
}

// Every line comes exactly once, with its number, however the reader hands out the bytes.
func TestBlocksHoldEveryLineOnce(t *testing.T) {
	rnd := rand.New(rand.NewPCG(3, 4))
	for range 40 {
		var b strings.Builder
		for range rnd.IntN(60) {
			b.WriteString(strings.Repeat(string(rune('a'+rnd.IntN(26))), rnd.IntN(3000)))
			b.WriteString([]string{"\n", "\r\n", "\n\n", " \t\n", "\r\r\n"}[rnd.IntN(5)])
		}
		b.WriteString(strings.Repeat("z", rnd.IntN(3000)))
		text := b.String()
		sameLines(t, strings.NewReader(text), text, 1500)
		sameLines(t, iotest.HalfReader(strings.NewReader(text)), text, 1500)
		sameLines(t, iotest.DataErrReader(strings.NewReader(text)), text, 1500)
	}
}

// Lines around the limit and around the size of a block are cut where they end.
func TestBlocksAtTheBorders(t *testing.T) {
	const most = 1 << 20
	for _, n := range []int{most - 1, most, most + 1, most + 2, 2*checkBlock - 1, 2 * checkBlock, 2*checkBlock + 1, 5 * checkBlock} {
		for _, end := range []string{"\n", "\r\n", "", "\r"} {
			text := "first\n" + strings.Repeat("x", n) + end
			if strings.HasSuffix(end, "\n") {
				text += "last"
			}
			sameLines(t, strings.NewReader(text), text, most)
		}
		blank := strings.Repeat(" ", n) + "\nlast"
		sameLines(t, strings.NewReader(blank), blank, most)
	}
}

// A line that never ends costs no more memory than a short one.
func TestBlocksDoNotHoldALongLine(t *testing.T) {
	const length = 100 << 20
	held := 0
	err := readBlocks(io.LimitReader(letters{}, length), 1<<20, func(b *block) {
		held += cap(b.data)
		if b.size != length {
			t.Errorf("size %d, want %d", b.size, length)
		}
	})
	if err != nil || held == 0 || held > 2<<20 {
		t.Errorf("%d bytes held, %v", held, err)
	}
}

var someLetters = bytes.Repeat([]byte{'x'}, 64<<10)

// letters is a text that never ends and has no line feed.
type letters struct{}

func (letters) Read(p []byte) (int, error) {
	return copy(p, someLetters), nil
}

// A file that cannot be read to its end is an error, never a shorter file.
func TestBlocksReadError(t *testing.T) {
	broken := errors.New("broken")
	for _, text := range []string{"", "a\nb", strings.Repeat("x", 3<<20)} {
		if _, err := through(io.MultiReader(strings.NewReader(text), iotest.ErrReader(broken)), 1<<20); !errors.Is(err, broken) {
			t.Errorf("%.10q: got %v", text, err)
		}
	}
}

func FuzzReadBlocks(f *testing.F) {
	for _, seed := range []string{"", "\n", "a", "a\n", "a\r\nb", "\r", "\r\r\n", " \n\t\n", "long line of text\nshort\n", "long line of text", "   a blank one          \n             \nx", "12345678\r\n123456789\r\n"} {
		f.Add([]byte(seed), uint8(8))
	}
	f.Fuzz(func(t *testing.T, text []byte, most uint8) {
		sameLines(t, bytes.NewReader(text), string(text), int(most))
		sameLines(t, iotest.OneByteReader(bytes.NewReader(text)), string(text), int(most))
	})
}

// batchesOf lists what would be posted.
func batchesOf(t *testing.T, text string, o sendOptions) (bodies []string, counts []int) {
	t.Helper()
	err := batches(t.Context(), iotest.HalfReader(strings.NewReader(text)), o, func(body []byte, lines int) {
		bodies, counts = append(bodies, string(body)), append(counts, lines)
	})
	if err != nil {
		t.Fatal(err)
	}
	return bodies, counts
}

// Requests hold whole lines, in order, each once, within both limits; blank lines are no
// events; a line that is larger than a request goes alone.
func TestBatches(t *testing.T) {
	long := strings.Repeat("l", 40)
	text := "a\n\nb\r\n  \nc\n" + long + "\nd"
	bodies, counts := batchesOf(t, text, sendOptions{batch: 2, bytes: 30})
	want := []string{"a\nb\r\n", "c\n", long + "\n", "d"}
	if fmt.Sprintf("%q", bodies) != fmt.Sprintf("%q", want) || fmt.Sprint(counts) != "[2 1 1 1]" {
		t.Errorf("got %q %v, want %q", bodies, counts, want)
	}
	if bodies, _ := batchesOf(t, "\n \n", sendOptions{batch: 2, bytes: 30}); len(bodies) != 0 {
		t.Errorf("blank lines were posted: %q", bodies)
	}
}

// Whatever the limits, the bodies together are the events of the file.
func TestBatchesLoseNothing(t *testing.T) {
	var b strings.Builder
	for i := range 1000 {
		fmt.Fprintf(&b, "event %d %s\n", i, strings.Repeat("x", i%97))
	}
	for _, o := range []sendOptions{{batch: 1, bytes: 1}, {batch: 7, bytes: 1 << 20}, {batch: 1 << 20, bytes: 300}, {batch: 5000, bytes: 1 << 30}} {
		bodies, counts := batchesOf(t, b.String(), o)
		n := 0
		for i, c := range counts {
			if n += c; c > o.batch || strings.Count(bodies[i], "\n") != c {
				t.Errorf("%+v: a request of %d lines says %d", o, strings.Count(bodies[i], "\n"), c)
			}
		}
		if strings.Join(bodies, "") != b.String() || n != 1000 {
			t.Errorf("%+v: the bodies are not the file: %d events", o, n)
		}
	}
}

// A line that no server takes is an error that names it, and is not held.
func TestBatchesEndlessLine(t *testing.T) {
	in := io.MultiReader(strings.NewReader("a\nb\n"), letters{})
	err := batches(t.Context(), in, sendOptions{batch: 10, bytes: 1000}, func([]byte, int) {})
	if err == nil || !strings.Contains(err.Error(), "line 3") {
		t.Errorf("got %v", err)
	}
}
