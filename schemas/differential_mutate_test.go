package schemas

import (
	"fmt"
	"math/big"
	"math/rand/v2"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// near are strings at the border of each format: some are of it, some are not.
var near = map[string][]string{
	"date-time":    {"2026-01-02T03:04:05Z", "2024-02-29t23:59:59.123z", "2023-02-29T00:00:00Z", "1998-12-31T23:59:60Z", "1998-12-31T15:59:60-08:00", "2026-01-02T03:04:05+14:00", "2026-01-02T24:00:00Z", "2026-01-02T03:04:05", "2026-01-02T03:04:05.Z", "2026-01-02 03:04:05Z", "2026-13-02T03:04:05Z", "2026-01-02T03:04:05-00:00", "2026-01-02T03:04:05+24:00", "2026-01-02T03:04:05.123456789012345678901234567890Z", "0000-01-01T00:00:00Z", "2026-04-31T00:00:00Z"},
	"date":         {"2026-01-02", "2024-02-29", "2023-02-29", "1900-02-29", "2000-02-29", "2026-1-2", "2026-00-10", "2026-01-32", "26-01-02", "2026-04-31", "2026-01-02Z", "٢٠٢٦-01-02"},
	"time":         {"03:04:05Z", "23:59:60Z", "03:04:05", "03:04:05+01:00", "24:00:00Z", "03:04:05.1z", "03:4:05Z", "22:59:60-01:00"},
	"duration":     {"P1D", "P1Y2M3DT4H5M6S", "P1W", "P1Y1W", "PT", "P", "P1Y2D", "PT1.5S", "PT1H1S"},
	"period":       {"2026-01-02T03:04:05Z/P1D", "P1D/2026-01-02T03:04:05Z", "2026-01-02T03:04:05Z/2026-01-03T03:04:05Z", "P1D/P1D"},
	"email":        {"a@example.com", "a.b-c@x-y.z", "a..b@c.d", ".a@b.c", "a@b", "a@", "@a", "\"q q\"@b.c", "a@[127.0.0.1]", "a+b@c.de", "ä@b.c", "a@b.", "a@-b.c", "a@b-.c", "a-@b.c", strings.Repeat("a", 64) + "@b.c", strings.Repeat("a", 65) + "@b.c", "a@b@c", "a@1.2.3.4", "a@" + strings.Repeat("b", 60) + ".c"},
	"hostname":     {"example.com", "a", "-a.b", "a-.b", "a..b", "xn--nxasmq6b", "A1.b2", "a_b", "a.", strings.Repeat("a", 63), strings.Repeat("a", 64), "ä.b", "1.2.3.4"},
	"ipv4":         {"192.0.2.1", "256.0.0.1", "0.0.0.0", "01.2.3.4", "1.2.3", "1.2.3.4.5", "255.255.255.255", "+1.2.3.4", "1.2.3.4 ", "1..2.3", "1.2.3.0", "1.2.3.00", "1000.1.1.1", "1.2.3.٤"},
	"ipv6":         {"2001:db8::1", "::", "::1", "1::2::3", "::ffff:1.2.3.4", "fe80::1%eth0", "12345::", "1:2:3:4:5:6:7:8"},
	"uri":          {"https://example.com/a", "http://a.b:80/c?d=e#f", "urn:x", "http://", "http://a b", "http://[::1]/", "http://u@h/", "http://%41/", "http://h/%4", "http://h/%zz", "//h/a", "/a", "h://x#a#b", "1a://b", "a://b:x/", "a://é", "a://b/é", "a://b/\"", "a://b?\\", "a+b-c.d://e", "x://h:/", "x://h:99999999999/", "a://b[c", "a://b/[", "a://b#/?", "a://b@c:1/"},
	"uuid":         {"00000000-0000-4000-8000-000000000000", "0190b2f1-7c3e-7d4a-9f00-1a2b3c4d5e6f", "0190B2F1-7C3E-7D4A-9F00-1A2B3C4D5E6F", "0190b2f17c3e7d4a9f001a2b3c4d5e6f", "0190b2f1-7c3e-7d4a-9f00-1a2b3c4d5e6g", "0190b2f1-7c3e-7d4a-9f00-1a2b3c4d5e6", "0190b2f1-7c3e-7d4a-9f0-01a2b3c4d5e6f", "0190b2f1-7c3e-7d4a-9f00-1a2b3c4d5e6f0"},
	"json-pointer": {"", "/a", "/~0~1", "/~2", "a", "/a/"},
	"regex":        {"a*", "(", "[a-z]{2}", "a{2000}", "\\", "(?=a)"},
	"semver":       {"1.0.0", "1.0", "1.0.0-a.1+b"},
	"uri-template": {"https://example.com/{a}", "{", "{}", "{+a*}", "a b"},
}

// formatted makes a string near a format.
func formatted(rng *rand.Rand, format string) string {
	list := near[format]
	if list == nil || rng.IntN(8) == 0 {
		if s, ok := samples[format]; ok {
			return s
		}
		return pick(rng, near["uri"])
	}
	return pick(rng, list)
}

// mutate changes something in a jsonTree.
func (g *instanceMaker) mutate(root *jsonTree) {
	var all []*jsonTree
	root.each(func(t *jsonTree) { all = append(all, t) })
	t := pick(g.rng, all)
	if g.one(8) {
		*t = *g.anything(2)
		return
	}
	switch t.kind {
	case 's':
		t.text = g.mutateText(t.text)
	case '#':
		t.text = g.mutateNumber(t.text)
	case 'a':
		g.mutateArray(t)
	case 'o':
		g.mutateObject(t)
	default:
		if g.one(4) {
			*t = *g.anything(1)
		} else {
			t.kind = "ntf"[g.rng.IntN(3)]
		}
	}
}

func (t *jsonTree) each(visit func(*jsonTree)) {
	visit(t)
	for _, item := range t.items {
		item.each(visit)
	}
}

// letters are what strings are changed with.
var letters = []string{"a", "b", "A", "0", "1", "-", ".", ":", "/", " ", "%", "@", "\"", "\\", "\n", "\x00", "\x7f", "é", "\u0301", "日", "\uffff", "😀", "T", "z", "#", "?"}

func (g *instanceMaker) mutateText(s string) string {
	runes := []rune(s)
	at := g.rng.IntN(len(runes) + 1)
	letter := pick(g.rng, letters)
	switch g.rng.IntN(6) {
	case 0:
		return s + letter
	case 1:
		return string(runes[:at]) + letter + string(runes[at:])
	case 2:
		if at < len(runes) {
			return string(runes[:at]) + string(runes[at+1:])
		}
	case 3:
		if at < len(runes) {
			return string(runes[:at]) + letter + string(runes[at+1:])
		}
	case 4:
		if len(g.words) > 0 {
			return pick(g.rng, g.words)
		}
	}
	return pick(g.rng, allTexts)
}

func (g *instanceMaker) mutateNumber(s string) string {
	r, ok := new(big.Rat).SetString(s)
	if !ok || g.one(6) {
		return pick(g.rng, allNumbers)
	}
	switch g.rng.IntN(5) {
	case 0:
		r.Add(r, big.NewRat(1, 1))
	case 1:
		r.Sub(r, big.NewRat(1, 1))
	case 2:
		r.Add(r, big.NewRat(1, 10))
	case 3:
		r.Neg(r)
	}
	return notation(g.rng, r)
}

func (g *instanceMaker) mutateArray(t *jsonTree) {
	n := len(t.items)
	if n == 0 || g.one(4) {
		t.items = append(t.items, g.anything(1))
		return
	}
	i, j := g.rng.IntN(n), g.rng.IntN(n)
	switch g.rng.IntN(4) {
	case 0:
		t.items = append(t.items[:i:i], t.items[i+1:]...)
	case 1:
		t.items[i], t.items[j] = t.items[j], t.items[i]
	case 2:
		t.items = append(t.items, t.items[i].clone())
	default:
		t.items = t.items[:i]
	}
}

func (g *instanceMaker) mutateObject(t *jsonTree) {
	n := len(t.names)
	if n == 0 || g.one(5) {
		t.names, t.items = append(t.names, g.name(&wish{})), append(t.items, g.anything(1))
		return
	}
	i, j := g.rng.IntN(n), g.rng.IntN(n)
	switch g.rng.IntN(8) {
	case 0, 1:
		t.names, t.items = append(t.names[:i:i], t.names[i+1:]...), append(t.items[:i:i], t.items[i+1:]...)
	case 2:
		t.names[i] = g.name(&wish{})
	case 3:
		t.names[i] = g.mutateText(t.names[i])
	case 4:
		t.names, t.items = append(t.names, t.names[i]), append(t.items, t.items[j].clone()) // a name twice
	case 5:
		t.items[i], t.items[j] = t.items[j], t.items[i]
	default:
		t.names[i], t.names[j] = t.names[j], t.names[i]
		t.items[i], t.items[j] = t.items[j], t.items[i]
	}
}

// treeWriter writes a jsonTree as JSON text, with white space and escapes where it likes.
type treeWriter struct {
	rng            *rand.Rand
	out            []byte
	blanks, quotes int // once in so many times; 0 for never
}

func (w *treeWriter) one(n int) bool { return n > 0 && w.rng.IntN(n) == 0 }

func (w *treeWriter) blank() {
	for w.one(w.blanks) {
		w.out = append(w.out, " \t\r\n"[w.rng.IntN(4)])
	}
}

// write appends the text of a jsonTree, with what is around it.
func (w *treeWriter) write(t *jsonTree) {
	w.blank()
	switch t.kind {
	case 'n':
		w.out = append(w.out, "null"...)
	case 't':
		w.out = append(w.out, "true"...)
	case 'f':
		w.out = append(w.out, "false"...)
	case '#':
		w.out = append(w.out, t.text...)
	case 's':
		w.string(t.text)
	case 'a', 'o':
		w.list(t)
	}
	w.blank()
}

func (w *treeWriter) list(t *jsonTree) {
	open, shut := byte('['), byte(']')
	if t.kind == 'o' {
		open, shut = '{', '}'
	}
	w.out = append(w.out, open)
	if len(t.items) == 0 {
		w.blank()
	}
	for i, item := range t.items {
		if i > 0 {
			w.out = append(w.out, ',')
		}
		if t.kind == 'o' {
			w.blank()
			w.string(t.names[i])
			w.blank()
			w.out = append(w.out, ':')
		}
		w.write(item)
	}
	w.out = append(w.out, shut)
}

func (w *treeWriter) string(s string) {
	w.out = append(w.out, '"')
	for _, r := range s {
		w.letter(r)
	}
	w.out = append(w.out, '"')
}

func (w *treeWriter) letter(r rune) {
	short := strings.IndexRune("\"\\/\b\f\n\r\t", r)
	must := r == '"' || r == '\\' || r < 0x20
	switch {
	case !must && !w.one(w.quotes):
		w.out = utf8.AppendRune(w.out, r)
	case short >= 0 && w.rng.IntN(2) == 0:
		w.out = append(w.out, '\\', "\"\\/bfnrt"[short])
	case r >= 0x10000:
		high, low := utf16.EncodeRune(r)
		w.unit(high)
		w.unit(low)
	default:
		w.unit(r)
	}
}

func (w *treeWriter) unit(r rune) {
	if w.rng.IntN(2) == 0 {
		w.out = fmt.Appendf(w.out, "\\u%04x", r)
	} else {
		w.out = fmt.Appendf(w.out, "\\u%04X", r)
	}
}

// pieces are what texts are damaged with.
var pieces = []string{"{", "}", "[", "]", ",", ":", "\"", "\\", "/", " ", "\n", "\x00", "0", "1", "-", "+", ".", "e", "E", "null", "true", "\"a\"", "\"a\":1,", "\xff", "\xc3", "\xed\xa0\x80", "\\u", "\\ud800", "\\udc00", "\\u0041", "\x1f", "\x7f", "\xc0\xaf", "\ufeff", "01", "1e5", ",,", "[[", "é"}

// damage changes bytes of a text. What comes of it need not be JSON.
func damage(rng *rand.Rand, data []byte) []byte {
	at := rng.IntN(len(data) + 1)
	to := min(len(data), at+1+rng.IntN(4))
	cut := func(from, to int, piece string) []byte {
		out := append([]byte(nil), data[:from]...)
		return append(append(out, piece...), data[to:]...)
	}
	switch rng.IntN(7) {
	case 0:
		return data[:at]
	case 1:
		return cut(at, to, "")
	case 2:
		return cut(at, min(len(data), at+1), pick(rng, pieces))
	case 3:
		return cut(at, at, string(data[at:to]))
	case 4:
		if at < len(data) {
			return cut(at, at+1, string([]byte{data[at] ^ 1<<rng.IntN(8)}))
		}
	}
	return cut(at, at, pick(rng, pieces))
}
