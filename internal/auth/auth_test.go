package auth

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/lazaret/lazaret/internal/db"
)

// clock is a clock that tests move by hand.
type clock struct {
	mu sync.Mutex
	t  time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.t
}

func (c *clock) add(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.t = c.t.Add(d)
}

type fixture struct {
	*Store
	path  string
	db    *db.DB
	clock *clock
}

func newFixture(t *testing.T) fixture {
	t.Helper()
	path := filepath.Join(t.TempDir(), "lazaret.db")
	d := openDB(t, path)
	s, err := NewStore(t.Context(), d)
	if err != nil {
		t.Fatal(err)
	}
	c := &clock{t: time.Now()}
	s.now = c.now
	return fixture{Store: s, path: path, db: d, clock: c}
}

func openDB(t *testing.T, path string) *db.DB {
	t.Helper()
	d, err := db.Open(t.Context(), db.Config{Path: path})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
	return d
}

func (f fixture) guard(t *testing.T, static ...Static) *Guard {
	t.Helper()
	g, err := NewGuard(t.Context(), f.Store, static, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func (f fixture) create(t *testing.T, name string, scopes []Scope, streams ...string) (string, Token) {
	t.Helper()
	token, stored, err := f.Create(t.Context(), name, scopes, streams, time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	return token, stored
}

func with(token string) Request {
	return Request{Authorization: "Bearer " + token, Host: "lazaret.example:8080"}
}

// A token in force may do what its scopes and streams say and nothing else.
func TestScopesAndStreamsDecide(t *testing.T) {
	f := newFixture(t)
	tokens := map[string]string{}
	for _, s := range Scopes() {
		tokens[string(s)], _ = f.create(t, string(s), []Scope{s})
	}
	tokens["both"], _ = f.create(t, "both", []Scope{Ingest, Read})
	tokens["orders"], _ = f.create(t, "orders", []Scope{Ingest}, "orders", "returns")
	g := f.guard(t)
	check := func(name string, scope Scope, stream string, want error) {
		t.Helper()
		id, err := g.Authorize(t.Context(), with(tokens[name]), scope, stream)
		if !errors.Is(err, want) || (err == nil) != (want == nil) {
			t.Errorf("token %s for %s on %q: %v, want %v", name, scope, stream, err, want)
		}
		if id.Name != name {
			t.Errorf("token %s is taken for %q", name, id.Name)
		}
	}
	for _, has := range Scopes() {
		for _, asked := range Scopes() {
			want := ErrForbidden
			if has == asked || has == Admin {
				want = nil
			}
			check(string(has), asked, "orders", want)
		}
	}
	check("both", Ingest, "x", nil)
	check("both", Read, "", nil)
	check("both", Rules, "", ErrForbidden)
	check("orders", Ingest, "orders", nil)
	check("orders", Ingest, "returns", nil)
	check("orders", Ingest, "clickstream", ErrForbidden)
	check("orders", Ingest, "", ErrForbidden)
}

func TestWhatIsNotATokenInForceIsNotAuthenticated(t *testing.T) {
	f := newFixture(t)
	good, _ := f.create(t, "good", []Scope{Admin})
	short, _, err := f.Create(t.Context(), "short", []Scope{Admin}, nil, f.clock.now().Add(time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	g := f.guard(t)
	if _, err := g.Authorize(t.Context(), with(short), Read, ""); err != nil {
		t.Fatalf("an hour before its end: %v", err)
	}
	f.clock.add(time.Hour)
	headers := map[string]string{
		"nothing": "", "basic": "Basic " + good, "bare": good, "empty": "Bearer ", "cut": "Bearer " + good[:len(good)-1],
		"mistyped": "Bearer " + good[:10] + "!" + good[11:], "unknown": "Bearer " + NewToken(), "expired": "Bearer " + short,
	}
	for name, h := range headers {
		_, err := g.Authorize(t.Context(), Request{Authorization: h}, Read, "")
		if !errors.Is(err, ErrUnauthenticated) {
			t.Errorf("%s: %v", name, err)
		}
		if err != nil && strings.Contains(err.Error(), good[len(prefix):20]) {
			t.Errorf("%s: the error quotes the token: %v", name, err)
		}
	}
	for _, scheme := range []string{"Bearer", "bearer", "BEARER"} {
		if _, err := g.Authorize(t.Context(), Request{Authorization: scheme + " " + good}, Read, ""); err != nil {
			t.Errorf("%s: %v", scheme, err)
		}
	}
}

// Only the hash of a token is in the store: no file of it holds the token.
func TestStoreHoldsOnlyTheHash(t *testing.T) {
	f := newFixture(t)
	token, _ := f.create(t, "ci", []Scope{Ingest})
	sum := SumOf(token)
	seen := func() (hash bool) {
		files, err := filepath.Glob(f.path + "*")
		if err != nil || len(files) == 0 {
			t.Fatalf("no store files: %v", err)
		}
		for _, name := range files {
			b, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			for _, part := range []string{token, token[len(prefix) : len(prefix)+secretDigits], token[:20]} {
				if bytes.Contains(b, []byte(part)) {
					t.Errorf("%s holds the token", filepath.Base(name))
				}
			}
			hash = hash || bytes.Contains(b, sum[:])
		}
		return hash
	}
	if !seen() {
		t.Error("the hash is nowhere: this test looks in the wrong place")
	}
	if err := f.db.Close(); err != nil {
		t.Fatal(err)
	}
	if !seen() {
		t.Error("the hash is gone after the store was closed")
	}
}

// A token has 256 random bits: all of them vary, and the encoding loses none.
func TestTokenEntropy(t *testing.T) {
	var max float64 = 1
	for range secretDigits {
		max *= 62
	}
	if max < 1.15e77 { // 2^256
		t.Fatalf("%d base62 digits hold less than 256 bits", secretDigits)
	}
	seen := map[string]bool{}
	digitsAt := make([]map[byte]bool, secretDigits)
	for range 2000 {
		token := NewToken()
		if seen[token] || len(token) != tokenLength || misspelt(token) {
			t.Fatalf("bad token of %d bytes", len(token))
		}
		seen[token] = true
		for i := range secretDigits {
			if digitsAt[i] == nil {
				digitsAt[i] = map[byte]bool{}
			}
			digitsAt[i][token[len(prefix)+i]] = true
		}
	}
	for i, d := range digitsAt[1:] { // the first digit carries but the highest bits
		if len(d) < 55 {
			t.Errorf("digit %d took %d values of 62", i+1, len(d))
		}
	}
}

func TestChecksumFindsAnyOneWrongDigit(t *testing.T) {
	token := NewToken()
	for i := len(prefix); i < len(token); i++ {
		b := []byte(token)
		b[i] = base62[(strings.IndexByte(base62, b[i])+1)%62]
		if !misspelt(string(b)) {
			t.Errorf("digit %d changed, and the checksum still fits", i)
		}
	}
}

func TestStaticTokens(t *testing.T) {
	f := newFixture(t)
	const secret = "a secret that somebody chose"
	g := f.guard(t, Static{Name: "vault", Scopes: []Scope{Ingest}, Streams: []string{"a"}, Sum: SumOf(secret)})
	if g.Open() {
		t.Error("open although lazaret.yaml has a token")
	}
	if id, err := g.Authorize(t.Context(), with(secret), Ingest, "a"); err != nil || id.TokenID != "static:vault" {
		t.Errorf("%+v, %v", id, err)
	}
	if _, err := g.Authorize(t.Context(), with(secret), Ingest, "b"); !errors.Is(err, ErrForbidden) {
		t.Error(err)
	}
	if _, err := g.Authorize(t.Context(), Request{Host: "localhost"}, Ingest, "a"); !errors.Is(err, ErrUnauthenticated) {
		t.Error(err)
	}
}

// Another process on the same store creates and revokes tokens; this one follows
// within a second, and revoking the last token does not open it.
func TestChangesOfAnotherProcessAreSeen(t *testing.T) {
	f := newFixture(t)
	g := f.guard(t)
	other, err := NewStore(t.Context(), openDB(t, f.path))
	if err != nil {
		t.Fatal(err)
	}
	local := Request{Host: "127.0.0.1:8080"}
	if _, err := g.Authorize(t.Context(), local, Admin, ""); err != nil || !g.Open() {
		t.Fatalf("no token yet: open %v, %v", g.Open(), err)
	}
	token, _, err := other.Create(t.Context(), "first", []Scope{Read}, nil, time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	f.clock.add(lookEvery)
	if _, err := g.Authorize(t.Context(), local, Admin, ""); !errors.Is(err, ErrUnauthenticated) || g.Open() {
		t.Fatalf("after the first token: open %v, %v", g.Open(), err)
	}
	if _, err := g.Authorize(t.Context(), with(token), Read, ""); err != nil {
		t.Fatal(err)
	}
	if _, err := other.Revoke(t.Context(), "first"); err != nil {
		t.Fatal(err)
	}
	f.clock.add(lookEvery)
	if _, err := g.Authorize(t.Context(), with(token), Read, ""); !errors.Is(err, ErrUnauthenticated) {
		t.Fatalf("after its revocation: %v", err)
	}
	if g.Open() {
		t.Error("revoking the last token opened the server")
	}
}

// While the store cannot be read the tokens read last stay in force, but not for ever.
func TestUnreadableStore(t *testing.T) {
	f := newFixture(t)
	token, _ := f.create(t, "a", []Scope{Read})
	g := f.guard(t)
	if err := f.db.Close(); err != nil {
		t.Fatal(err)
	}
	f.clock.add(trustUntil)
	if _, err := g.Authorize(t.Context(), with(token), Read, ""); err != nil {
		t.Errorf("after %v: %v", trustUntil, err)
	}
	f.clock.add(time.Second)
	_, err := g.Authorize(t.Context(), with(token), Read, "")
	if err == nil || errors.Is(err, ErrUnauthenticated) || errors.Is(err, ErrForbidden) {
		t.Errorf("after more than %v: %v", trustUntil, err)
	}
}

func TestCreateRefuses(t *testing.T) {
	f := newFixture(t)
	f.create(t, "taken", []Scope{Read})
	for name, call := range map[string]func() (string, Token, error){
		"no name":       func() (string, Token, error) { return f.Create(t.Context(), "", Scopes(), nil, time.Time{}) },
		"odd name":      func() (string, Token, error) { return f.Create(t.Context(), "a b", Scopes(), nil, time.Time{}) },
		"no scope":      func() (string, Token, error) { return f.Create(t.Context(), "a", nil, nil, time.Time{}) },
		"unknown scope": func() (string, Token, error) { return f.Create(t.Context(), "a", []Scope{"root"}, nil, time.Time{}) },
		"taken":         func() (string, Token, error) { return f.Create(t.Context(), "taken", Scopes(), nil, time.Time{}) },
		"past":          func() (string, Token, error) { return f.Create(t.Context(), "a", Scopes(), nil, f.clock.now()) },
	} {
		if token, _, err := call(); err == nil || token != "" {
			t.Errorf("%s was taken", name)
		}
	}
	if list, err := f.List(t.Context()); err != nil || len(list) != 1 {
		t.Errorf("%d tokens, %v", len(list), err)
	}
}

func TestRevokedNameIsFreeAgainAndTheListRemembers(t *testing.T) {
	f := newFixture(t)
	_, first := f.create(t, "ci", []Scope{Read, Ingest}, "a", "b")
	if _, err := f.Revoke(t.Context(), first.ID); err != nil {
		t.Fatal(err)
	}
	if _, err := f.Revoke(t.Context(), first.ID); !errors.Is(err, ErrNotFound) {
		t.Errorf("revoked twice: %v", err)
	}
	f.clock.add(time.Second)
	_, second := f.create(t, "ci", []Scope{Read})
	list, err := f.List(t.Context())
	if err != nil || len(list) != 2 {
		t.Fatalf("%v, %v", list, err)
	}
	if list[0].ID != second.ID || list[1].ID != first.ID || list[1].Revoked.IsZero() || len(list[1].Streams) != 2 {
		t.Errorf("%+v", list)
	}
}

// match gives what a plain search gives; by construction it looks at every token.
func TestMatchFindsEachOfMany(t *testing.T) {
	var list []known
	for range 50 {
		list = append(list, known{Token: Token{ID: newID()}, sum: SumOf(NewToken())})
	}
	for _, k := range list {
		if got, ok := match(list, k.sum); !ok || got.ID != k.ID {
			t.Errorf("%s: %v %v", k.ID, got.ID, ok)
		}
	}
	if _, ok := match(list, SumOf("another")); ok {
		t.Error("found a token that is not there")
	}
	if _, ok := match(nil, Sum{}); ok {
		t.Error("found a token in nothing")
	}
}

func TestConcurrentUse(t *testing.T) {
	f := newFixture(t)
	token, _ := f.create(t, "a", []Scope{Read})
	g := f.guard(t)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 200 {
				f.clock.add(100 * time.Millisecond)
				if _, err := g.Authorize(context.Background(), with(token), Read, ""); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
}

func BenchmarkAuthorize(b *testing.B) {
	var tokens []known
	for range MaxTokens {
		tokens = append(tokens, known{sum: SumOf(NewToken())})
	}
	sum := tokens[0].sum
	for b.Loop() {
		match(tokens, sum)
	}
}
