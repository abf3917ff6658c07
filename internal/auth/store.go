package auth

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"time"

	"github.com/lazaret/lazaret/internal/db"
)

// MaxTokens is how many tokens can be in force at once. Each request is compared
// with all of them, so that the time it takes tells nothing.
const MaxTokens = 1000

// ErrNotFound: there is no such token in force.
var ErrNotFound = errors.New("no such token")

// A row is never changed but by being revoked, and never deleted: the two numbers
// of fingerprint tell whether anything changed, and revoking the last token does not
// open the server.
var steps = []string{`
CREATE TABLE auth_tokens (
  id      TEXT PRIMARY KEY,
  name    TEXT NOT NULL,
  sum     BLOB NOT NULL UNIQUE,
  scopes  TEXT NOT NULL,
  streams TEXT NOT NULL,
  created INTEGER NOT NULL,
  expires INTEGER,
  revoked INTEGER
) STRICT;
CREATE UNIQUE INDEX auth_tokens_name ON auth_tokens (name) WHERE revoked IS NULL;
`}

var validName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._@-]{0,62}$`)

// Store keeps tokens in the database. It is safe for concurrent use, and several
// processes may use the same database.
type Store struct {
	db  *db.DB
	now func() time.Time
}

// NewStore makes the table if need be.
func NewStore(ctx context.Context, d *db.DB) (*Store, error) {
	if err := d.Migrate(ctx, "auth", steps); err != nil {
		return nil, fmt.Errorf("tokens: %w", err)
	}
	return &Store{db: d, now: time.Now}, nil
}

// Create makes a token and returns it, this once, with what is stored of it. An empty
// streams means all streams; a zero expires means never. The name is for people and
// must not be that of another token in force.
func (s *Store) Create(ctx context.Context, name string, scopes []Scope, streams []string, expires time.Time) (string, Token, error) {
	t, err := s.describe(name, scopes, streams, expires)
	if err != nil {
		return "", Token{}, err
	}
	token := NewToken()
	sum := SumOf(token)
	err = s.db.Write(ctx, func(tx *db.Tx) error {
		if err := s.room(tx, name); err != nil {
			return err
		}
		_, err := tx.Exec(`INSERT INTO auth_tokens (id, name, sum, scopes, streams, created, expires) VALUES (?, ?, ?, ?, ?, ?, ?)`,
			t.ID, t.Name, sum[:], encode(t.Scopes), encode(t.Streams), db.Micros(t.Created), nullTime(t.Expires))
		return err
	})
	if err != nil {
		return "", Token{}, fmt.Errorf("create token %q: %w", name, err)
	}
	return token, t, nil
}

func (s *Store) describe(name string, scopes []Scope, streams []string, expires time.Time) (Token, error) {
	if !validName.MatchString(name) {
		return Token{}, fmt.Errorf("token name %q: 1 to 63 letters, digits and . _ @ -, beginning with a letter or digit", name)
	}
	names := make([]string, len(scopes))
	for i, sc := range scopes {
		names[i] = string(sc)
	}
	scopes, err := ParseScopes(names)
	if err != nil {
		return Token{}, err
	}
	now := s.now().UTC().Truncate(time.Microsecond)
	if !expires.IsZero() {
		expires = expires.UTC().Truncate(time.Microsecond)
		if !expires.After(now) {
			return Token{}, fmt.Errorf("token %q: its end, %s, is not in the future", name, expires.Format(time.RFC3339))
		}
	}
	return Token{ID: newID(), Name: name, Scopes: scopes, Streams: streams, Created: now, Expires: expires}, nil
}

// room refuses a name that is taken, and one token too many.
func (s *Store) room(tx *db.Tx, name string) error {
	var live, same int
	err := tx.QueryRow(`SELECT count(*), coalesce(sum(name = ?), 0) FROM auth_tokens WHERE revoked IS NULL`, name).Scan(&live, &same)
	switch {
	case err != nil:
		return err
	case same > 0:
		return fmt.Errorf("there is a token of that name already: revoke it first, or take another name")
	case live >= MaxTokens:
		return fmt.Errorf("there are %d tokens in force, which is the most: revoke some first", live)
	}
	return nil
}

// List returns every token there ever was, the newest first, the revoked ones too.
func (s *Store) List(ctx context.Context) ([]Token, error) {
	stored, err := s.load(ctx)
	if err != nil {
		return nil, err
	}
	list := make([]Token, len(stored))
	for i, t := range stored {
		list[i] = t.Token
	}
	return list, nil
}

// Revoke ends the token in force that has this id or name, and returns it.
// ErrNotFound if there is none.
func (s *Store) Revoke(ctx context.Context, idOrName string) (Token, error) {
	var t Token
	err := s.db.Write(ctx, func(tx *db.Tx) error {
		// An id holds an underscore after "tok", and a name may look the same: the id wins.
		row := tx.QueryRow(`SELECT id, name, scopes, streams, created, expires, revoked, sum FROM auth_tokens
			WHERE revoked IS NULL AND (id = ?1 OR name = ?1) ORDER BY id = ?1 DESC LIMIT 1`, idOrName)
		k, err := scan(row.Scan)
		if errors.Is(err, sql.ErrNoRows) {
			return ErrNotFound
		} else if err != nil {
			return err
		}
		t = k.Token
		t.Revoked = s.now().UTC().Truncate(time.Microsecond)
		_, err = tx.Exec(`UPDATE auth_tokens SET revoked = ? WHERE id = ?`, db.Micros(t.Revoked), t.ID)
		return err
	})
	if err != nil {
		return Token{}, fmt.Errorf("revoke token %q: %w", idOrName, err)
	}
	return t, nil
}

// known is a token with its hash.
type known struct {
	Token
	sum Sum
}

func (s *Store) load(ctx context.Context) ([]known, error) {
	rows, err := s.db.Query(ctx, `SELECT id, name, scopes, streams, created, expires, revoked, sum FROM auth_tokens ORDER BY created DESC, id`)
	if err != nil {
		return nil, fmt.Errorf("read tokens: %w", err)
	}
	defer rows.Close()
	var list []known
	for rows.Next() {
		k, err := scan(rows.Scan)
		if err != nil {
			return nil, fmt.Errorf("read tokens: %w", err)
		}
		list = append(list, k)
	}
	return list, rows.Err()
}

// fingerprint is the same exactly as long as the table is.
type fingerprint struct{ rows, revoked int }

func (s *Store) fingerprint(ctx context.Context) (f fingerprint, err error) {
	err = s.db.QueryRow(ctx, `SELECT count(*), count(revoked) FROM auth_tokens`).Scan(&f.rows, &f.revoked)
	return f, err
}

func scan(scan func(...any) error) (known, error) {
	var k known
	var scopes, streams string
	var created int64
	var expires, revoked sql.NullInt64
	var sum []byte
	if err := scan(&k.ID, &k.Name, &scopes, &streams, &created, &expires, &revoked, &sum); err != nil {
		return known{}, err
	}
	if len(sum) != len(k.sum) {
		return known{}, fmt.Errorf("token %s: its stored hash has %d bytes", k.ID, len(sum))
	}
	copy(k.sum[:], sum)
	k.Created = db.Time(created)
	if expires.Valid {
		k.Expires = db.Time(expires.Int64)
	}
	if revoked.Valid {
		k.Revoked = db.Time(revoked.Int64)
	}
	err := errors.Join(json.Unmarshal([]byte(scopes), &k.Scopes), json.Unmarshal([]byte(streams), &k.Streams))
	return k, err
}

func encode(list any) string {
	b, err := json.Marshal(list)
	if err != nil {
		panic(err) // lists of strings always marshal
	}
	return string(b)
}

func nullTime(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return db.Micros(t)
}
