package quarantine

import (
	"context"
	"errors"
	"fmt"

	"github.com/lazaret/lazaret"
)

// ErrEnough is what the function given to Newest returns to see no more entries; Newest
// does not count it as an error.
var ErrEnough = errors.New("enough entries")

// Newest calls fn with the entries that the filter selects, the newest first, at most limit
// of them, and returns fn's first error but ErrEnough. event decodes the payload, and is
// valid during the call. A page of entries is in memory at a time, and nothing is held in
// the store while fn runs.
func (s *Store) Newest(ctx context.Context, f Filter, limit int, fn func(e Entry, event func() (*lazaret.Event, error)) error) error {
	if err := f.Validate(); err != nil {
		return err
	}
	before := int64(0)
	for limit > 0 {
		list, err := s.before(ctx, f, before, min(limit, s.pageEntries))
		if err != nil {
			return err
		}
		if len(list) == 0 {
			return nil
		}
		for i := range list {
			p := &list[i]
			if err := fn(p.Entry, p.decoded(s)); errors.Is(err, ErrEnough) {
				return nil
			} else if err != nil {
				return err
			}
			p.payload = nil
		}
		limit -= len(list)
		before = list[len(list)-1].seq
	}
	return nil
}

// packed is an entry with its payload as it is stored.
type packed struct {
	stored
	codec int
}

func (p *packed) decoded(s *Store) func() (*lazaret.Event, error) {
	return func() (*lazaret.Event, error) {
		data, err := s.payloads.decode(p.codec, p.payload, p.Size)
		if err != nil {
			return nil, fmt.Errorf("entry %s: %w", p.ID, err)
		}
		e := p.event()
		e.Data = data
		return e, nil
	}
}

// before returns the next entries with payloads, newest first, numbered below before; 0 is
// the newest. They are at most limit, and at most pageBytes unless the first alone has more.
func (s *Store) before(ctx context.Context, f Filter, before int64, limit int) (list []packed, err error) {
	q := f.entries()
	if before > 0 {
		q.add(q.seq+" < ?", before)
	}
	rows, err := s.db.Query(ctx, "SELECT "+entryColumns+", e.release, p.codec, p.payload FROM "+q.from+
		" CROSS JOIN quarantine_payloads p WHERE "+q.where()+" AND p.seq = e.seq ORDER BY "+q.seq+" DESC LIMIT ?", append(q.args, limit)...)
	if err != nil {
		return nil, fmt.Errorf("quarantine: %w", err)
	}
	defer rows.Close()
	var size int64
	for rows.Next() {
		var p packed
		if p.seq, p.Entry, err = scanEntry(rows, &p.release, &p.codec, &p.payload); err != nil {
			return nil, fmt.Errorf("quarantine: %w", err)
		}
		if size += p.Size; size > s.pageBytes && len(list) > 0 {
			return list, nil
		}
		list = append(list, p)
	}
	return list, rows.Err()
}
