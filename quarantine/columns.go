package quarantine

import (
	"encoding/json"
	"fmt"
	"time"
	"unicode/utf8"

	"github.com/lazaret/lazaret"
	"github.com/lazaret/lazaret/internal/db"
)

// encodeJSON returns what a JSON column holds for v; "" for an empty list or map.
func encodeJSON[T any](v T, empty bool) (string, error) {
	if empty {
		return "", nil
	}
	data, err := json.Marshal(v)
	return string(data), err
}

// decodeJSON is the inverse of encodeJSON.
func decodeJSON(column, text string, out any) error {
	if text == "" {
		return nil
	}
	if err := json.Unmarshal([]byte(text), out); err != nil {
		return fmt.Errorf("the store's column %s is damaged: %w", column, err)
	}
	return nil
}

// storedHeader is a header in the store. A value that is not UTF-8 is kept as bytes,
// for JSON would alter it.
type storedHeader struct {
	Name  string `json:"n"`
	Value string `json:"v,omitempty"`
	Bytes []byte `json:"b,omitempty"`
}

func encodeHeaders(headers []lazaret.Header) (string, error) {
	list := make([]storedHeader, len(headers))
	for i, h := range headers {
		list[i].Name = h.Name
		if utf8.ValidString(h.Value) {
			list[i].Value = h.Value
		} else {
			list[i].Bytes = []byte(h.Value)
		}
	}
	return encodeJSON(list, len(list) == 0)
}

func decodeHeaders(text string) ([]lazaret.Header, error) {
	var list []storedHeader
	if err := decodeJSON("headers", text, &list); err != nil || len(list) == 0 {
		return nil, err
	}
	headers := make([]lazaret.Header, len(list))
	for i, h := range list {
		headers[i] = lazaret.Header{Name: h.Name, Value: h.Value + string(h.Bytes)}
	}
	return headers, nil
}

// release is what goes on a released record beside the event itself, fixed when the
// entry is claimed. ID and Key are bytes because they need not be UTF-8.
type release struct {
	ID       []byte           `json:"id,omitempty"`
	Key      []byte           `json:"key,omitempty"`
	Time     time.Time        `json:"time,omitzero"`
	Version  lazaret.Version  `json:"version"`
	Warnings []lazaret.Reason `json:"warnings,omitempty"`
}

func encodeRelease(v lazaret.Verdict) (string, error) {
	return encodeJSON(release{[]byte(v.ID), []byte(v.Key), v.Time, v.Version, v.Warnings}, false)
}

func decodeRelease(text string) (lazaret.Verdict, error) {
	var r release
	if err := decodeJSON("release", text, &r); err != nil {
		return lazaret.Verdict{}, err
	}
	return lazaret.Verdict{
		Status: lazaret.Accepted, Warnings: r.Warnings,
		ID: string(r.ID), Key: string(r.Key), Time: r.Time, Version: r.Version,
	}, nil
}

// entryColumns are the columns that scanEntry reads.
const entryColumns = `e.seq, e.id, e.stream, e.status, e.grp, e.received, e.event_id, e.event_key, e.event_time,
	e.stream_version, e.schema_subject, e.schema_version, e.ruleset, e.reasons, e.more, e.warnings,
	e.content_type, e.headers, e.source_kind, e.source_name, e.source_part, e.source_offset, COALESCE(e.source_unique, ''),
	e.size, e.record_key, e.record_time, e.attempts, e.released_at, e.discarded_at, e.job,
	COALESCE((SELECT b.job FROM quarantine_batches b WHERE b.id = e.release_batch AND b.done = 0), '')`

// scanner is a row of a result.
type scanner interface{ Scan(dest ...any) error }

// scanEntry reads entryColumns, and after them what more holds.
func scanEntry(row scanner, more ...any) (seq int64, e Entry, err error) {
	var received, eventTime, recordTime, releasedAt, discardedAt int64
	var reasons, warnings, headers string
	dest := []any{&seq, &e.ID, &e.Stream, &e.Status, &e.Group, &received, &e.EventID, &e.EventKey, &eventTime,
		&e.Version.Stream, &e.Version.Subject, &e.Version.Schema, &e.Version.RuleSet, &reasons, &e.More, &warnings,
		&e.ContentType, &headers, &e.Source.Kind, &e.Source.Name, &e.Source.Partition, &e.Source.Offset, &e.Source.Unique,
		&e.Size, &e.RecordKey, &recordTime, &e.Attempts, &releasedAt, &discardedAt, &e.Job, &e.ClaimedBy}
	if err = row.Scan(append(dest, more...)...); err != nil {
		return 0, Entry{}, err
	}
	e.Received, e.EventTime, e.RecordTime = db.Time(received), db.Time(eventTime), db.Time(recordTime)
	e.ReleasedAt, e.DiscardedAt = db.Time(releasedAt), db.Time(discardedAt)
	if err = decodeJSON("reasons", reasons, &e.Reasons); err != nil {
		return 0, Entry{}, err
	}
	if err = decodeJSON("warnings", warnings, &e.Warnings); err != nil {
		return 0, Entry{}, err
	}
	if e.Reasons == nil {
		e.Reasons = []lazaret.Reason{}
	}
	e.Headers, err = decodeHeaders(headers)
	return seq, e, err
}
