package quarantine

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/lazaret/lazaret"
	"github.com/lazaret/lazaret/internal/db"
)

// What bounds a page unless a test says otherwise.
const (
	pageEntries = 500
	pageBytes   = 8 << 20
)

// List returns a page of the entries that the filter selects, newest first.
func (s *Store) List(ctx context.Context, f Filter, p Page) (EntryPage, error) {
	if err := f.Validate(); err != nil {
		return EntryPage{}, err
	}
	limit, before, err := p.open("entries")
	if err != nil {
		return EntryPage{}, err
	}
	q := f.entries()
	if before > 0 {
		q.add(q.seq+" < ?", before)
	}
	rows, err := s.db.Query(ctx, "SELECT "+entryColumns+" FROM "+q.from+" WHERE "+q.where()+
		" ORDER BY "+q.seq+" DESC LIMIT ?", append(q.args, limit+1)...)
	if err != nil {
		return EntryPage{}, fmt.Errorf("quarantine: %w", err)
	}
	defer rows.Close()
	page := EntryPage{Entries: []Entry{}}
	var last int64
	for rows.Next() {
		seq, e, err := scanEntry(rows)
		if err != nil {
			return EntryPage{}, fmt.Errorf("quarantine: %w", err)
		}
		if len(page.Entries) == limit {
			page.Next = cursor{List: "entries", Seq: last}.String()
			break
		}
		page.Entries, last = append(page.Entries, e), seq
	}
	return page, rows.Err()
}

// Get returns the entry, or ErrNotFound.
func (s *Store) Get(ctx context.Context, id string) (Entry, error) {
	_, e, err := scanEntry(s.db.QueryRow(ctx, "SELECT "+entryColumns+" FROM quarantine_entries e WHERE e.id = ?", id))
	return e, found(err, "entry", id)
}

// Payload returns the entry's bytes as they were received, or ErrNotFound.
func (s *Store) Payload(ctx context.Context, id string) ([]byte, error) {
	var codec int
	var stored []byte
	var size int64
	err := s.db.QueryRow(ctx, `SELECT p.codec, p.payload, e.size FROM quarantine_entries e JOIN quarantine_payloads p ON p.seq = e.seq WHERE e.id = ?`,
		id).Scan(&codec, &stored, &size)
	if err != nil {
		return nil, found(err, "entry", id)
	}
	data, err := s.payloads.decode(codec, stored, size)
	if err != nil {
		return nil, fmt.Errorf("entry %s: %w", id, err)
	}
	return data, nil
}

// found makes ErrNotFound of a query without a row.
func found(err error, what, name string) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, sql.ErrNoRows):
		return fmt.Errorf("%w: %s %q", ErrNotFound, what, name)
	}
	return fmt.Errorf("quarantine: %w", err)
}

// Counts returns how many entries each stream has in each status, by stream. It reads
// the groups' counts, not the entries.
func (s *Store) Counts(ctx context.Context) ([]Count, error) {
	rows, err := s.db.Query(ctx, `SELECT stream, SUM(quarantined), SUM(released), SUM(discarded) FROM quarantine_groups GROUP BY stream ORDER BY stream`)
	if err != nil {
		return nil, fmt.Errorf("quarantine: %w", err)
	}
	defer rows.Close()
	var counts []Count
	for rows.Next() {
		var stream string
		var q, r, d int64
		if err := rows.Scan(&stream, &q, &r, &d); err != nil {
			return nil, fmt.Errorf("quarantine: %w", err)
		}
		counts = append(counts, Count{stream, Quarantined, q}, Count{stream, Released, r}, Count{stream, Discarded, d})
	}
	return counts, rows.Err()
}

// Export calls fn with each entry that the filter selects and its payload, oldest first,
// and returns fn's first error. The entries are those that were stored before the call;
// an entry that changes meanwhile is seen as it is when its turn comes. A page of entries
// is in memory at a time, and nothing is held in the store while fn runs.
func (s *Store) Export(ctx context.Context, f Filter, fn func(e Entry, payload []byte) error) error {
	if err := f.Validate(); err != nil {
		return err
	}
	until, err := s.newest(ctx)
	if err != nil {
		return err
	}
	for after := int64(0); ; {
		list, err := s.stored(ctx, f, after, until)
		if err != nil {
			return err
		}
		if len(list) == 0 {
			return nil
		}
		for _, e := range list {
			if err := fn(e.Entry, e.payload); err != nil {
				return err
			}
		}
		after = list[len(list)-1].seq
	}
}

// newest returns the number of the entry that was stored last; 0 if there is none.
func (s *Store) newest(ctx context.Context) (seq int64, err error) {
	if err := s.db.QueryRow(ctx, `SELECT COALESCE(MAX(seq), 0) FROM quarantine_entries`).Scan(&seq); err != nil {
		return 0, fmt.Errorf("quarantine: %w", err)
	}
	return seq, nil
}

// stored is an entry with all that the store has of it.
type stored struct {
	seq int64
	Entry
	payload []byte
	release string // of a claimed entry
}

// event is the event as the gateway had it.
func (e *stored) event() *lazaret.Event {
	return &lazaret.Event{Data: e.payload, ContentType: e.ContentType, Headers: e.Headers, Received: e.Received, Source: e.Source,
		Key: e.RecordKey, Time: e.RecordTime}
}

// stored returns the next entries with payloads, oldest first, numbered after and up to
// the given numbers: at most pageEntries, and at most pageBytes unless the first alone
// has more.
func (s *Store) stored(ctx context.Context, f Filter, after, until int64) ([]stored, error) {
	q := f.entries()
	q.add(q.seq+" > ?", after)
	q.add(q.seq+" <= ?", until)
	return s.query(ctx, q)
}

func (s *Store) query(ctx context.Context, q *selection) ([]stored, error) {
	rows, err := s.db.Query(ctx, "SELECT "+entryColumns+", e.release, p.codec, p.payload FROM "+q.from+
		" CROSS JOIN quarantine_payloads p WHERE "+q.where()+" AND p.seq = e.seq ORDER BY "+q.seq+" LIMIT ?", append(q.args, s.pageEntries)...)
	if err != nil {
		return nil, fmt.Errorf("quarantine: %w", err)
	}
	defer rows.Close()
	var list []stored
	var size int64
	for rows.Next() {
		var e stored
		var codec int
		var payload []byte
		if e.seq, e.Entry, err = scanEntry(rows, &e.release, &codec, &payload); err != nil {
			return nil, fmt.Errorf("quarantine: %w", err)
		}
		if size += e.Size; size > s.pageBytes && len(list) > 0 {
			return list, nil
		}
		if e.payload, err = s.payloads.decode(codec, payload, e.Size); err != nil {
			return nil, fmt.Errorf("entry %s: %w", e.ID, err)
		}
		list = append(list, e)
	}
	return list, rows.Err()
}

// Groups returns a page of the groups that hold entries which the filter selects, newest
// group first. A group's counts are of all its entries, whatever the filter; a status
// selects the groups that have entries in it, a time range those seen within it.
func (s *Store) Groups(ctx context.Context, f Filter, p Page) (GroupPage, error) {
	if err := f.Validate(); err != nil {
		return GroupPage{}, err
	}
	limit, before, err := p.open("groups")
	if err != nil {
		return GroupPage{}, err
	}
	c := f.groups()
	if before > 0 {
		c.add("g.seq < ?", before)
	}
	list, seqs, err := s.groups(ctx, c, "g.seq DESC", limit+1)
	if err != nil {
		return GroupPage{}, err
	}
	page := GroupPage{Groups: list}
	if len(list) > limit {
		page.Groups, page.Next = list[:limit], cursor{List: "groups", Seq: seqs[limit-1]}.String()
	}
	return page, nil
}

// Group returns the group of this fingerprint, or ErrNotFound.
func (s *Store) Group(ctx context.Context, fingerprint string) (Group, error) {
	c := &conditions{}
	c.add("g.fingerprint = ?", fingerprint)
	list, _, err := s.groups(ctx, c, "g.seq DESC", 1)
	if err == nil && len(list) == 0 {
		err = sql.ErrNoRows
	}
	if err != nil {
		return Group{}, found(err, "group", fingerprint)
	}
	return list[0], nil
}

// Largest returns the groups that hold entries which the filter selects, and whose every
// reason has one of the codes and is no rule's: those with the most quarantined entries first,
// at most limit of them. more says that there are others.
func (s *Store) Largest(ctx context.Context, f Filter, codes []lazaret.Code, limit int) (list []Group, more bool, err error) {
	if err := f.Validate(); err != nil || len(codes) == 0 || limit <= 0 {
		return nil, false, err
	}
	args := make([]any, len(codes))
	for i, code := range codes {
		args[i] = string(code)
	}
	c := f.groups()
	c.add("EXISTS (SELECT 1 FROM quarantine_group_reasons r WHERE r.grp = g.fingerprint)")
	c.add("NOT EXISTS (SELECT 1 FROM quarantine_group_reasons r WHERE r.grp = g.fingerprint AND (r.rule <> '' OR r.code NOT IN (?"+
		strings.Repeat(", ?", len(codes)-1)+")))", args...)
	list, _, err = s.groups(ctx, c, "g.quarantined DESC, g.seq DESC", limit+1)
	if err != nil {
		return nil, false, err
	}
	return list[:min(len(list), limit)], len(list) > limit, nil
}

func (s *Store) groups(ctx context.Context, c *conditions, order string, limit int) (list []Group, seqs []int64, err error) {
	rows, err := s.db.Query(ctx, `SELECT g.seq, g.fingerprint, g.stream, g.quarantined, g.released, g.discarded, g.first_seen, g.last_seen, g.message, g.sample
		FROM quarantine_groups g WHERE `+c.where()+` ORDER BY `+order+` LIMIT ?`, append(c.args, limit)...)
	if err != nil {
		return nil, nil, fmt.Errorf("quarantine: %w", err)
	}
	defer rows.Close()
	list = []Group{}
	for rows.Next() {
		g := Group{Codes: []lazaret.Code{}, Rules: []string{}, Paths: []string{}}
		var seq, first, last int64
		if err := rows.Scan(&seq, &g.Group, &g.Stream, &g.Count, &g.Released, &g.Discarded, &first, &last, &g.Message, &g.Sample); err != nil {
			return nil, nil, fmt.Errorf("quarantine: %w", err)
		}
		g.FirstSeen, g.LastSeen = db.Time(first), db.Time(last)
		list, seqs = append(list, g), append(seqs, seq)
	}
	if err := rows.Err(); err != nil {
		return nil, nil, fmt.Errorf("quarantine: %w", err)
	}
	return list, seqs, s.describe(ctx, list)
}

// describe fills in what the groups have in common, some groups a query.
func (s *Store) describe(ctx context.Context, list []Group) error {
	const most = 200
	for part := range slices.Chunk(list, most) {
		byName := make(map[string]*Group, len(part))
		args := make([]any, len(part))
		for i := range part {
			byName[part[i].Group], args[i] = &part[i], part[i].Group
		}
		if err := s.describeSome(ctx, byName, args); err != nil {
			return fmt.Errorf("quarantine: %w", err)
		}
	}
	return nil
}

func (s *Store) describeSome(ctx context.Context, byName map[string]*Group, args []any) error {
	rows, err := s.db.Query(ctx, `SELECT grp, code, rule, path FROM quarantine_group_reasons WHERE grp IN (?`+
		strings.Repeat(", ?", len(args)-1)+`) ORDER BY grp, code, rule, path`, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var name, rule, path string
		var code lazaret.Code
		if err := rows.Scan(&name, &code, &rule, &path); err != nil {
			return err
		}
		g := byName[name]
		if !slices.Contains(g.Codes, code) {
			g.Codes = append(g.Codes, code)
		}
		if rule != "" && !slices.Contains(g.Rules, rule) {
			g.Rules = append(g.Rules, rule)
		}
		if !slices.Contains(g.Paths, path) {
			g.Paths = append(g.Paths, path)
		}
	}
	return rows.Err()
}
