package web

import (
	"bytes"
	"errors"
	"runtime/debug"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/google/uuid"
	"github.com/valyala/fasthttp"
)

// smallBody is the size up to which the HTTP library has read a body of known length
// before it calls us, so that reading the rest of it never waits.
const smallBody = 8 << 10

// serve is the outermost handler: everything that holds for every answer is here.
func (a *App) serve(ctx *fasthttp.RequestCtx) {
	setDefaults(ctx)
	switch {
	case !knownMethod(string(ctx.Method())):
		sendProblem(ctx, &Problem{Status: 501, Detail: "This server does not know the method."})
	case twoLengths(&ctx.Request.Header):
		sendProblem(ctx, &Problem{Status: 400, Detail: "The request has both a Content-Length and a Transfer-Encoding."})
	default:
		a.guarded(ctx)
	}
	finish(ctx)
}

// guarded routes the request and turns a panic into an answer.
func (a *App) guarded(ctx *fasthttp.RequestCtx) {
	defer func() {
		if r := recover(); r != nil {
			// The value of a panic may quote the request: only its place is logged.
			a.conf.Log.Error("panic in an HTTP handler", "request_id", requestID(ctx), "stack", string(debug.Stack()))
			ctx.Response.Reset()
			setDefaults(ctx)
			sendProblem(ctx, internalProblem())
		}
	}()
	a.routed(ctx)
}

// run calls a route's handler and sends the problem that it returned.
func (a *App) run(fc *fiber.Ctx, route string, h Handler) error {
	start := time.Now()
	ctx := fc.Context()
	if a.conf.Observe != nil {
		defer func() { // also when it panics: the status is then still the default
			a.conf.Observe(string(ctx.Method()), route, ctx.Response.StatusCode(), time.Since(start))
		}()
	}
	if err := h(&Ctx{app: a, fc: fc, route: route}); err != nil {
		a.sendError(ctx, err)
	}
	return nil
}

func (a *App) sendError(ctx *fasthttp.RequestCtx, err error) {
	var p *Problem
	if !errors.As(err, &p) {
		a.conf.Log.Error("an HTTP request failed", "request_id", requestID(ctx), "error", err)
		p = internalProblem()
	}
	sendProblem(ctx, p)
}

// fiberError answers what the library itself refuses: paths and methods that have no
// route, and requests that could not be read at all.
func (a *App) fiberError(fc *fiber.Ctx, err error) error {
	ctx := fc.Context()
	setDefaults(ctx) // a request that could not be read did not come through serve
	sendProblem(ctx, libraryProblem(err))
	return nil
}

func libraryProblem(err error) *Problem {
	var fe *fiber.Error
	if !errors.As(err, &fe) {
		return internalProblem()
	}
	switch fe.Code {
	case 404:
		return &Problem{Status: 404, Detail: "There is nothing at this path."}
	case 405:
		return &Problem{Status: 405, Detail: "This path does not take the method; the Allow header lists those that it does."}
	case 408:
		return &Problem{Status: 408, Detail: "The request did not arrive in time."}
	case 413:
		return &Problem{Status: 413, Detail: "The body is too large."}
	case 431:
		return &Problem{Status: 431, Detail: "The request line and headers together are too large."}
	default:
		return &Problem{Status: 400, Detail: "The request is not well-formed HTTP."}
	}
}

func internalProblem() *Problem {
	return &Problem{Status: 500, Detail: "Something failed on our side. The server's log has it under the request id."}
}

func sendProblem(ctx *fasthttp.RequestCtx, p *Problem) {
	resp := &ctx.Response
	_ = resp.CloseBodyStream()
	resp.SetStatusCode(p.Status)
	resp.Header.SetContentType("application/problem+json")
	for k, v := range p.Headers {
		resp.Header.Set(k, v)
	}
	if p.RetryAfter > 0 {
		resp.Header.Set("Retry-After", retryAfter(p.RetryAfter))
	}
	resp.SetBody(p.encode(requestID(ctx)))
}

// setDefaults sets the headers that every answer has unless its handler says otherwise.
func setDefaults(ctx *fasthttp.RequestCtx) {
	h := &ctx.Response.Header
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Request-Id", requestID(ctx))
}

// finish sees to it that bytes of a body that nobody read are never taken for the next
// request: they are dropped if they are here already, else the connection ends.
func finish(ctx *fasthttp.RequestCtx) {
	body := ctx.Request.BodyStream()
	if body == nil {
		return
	}
	if n := ctx.Request.Header.ContentLength(); n >= 0 && n <= smallBody {
		return // the library has taken all of it off the connection
	}
	if tracked, ok := ctx.UserValue(bodyKey{}).(*bodyReader); ok && tracked.done {
		return
	}
	ctx.Response.SetConnectionClose()
	if c := baseConn(ctx.Conn()); c != nil {
		c.linger.Store(true)
	}
}

type requestIDKey struct{}

func requestID(ctx *fasthttp.RequestCtx) string {
	if id, ok := ctx.UserValue(requestIDKey{}).(string); ok {
		return id
	}
	id := string(ctx.Request.Header.Peek("X-Request-Id"))
	if !plainID(id) {
		id = uuid.NewString()
	}
	ctx.SetUserValue(requestIDKey{}, id)
	return id
}

func plainID(id string) bool {
	if id == "" || len(id) > 64 {
		return false
	}
	for _, r := range []byte(id) {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', r == '-', r == '_', r == '.':
		default:
			return false
		}
	}
	return true
}

func knownMethod(m string) bool {
	switch m {
	case fiber.MethodGet, fiber.MethodHead, fiber.MethodPost, fiber.MethodPut, fiber.MethodDelete,
		fiber.MethodPatch, fiber.MethodOptions:
		return true
	}
	return false
}

// twoLengths reports a request that says its length in two ways. The library believes
// the chunks; a proxy in front may have believed the number, and then the two disagree
// on where the next request begins (RFC 9112, section 6.1).
func twoLengths(h *fasthttp.RequestHeader) bool {
	if h.ContentLength() != -1 {
		return false
	}
	for line := range bytes.Lines(h.RawHeaders()) {
		name, _, _ := bytes.Cut(line, []byte{':'})
		if bytes.EqualFold(name, []byte("Content-Length")) {
			return true
		}
	}
	return false
}
