package web

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"strings"

	"github.com/gofiber/fiber/v2"
	"github.com/valyala/fasthttp"
)

// Ctx is one request and its answer. Every string and slice that it returns is a copy
// that may be kept. A Ctx is used by one goroutine at a time and only until the
// handler returns.
type Ctx struct {
	app   *App
	fc    *fiber.Ctx
	route string
}

func (c *Ctx) fast() *fasthttp.RequestCtx { return c.fc.Context() }

// Context ends when the server gives up on the requests that it is still serving.
// (That the client has gone is not noticed before the answer is written.)
func (c *Ctx) Context() context.Context { return c.app.base }

// Method returns the request's method, such as "POST".
func (c *Ctx) Method() string { return strings.Clone(c.fc.Method()) }

// Path returns the request's path as it was sent, percent-encoding and all.
func (c *Ctx) Path() string { return strings.Clone(c.fc.Path()) }

// Route returns the pattern that the request matched.
func (c *Ctx) Route() string { return c.route }

// Param returns the path segment that stands for :name, percent-decoded; a segment
// whose encoding is broken is returned as it was sent.
func (c *Ctx) Param(name string) string {
	raw := strings.Clone(c.fc.Params(name))
	if s, err := url.PathUnescape(raw); err == nil {
		return s
	}
	return raw
}

// Query returns the first value of a query parameter, or "".
func (c *Ctx) Query(name string) string {
	return string(c.fast().QueryArgs().Peek(name))
}

// QueryValues returns all query parameters. The error, for a query that cannot be
// read, is a *Problem.
func (c *Ctx) QueryValues() (url.Values, error) {
	v, err := url.ParseQuery(string(c.fast().URI().QueryString()))
	if err != nil {
		return nil, &Problem{Status: 400, Detail: "The query string is not well formed: check its percent-encoding, and separate parameters by &."}
	}
	return v, nil
}

// Header returns the first value of a request header, or "".
func (c *Ctx) Header(name string) string {
	return string(c.fast().Request.Header.Peek(name))
}

// HeaderValues returns all values of a request header, in the order sent.
func (c *Ctx) HeaderValues(name string) []string {
	raw := c.fast().Request.Header.PeekAll(name)
	values := make([]string, len(raw))
	for i, v := range raw {
		values[i] = string(v)
	}
	return values
}

// EachHeader calls f for every request header, in the order sent.
func (c *Ctx) EachHeader(f func(name, value string)) {
	for k, v := range c.fast().Request.Header.All() {
		f(string(k), string(v))
	}
}

// RemoteIP returns the address of the other side of the connection, without a port.
// Forwarding headers are not believed.
func (c *Ctx) RemoteIP() string { return c.fast().RemoteIP().String() }

// TLS says whether the request came over TLS.
func (c *Ctx) TLS() bool { return c.fast().IsTLS() }

// RequestID returns the id that the answer carries as X-Request-Id: the client's own
// if it sent a plain one, else a new one.
func (c *Ctx) RequestID() string { return requestID(c.fast()) }

// SetHeader sets a header of the answer, in place of a default one if there is.
func (c *Ctx) SetHeader(name, value string) { c.fast().Response.Header.Set(name, value) }

// JSON answers with v as JSON.
func (c *Ctx) JSON(status int, v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("encode the answer: %w", err)
	}
	return c.Bytes(status, "application/json", append(b, '\n'))
}

// Bytes answers with b, which is copied.
func (c *Ctx) Bytes(status int, contentType string, b []byte) error {
	resp := &c.fast().Response
	resp.SetStatusCode(status)
	resp.Header.SetContentType(contentType)
	resp.SetBody(b)
	return nil
}

// NoContent answers 204.
func (c *Ctx) NoContent() error {
	c.fast().Response.ResetBody()
	c.fast().Response.SetStatusCode(204)
	return nil
}
