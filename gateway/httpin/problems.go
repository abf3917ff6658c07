package httpin

import (
	"errors"
	"time"

	"github.com/lazaret/lazaret/gateway"
	"github.com/lazaret/lazaret/internal/web"
)

// kind is the type of a problem, for programs that tell problems apart.
func kind(name string) string { return "urn:lazaret:problem:" + name }

// problem turns a failure of the gateway into an answer, and logs it if it is ours.
func (s *Server) problem(c *web.Ctx, stream string, err error) error {
	p := &web.Problem{Detail: "The request failed on our side. Nothing was acknowledged."}
	var ge *gateway.Error
	if errors.As(err, &ge) {
		p.Detail, p.RetryAfter = ge.Message, ge.RetryAfter
	}
	switch {
	case errors.Is(err, gateway.ErrInternal):
		p.Status, p.Type, p.RetryAfter = 500, kind("internal"), 0
	case errors.Is(err, gateway.ErrNotFound):
		p.Status, p.Type = 404, kind("unknown-stream")
	case errors.Is(err, gateway.ErrTooManyEvents):
		p.Status, p.Type = 413, kind("too-many-events")
	case errors.Is(err, gateway.ErrKeyReused):
		p.Status, p.Type = 422, kind("idempotency-key-reused")
	case errors.Is(err, gateway.ErrInProgress):
		p.Status, p.Type = 409, kind("in-progress")
	case errors.Is(err, gateway.ErrKeyUnusable):
		p.Status, p.Type = 409, kind("idempotency-key-unusable")
	default:
		p.Status, p.Type, p.RetryAfter = 503, kind("unavailable"), max(p.RetryAfter, time.Second)
	}
	if p.Status >= 500 && !errors.Is(err, gateway.ErrDraining) {
		s.conf.Log.Warn("an ingest request was not acknowledged", "request_id", c.RequestID(), "stream", stream, "status", p.Status, "error", err)
	}
	return p
}

// reply sends the answer: 200, or 422 as a problem if an atomic request was refused.
func reply(c *web.Ctx, a *gateway.Answer) error {
	if a.Replayed {
		c.SetHeader("Idempotency-Replayed", "true")
	}
	if a.Refused {
		return &web.Problem{Status: 422, Type: kind("atomic"), Title: "Nothing was taken", Members: a,
			Detail: "The request is atomic and has bad events, so none of it was taken. The results list those that are bad."}
	}
	return c.JSON(200, a)
}
