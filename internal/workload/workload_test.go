package workload

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/lazaret/lazaret"
)

func generate(t testing.TB, cfg Config) []Event {
	t.Helper()
	g, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	var list []Event
	for e, ok := g.Next(); ok; e, ok = g.Next() {
		list = append(list, e)
	}
	return list
}

// Promise: the truth is the truth. Each good event passes the schema and every rule;
// each victim fails the wrong rule alone, and nothing once that is mended; each bad
// event has exactly its planned reason, before and after.
func TestTruthHoldsAgainstTheLibraries(t *testing.T) {
	t.Parallel()
	ref := newReference(t)
	for _, cfg := range []Config{
		{Events: 14_000, Size: 768, Invalid: 0.15, Seed: 1},
		{Events: 4_000, Size: 1_100, Invalid: 0.5, Seed: 2},
		{Events: 1_400, Size: 2_000, Invalid: 1, Seed: 3},
		{Events: 300, Size: 10_240, Invalid: 0.3, Seed: math.MaxUint64},
		{Events: 300, Size: 5_000, Invalid: 0, Seed: 0, Start: time.Date(2031, 12, 31, 23, 59, 59, 0, time.UTC)},
		{Events: 8, Size: 300_000, Invalid: 0.25, Seed: 5},
	} {
		t.Run(fmt.Sprintf("%dx%d", cfg.Events, cfg.Size), func(t *testing.T) {
			kinds := map[string]int{}
			warned := 0
			for _, e := range generate(t, cfg) {
				kinds[e.Kind]++
				before, after, warnings := ref.judge(e.Data)
				warned += warnings
				var wantBefore, wantAfter []found
				if e.Kind != "" {
					want := found{e.Code, e.Path, e.Rule}
					if e.Rule != "" {
						want.Path = "" // expr does not point; the contract's test looks at it
					}
					wantBefore = []found{want}
				}
				if e.Bad {
					wantAfter = wantBefore
				}
				if !reflect.DeepEqual(before, wantBefore) || !reflect.DeepEqual(after, wantAfter) {
					t.Fatalf("event %d, kind %q: refused for %v and, mended, %v; the truth is %v and %v\n%s",
						e.Index, e.Kind, before, after, wantBefore, wantAfter, e.Data)
				}
			}
			if cfg.Events >= 300 && cfg.Invalid < 1 && (kinds[KindVictim] == 0 || warned == 0) {
				t.Errorf("%d victims and %d warnings: the example shows neither", kinds[KindVictim], warned)
			}
		})
	}
}

// Promise: the bad share is exact and each kind has its even part of it.
func TestBadShareIsExactAndEven(t *testing.T) {
	for _, c := range []struct {
		events  int
		invalid float64
		bad     int
	}{{100_000, 0.15, 15_000}, {1000, 0, 0}, {1000, 1, 1000}, {7, 0.5, 4}, {999, 0.001, 1}, {0, 0.5, 0}} {
		g, err := New(Config{Events: c.events, Invalid: c.invalid, Seed: 9})
		if err != nil {
			t.Fatal(err)
		}
		sum, err := g.Write(io.Discard, nil)
		if err != nil {
			t.Fatal(err)
		}
		if sum.Events != c.events || sum.Bad != c.bad || sum.Good != c.events-c.bad {
			t.Errorf("%d events at %v: %+v, want %d bad", c.events, c.invalid, sum, c.bad)
		}
		for kind, n := range sum.Kinds {
			if n < c.bad/7 || n > c.bad/7+1 {
				t.Errorf("%d of %d bad events are %s, want a seventh", n, c.bad, kind)
			}
		}
		if c.bad >= 7 && len(sum.Kinds) != 7 {
			t.Errorf("the kinds are %v", sum.Kinds)
		}
		if c.events == 100_000 && (sum.Victims < 4_000 || sum.Victims > 5_000) {
			t.Errorf("%d victims in 100,000 events, want 4 to 5%%", sum.Victims)
		}
	}
}

// Promise: bad events are spread over the whole run, not bunched.
func TestBadEventsAreSpread(t *testing.T) {
	const parts = 20
	var bad [parts]int
	events := generate(t, Config{Events: 20_000, Invalid: 0.2, Seed: 4})
	for _, e := range events {
		if e.Bad {
			bad[e.Index*parts/len(events)]++
		}
	}
	for i, n := range bad {
		if n < 150 || n > 250 { // 200 expected; the deviation is about 13
			t.Errorf("part %d of %d has %d bad events, want about 200", i, parts, n)
		}
	}
}

// Promise: whole events have the size asked for, to 3%; all are one line.
func TestSizes(t *testing.T) {
	for _, size := range []int{MinSize, 900, 1024, roomy, roomy + 25, 2048, 4096, 10_240, 65_536, 1 << 20} {
		for _, e := range generate(t, Config{Events: max(20, 4_000_000/size), Size: size, Invalid: 0.3, Seed: uint64(size)}) {
			if off := math.Abs(float64(len(e.Data))/float64(size) - 1); off > 0.03 && e.Kind == "" {
				t.Fatalf("a good event of size %d has %d bytes\n%.2000s", size, len(e.Data), e.Data)
			} else if off > 0.03 && e.Kind != KindTruncated {
				t.Fatalf("a %s event of size %d has %d bytes\n%.2000s", e.Kind, size, len(e.Data), e.Data)
			}
			if bytes.ContainsAny(e.Data, "\n\r") {
				t.Fatalf("event %d has a line break", e.Index)
			}
		}
	}
}

// Promise: the output is a pure function of the Config, on every machine and for
// good: a change of the digest is a change for everyone who keeps a truth file.
func TestOutputIsAFunctionOfTheConfig(t *testing.T) {
	digest := func(cfg Config) string {
		g, err := New(cfg)
		if err != nil {
			t.Fatal(err)
		}
		h := sha256.New()
		if _, err := g.Write(h, h); err != nil {
			t.Fatal(err)
		}
		return hex.EncodeToString(h.Sum(nil))[:16]
	}
	cfg := Config{Events: 2000, Size: 1500, Invalid: 0.15, Seed: 7}
	if got := digest(cfg); got != goldenDigest {
		t.Errorf("the digest is %s, was %s", got, goldenDigest)
	}
	other := cfg
	other.Seed++
	if digest(other) == goldenDigest {
		t.Error("another seed gives the same events")
	}
}

const goldenDigest = "3f036c77626a57cc"

// Promise: an event's Data is the caller's, and ids are unique version 4 UUIDs.
func TestEventsAreOwnedAndDistinct(t *testing.T) {
	events := generate(t, Config{Events: 3000, Invalid: 0.2, Seed: 8})
	seen := map[string]bool{}
	for _, e := range events {
		if e.ID == "" {
			if !e.Bad {
				t.Fatalf("good event %d has no id", e.Index)
			}
			continue
		}
		if seen[e.ID] || len(e.ID) != 36 || e.ID[14] != '4' || !strings.ContainsRune("89ab", rune(e.ID[19])) {
			t.Fatalf("event %d: id %q is not a new version 4 UUID", e.Index, e.ID)
		}
		seen[e.ID] = true
		if !bytes.Contains(e.Data, []byte(`"event_id":"`+e.ID+`"`)) { // fails if Next reused a buffer
			t.Fatalf("event %d does not carry its id %s", e.Index, e.ID)
		}
	}
	again := generate(t, Config{Events: 3000, Invalid: 0.2, Seed: 8})
	if !reflect.DeepEqual(events, again) {
		t.Error("the same config gave other events")
	}
}

// Promise: the input is as awkward as real text is.
func TestTextIsVaried(t *testing.T) {
	var all []byte
	for _, e := range generate(t, Config{Events: 300, Size: 2048, Seed: 2}) {
		all = append(all, e.Data...)
	}
	for _, want := range []string{`\"`, `\\`, `\n`, `\t`, `\/`, `\u00e9`, `\ud83d\ude00`, "日", "да", "ل", "ह", "ό", "요", "🐈", `null`, `e-1`, `,-`} {
		if !bytes.Contains(all, []byte(want)) {
			t.Errorf("no event holds %s", want)
		}
	}
}

// Promise: Write's two streams are the events and the truth that Next tells of.
func TestWriteTellsTheTruth(t *testing.T) {
	cfg := Config{Events: 2000, Size: 800, Invalid: 0.15, Seed: 6}
	g, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	var data, truth bytes.Buffer
	sum, err := g.Write(&data, &truth)
	if err != nil {
		t.Fatal(err)
	}
	lines := bytes.Split(bytes.TrimSuffix(data.Bytes(), []byte("\n")), []byte("\n"))
	told := bufio.NewScanner(&truth)
	var bytesTotal int64
	for i, e := range generate(t, cfg) {
		bytesTotal += int64(len(e.Data))
		if !bytes.Equal(lines[i], e.Data) {
			t.Fatalf("line %d is not event %d", i+1, i)
		}
		want, ok := e.Truth()
		if !ok {
			continue
		}
		var got Truth
		if !told.Scan() || json.Unmarshal(told.Bytes(), &got) != nil || got != want {
			t.Fatalf("the truth about event %d is %s, want %+v", i, told.Bytes(), want)
		}
		if victim := got.WronglyRefusedBy != ""; victim == got.Bad || victim != (got.Kind == KindVictim) {
			t.Fatalf("event %d is told both good and bad: %s", i, told.Bytes())
		}
	}
	var last Summary
	if !told.Scan() || json.Unmarshal(told.Bytes(), &last) != nil || !reflect.DeepEqual(last, sum) || told.Scan() {
		t.Fatalf("the last line is %s, want %+v", told.Bytes(), sum)
	}
	codes := 0
	for _, n := range sum.Codes {
		codes += n
	}
	if sum.Bytes != bytesTotal || codes != sum.Bad || sum.Bad != 300 || !sum.Summary {
		t.Errorf("summary %+v over %d bytes", sum, bytesTotal)
	}
}

// failAfter fails once n bytes have gone through it.
type failAfter struct{ n int }

var errDisk = errors.New("disk is full")

func (w *failAfter) Write(p []byte) (int, error) {
	if w.n -= len(p); w.n < 0 {
		return 0, errDisk
	}
	return len(p), nil
}

// Promise: a write that fails, at whatever point, is reported and never swallowed.
func TestWriteReportsAFullDisk(t *testing.T) {
	cfg := Config{Events: 1000, Invalid: 0.9, Seed: 6}
	for n := 0; n < 700_000; n += 100_000 {
		g, _ := New(cfg)
		if _, err := g.Write(&failAfter{n}, nil); !errors.Is(err, errDisk) {
			t.Errorf("data fails after %d bytes: error %v", n, err)
		}
	}
	for n := 0; n < 90_000; n += 10_000 {
		g, _ := New(cfg)
		if _, err := g.Write(io.Discard, &failAfter{n}); !errors.Is(err, errDisk) {
			t.Errorf("truth fails after %d bytes: error %v", n, err)
		}
	}
}

// Promise: a Config that cannot be met is refused with what is wrong.
func TestNewRefuses(t *testing.T) {
	for _, c := range []struct {
		cfg  Config
		want string
	}{
		{Config{Events: -1}, "-1 events"},
		{Config{Size: MinSize - 1}, "size 767"},
		{Config{Size: MaxSize + 1}, "size 8388609"},
		{Config{Invalid: -0.1}, "share -0.1"},
		{Config{Invalid: 1.01}, "share 1.01"},
		{Config{Invalid: math.NaN()}, "share NaN"},
		{Config{Start: time.Date(-5, 1, 1, 0, 0, 0, 0, time.UTC)}, "start"},
	} {
		if _, err := New(c.cfg); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: error %v, want one with %q", c.cfg, err, c.want)
		}
	}
}

// Promise: every planned fault occurs, so that a demo of 100,000 events shows all.
func TestEveryFaultOccurs(t *testing.T) {
	seen := map[found]bool{}
	for _, e := range generate(t, Config{Events: 8000, Invalid: 1, Seed: 12}) {
		seen[found{e.Code, e.Path, e.Rule}] = true
	}
	n := 0
	for _, variants := range faults() {
		for _, f := range variants {
			n++
			if !seen[found{f.code, f.path, f.rule}] {
				t.Errorf("no event has %s at %q %s", f.code, f.path, f.rule)
			}
		}
	}
	if n < 40 {
		t.Errorf("there are %d faults", n)
	}
	if !seen[found{Code: lazaret.CodeSyntax}] {
		t.Error("no event is truncated")
	}
}

func BenchmarkGenerate(b *testing.B) {
	for _, size := range []int{768, 2048, 10_240} {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			g, err := New(Config{Events: math.MaxInt32, Size: size, Invalid: 0.15, Seed: 1})
			if err != nil {
				b.Fatal(err)
			}
			b.SetBytes(int64(size))
			for b.Loop() {
				if _, ok := g.advance(); !ok {
					b.Fatal("no more events")
				}
			}
		})
	}
}
