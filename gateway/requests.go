package gateway

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/lazaret/lazaret/internal/db"
)

// KeepRequests is how long an idempotency key is remembered.
const KeepRequests = 24 * time.Hour

// sweepAtOnce bounds how many expired requests one transaction deletes.
const sweepAtOnce = 500

// Requests remembers the requests that carried an idempotency key, durably, so that a
// retry gets the first answer again and does nothing twice, even across a crash.
//
// A request is first stored as begun, with the version of the stream that it is judged
// under and the time it counts as received: what a rerun needs to make the very same
// records again. When all its records are durable its answer is stored. Safe for
// concurrent use by one process.
type Requests struct {
	db  *db.DB
	now func() time.Time

	mu   sync.Mutex
	busy map[requestKey]struct{}
}

type requestKey [sha256.Size]byte

// NewRequests prepares the tables. A nil now means time.Now.
func NewRequests(ctx context.Context, d *db.DB, now func() time.Time) (*Requests, error) {
	if err := migrate(ctx, d); err != nil {
		return nil, err
	}
	if now == nil {
		now = time.Now
	}
	return &Requests{db: d, now: now, busy: make(map[requestKey]struct{})}, nil
}

// ticket is a request that has begun, and that nobody else in this process works on.
type ticket struct {
	key     requestKey
	version int       // the stream version it is pinned to
	at      time.Time // the received time it is pinned to
	done    []byte    // the stored answer, if it was answered before
	stale   string    // the batch id of an expired use of the key that this one replaced
}

// keyOf hashes stream and key, each with its length, so that no two pairs collide.
func keyOf(stream, key string) requestKey {
	h := sha256.New()
	for _, s := range []string{stream, key} {
		var n [8]byte
		binary.BigEndian.PutUint64(n[:], uint64(len(s)))
		h.Write(n[:])
		h.Write([]byte(s))
	}
	return requestKey(h.Sum(nil))
}

// token names this use of the key for good. It has the time in it because a key may be
// used anew when the first use has expired, and must then not find the old records.
func (t *ticket) token() string {
	h := sha256.New()
	h.Write(t.key[:])
	var n [8]byte
	binary.BigEndian.PutUint64(n[:], uint64(db.Micros(t.at)))
	h.Write(n[:])
	return hex.EncodeToString(h.Sum(nil)[:16])
}

func (t *ticket) batchID() string { return "req:" + t.token() }

func (t *ticket) unique(index int) string { return fmt.Sprintf("req:%s/%d", t.token(), index) }

// id derives an id that a rerun derives again. It is a UUID version 8 (RFC 9562) with
// the time in front, so it sorts among the others, which are version 7.
func (t *ticket) id(kind string, index int) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%s/%d/%s", t.token(), index, kind))
	var u uuid.UUID
	copy(u[:], sum[:16])
	var ms [8]byte
	binary.BigEndian.PutUint64(ms[:], uint64(t.at.UnixMilli()))
	copy(u[:6], ms[2:])
	u[6] = u[6]&0x0f | 0x80
	u[8] = u[8]&0x3f | 0x80
	return u.String()
}

// begin claims the key for this process and stores the request as begun, unless it had
// begun before. The caller calls end when it is through with the ticket.
func (r *Requests) begin(ctx context.Context, req *Request, version int) (*ticket, error) {
	t := &ticket{key: keyOf(req.Stream, req.IdempotencyKey)}
	r.mu.Lock()
	_, taken := r.busy[t.key]
	if !taken {
		r.busy[t.key] = struct{}{}
	}
	r.mu.Unlock()
	if taken {
		return nil, &Error{Kind: ErrInProgress, RetryAfter: time.Second,
			Message: "A request with this Idempotency-Key is being worked on. Send it again a little later to get its answer."}
	}
	err := r.db.Write(ctx, func(tx *db.Tx) error { return r.load(tx, t, req, version) })
	if err != nil {
		r.end(t)
		var known *Error
		if errors.As(err, &known) {
			return nil, err
		}
		return nil, unavailable("The request could not be noted down.", err)
	}
	return t, nil
}

func (r *Requests) load(tx *db.Tx, t *ticket, req *Request, version int) error {
	var (
		fingerprint []byte
		created     int64
	)
	now := r.now()
	err := tx.QueryRow(`SELECT fingerprint, stream_version, answer, created FROM ingest_requests WHERE key = ?`, t.key[:]).
		Scan(&fingerprint, &t.version, &t.done, &created)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return err
	}
	t.at = db.Time(created)
	if expired := created <= db.Micros(now.Add(-KeepRequests)); err != nil || expired {
		if err == nil {
			t.stale = t.batchID()
		}
		t.version, t.at, t.done = version, db.Time(db.Micros(now)), nil
		_, err := tx.Exec(`INSERT OR REPLACE INTO ingest_requests (key, stream, fingerprint, stream_version, answer, created) VALUES (?, ?, ?, ?, NULL, ?)`,
			t.key[:], req.Stream, req.Fingerprint[:], version, db.Micros(now))
		return err
	}
	if string(fingerprint) != string(req.Fingerprint[:]) {
		return &Error{Kind: ErrKeyReused, Message: "This Idempotency-Key was used within the last 24 hours with another body or other parameters. Use a new key for a new request."}
	}
	return nil
}

// finish stores the answer; when it returns nil a retry gets it.
func (r *Requests) finish(ctx context.Context, t *ticket, a *Answer) error {
	b, err := json.Marshal(storedAnswer{Answer: *a, Refused: a.Refused})
	if err != nil {
		return fmt.Errorf("encode the answer: %w", err)
	}
	return r.db.Write(ctx, func(tx *db.Tx) error {
		_, err := tx.Exec(`UPDATE ingest_requests SET answer = ? WHERE key = ? AND created = ?`, b, t.key[:], db.Micros(t.at))
		return err
	})
}

// storedAnswer adds what an Answer does not show in JSON.
type storedAnswer struct {
	Answer
	Refused bool `json:"refused"`
}

func (t *ticket) answer() (*Answer, error) {
	var s storedAnswer
	if err := json.Unmarshal(t.done, &s); err != nil {
		return nil, &Error{Kind: ErrInternal, Message: "The first answer cannot be read from the store.", Cause: err}
	}
	s.Answer.Refused, s.Answer.Replayed = s.Refused, true
	return &s.Answer, nil
}

// end gives the key free for others in this process.
func (r *Requests) end(t *ticket) {
	r.mu.Lock()
	delete(r.busy, t.key)
	r.mu.Unlock()
}

// sweep deletes a bounded number of expired requests and calls forget for each. It
// returns how many there were; fewer than sweepAtOnce means that none is left.
func (r *Requests) sweep(ctx context.Context, forget func(stream, batchID string)) (int, error) {
	type expired struct {
		ticket
		stream string
	}
	var gone []expired
	err := r.db.Write(ctx, func(tx *db.Tx) error {
		gone = gone[:0]
		rows, err := tx.Query(`DELETE FROM ingest_requests WHERE key IN (SELECT key FROM ingest_requests WHERE created <= ? ORDER BY created LIMIT ?)
			RETURNING key, stream, created`, db.Micros(r.now().Add(-KeepRequests)), sweepAtOnce)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var (
				e       expired
				key     []byte
				created int64
			)
			if err := rows.Scan(&key, &e.stream, &created); err != nil {
				return err
			}
			copy(e.key[:], key)
			e.at = db.Time(created)
			gone = append(gone, e)
		}
		return rows.Err()
	})
	if err != nil {
		return 0, fmt.Errorf("delete expired requests: %w", err)
	}
	for i := range gone {
		forget(gone[i].stream, gone[i].batchID())
	}
	return len(gone), nil
}
