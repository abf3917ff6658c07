// Package web is the HTTP server under the ingest and the admin API: one place for
// the guards that every listener needs, and a small request type of our own, so that
// no handler touches the HTTP library's reused buffers.
//
// What it guards: read, write and idle timeouts; the size of headers; bodies that are
// read only as far as a handler asks for, never decompressed on the way, and never
// mistaken for the next request when a handler leaves them unread; panics, which
// become a 500 that says nothing of the inside; answers for unknown paths and methods
// as problem documents (RFC 9457); security headers; a request id.
//
//	app := web.New(web.Config{Log: log})
//	app.Handle("GET", "/v1/things/:thing", func(c *web.Ctx) error {
//		thing, ok := find(c.Param("thing"))
//		if !ok {
//			return &web.Problem{Status: 404, Detail: "There is no such thing."}
//		}
//		return c.JSON(200, thing)
//	})
//	go app.Listen(ln)
//	…
//	app.Shutdown(ctx)
package web

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/valyala/fasthttp"
)

// Config sets up an App. The zero value of a field means its default.
type Config struct {
	// ReadTimeout is how long a whole request, body included, may take to arrive.
	// Default 10 s.
	ReadTimeout time.Duration
	// WriteTimeout is how long an answer may take to be taken; a streamed answer gets
	// this much for each piece. Default 30 s.
	WriteTimeout time.Duration
	// IdleTimeout is how long a connection is kept between requests. Default 60 s.
	IdleTimeout time.Duration
	// HeaderLimit is the largest request line and headers together, in bytes. Default 16 KiB.
	HeaderLimit int
	// MaxConns is how many connections are served at once; more are answered 503. Default 10,000.
	MaxConns int
	// Log receives panics and errors that the client is not told of. Default: nothing is logged.
	Log *slog.Logger
	// Observe, if set, is called after every request that reached a route. Route is the
	// pattern given to Handle, so it is fit for a metric's label.
	Observe func(method, route string, status int, d time.Duration)
}

func (c Config) withDefaults() Config {
	if c.ReadTimeout == 0 {
		c.ReadTimeout = 10 * time.Second
	}
	if c.WriteTimeout == 0 {
		c.WriteTimeout = 30 * time.Second
	}
	if c.IdleTimeout == 0 {
		c.IdleTimeout = 60 * time.Second
	}
	if c.HeaderLimit == 0 {
		c.HeaderLimit = 16 << 10
	}
	if c.MaxConns == 0 {
		c.MaxConns = 10_000
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	return c
}

// Handler answers one request. A *Problem that it returns is sent as it is; any other
// error is logged and answered as a 500 that says nothing of it. The Ctx and what it
// handed out must not be used after the handler returned, except for strings and
// bodies, which are copies.
type Handler func(c *Ctx) error

// App is an HTTP server. Handle is called before Listen; Listen and Shutdown may be
// called from different goroutines, Shutdown more than once.
type App struct {
	conf   Config
	fiber  *fiber.App
	routed fasthttp.RequestHandler
	base   context.Context
	cancel context.CancelFunc

	mu       sync.Mutex
	stopping bool
	conns    map[*conn]struct{}
}

// New makes a server without any routes.
func New(conf Config) *App {
	a := &App{conf: conf.withDefaults(), conns: make(map[*conn]struct{})}
	a.base, a.cancel = context.WithCancel(context.Background())
	a.fiber = fiber.New(fiber.Config{
		StrictRouting:                true,
		CaseSensitive:                true,
		DisableStartupMessage:        true,
		DisablePreParseMultipartForm: true,
		DisableDefaultContentType:    true,
		StreamRequestBody:            true,
		ReadTimeout:                  a.conf.ReadTimeout,
		WriteTimeout:                 a.conf.WriteTimeout,
		IdleTimeout:                  a.conf.IdleTimeout,
		ReadBufferSize:               a.conf.HeaderLimit,
		Concurrency:                  a.conf.MaxConns,
		ErrorHandler:                 a.fiberError,
	})
	srv := a.fiber.Server()
	srv.CloseOnShutdown = true
	srv.SecureErrorLogMessage = true
	srv.KeepHijackedConns = false
	a.routed = srv.Handler
	srv.Handler = a.serve
	return a
}

// Handle registers a handler for a method and a path, in which ":name" stands for one
// segment. GET also serves HEAD. It must not be called after Listen.
func (a *App) Handle(method, path string, h Handler) {
	f := func(fc *fiber.Ctx) error { return a.run(fc, path, h) }
	if method == fiber.MethodGet {
		a.fiber.Add(fiber.MethodHead, path, f)
	}
	a.fiber.Add(method, path, f)
}

// Listen serves connections from ln until Shutdown, and closes ln. It returns nil after
// a Shutdown, at once if that came first.
func (a *App) Listen(ln net.Listener) error { return a.listen(ln, nil) }

// ListenTLS is Listen over TLS.
func (a *App) ListenTLS(ln net.Listener, conf *tls.Config) error {
	if conf == nil {
		return errors.New("web: ListenTLS needs a TLS configuration")
	}
	return a.listen(ln, conf)
}

func (a *App) listen(ln net.Listener, conf *tls.Config) error {
	a.mu.Lock()
	if a.stopping {
		a.mu.Unlock()
		return ln.Close()
	}
	a.mu.Unlock()
	plain := &listener{Listener: ln, app: a}
	var served net.Listener = plain
	if conf != nil {
		served = &tlsListener{listener: plain, conf: conf}
	}
	if err := a.fiber.Listener(served); err != nil && !a.isStopping() {
		return fmt.Errorf("serve HTTP on %s: %w", ln.Addr(), err)
	}
	return nil
}

func (a *App) isStopping() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.stopping
}

// Shutdown stops taking connections, lets the requests that were taken finish, and
// returns when all are answered. When ctx ends first, what is left is cut off and the
// context's error is returned.
func (a *App) Shutdown(ctx context.Context) error {
	a.mu.Lock()
	a.stopping = true
	a.mu.Unlock()
	defer a.cancel()
	err := a.fiber.Server().ShutdownWithContext(ctx)
	if err == nil {
		return nil
	}
	a.mu.Lock()
	left := make([]*conn, 0, len(a.conns))
	for c := range a.conns {
		left = append(left, c)
	}
	a.mu.Unlock()
	for _, c := range left {
		c.cut()
	}
	if errors.Is(err, net.ErrClosed) {
		return nil
	}
	return fmt.Errorf("stop HTTP server: %d connections were cut off: %w", len(left), err)
}
