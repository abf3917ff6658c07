package quarantine

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/lazaret/lazaret"
	"github.com/lazaret/lazaret/internal/db"
)

// maxAdd is how many records one transaction stores; other writers wait for it.
const maxAdd = 1000

// Store keeps the entries. All methods are safe for concurrent use.
type Store struct {
	db       *db.DB
	payloads *payloads
	// write is db.Write; tests put faults into it.
	write func(context.Context, func(*db.Tx) error) error
	// now is when entries are discarded.
	now func() time.Time
	// pageEntries and pageBytes bound a page of entries that is held with payloads, and so
	// the batch that a sink gets.
	pageEntries int
	pageBytes   int64
}

// NewStore makes the quarantine's tables in the store where they are missing.
func NewStore(ctx context.Context, d *db.DB) (*Store, error) {
	if err := d.Migrate(ctx, "quarantine", migrations); err != nil {
		return nil, err
	}
	p, err := newPayloads()
	if err != nil {
		return nil, err
	}
	return &Store{db: d, payloads: p, write: d.Write, now: time.Now, pageEntries: pageEntries, pageBytes: pageBytes}, nil
}

// Ready returns nil, or why the store takes no writes now, such as a full disk.
func (s *Store) Ready() error { return s.db.Ready() }

// Add makes an entry of each record and returns nil when all are durable. A record
// whose QuarantineID or whose (stream, Source.Unique) has an entry already makes none,
// so that Add can be repeated after an error. A record without a QuarantineID gets one.
func (s *Store) Add(ctx context.Context, records []lazaret.Record) error {
	for len(records) > 0 {
		n := min(len(records), maxAdd)
		if err := s.add(ctx, records[:n]); err != nil {
			return fmt.Errorf("quarantine: %w", err)
		}
		records = records[n:]
	}
	return nil
}

func (s *Store) add(ctx context.Context, records []lazaret.Record) error {
	rows := make([]*newEntry, len(records))
	for i := range records {
		row, err := s.prepare(&records[i])
		if err != nil {
			return err
		}
		rows[i] = row
	}
	return s.write(ctx, func(tx *db.Tx) error {
		changes := groupChanges{}
		for _, row := range rows {
			seq, err := row.insert(tx, s.payloads)
			if err != nil {
				return err
			}
			if seq != 0 {
				changes.join(row.group, row.received, joined{row.stream, row.traits, row.message, row.id})
			}
		}
		return changes.apply(tx)
	})
}

// newEntry is a record made ready outside of the transaction.
type newEntry struct {
	id, stream, group, message string
	unique                     string
	received                   int64
	traits                     []trait
	keys                       []reasonKey
	args                       []any // of insertEntry
	codec                      int
	payload                    []byte // as stored
	data                       []byte // as received
}

func (s *Store) prepare(r *lazaret.Record) (*newEntry, error) {
	if r.Event == nil || r.Stream == "" {
		return nil, errors.New("a record has no event or no stream")
	}
	e, v := r.Event, r.Verdict
	if len(e.Data) > maxPayload {
		return nil, fmt.Errorf("an event of %d bytes is too large to be stored, the limit is %d: lower the limit of the source", len(e.Data), maxPayload)
	}
	n := &newEntry{id: r.QuarantineID, stream: r.Stream, unique: e.Source.Unique, message: message(v.Reasons), data: e.Data}
	if n.id == "" {
		id, err := uuid.NewV7()
		if err != nil {
			return nil, fmt.Errorf("making an id: %w", err)
		}
		n.id = id.String()
	}
	if n.received = db.Micros(e.Received); n.received == 0 {
		n.received = db.Micros(s.now())
	}
	n.traits = traits(v.Reasons)
	n.keys = reasonKeys(n.traits)
	n.group = fingerprint(r.Stream, n.traits)
	n.codec, n.payload = s.payloads.encode(e.Data)
	reasons, warnings, err := encodeReasons(v)
	if err != nil {
		return nil, err
	}
	headers, err := encodeHeaders(e.Headers)
	if err != nil {
		return nil, err
	}
	n.args = []any{n.id, n.stream, string(Quarantined), n.group, n.received, v.ID, v.Key, db.Micros(v.Time),
		v.Version.Stream, v.Version.Subject, v.Version.Schema, v.Version.RuleSet, reasons, v.More, warnings,
		e.ContentType, headers, e.Source.Kind, e.Source.Name, e.Source.Partition, e.Source.Offset,
		sql.NullString{String: n.unique, Valid: n.unique != ""}, len(e.Data), e.Key, db.Micros(e.Time)}
	return n, nil
}

// encodeReasons returns the columns reasons and warnings.
func encodeReasons(v lazaret.Verdict) (reasons, warnings string, err error) {
	if reasons, err = encodeJSON(v.Reasons, len(v.Reasons) == 0); err != nil {
		return "", "", err
	}
	warnings, err = encodeJSON(v.Warnings, len(v.Warnings) == 0)
	return reasons, warnings, err
}

const insertEntry = `INSERT INTO quarantine_entries (id, stream, status, grp, received, event_id, event_key, event_time,
	stream_version, schema_subject, schema_version, ruleset, reasons, more, warnings,
	content_type, headers, source_kind, source_name, source_part, source_offset, source_unique, size, record_key, record_time)
	VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING RETURNING seq`

// insert returns the number of the new entry, or 0 if there is one already.
func (n *newEntry) insert(tx *db.Tx, p *payloads) (seq int64, err error) {
	switch err := tx.QueryRow(insertEntry, n.args...).Scan(&seq); {
	case errors.Is(err, sql.ErrNoRows):
		return 0, n.existing(tx, p)
	case err != nil:
		return 0, err
	}
	if _, err := tx.Exec(`INSERT INTO quarantine_payloads (seq, codec, payload) VALUES (?, ?, ?)`, seq, n.codec, n.payload); err != nil {
		return 0, err
	}
	return seq, insertReasons(tx, seq, n.keys)
}

// existing returns nil if the entry that is in the way is of this very event. An id
// that names another event must not make this one disappear.
func (n *newEntry) existing(tx *db.Tx, p *payloads) error {
	if n.unique != "" {
		var one int
		err := tx.QueryRow(`SELECT 1 FROM quarantine_entries WHERE stream = ? AND source_unique = ?`, n.stream, n.unique).Scan(&one)
		if !errors.Is(err, sql.ErrNoRows) {
			return err
		}
	}
	var stream string
	var size int64
	var codec int
	var packed []byte
	err := tx.QueryRow(`SELECT e.stream, e.size, p.codec, p.payload FROM quarantine_entries e JOIN quarantine_payloads p ON p.seq = e.seq WHERE e.id = ?`,
		n.id).Scan(&stream, &size, &codec, &packed)
	if err != nil {
		return err
	}
	data, err := p.decode(codec, packed, size)
	if err != nil {
		return fmt.Errorf("entry %s: %w", n.id, err)
	}
	if stream != n.stream || !bytes.Equal(data, n.data) {
		return fmt.Errorf("the entry %s is of another event: a QuarantineID was used twice", n.id)
	}
	return nil
}

func insertReasons(tx *db.Tx, seq int64, keys []reasonKey) error {
	for _, k := range keys {
		if _, err := tx.Exec(`INSERT INTO quarantine_reasons (seq, code, rule) VALUES (?, ?, ?)`, seq, k.code, k.rule); err != nil {
			return err
		}
	}
	return nil
}
