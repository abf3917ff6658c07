// Package client speaks to a Lazaret server: the ingest API and the admin API, as
// docs/admin-api.md describes them. The commands, the demo and the tests use it.
package client

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// maxAnswer bounds an answer that is held in memory, in bytes.
const maxAnswer = 64 << 20

// Config says which server to speak to, and how.
type Config struct {
	Server  string        // base URL, such as http://127.0.0.1:8080
	Token   string        // sent as a bearer token; "" sends none
	CA      []byte        // PEM; trusted beside the system's; nil for none
	Timeout time.Duration // for one request and its answer; 0 is a minute
	Retries int           // further tries after an unclear failure, 429 or 503; 0 is 8, negative none
	Agent   string        // User-Agent
	// Waiting, where it is set, is told of each failed try before the wait that leads to
	// the next one. Requests that run at once call it at once.
	Waiting func(err error, wait time.Duration)
}

// Client is safe for concurrent use.
type Client struct {
	base    *url.URL
	cfg     Config
	http    *http.Client
	waiting func(ctx context.Context, d time.Duration) error
}

// New checks the configuration; it does not connect.
func New(cfg Config) (*Client, error) {
	base, err := url.Parse(cfg.Server)
	if err != nil || base.Host == "" || (base.Scheme != "http" && base.Scheme != "https") {
		return nil, fmt.Errorf("server address %q: want a URL such as http://127.0.0.1:8080", cfg.Server)
	}
	if cfg.Timeout == 0 {
		cfg.Timeout = time.Minute
	}
	if cfg.Retries == 0 {
		cfg.Retries = 8
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxIdleConnsPerHost = 64
	if len(cfg.CA) > 0 {
		pool, err := x509.SystemCertPool()
		if err != nil {
			pool = x509.NewCertPool()
		}
		if !pool.AppendCertsFromPEM(cfg.CA) {
			return nil, errors.New("the CA file holds no PEM certificate")
		}
		transport.TLSClientConfig = &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}
	}
	return &Client{base: base, cfg: cfg, http: &http.Client{Transport: transport}, waiting: sleep}, nil
}

// Close lets go of idle connections.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// Call is one request.
type Call struct {
	Method  string
	Path    string // already escaped; see Join
	Query   url.Values
	Header  http.Header
	Body    []byte
	Type    string // media type of Body; "" is application/json
	Forever bool   // no time limit: for streams
	// Again says that the request may be repeated after an unclear failure: it changes
	// nothing, or is idempotent, or carries an Idempotency-Key.
	Again bool
}

// Join escapes each part and joins them with slashes.
func Join(parts ...string) string {
	var b strings.Builder
	for _, p := range parts {
		b.WriteByte('/')
		b.WriteString(url.PathEscape(p))
	}
	return b.String()
}

// Do makes the call and decodes a JSON answer into out, where out is not nil. An
// answer that is not 2xx is a *Problem. An answer that breaks off is a failure like any
// other: a call that may be repeated is.
func (c *Client) Do(ctx context.Context, call Call, out any) (http.Header, error) {
	var data []byte
	header, err := c.tries(ctx, call, func(body io.ReadCloser) (err error) {
		defer body.Close()
		if data, err = io.ReadAll(io.LimitReader(body, maxAnswer+1)); err != nil {
			return fmt.Errorf("reading the answer of %s %s: %w", call.Method, call.Path, c.plain(err))
		}
		return nil
	})
	if err != nil {
		return header, err
	}
	if len(data) > maxAnswer {
		return header, fmt.Errorf("the answer of %s is over %d MiB", call.Path, maxAnswer>>20)
	}
	if out == nil || len(data) == 0 {
		return header, nil
	}
	if raw, ok := out.(*[]byte); ok {
		*raw = data
		return header, nil
	}
	if err := json.Unmarshal(data, out); err != nil {
		return header, fmt.Errorf("the answer of %s is not what was expected; is this a Lazaret server? %w", call.Path, err)
	}
	return header, nil
}

// Open makes the call and returns the body of a 2xx answer, to be closed by the caller.
func (c *Client) Open(ctx context.Context, call Call) (io.ReadCloser, http.Header, error) {
	var body io.ReadCloser
	header, err := c.tries(ctx, call, func(b io.ReadCloser) error { body = b; return nil })
	return body, header, err
}

// tries makes the call until it succeeds, has failed for good, or was tried often
// enough. take gets the body of a 2xx answer and closes it, or keeps it.
func (c *Client) tries(ctx context.Context, call Call, take func(io.ReadCloser) error) (http.Header, error) {
	for try := 0; ; try++ {
		body, header, wait, err := c.once(ctx, call)
		if err == nil {
			err = take(body)
		}
		if err == nil {
			return header, nil
		}
		again := call.Again || isRefusal(err)
		if !again || wait < 0 || try >= c.cfg.Retries || ctx.Err() != nil {
			return header, err
		}
		if wait == 0 {
			wait = backoff(try)
		}
		if c.cfg.Waiting != nil {
			c.cfg.Waiting(err, wait)
		}
		if c.waiting(ctx, wait) != nil {
			return header, err
		}
	}
}

// isRefusal reports an answer that says that nothing was done.
func isRefusal(err error) bool {
	var p *Problem
	return errors.As(err, &p) && (p.Status == http.StatusTooManyRequests || p.Status == http.StatusServiceUnavailable)
}

// once makes one try. wait says how long to wait before another: negative for never, 0
// for a backoff of the caller's choice.
func (c *Client) once(ctx context.Context, call Call) (_ io.ReadCloser, _ http.Header, wait time.Duration, _ error) {
	cancel := context.CancelFunc(func() {})
	if !call.Forever {
		ctx, cancel = context.WithTimeout(ctx, c.cfg.Timeout)
	}
	u := *c.base
	u.Path, u.RawPath = "", ""
	target := strings.TrimSuffix(u.String(), "/") + strings.TrimSuffix(c.base.EscapedPath(), "/") + call.Path
	if len(call.Query) > 0 {
		target += "?" + call.Query.Encode()
	}
	req, err := http.NewRequestWithContext(ctx, call.Method, target, bytes.NewReader(call.Body))
	if err != nil {
		cancel()
		return nil, nil, -1, err
	}
	for k, v := range call.Header {
		req.Header[k] = v
	}
	if call.Type != "" {
		req.Header.Set("Content-Type", call.Type)
	} else if len(call.Body) > 0 {
		req.Header.Set("Content-Type", "application/json")
	}
	if c.cfg.Token != "" {
		req.Header.Set("Authorization", "Bearer "+c.cfg.Token)
	}
	if c.cfg.Agent != "" {
		req.Header.Set("User-Agent", c.cfg.Agent)
	}
	resp, err := c.http.Do(req)
	if err != nil {
		cancel()
		return nil, nil, 0, fmt.Errorf("%s %s: %w", call.Method, call.Path, c.plain(err))
	}
	if resp.StatusCode/100 == 2 {
		return &answer{resp.Body, cancel}, resp.Header, 0, nil
	}
	defer cancel()
	defer resp.Body.Close()
	p := readProblem(resp)
	switch resp.StatusCode {
	case http.StatusTooManyRequests, http.StatusServiceUnavailable, http.StatusConflict:
		if resp.StatusCode == http.StatusConflict && resp.Header.Get("Retry-After") == "" {
			return nil, resp.Header, -1, p
		}
		return nil, resp.Header, retryAfter(resp.Header), p
	case http.StatusBadGateway, http.StatusGatewayTimeout, http.StatusInternalServerError:
		return nil, resp.Header, 0, p
	}
	return nil, resp.Header, -1, p
}

// answer ends the request's time limit when the body is closed.
type answer struct {
	io.ReadCloser
	cancel context.CancelFunc
}

func (a *answer) Close() error {
	defer a.cancel()
	return a.ReadCloser.Close()
}

// plain takes net/http's repetition of method and URL out of an error.
func (c *Client) plain(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		err = u.Err
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("no answer within %s: %w", c.cfg.Timeout, context.DeadlineExceeded)
	}
	return err
}

// retryAfter reads the header in seconds, at most a minute; 0 if it is not there.
func retryAfter(h http.Header) time.Duration {
	n, err := strconv.Atoi(h.Get("Retry-After"))
	if err != nil || n < 0 {
		return 0
	}
	return min(time.Duration(n)*time.Second, time.Minute)
}

// backoff is exponential with full jitter, from 100 ms to 10 s.
func backoff(try int) time.Duration {
	top := min(100*time.Millisecond<<min(try, 10), 10*time.Second)
	return time.Millisecond + rand.N(top)
}

func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
