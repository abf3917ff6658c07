package sink

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"sync"
	"time"

	"golang.org/x/sync/semaphore"

	"github.com/lazaret/lazaret"
	"github.com/lazaret/lazaret/gateway"
)

const (
	defaultBatch    = 500
	defaultTimeout  = 10 * time.Second
	defaultRequests = 4
	maxBody         = 8 << 20 // bytes of a request, unless one event alone is larger
	maxQueuedHTTP   = 32 << 20
)

// HTTPConfig says where and how an [HTTP] sends.
type HTTPConfig struct {
	Spec   gateway.HTTPSink
	Stream string
	// AllowHosts are the hosts that lazaret.yaml allows (sinks.http.hosts): "host", for
	// every port, or "host:port".
	AllowHosts []string
	// HeadersFile is the resolved path of the file of secret headers; "" for none. It is
	// read once, by NewHTTP.
	HeadersFile string
	// RootCAs, where it is set, are trusted in place of the system's.
	RootCAs *x509.CertPool
	// Requests bounds the requests that are under way at once; default 4.
	Requests int
	Log      *slog.Logger // default slog.Default
	OnCommit func(Commit) // where it is set, called after each request, with its retries
}

// HTTP posts events as NDJSON (application/x-ndjson). An answer of 2xx means that the
// receiver has them; so the receiver must make them durable before it answers.
//
// A request that fails, times out, or is answered 408, 425, 429 or 5xx is repeated with
// exponential backoff and full jitter for at most 30 seconds, not before what
// Retry-After says; each time with the same Idempotency-Key. Any other answer refuses
// the batch for good (ErrRefused); redirects are not followed. After several failures in
// a row a circuit breaker refuses writes at once, until a probe succeeds.
//
// An answer of 400, 413 or 422 is about the events in the request, any other refusal about
// the address or the sender. A batch that has an ID and is sent as several requests goes on
// after the first kind, so that Write can say with a *lazaret.RefusedError which events
// were refused and that all others have landed; the second kind ends the Write.
//
// Concurrent writes that have no ID share requests; one that the receiver refuses is
// sent again write by write, so that a write fails for its own events only. A batch that
// has an ID is sent alone, under keys that are made from the ID. All methods are safe
// for concurrent use.
type HTTP struct {
	cfg     HTTPConfig
	enc     encoder
	url     string
	target  string // the URL without its query, for people
	headers http.Header
	client  *http.Client
	breaker *breaker
	retry   retry
	ledger  *ledger
	room    *semaphore.Weighted // bytes that wait or are under way
	slots   *semaphore.Weighted // requests under way

	ctx    context.Context // ended by Close when its own context ends
	cancel context.CancelFunc
	done   chan struct{} // closed when the gatherer has ended

	mu     sync.Mutex // guards closed against sends on parts
	closed bool
	parts  chan *part // to the gatherer
	work   sync.WaitGroup
}

// NewHTTP checks the specification, reads the secret headers, and starts the one
// goroutine that gathers small writes; Close ends it. It sends nothing.
func NewHTTP(cfg HTTPConfig) (*HTTP, error) {
	s, err := newHTTP(cfg)
	if err != nil {
		return nil, fmt.Errorf("http sink of stream %q: %w", cfg.Stream, err)
	}
	return s, nil
}

func newHTTP(cfg HTTPConfig) (*HTTP, error) {
	enc, err := newEncoder(cfg.Spec.Format)
	if err != nil {
		return nil, err
	}
	if cfg.Spec.Batch < 0 || cfg.Spec.Timeout < 0 {
		return nil, errors.New("batch and timeout must not be negative")
	}
	u, err := checkURL(cfg.Spec.URL, cfg.AllowHosts)
	if err != nil {
		return nil, err
	}
	headers, err := readHeaders(cfg.HeadersFile)
	if err != nil {
		return nil, err
	}
	if cfg.Spec.Batch == 0 {
		cfg.Spec.Batch = defaultBatch
	}
	if cfg.Spec.Timeout == 0 {
		cfg.Spec.Timeout = gateway.Duration(defaultTimeout)
	}
	if cfg.Requests <= 0 {
		cfg.Requests = defaultRequests
	}
	if cfg.Log == nil {
		cfg.Log = slog.Default()
	}
	ctx, cancel := context.WithCancel(context.Background())
	s := &HTTP{
		cfg: cfg, enc: enc, url: u.String(), target: plain(u), headers: headers,
		client:  newClient(cfg),
		breaker: newBreaker(time.Now),
		retry:   newRetry(),
		ledger:  newLedger(),
		room:    semaphore.NewWeighted(maxQueuedHTTP),
		slots:   semaphore.NewWeighted(int64(cfg.Requests)),
		ctx:     ctx, cancel: cancel,
		done:  make(chan struct{}),
		parts: make(chan *part),
	}
	go s.gather()
	return s, nil
}

// plain is the URL as it may be shown: a query can hold a secret.
func plain(u *url.URL) string {
	return (&url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path}).String()
}

// part is the lines of up to Spec.Batch events of one Write.
type part struct {
	lines  []byte
	first  int // index in the batch of its first event
	events int
	ctx    context.Context // of the Write
	done   chan error      // holds one: the outcome
}

// Write sends the batch; see gateway.Sink.
func (s *HTTP) Write(ctx context.Context, b lazaret.Batch) error {
	if err := s.begin(); err != nil {
		return err
	}
	defer s.work.Done()
	if b.ID == "" {
		return s.write(ctx, b, s.share)
	}
	lead, err := s.ledger.begin(ctx, b.ID)
	if !lead {
		return err
	}
	err = s.write(ctx, b, s.alone)
	outcome := err
	if err != nil && ctx.Err() != nil {
		outcome = errAbandoned
	}
	s.ledger.settle(b.ID, outcome)
	return err
}

// begin counts a Write that Close must wait for.
func (s *HTTP) begin() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return s.wrap(ErrClosed)
	}
	s.work.Add(1)
	return nil
}

// write encodes the batch and sends its parts.
func (s *HTTP) write(ctx context.Context, b lazaret.Batch, send func(context.Context, string, []*part) error) error {
	if _, err := s.breaker.allow(false); err != nil {
		return s.wrap(err)
	}
	cost := min(sizeHint(b.Records), maxQueuedHTTP)
	if err := s.room.Acquire(ctx, cost); err != nil {
		return err
	}
	defer s.room.Release(cost)
	parts, err := s.split(ctx, b.Records)
	if err != nil {
		return s.wrap(err)
	}
	return send(ctx, b.ID, parts)
}

// split encodes the records into parts that each fit into a request.
func (s *HTTP) split(ctx context.Context, records []lazaret.Record) ([]*part, error) {
	var parts []*part
	for first := 0; first < len(records); {
		p := &part{first: first, ctx: ctx, done: make(chan error, 1)}
		for first < len(records) && p.events < s.cfg.Spec.Batch {
			longer, err := s.enc.batch(p.lines, records[first:first+1])
			if err != nil {
				return nil, err
			}
			if p.events > 0 && len(longer) > maxBody {
				break
			}
			p.lines = longer
			p.events++
			first++
		}
		parts = append(parts, p)
	}
	return parts, nil
}

// alone sends the parts of a batch that has an ID, one after the other. Their keys name
// the batch and the events, so that a part is never taken for another, even if
// Spec.Batch has changed between two attempts. When some are refused for what they hold,
// the rest is sent all the same: the error then accounts for every event.
func (s *HTTP) alone(ctx context.Context, id string, parts []*part) error {
	sum := sha256.Sum256([]byte(s.cfg.Stream + "\x00" + id))
	name := hex.EncodeToString(sum[:16])
	var refused lazaret.RefusedError
	for _, p := range parts {
		r := &request{key: fmt.Sprintf("%s-%d-%d", name, p.first, p.events), parts: []*part{p}}
		err := s.deliver(ctx, r)
		var content *contentError
		switch {
		case errors.As(err, &content):
			for i := range p.events {
				refused.Records = append(refused.Records, p.first+i)
			}
			refused.Err = err
		case err != nil:
			return err
		}
	}
	if len(refused.Records) > 0 {
		return &refused
	}
	return nil
}

// share gives the parts to the gatherer and waits for all of them.
func (s *HTTP) share(ctx context.Context, _ string, parts []*part) error {
	for i, p := range parts {
		select {
		case s.parts <- p:
		case <-ctx.Done():
			return errors.Join(ctx.Err(), await(ctx, parts[:i]))
		}
	}
	return await(ctx, parts)
}

// await returns the first error of the parts, or nil when all have been sent.
func await(ctx context.Context, parts []*part) error {
	for _, p := range parts {
		select {
		case err := <-p.done:
			if err != nil {
				return err
			}
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// randomKey is an idempotency key for a request of writes that have no ID.
func randomKey() string {
	var b [16]byte
	rand.Read(b[:]) // never fails
	return hex.EncodeToString(b[:])
}

// wrap says which sink an error is of.
func (s *HTTP) wrap(err error) error {
	return fmt.Errorf("http sink of stream %q (%s): %w", s.cfg.Stream, s.target, err)
}

// Forget drops the memory of a batch's ID.
func (s *HTTP) Forget(batchID string) { s.ledger.forget(batchID) }

// Ready returns nil, or that the sink is closed or its circuit breaker open. When a probe
// is due it returns nil, so that a write comes that can be the probe.
func (s *HTTP) Ready() error {
	s.mu.Lock()
	closed := s.closed
	s.mu.Unlock()
	if closed {
		return s.wrap(ErrClosed)
	}
	if _, err := s.breaker.allow(false); err != nil {
		return s.wrap(err)
	}
	return nil
}

// Close refuses further writes and waits for those under way. If ctx ends first, they are
// cut off, with an error for each, and Close returns the context's error. It may be
// called again.
func (s *HTTP) Close(ctx context.Context) error {
	s.mu.Lock()
	first := !s.closed
	s.closed = true
	s.mu.Unlock()
	if first {
		go func() { // ends with the last Write, which cancel cuts short
			s.work.Wait()
			close(s.parts)
		}()
	}
	var err error
	select {
	case <-s.done:
	case <-ctx.Done():
		err = ctx.Err()
		s.cancel()
		<-s.done
	}
	s.cancel()
	s.client.CloseIdleConnections()
	return err
}
