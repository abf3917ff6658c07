package sink

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

const (
	linger     = 5 * time.Millisecond // how long a write waits for others, while requests are under way
	maxAnswer  = 64 << 10             // bytes of an answer that are read, so that the connection can be kept
	giveUpIn   = 30 * time.Second     // for one request with all its retries
	firstPause = 100 * time.Millisecond
	mostPause  = 5 * time.Second
)

// request is one POST with its retries: parts of one or several writes.
type request struct {
	key   string // Idempotency-Key
	parts []*part
}

func (r *request) events() (n int) {
	for _, p := range r.parts {
		n += p.events
	}
	return n
}

func (r *request) body() []byte {
	if len(r.parts) == 1 {
		return r.parts[0].lines
	}
	var size int
	for _, p := range r.parts {
		size += len(p.lines)
	}
	body := make([]byte, 0, size)
	for _, p := range r.parts {
		body = append(body, p.lines...)
	}
	return body
}

// gather puts parts together into requests, and ends when parts is closed and every
// request is done.
func (s *HTTP) gather() {
	defer close(s.done)
	total := int64(s.cfg.Requests)
	var left *part // did not fit into the last request
	for {
		first := left
		left = nil
		if first == nil {
			var ok bool
			if first, ok = <-s.parts; !ok {
				break
			}
		}
		// While no request is under way, waiting for company would only cost time.
		busy := !s.slots.TryAcquire(total)
		if !busy {
			s.slots.Release(total - 1)
		}
		r := &request{key: randomKey(), parts: []*part{first}}
		if busy {
			left = s.fill(r)
			_ = s.slots.Acquire(context.Background(), 1) // bounded by the requests' own limits
		}
		go func() {
			defer s.slots.Release(1)
			s.dispatch(r)
		}()
	}
	_ = s.slots.Acquire(context.Background(), total) // wait for all
}

// fill adds parts to the request for as long as it lingers; it returns a part that did
// not fit.
func (s *HTTP) fill(r *request) (left *part) {
	events, size := r.parts[0].events, len(r.parts[0].lines)
	timer := time.NewTimer(linger)
	defer timer.Stop()
	for events < s.cfg.Spec.Batch {
		select {
		case p, ok := <-s.parts:
			if !ok {
				return nil
			}
			if events+p.events > s.cfg.Spec.Batch || size+len(p.lines) > maxBody {
				return p
			}
			r.parts = append(r.parts, p)
			events += p.events
			size += len(p.lines)
		case <-timer.C:
			return nil
		}
	}
	return nil
}

// dispatch sends a gathered request and tells each part its outcome. It is cut short when
// nobody waits for it any more.
func (s *HTTP) dispatch(r *request) {
	ctx, cancel := context.WithCancel(s.ctx)
	defer cancel()
	stop := watch(r.parts, cancel)
	defer stop()
	err := s.post(ctx, r)
	for _, p := range r.parts {
		mine := err
		if errors.Is(err, ErrRefused) && len(r.parts) > 1 {
			// One write's events must not fail the others'. The receiver refused all of
			// them, so sending them again repeats none.
			mine = s.resend(p)
		}
		p.done <- mine
	}
}

// resend sends one part of a shared request by itself.
func (s *HTTP) resend(p *part) error {
	ctx, cancel := context.WithCancel(p.ctx)
	defer cancel()
	defer context.AfterFunc(s.ctx, cancel)()
	return s.post(ctx, &request{key: randomKey(), parts: []*part{p}})
}

// watch calls cancel when the contexts of all parts have ended.
func watch(parts []*part, cancel func()) (stop func()) {
	over := make(chan struct{})
	go func() {
		for _, p := range parts {
			select {
			case <-p.ctx.Done():
			case <-over:
				return
			}
		}
		cancel()
	}()
	return func() { close(over) }
}

// deliver is post with a slot of its own.
func (s *HTTP) deliver(ctx context.Context, r *request) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(s.ctx, cancel)()
	if err := s.slots.Acquire(ctx, 1); err != nil {
		return err
	}
	defer s.slots.Release(1)
	return s.post(ctx, r)
}

// post sends the request until it is taken, refused, or there is no time left.
func (s *HTTP) post(ctx context.Context, r *request) error {
	start := time.Now()
	body := r.body()
	err := s.attempts(ctx, r.key, body)
	if err != nil {
		err = s.wrap(err)
	}
	if s.cfg.OnCommit != nil {
		s.cfg.OnCommit(Commit{Writes: len(r.parts), Events: r.events(), Bytes: int64(len(body)), Took: time.Since(start), Err: err})
	}
	return err
}

// attempts repeats what failed in passing. While the breaker is open, a request that has
// not been tried yet fails at once, and one that has waits for its turn.
func (s *HTTP) attempts(ctx context.Context, key string, body []byte) error {
	limit := s.retry.now().Add(s.retry.total)
	var last error
	for n := 0; ; n++ {
		after, err := s.breaker.allow(true)
		switch {
		case err == nil:
			after, err = s.once(ctx, key, body)
			s.breaker.result(err, ctx.Err() != nil)
			if err == nil || errors.Is(err, ErrRefused) {
				return err
			}
			last = err
		case n == 0:
			return err
		}
		if ctx.Err() != nil {
			return errors.Join(last, ctx.Err())
		}
		pause := max(after, s.retry.pause(n))
		if s.retry.now().Add(pause).After(limit) {
			return fmt.Errorf("gave up after %d attempts: %w", n+1, last)
		}
		if err := s.retry.wait(ctx, pause); err != nil {
			return errors.Join(last, err)
		}
	}
}

// once makes one attempt. after is what the receiver asked to wait before the next.
func (s *HTTP) once(ctx context.Context, key string, body []byte) (after time.Duration, err error) {
	ctx, cancel := context.WithTimeout(ctx, time.Duration(s.cfg.Spec.Timeout))
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.url, bytes.NewReader(body))
	if err != nil {
		return 0, err
	}
	for name, values := range s.headers {
		req.Header[name] = values
	}
	req.Header.Set("Content-Type", "application/x-ndjson")
	req.Header.Set("Idempotency-Key", key)
	res, err := s.client.Do(req)
	if err != nil {
		var u *url.Error
		if errors.As(err, &u) {
			err = u.Err // without the URL, whose query may hold a secret
		}
		return 0, fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	defer res.Body.Close()
	// What the receiver says beside the status is of no use, and may repeat the payload.
	_, _ = io.CopyN(io.Discard, res.Body, maxAnswer)
	return s.retry.after(res), outcome(res.StatusCode)
}

// contentError is a refusal because of what the request's events hold.
type contentError struct{ err error }

func (e *contentError) Error() string { return e.err.Error() }
func (e *contentError) Unwrap() error { return e.err }

// outcome is what a status means for the batch.
func outcome(status int) error {
	text := strconv.Itoa(status) + " " + http.StatusText(status)
	switch {
	case status >= 200 && status < 300:
		return nil
	case status >= 300 && status < 400:
		return fmt.Errorf("%w: it answers with a redirect (%s); name the final URL in the stream", ErrRefused, text)
	case status == http.StatusRequestTimeout, status == http.StatusTooEarly, status == http.StatusTooManyRequests, status >= 500:
		return fmt.Errorf("%w: it answered %s", ErrUnavailable, text)
	case status == http.StatusBadRequest, status == http.StatusRequestEntityTooLarge, status == http.StatusUnprocessableEntity:
		return &contentError{fmt.Errorf("%w: it answered %s", ErrRefused, text)}
	case status == http.StatusUnauthorized, status == http.StatusForbidden:
		return fmt.Errorf("%w: it answered %s; look at the stream's headers_file", ErrRefused, text)
	}
	return fmt.Errorf("%w: it answered %s", ErrRefused, text)
}

// retry says when to try again. Its functions are fields for tests.
type retry struct {
	now   func() time.Time
	wait  func(context.Context, time.Duration) error
	total time.Duration
	first time.Duration
}

func newRetry() retry {
	return retry{now: time.Now, wait: wait, total: giveUpIn, first: firstPause}
}

// wait returns nil after d, or the context's error.
func wait(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// pause is the time to wait after attempt n, from 0: random up to a bound that doubles.
func (r retry) pause(n int) time.Duration {
	bound := min(mostPause, r.first<<min(n, 16))
	return rand.N(bound) + 1
}

// after reads Retry-After, in seconds or as a date; 0 if there is none.
func (r retry) after(res *http.Response) time.Duration {
	value := res.Header.Get("Retry-After")
	if value == "" {
		return 0
	}
	if seconds, err := strconv.ParseUint(value, 10, 31); err == nil {
		return time.Duration(seconds) * time.Second
	}
	if at, err := http.ParseTime(value); err == nil {
		return max(0, at.Sub(r.now()))
	}
	return 0
}

// newClient makes a client that follows no redirect and keeps a bounded number of
// connections.
func newClient(cfg HTTPConfig) *http.Client {
	dialer := &net.Dialer{Timeout: 5 * time.Second, KeepAlive: 30 * time.Second}
	return &http.Client{
		Transport: &http.Transport{
			Proxy:                  http.ProxyFromEnvironment,
			DialContext:            dialer.DialContext,
			TLSClientConfig:        &tls.Config{RootCAs: cfg.RootCAs, MinVersion: tls.VersionTLS12},
			TLSHandshakeTimeout:    5 * time.Second,
			ForceAttemptHTTP2:      true,
			MaxIdleConns:           cfg.Requests,
			MaxIdleConnsPerHost:    cfg.Requests,
			MaxConnsPerHost:        cfg.Requests,
			IdleConnTimeout:        time.Minute,
			MaxResponseHeaderBytes: 64 << 10,
			DisableCompression:     true,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}
