package evolution

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/lazaret/lazaret/internal/db"
)

// migrations of the tables that this package owns; append only. What is looked for has
// columns of its own, all else of a proposal is in body.
var migrations = []string{`
CREATE TABLE evolution_proposals (
	seq      INTEGER PRIMARY KEY AUTOINCREMENT,
	id       TEXT NOT NULL UNIQUE,
	stream   TEXT NOT NULL,
	edits    TEXT NOT NULL,   -- the keys of the edits
	state    TEXT NOT NULL,
	decided  INTEGER NOT NULL DEFAULT 0, -- microseconds, of the acceptance
	accepted TEXT NOT NULL DEFAULT '',   -- who accepted it
	job      TEXT NOT NULL DEFAULT '',   -- that released what passes
	body     TEXT NOT NULL,   -- JSON
	document BLOB NOT NULL
);
CREATE INDEX evolution_proposals_stream ON evolution_proposals (stream, state);
CREATE INDEX evolution_proposals_state ON evolution_proposals (state);
CREATE UNIQUE INDEX evolution_proposals_open ON evolution_proposals (stream, edits) WHERE state IN ('draft', 'accepting');
`}

// maxSuperseded is how many superseded proposals of a stream are kept.
const maxSuperseded = 100

// maxListed is how many proposals a list has at most, the newest.
const maxListed = 1000

type store struct{ db *db.DB }

// body is what the column body holds.
type body struct {
	Proposal
	Keys []string `json:"keys"` // of the edits
}

func (p *Proposal) encode() (string, error) {
	b := body{Proposal: *p}
	b.Document, b.Diff, b.Held = nil, "", nil
	for _, e := range p.Edits {
		b.Keys = append(b.Keys, e.Key)
	}
	text, err := json.Marshal(b)
	return string(text), err
}

// insert stores a new proposal.
func (s store) insert(ctx context.Context, p *Proposal) error {
	text, err := p.encode()
	if err != nil {
		return fmt.Errorf("proposals: %w", err)
	}
	return s.write(ctx, func(tx *db.Tx) error {
		_, err := tx.Exec(`INSERT INTO evolution_proposals (id, stream, edits, state, body, document) VALUES (?, ?, ?, ?, ?, ?)`,
			p.ID, p.Stream, signature(p.keys()), string(p.State), text, []byte(p.Document))
		return err
	})
}

// save stores a proposal that was in the state from; ErrState if it is not any more.
func (s store) save(ctx context.Context, p *Proposal, from State) error {
	text, err := p.encode()
	if err != nil {
		return fmt.Errorf("proposals: %w", err)
	}
	return s.write(ctx, func(tx *db.Tx) error {
		res, err := tx.Exec(`UPDATE evolution_proposals SET edits = ?, state = ?, decided = ?, accepted = ?, job = ?, body = ?, document = ? WHERE id = ? AND state = ?`,
			signature(p.keys()), string(p.State), db.Micros(p.AcceptedAt), p.AcceptedBy, p.Job, text, []byte(p.Document), p.ID, string(from))
		if err != nil {
			return err
		}
		if n, err := res.RowsAffected(); err != nil {
			return err
		} else if n == 0 {
			return fmt.Errorf("%w: it was changed meanwhile", ErrState)
		}
		if p.State != Superseded {
			return nil
		}
		_, err = tx.Exec(`DELETE FROM evolution_proposals WHERE stream = ? AND state = 'superseded' AND seq NOT IN (
			SELECT seq FROM evolution_proposals WHERE stream = ? AND state = 'superseded' ORDER BY seq DESC LIMIT ?)`, p.Stream, p.Stream, maxSuperseded)
		return err
	})
}

func (s store) write(ctx context.Context, do func(tx *db.Tx) error) error {
	if err := s.db.Write(ctx, do); err != nil {
		return fmt.Errorf("proposals: %w", err)
	}
	return nil
}

const columns = `SELECT seq, state, body, document FROM evolution_proposals `

func scan(row interface{ Scan(...any) error }) (p *Proposal, seq int64, err error) {
	var b body
	var text string
	var state string
	var document []byte
	if err := row.Scan(&seq, &state, &text, &document); err != nil {
		return nil, 0, err
	}
	if err := json.Unmarshal([]byte(text), &b); err != nil {
		return nil, 0, fmt.Errorf("a stored proposal cannot be read: %w", err)
	}
	b.State, b.Document = State(state), document
	for i := range b.Edits {
		if i < len(b.Keys) {
			b.Edits[i].Key = b.Keys[i]
		}
	}
	return &b.Proposal, seq, nil
}

// get returns a proposal with its document, or ErrNotFound.
func (s store) get(ctx context.Context, id string) (*Proposal, error) {
	p, _, err := scan(s.db.QueryRow(ctx, columns+`WHERE id = ?`, id))
	if errors.Is(err, sql.ErrNoRows) {
		return nil, ErrNotFound
	} else if err != nil {
		return nil, fmt.Errorf("proposals: %w", err)
	}
	return p, nil
}

// list returns proposals of a stream, or of all if it is "", that are in one of the states,
// or in any if there are none; the newest first.
func (s store) list(ctx context.Context, stream string, states ...State) ([]*Proposal, error) {
	where, args := []string{"1 = 1"}, []any{}
	if stream != "" {
		where, args = append(where, "stream = ?"), append(args, stream)
	}
	if len(states) > 0 {
		where = append(where, "state IN (?"+strings.Repeat(", ?", len(states)-1)+")")
		for _, one := range states {
			args = append(args, string(one))
		}
	}
	return s.query(ctx, strings.Join(where, " AND "), args...)
}

// unfinished are the proposals whose decision is written down and not carried out whole.
func (s store) unfinished(ctx context.Context) ([]*Proposal, error) {
	return s.query(ctx, `state IN ('accepting', 'rolling_back') OR state = 'accepted' AND job = ''`)
}

func (s store) query(ctx context.Context, where string, args ...any) (list []*Proposal, err error) {
	rows, err := s.db.Query(ctx, columns+`WHERE `+where+` ORDER BY seq DESC LIMIT ?`, append(args, maxListed)...)
	if err != nil {
		return nil, fmt.Errorf("proposals: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		p, _, err := scan(rows)
		if err != nil {
			return nil, fmt.Errorf("proposals: %w", err)
		}
		list = append(list, p)
	}
	return list, rows.Err()
}

// ofSubject are the proposals of a subject, of any stream, that are in one of the states.
func (s store) ofSubject(ctx context.Context, subject string, states ...State) ([]*Proposal, error) {
	args := []any{subject}
	for _, one := range states {
		args = append(args, string(one))
	}
	return s.query(ctx, `json_extract(body, '$.subject') = ? AND state IN (?`+strings.Repeat(", ?", len(states)-1)+`)`, args...)
}

// acceptedSince counts the proposals of a subject, of any stream, that somebody accepted
// since then.
func (s store) acceptedSince(ctx context.Context, subject, who string, since time.Time) (n int, err error) {
	err = s.db.QueryRow(ctx, `SELECT COUNT(*) FROM evolution_proposals WHERE json_extract(body, '$.subject') = ? AND accepted = ? AND decided >= ?`,
		subject, who, db.Micros(since)).Scan(&n)
	return n, err
}

// Count is how many proposals a stream has in a state.
type Count struct {
	Stream    string
	State     State
	Proposals int64
}

func (s store) counts(ctx context.Context) (list []Count, err error) {
	rows, err := s.db.Query(ctx, `SELECT stream, state, COUNT(*) FROM evolution_proposals GROUP BY stream, state ORDER BY stream, state`)
	if err != nil {
		return nil, fmt.Errorf("proposals: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var c Count
		if err := rows.Scan(&c.Stream, &c.State, &c.Proposals); err != nil {
			return nil, fmt.Errorf("proposals: %w", err)
		}
		list = append(list, c)
	}
	return list, rows.Err()
}

// signature names a set of edits.
func signature(keys []string) string { return strings.Join(keys, "\x1e") }
