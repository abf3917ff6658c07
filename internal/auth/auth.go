// Package auth says who may do what: tokens, their scopes, and the one place that
// decides on a request.
//
// A token is 256 random bits; only its SHA-256 is ever stored. As long as there was
// never any token, neither in the store nor in lazaret.yaml, the server is open: it
// answers everyone who reaches it, and so the app lets it listen on loopback only.
package auth

import (
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

var (
	// ErrUnauthenticated: no token, or none that is in force. HTTP 401.
	ErrUnauthenticated = errors.New("not authenticated")
	// ErrForbidden: the token is in force and does not allow this. HTTP 403.
	ErrForbidden = errors.New("not allowed")
)

// How often the table is looked at, and for how long what was seen last is trusted
// while it cannot be read.
const (
	lookEvery  = time.Second
	trustUntil = time.Minute
)

// Request is what a decision needs of an HTTP request: these headers, as received.
type Request struct {
	Authorization string
	Host          string
	Origin        string
}

// Identity is who made a request.
type Identity struct {
	TokenID string // "" on an open server
	Name    string // the token's name, or "anonymous"
	Streams []string
}

// Static is a token that stands in lazaret.yaml, as its hash.
type Static struct {
	Name    string
	Scopes  []Scope
	Streams []string
	Sum     Sum
}

// Guard decides on requests. It is safe for concurrent use.
type Guard struct {
	store  *Store
	static []known
	log    *slog.Logger
	now    func() time.Time

	refresh sync.Mutex // held by the one that looks at the table
	seen    atomic.Pointer[snapshot]
}

// snapshot is immutable but for looked.
type snapshot struct {
	tokens []known // in force when they were read; static ones too
	any    bool    // there was ever a token
	print  fingerprint
	looked atomic.Int64 // when the table was last seen to be as it is here, in Unix nanoseconds
}

// NewGuard reads the tokens. Changes of the table, by any process, are seen within a second.
func NewGuard(ctx context.Context, store *Store, static []Static, log *slog.Logger) (*Guard, error) {
	g := &Guard{store: store, log: log, now: store.now}
	for _, t := range static {
		g.static = append(g.static, known{
			Token: Token{ID: "static:" + t.Name, Name: t.Name, Scopes: t.Scopes, Streams: t.Streams, Static: true},
			sum:   t.Sum,
		})
	}
	return g, g.look(ctx)
}

// Open says whether there never was a token, so that everyone is let in.
func (g *Guard) Open() bool { return !g.seen.Load().any }

// Static returns the tokens of lazaret.yaml, for lists.
func (g *Guard) Static() []Token {
	list := make([]Token, len(g.static))
	for i, t := range g.static {
		list[i] = t.Token
	}
	return list
}

// Authorize says who makes the request, if they may do this to the stream. An empty
// stream means that the request is about all of them, which a token that is
// restricted to some streams never may.
//
// The error is ErrUnauthenticated, ErrForbidden, or, when the tokens cannot be read
// for more than a minute, the reason of that.
func (g *Guard) Authorize(ctx context.Context, r Request, scope Scope, stream string) (Identity, error) {
	id, err := g.Authenticate(ctx, r, scope)
	if err != nil {
		return id, err
	}
	return id, id.Allows(stream)
}

// Authenticate is Authorize for a request whose stream is not known yet: Identity.Allows
// must be asked before anything of a stream is shown or done.
func (g *Guard) Authenticate(ctx context.Context, r Request, scope Scope) (Identity, error) {
	seen, err := g.current(ctx)
	if err != nil {
		return Identity{}, err
	}
	if !seen.any {
		return Identity{Name: "anonymous"}, CheckLocal(r.Host, r.Origin)
	}
	secret, err := bearer(r.Authorization)
	if err != nil {
		return Identity{}, err
	}
	t, ok := match(seen.tokens, SumOf(secret))
	switch {
	case !ok && misspelt(secret):
		return Identity{}, fmt.Errorf("%w: the token was cut or mistyped: its checksum does not fit", ErrUnauthenticated)
	case !ok:
		return Identity{}, fmt.Errorf("%w: the token is unknown or was revoked", ErrUnauthenticated)
	case !t.Expires.IsZero() && !g.now().Before(t.Expires):
		return Identity{}, fmt.Errorf("%w: the token expired at %s", ErrUnauthenticated, t.Expires.Format(time.RFC3339))
	}
	return Identity{TokenID: t.ID, Name: t.Name, Streams: t.Streams}, t.has(scope)
}

// has returns nil or an ErrForbidden that says what is missing.
func (t Token) has(scope Scope) error {
	if slices.Contains(t.Scopes, scope) || slices.Contains(t.Scopes, Admin) {
		return nil
	}
	return fmt.Errorf("%w: this needs the scope %s, and the token %q has %s", ErrForbidden, scope, t.Name, joinScopes(t.Scopes, ", "))
}

// Allows returns nil if the identity may have to do with the stream, else an
// ErrForbidden. An empty stream means all of them.
func (id Identity) Allows(stream string) error {
	switch {
	case len(id.Streams) == 0 || slices.Contains(id.Streams, stream):
		return nil
	case stream == "":
		return fmt.Errorf("%w: the token %q is for the streams %s alone: name one of them in the request", ErrForbidden, id.Name, strings.Join(id.Streams, ", "))
	}
	return fmt.Errorf("%w: the token %q is for the streams %s alone", ErrForbidden, id.Name, strings.Join(id.Streams, ", "))
}

// match compares the hash with that of every token, each in constant time, and
// goes through all of them whatever it finds.
func match(tokens []known, sum Sum) (Token, bool) {
	found := -1
	for i := range tokens {
		equal := subtle.ConstantTimeCompare(tokens[i].sum[:], sum[:])
		found = subtle.ConstantTimeSelect(equal, i, found)
	}
	if found < 0 {
		return Token{}, false
	}
	return tokens[found].Token, true
}

func bearer(header string) (string, error) {
	if header == "" {
		return "", fmt.Errorf("%w: send a token: Authorization: Bearer lzt_…", ErrUnauthenticated)
	}
	scheme, secret, ok := strings.Cut(header, " ")
	if secret = strings.TrimSpace(secret); !ok || secret == "" || !strings.EqualFold(scheme, "bearer") {
		return "", fmt.Errorf("%w: the Authorization header must read: Bearer lzt_…", ErrUnauthenticated)
	}
	return secret, nil
}

// current returns what is known of the tokens, at most about a second old. One
// request a second pays for the look; the others go on with what is there.
func (g *Guard) current(ctx context.Context) (*snapshot, error) {
	seen := g.seen.Load()
	age := g.now().Sub(time.Unix(0, seen.looked.Load()))
	if age < lookEvery || !g.refresh.TryLock() {
		return seen, nil
	}
	defer g.refresh.Unlock()
	err := g.lookAgain(ctx, seen)
	if err == nil {
		return g.seen.Load(), nil
	}
	if age > trustUntil {
		return nil, fmt.Errorf("tokens cannot be read: %w", err)
	}
	g.log.Warn("tokens cannot be read; those read last stay in force for now", "error", err)
	return seen, nil
}

// lookAgain reads the tokens only if the table's fingerprint is another.
func (g *Guard) lookAgain(ctx context.Context, seen *snapshot) error {
	now := g.now()
	f, err := g.store.fingerprint(ctx)
	if err != nil {
		return err
	}
	if f == seen.print {
		seen.looked.Store(now.UnixNano())
		return nil
	}
	return g.look(ctx)
}

// look reads all tokens. The fingerprint is taken first: a change in between makes
// the next look read again.
func (g *Guard) look(ctx context.Context) error {
	now := g.now()
	f, err := g.store.fingerprint(ctx)
	if err != nil {
		return err
	}
	stored, err := g.store.load(ctx)
	if err != nil {
		return err
	}
	s := &snapshot{print: f, any: len(stored)+len(g.static) > 0, tokens: slices.Clone(g.static)}
	for _, t := range stored {
		if t.Revoked.IsZero() {
			s.tokens = append(s.tokens, t)
		}
	}
	s.looked.Store(now.UnixNano())
	g.seen.Store(s)
	return nil
}
