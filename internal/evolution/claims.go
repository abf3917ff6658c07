package evolution

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/lazaret/lazaret"
	"github.com/lazaret/lazaret/gateway"
	"github.com/lazaret/lazaret/internal/jsonread"
	"github.com/lazaret/lazaret/internal/words"
	"github.com/lazaret/lazaret/quarantine"
	"github.com/lazaret/lazaret/schemas"
	"github.com/lazaret/lazaret/schemas/infer"
)

// claim is a set of edits that some entries ask for, each of them for all.
type claim struct {
	wants     []want
	keys      []string // of the wants, sorted
	entries   int
	ids       []string // at most maxVerified
	producers map[string]bool
	paths     map[string]map[string]bool // by the want's key: where it is asked for
	first     time.Time
	last      time.Time
	fields    map[string]*infer.Inference // by the want's key
}

// tally is what the entries of a stream ask for.
type tally struct {
	stream  string
	base    schemas.Version
	judge   gateway.Judge
	reader  *reader
	claims  map[string]*claim
	near    map[string]int    // by path: values that are misspelt
	fresh   map[string]digest // ids of the drafts that were made, or made anew, from it
	full    map[string]bool   // the lists that too many values are asked for
	foreign map[elsewhere]int // entries that ask for an edit of a schema of another subject
	late    []string          // ids of entries that pass by now
	partial bool              // not all entries were read
}

// read looks through the entries of a stream.
func (e *Engine) read(ctx context.Context, s *gateway.Stream, base schemas.Version, judge gateway.Judge) (*tally, error) {
	r, ok := newReader(base.Document)
	if !ok {
		return nil, nil // true and false have no places
	}
	t := &tally{stream: s.Name, base: base, judge: judge, reader: r,
		claims: map[string]*claim{}, near: map[string]int{}, fresh: map[string]digest{}, foreign: map[elsewhere]int{}}
	waiting := quarantine.Filter{Stream: s.Name, Status: quarantine.Quarantined}
	groups, more, err := e.conf.Quarantine.Largest(ctx, waiting, codes, maxGroups)
	if err != nil {
		return nil, err
	}
	t.partial = more
	left, bytes := maxRead, int64(maxBytesRead)
	for _, g := range groups {
		if left == 0 || bytes <= 0 {
			t.partial = true
			break
		}
		most := min(left, maxOfGroup)
		n, half := 0, min(bytes, maxBytesRead/2)
		ofGroup := half
		f := quarantine.Filter{Stream: s.Name, Group: g.Group, Status: quarantine.Quarantined}
		err := e.conf.Quarantine.Newest(ctx, f, most, func(entry quarantine.Entry, event func() (*lazaret.Event, error)) error {
			if ofGroup -= entry.Size; ofGroup < 0 {
				return quarantine.ErrEnough
			}
			n++
			return t.add(ctx, &entry, event)
		})
		if err != nil {
			return nil, err
		}
		left -= n
		bytes -= half - ofGroup
		t.partial = t.partial || n == most || ofGroup < 0
	}
	return t, nil
}

// add takes in one entry.
func (t *tally) add(ctx context.Context, entry *quarantine.Entry, event func() (*lazaret.Event, error)) error {
	ev, err := event()
	if err != nil {
		return err
	}
	reasons, more := entry.Reasons, entry.More
	if entry.Version.Subject != t.base.Subject || entry.Version.Schema != t.base.Number {
		v, err := t.judge.Judge(ctx, ev)
		if err != nil {
			return err
		}
		if v.Status == lazaret.Accepted {
			if len(t.late) < 1000 {
				t.late = append(t.late, entry.ID)
			}
			return nil
		}
		if v.Version.Schema != t.base.Number {
			return nil // it names a version of its own
		}
		reasons, more = v.Reasons, v.More
	}
	source, payload := producer(entry, ev)
	if more > 0 || payload == nil {
		return nil
	}
	wants, ok := t.wants(reasons, payload)
	if ok {
		t.claim(entry, source, wants, payload)
	} else {
		t.aside(reasons, payload)
	}
	return nil
}

// elsewhere is a place in events whose schema is of another subject.
type elsewhere struct{ path, document string }

// aside counts an entry that asks for an edit of a schema that this one refers to.
func (t *tally) aside(reasons []lazaret.Reason, payload []byte) {
	seen := map[elsewhere]bool{}
	for _, r := range reasons {
		document, _, outside := strings.Cut(r.SchemaPath, "#")
		at := elsewhere{starred(r.Path, payload), document}
		if !outside || document == "" || r.Rule != "" || !slices.Contains(codes, r.Code) || seen[at] {
			continue
		}
		if seen[at] = true; t.foreign[at] > 0 || len(t.foreign) < maxClaims {
			t.foreign[at]++
		}
	}
}

// wants are the edits that all reasons together ask for; ok is false if one of them cannot
// be mended.
func (t *tally) wants(reasons []lazaret.Reason, payload []byte) (list []want, ok bool) {
	for _, r := range reasons {
		w, ok := t.reader.want(r, payload)
		if !ok {
			return nil, false
		}
		if t.reader.near(w) {
			t.near[w.path]++
			return nil, false
		}
		list = append(list, w)
	}
	list = together(list)
	return list, len(list) > 0
}

// claim counts an entry for the set of its edits.
func (t *tally) claim(entry *quarantine.Entry, source string, all []want, payload []byte) {
	byKey := map[string]want{}
	for _, w := range all {
		byKey[w.key()] = w
	}
	var keys []string
	for key := range byKey {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	if len(keys) > maxEdits {
		return
	}
	c := t.claims[signature(keys)]
	if c == nil {
		if len(t.claims) == maxClaims {
			t.thin()
		}
		c = &claim{keys: keys, producers: map[string]bool{}, paths: map[string]map[string]bool{}, first: entry.Received, fields: map[string]*infer.Inference{}}
		for _, key := range keys {
			c.wants = append(c.wants, byKey[key])
		}
		t.claims[signature(keys)] = c
	}
	if c.entries++; len(c.ids) < maxVerified {
		c.ids = append(c.ids, entry.ID)
	}
	if len(c.producers) < 50*maxProducers {
		c.producers[source] = true
	}
	if entry.Received.Before(c.first) {
		c.first = entry.Received
	}
	if entry.Received.After(c.last) {
		c.last = entry.Received
	}
	for _, w := range all {
		c.at(w.key(), w.path)
		if w.inferred() {
			if raw, ok := jsonread.Find(payload, w.exact); ok && len(raw) <= 64<<10 {
				c.field(w.key(), raw)
			}
		}
	}
}

// thin makes room for other sets of edits: those that the fewest entries asked for go, as
// what comes once is not what comes often.
func (t *tally) thin() {
	t.partial = true
	fewest := maxRead
	for _, c := range t.claims {
		fewest = min(fewest, c.entries)
	}
	maps.DeleteFunc(t.claims, func(_ string, c *claim) bool { return c.entries == fewest })
}

// at takes note of a place at which an edit is asked for; beyond maxPlaces there are too many.
func (c *claim) at(key, path string) {
	if c.paths[key] == nil {
		c.paths[key] = map[string]bool{}
	}
	if len(c.paths[key]) <= maxPlaces {
		c.paths[key][path] = true
	}
}

// field takes in a value of a new field.
func (c *claim) field(key string, raw []byte) {
	if c.fields[key] == nil {
		c.fields[key] = infer.New(bounds)
	}
	_ = c.fields[key].Add(raw) // it was judged: it is well formed
}

// chosen are the claims to propose: those that enough entries make, the smallest sets first,
// and no set that comes of smaller ones by itself. What is not proposed is noted.
func (t *tally) chosen() (list []*claim, notes []Note) {
	t.full, notes = t.crowded()
	for _, c := range t.claims {
		if c.entries >= minEntries && !t.tooMany(c) {
			list = append(list, c)
		}
	}
	for path, n := range t.near {
		notes = append(notes, Note{t.stream, path, fmt.Sprintf("in %s %s a listed value is spelt otherwise (case, spaces, hyphens): that is for the producer to mend, and not proposed", words.Count(n), words.Plural(n, "entry", "entries"))})
	}
	for at, n := range t.foreign {
		if n >= minEntries {
			subject, version, _ := cutVersion(at.document)
			notes = append(notes, Note{t.stream, at.path, fmt.Sprintf("%s for an edit of %s version %s, which this schema refers to: change that subject, and then the reference", asking(n), subject, version)})
		}
	}
	slices.SortFunc(list, func(a, b *claim) int {
		return cmp.Or(cmp.Compare(len(a.keys), len(b.keys)), cmp.Compare(b.entries, a.entries), slices.Compare(a.keys, b.keys))
	})
	var kept []*claim
	for _, c := range list {
		var covered []string
		for _, smaller := range kept {
			if subset(smaller.keys, c.keys) {
				covered = append(covered, smaller.keys...)
			}
		}
		if slices.Sort(covered); !subset(c.keys, covered) {
			kept = append(kept, c)
		}
	}
	slices.SortStableFunc(kept, func(a, b *claim) int { return cmp.Compare(b.entries, a.entries) })
	if len(kept) > maxOpen {
		notes = append(notes, Note{t.stream, "", fmt.Sprintf("%d more sets of edits are asked for; at most %d are proposed at a time", len(kept)-maxOpen, maxOpen)})
		kept = kept[:maxOpen]
	}
	slices.SortFunc(notes, compareNotes)
	return kept, notes
}

// asking is how a note begins that says how many entries ask for something.
func asking(n int) string {
	return words.Counted(n, "entry", "entries") + " " + words.Plural(n, "asks", "ask")
}

// cutVersion reads the name of another document in a reason, "lazaret:subject:version".
func cutVersion(document string) (subject, version string, ok bool) {
	rest, _ := strings.CutPrefix(document, "lazaret:")
	i := strings.LastIndexByte(rest, ':')
	if i < 0 {
		return rest, "", false
	}
	return rest[:i], rest[i+1:], true
}

// tooMany says whether a claim is about a list that too many values are asked for.
func (t *tally) tooMany(c *claim) bool {
	return slices.ContainsFunc(c.wants, func(w want) bool { return t.full[w.list()] })
}

// crowded are the lists that too many values are asked for, each often enough to be
// proposed. A list for which there are many and none is asked for often is noted, too.
func (t *tally) crowded() (crowded map[string]bool, notes []Note) {
	values, paths := map[string]map[string]int{}, map[string]string{}
	for _, c := range t.claims {
		for _, w := range c.wants {
			if w.list() == "" {
				continue
			}
			if values[w.list()] == nil {
				values[w.list()], paths[w.list()] = map[string]int{}, w.path
			}
			values[w.list()][w.value] += c.entries
		}
	}
	crowded = map[string]bool{}
	for _, at := range slices.Sorted(maps.Keys(values)) {
		often := 0
		for _, entries := range values[at] {
			if entries >= minEntries {
				often++
			}
		}
		switch all := len(values[at]); {
		case often > maxDistinct:
			crowded[at] = true
			notes = append(notes, Note{t.stream, paths[at], fmt.Sprintf("%s different values that the schema does not list, each in %d entries or more: too many for a list, so none is proposed", words.Count(often), minEntries)})
		case often == 0 && all > maxDistinct:
			notes = append(notes, Note{t.stream, paths[at], fmt.Sprintf("%s different values that the schema does not list, none of them in %d entries: none is proposed", words.Count(all), minEntries)})
		}
	}
	return crowded, notes
}

// within returns a claim that has, beside its own, the entries that ask for less.
func (t *tally) within(c *claim) *claim {
	all := *c
	all.producers, all.ids, all.fields, all.paths = map[string]bool{}, nil, map[string]*infer.Inference{}, map[string]map[string]bool{}
	all.entries = 0
	for _, name := range slices.Sorted(maps.Keys(t.claims)) {
		part := t.claims[name]
		if !subset(part.keys, c.keys) {
			continue
		}
		all.entries += part.entries
		all.ids = append(all.ids, part.ids[:min(len(part.ids), maxVerified-len(all.ids))]...)
		for source := range part.producers {
			all.producers[source] = true
		}
		if part.first.Before(all.first) {
			all.first = part.first
		}
		if part.last.After(all.last) {
			all.last = part.last
		}
		for key, paths := range part.paths {
			for path := range paths {
				all.at(key, path)
			}
		}
		for key, seen := range part.fields {
			if all.fields[key] == nil {
				all.fields[key] = infer.New(bounds)
			}
			all.fields[key].Merge(seen)
		}
	}
	return &all
}

// document is the base with the edits made.
func (t *tally) document(c *claim) (text, []Edit, error) {
	doc := text(t.base.Document)
	var edits []Edit
	for _, w := range c.wants {
		s := t.reader.shape(w)
		field := fieldSchema(c.fields[w.key()], s)
		next, err := w.apply(doc, field, s)
		if err != nil {
			return nil, nil, fmt.Errorf("at %s: %w", w.at, err)
		}
		doc = next
		edits = append(edits, t.edit(c, w, field))
	}
	return doc, edits, nil
}

// edit says what an edit of a claim does.
func (t *tally) edit(c *claim, w want, field []byte) Edit {
	asked := c.paths[w.key()]
	paths := slices.Sorted(maps.Keys(asked))
	w.path = paths[0]
	e := Edit{Kind: w.kind, Path: w.path, Pointer: w.at, Text: w.describe(field), Wide: wide(decoded(field)), Key: w.key()}
	if w.kind == KindField && w.name != "" && data(w.name) {
		e.Wide = "its name may be data"
	}
	if len(paths) > maxPlaces {
		paths, e.Wide = paths[:maxPlaces], fmt.Sprintf("it is asked for at more than %d places", maxPlaces)
	}
	e.Also, e.Elsewhere = paths[1:], t.reader.elsewhere(w, asked)
	if len(e.Also) > 0 {
		e.Text += fmt.Sprintf(" (and at %s)", words.Counted(len(e.Also), "more place", "more places"))
	}
	return e
}

// trial is what the proposed version did to entries.
type trial struct {
	looked, passed int
	producers      map[string]bool // of those that passed
}

// verify judges the entries of a claim by the proposed version, as many as there is room for.
func (e *Engine) verify(ctx context.Context, stream string, ids []string, judge gateway.Judge) (found trial, err error) {
	found.producers = map[string]bool{}
	left := int64(maxBytesTried)
	for chunk := range slices.Chunk(ids, 500) {
		f := quarantine.Filter{Stream: stream, Status: quarantine.Quarantined, IDs: chunk}
		err := e.conf.Quarantine.Newest(ctx, f, len(chunk), func(entry quarantine.Entry, event func() (*lazaret.Event, error)) error {
			if left -= entry.Size; left < 0 {
				return quarantine.ErrEnough
			}
			ev, err := event()
			if err != nil {
				return err
			}
			v, err := judge.Judge(ctx, ev)
			if err != nil {
				return err
			}
			if found.looked++; v.Status == lazaret.Accepted {
				found.passed++
				source, _ := producer(&entry, ev)
				found.producers[source] = true
			}
			return nil
		})
		if err != nil || left < 0 {
			return found, err
		}
	}
	return found, nil
}

var errMoved = errors.New("the schema moved on meanwhile")

func compareNotes(a, b Note) int {
	return cmp.Or(strings.Compare(a.Stream, b.Stream), strings.Compare(a.Path, b.Path), strings.Compare(a.Message, b.Message))
}
