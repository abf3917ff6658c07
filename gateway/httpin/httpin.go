// Package httpin is the ingest API over HTTP:
//
//	POST /v1/streams/{stream}/events
//
// It takes JSON (one event, or an array of them), NDJSON, and CloudEvents in the
// structured, batch and binary modes, plain or compressed with gzip or zstd, and
// answers when every event is durable at the stream's sink or in the quarantine.
//
// How a body becomes events:
//
//   - application/json: an array is one event an element; anything else is one event,
//     byte for byte, also if it is not JSON (the verdict says so). An array whose
//     brackets do not fit is one event as a whole: nothing is lost, and no half of a
//     broken request is taken. An element that is broken inside its own brackets is an
//     event of its own, and its neighbours are not touched. An event that is itself an
//     array is sent within an array.
//   - application/x-ndjson: one event a line; blank lines are skipped.
//   - application/cloudevents+json: one event, the envelope with all.
//   - application/cloudevents-batch+json: as for a JSON array.
//   - a ce-specversion header: the body is the one event's data (binary mode).
//
// A body is admitted against the gateway's budget of bytes in flight before it is read,
// and copied once, off the connection.
package httpin

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/lazaret/lazaret"
	"github.com/lazaret/lazaret/gateway"
	"github.com/lazaret/lazaret/internal/auth"
	"github.com/lazaret/lazaret/internal/web"
)

// Path is where events are sent to.
const Path = "/v1/streams/:stream/events"

// Limits bounds one request. The zero value of a field means its default.
type Limits struct {
	// BodyBytes is how large a body may be as it is sent. Default 16 MiB.
	BodyBytes int64
	// DecodedBytes is how large it may be when its content encoding is undone. Default 64 MiB.
	DecodedBytes int64
}

// Authorizer decides who may send to a stream; *auth.Guard is one.
type Authorizer interface {
	Authorize(ctx context.Context, r auth.Request, scope auth.Scope, stream string) (auth.Identity, error)
}

// Config sets up a Server. Gateway and Auth must be set.
type Config struct {
	Gateway *gateway.Gateway
	Auth    Authorizer
	Limits  Limits
	Log     *slog.Logger
}

// Server answers ingest requests. Safe for concurrent use.
type Server struct {
	conf     Config
	decoders decoders
}

// New checks the configuration. It refuses limits under which a request that is within
// them could never be admitted.
func New(conf Config) (*Server, error) {
	if conf.Gateway == nil || conf.Auth == nil {
		return nil, errors.New("httpin: Config needs Gateway and Auth")
	}
	if conf.Limits.BodyBytes == 0 {
		conf.Limits.BodyBytes = 16 << 20
	}
	if conf.Limits.DecodedBytes == 0 {
		conf.Limits.DecodedBytes = max(64<<20, conf.Limits.BodyBytes)
	}
	if conf.Limits.BodyBytes < 0 || conf.Limits.DecodedBytes < conf.Limits.BodyBytes {
		return nil, fmt.Errorf("httpin: a decoded body (limit %d bytes) may not be smaller than a body (limit %d bytes)", conf.Limits.DecodedBytes, conf.Limits.BodyBytes)
	}
	if need, have := maxReserve(conf.Limits.DecodedBytes), conf.Gateway.Limits().MaxInFlightBytes; need > have {
		return nil, fmt.Errorf("httpin: a body of %d bytes, decoded, needs %d bytes in flight, and the limit of those is %d: raise it, or lower the limit of decoded bodies", conf.Limits.DecodedBytes, need, have)
	}
	if conf.Log == nil {
		conf.Log = slog.New(slog.DiscardHandler)
	}
	return &Server{conf: conf}, nil
}

// Register adds the ingest API to a web server.
func (s *Server) Register(app *web.App) { app.Handle("POST", Path, s.ingest) }

// ingest answers one request. All that can be refused without the body is refused
// before the body is read.
func (s *Server) ingest(c *web.Ctx) error {
	stream := c.Param("stream")
	if err := s.authorize(c, stream); err != nil {
		return err
	}
	active, err := s.conf.Gateway.Find(stream)
	if err != nil {
		return s.problem(c, stream, err)
	}
	p, err := readParams(c, active.NamingHeaders())
	if err != nil {
		return err
	}
	budget := &budget{admit: s.conf.Gateway.Admit}
	defer budget.release()
	body, err := s.readBody(c, p, budget)
	if err != nil {
		return err
	}
	events, err := s.events(c, p, body)
	if err != nil {
		return err
	}
	answer, err := s.conf.Gateway.Ingest(c.Context(), p.request(stream, events, body))
	if err != nil {
		return s.problem(c, stream, err)
	}
	return reply(c, answer)
}

func (s *Server) authorize(c *web.Ctx, stream string) error {
	r := auth.Request{Authorization: c.Header("Authorization"), Host: c.Header("Host"), Origin: c.Header("Origin")}
	_, err := s.conf.Auth.Authorize(c.Context(), r, auth.Ingest, stream)
	switch {
	case err == nil:
		return nil
	case errors.Is(err, auth.ErrUnauthenticated):
		return &web.Problem{Status: 401, Type: kind("unauthenticated"), Detail: err.Error(),
			Headers: map[string]string{"WWW-Authenticate": `Bearer realm="lazaret"`}}
	case errors.Is(err, auth.ErrForbidden):
		return &web.Problem{Status: 403, Type: kind("forbidden"), Detail: err.Error(),
			Headers: map[string]string{"WWW-Authenticate": `Bearer realm="lazaret", error="insufficient_scope", scope="ingest"`}}
	default:
		s.conf.Log.Error("a request could not be authorised", "request_id", c.RequestID(), "error", err)
		return &web.Problem{Status: 503, Type: kind("unavailable"), RetryAfter: 2 * time.Second,
			Detail: "It cannot be said now who may send what. Nothing of this request was taken."}
	}
}

// events makes the events of a body. They share the body's memory, which is theirs alone.
func (s *Server) events(c *web.Ctx, p *params, body []byte) ([]*lazaret.Event, error) {
	parts, err := split(p.mode, body, s.conf.Gateway.Limits().MaxBatchEvents)
	if err != nil {
		return nil, err
	}
	contentType := p.eventType()
	source := lazaret.Source{Kind: "http", Name: c.RemoteIP()}
	received := time.Now().UTC()
	list := make([]lazaret.Event, len(parts))
	events := make([]*lazaret.Event, len(parts))
	for i, part := range parts {
		source.Offset = int64(i)
		list[i] = lazaret.Event{Data: part, ContentType: contentType, Headers: p.headers, Received: received, Source: source}
		events[i] = &list[i]
	}
	return events, nil
}
