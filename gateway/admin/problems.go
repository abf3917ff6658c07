package admin

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/lazaret/lazaret/gateway"
	"github.com/lazaret/lazaret/gateway/replay"
	"github.com/lazaret/lazaret/internal/auth"
	"github.com/lazaret/lazaret/internal/catalog"
	"github.com/lazaret/lazaret/internal/db"
	"github.com/lazaret/lazaret/internal/evolution"
	"github.com/lazaret/lazaret/internal/web"
	"github.com/lazaret/lazaret/internal/yamlread"
	"github.com/lazaret/lazaret/quarantine"
	"github.com/lazaret/lazaret/rules"
	"github.com/lazaret/lazaret/schemas"
)

func badRequest(format string, args ...any) *web.Problem {
	return &web.Problem{Status: 400, Detail: fmt.Sprintf(format, args...)}
}

// statuses turns the kinds of failure into answers; the first that fits counts.
var statuses = []struct {
	is    error
	serve func(err error) *web.Problem
}{
	{auth.ErrUnauthenticated, func(err error) *web.Problem {
		return &web.Problem{Status: 401, Detail: err.Error(), Headers: map[string]string{"WWW-Authenticate": `Bearer realm="lazaret"`}}
	}},
	{auth.ErrForbidden, plain(403)},
	{catalog.ErrPrecondition, plain(412)},
	{catalog.ErrInUse, plain(409)},
	{catalog.ErrConflict, plain(409)},
	{catalog.ErrMode, plain(409)},
	{catalog.ErrLive, plain(409)},
	{schemas.ErrTaken, plain(409)},
	{catalog.ErrNotFound, plain(404)},
	{gateway.ErrNotFound, plain(404)},
	{schemas.ErrNotFound, plain(404)},
	{rules.ErrNotFound, plain(404)},
	{quarantine.ErrNotFound, plain(404)},
	{quarantine.ErrState, plain(409)},
	{quarantine.ErrBusy, again(429, 10*time.Second)},
	{quarantine.ErrStopped, again(503, 5*time.Second)},
	{evolution.ErrNotFound, plain(404)},
	{evolution.ErrState, plain(409)},
	{evolution.ErrConflict, plain(409)},
	{evolution.ErrUnproved, plain(409)},
	{replay.ErrNotFound, plain(404)},
	{replay.ErrState, plain(409)},
	{replay.ErrBusy, plain(409)},
	{replay.ErrStopped, again(503, 5*time.Second)},
	{replay.ErrUnavailable, again(503, 10*time.Second)},
	{db.ErrFull, again(503, 30*time.Second)},
	{db.ErrFailed, again(503, 30*time.Second)},
	{db.ErrClosed, again(503, 5*time.Second)},
	{context.Canceled, func(error) *web.Problem {
		return &web.Problem{Status: 503, Detail: "The server is shutting down.", RetryAfter: 5 * time.Second}
	}},
}

func plain(status int) func(error) *web.Problem {
	return func(err error) *web.Problem { return &web.Problem{Status: status, Detail: err.Error()} }
}

func again(status int, after time.Duration) func(error) *web.Problem {
	return func(err error) *web.Problem {
		return &web.Problem{Status: status, Detail: err.Error(), RetryAfter: after}
	}
}

// problem is the answer to an error. An error that it does not know is returned as it
// is, to be logged and answered as a 500.
func problem(err error) error {
	var p *web.Problem
	if errors.As(err, &p) {
		return p
	}
	var refused *catalog.Refused
	if errors.As(err, &refused) {
		return refusal(refused)
	}
	var input *quarantine.InputError
	if errors.As(err, &input) {
		return &web.Problem{Status: 400, Detail: input.Error(), Errors: []web.FieldError{{Pointer: "/" + input.Field, Message: input.Message}}}
	}
	var spec *replay.InputError
	if errors.As(err, &spec) {
		if spec.Field == "cursor" {
			return badRequest("%s", spec.Message)
		}
		return &web.Problem{Status: 422, Detail: "This cannot be replayed.", Errors: []web.FieldError{{Pointer: "/" + spec.Field, Message: spec.Message}}}
	}
	if list := unreadable(err); len(list) > 0 {
		return &web.Problem{Status: 400, Detail: "What was sent cannot be read. Nothing was changed.", Errors: list}
	}
	for _, s := range statuses {
		if errors.Is(err, s.is) {
			return s.serve(err)
		}
	}
	return err
}

// refusal shows everything that is wrong with what was to be applied.
func refusal(r *catalog.Refused) *web.Problem {
	p := &web.Problem{Status: 422, Title: "Refused", Detail: "This is not right yet, and was refused whole: nothing was changed."}
	checks := map[string]*catalog.Check{}
	for _, f := range r.Faults {
		p.Errors = append(p.Errors, web.FieldError{
			Resource: f.Resource, File: f.File, Line: f.Line, Column: f.Column, Pointer: f.Pointer, Message: f.Message, Snippet: f.Snippet,
		})
		if f.Check != nil {
			checks[f.Resource] = f.Check
		}
	}
	if len(checks) > 0 {
		p.Detail += " A schema that is not compatible is taken with force=true."
		p.Members = struct {
			Comparisons map[string]*catalog.Check `json:"comparisons"`
		}{checks}
	}
	return p
}

// notTried is an error about a schema that was to be tried alone.
func notTried(err error) error {
	var r *catalog.Refused
	if !errors.As(err, &r) {
		return err
	}
	p := refusal(r)
	p.Detail = "This is not a schema that could be registered."
	return p
}

// unreadable finds the yamlread errors in a tree of errors.
func unreadable(err error) (list []web.FieldError) {
	var e *yamlread.Error
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		for _, inner := range joined.Unwrap() {
			list = append(list, unreadable(inner)...)
		}
	} else if errors.As(err, &e) {
		list = append(list, web.FieldError{File: e.File, Line: e.Line, Column: e.Column, Message: e.Message, Snippet: e.Snippet})
	}
	return list
}
