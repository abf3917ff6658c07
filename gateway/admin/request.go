package admin

import (
	"errors"
	"fmt"
	"log/slog"
	"mime"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/lazaret/lazaret/internal/auth"
	"github.com/lazaret/lazaret/internal/web"
)

// request is one admin request that has passed the checks of its route.
type request struct {
	*web.Ctx
	api   *API
	route route
	query url.Values
	id    auth.Identity

	allowed bool        // the identity was held against the stream
	note    []slog.Attr // what the audit line says besides
}

// serve makes the handler of a route: it decides who may, reads the parameters, and
// writes the audit line.
func (a *API) serve(r route) web.Handler {
	return func(c *web.Ctx) error {
		req := &request{Ctx: c, api: a, route: r}
		err := req.run()
		if err != nil {
			err = problem(err)
		}
		if r.audit {
			req.log(err)
		}
		return err
	}
}

func (r *request) run() error {
	if !r.route.public {
		if err := r.authorize(); err != nil {
			return err
		}
	}
	if err := r.readQuery(); err != nil {
		return err
	}
	if r.route.about == inQuery {
		if err := r.allow(r.query.Get("stream")); err != nil {
			return err
		}
	}
	err := r.route.do(r)
	if err == nil && !r.allowed && !r.route.public {
		return fmt.Errorf("route %s %s answered without asking for which stream", r.route.method, r.route.path)
	}
	return err
}

func (r *request) authorize() error {
	id, err := r.api.conf.Auth.Authenticate(r.Context(), r.headers(), r.route.scope)
	r.id = id
	if err != nil {
		return err
	}
	switch r.route.about {
	case all:
		return r.allow("")
	case inPath:
		return r.allow(r.Param("stream"))
	}
	return nil
}

func (r *request) headers() auth.Request {
	return auth.Request{Authorization: r.Header("Authorization"), Host: r.Header("Host"), Origin: r.Header("Origin")}
}

// allow holds the identity against the stream that the request is about; "" is all.
func (r *request) allow(stream string) error {
	r.allowed = true
	return r.id.Allows(stream)
}

// readQuery refuses parameters that the route does not take: one that is misspelt must
// not widen what is deleted or shown.
func (r *request) readQuery() (err error) {
	if r.query, err = r.QueryValues(); err != nil {
		return err
	}
	for name, values := range r.query {
		if !slices.Contains(r.route.query, name) {
			takes := "it takes none"
			if len(r.route.query) > 0 {
				takes = "it takes " + strings.Join(r.route.query, ", ")
			}
			return badRequest("This request does not take the query parameter %q; %s.", web.Cut(name), takes)
		}
		if len(values) > 1 && name != "id" {
			return badRequest("The query parameter %s is there %d times.", name, len(values))
		}
	}
	return nil
}

// flag reads a parameter that is true or false.
func (r *request) flag(name string) (bool, error) {
	v := r.query.Get(name)
	if v == "" {
		return false, nil
	}
	b, err := strconv.ParseBool(v)
	if err != nil {
		return false, badRequest("The query parameter %s must be true or false.", name)
	}
	return b, nil
}

// body reads the whole body, which must be JSON or YAML.
func (r *request) body() ([]byte, error) {
	if t := r.Header("Content-Type"); t != "" {
		media, _, err := mime.ParseMediaType(t)
		known := []string{"application/json", "application/schema+json", "application/yaml", "application/x-yaml", "text/yaml"}
		if err != nil || !slices.Contains(known, media) {
			return nil, &web.Problem{Status: 415, Detail: "Send application/json or application/yaml."}
		}
	}
	if r.Header("Content-Encoding") != "" {
		return nil, &web.Problem{Status: 415, Detail: "The admin API takes bodies without a content encoding."}
	}
	return r.ReadBody(r.api.conf.BodyLimit)
}

// audit adds to the audit line. Values must not be out of a payload.
func (r *request) audit(attrs ...slog.Attr) { r.note = append(r.note, attrs...) }

// log writes the audit line: who did what, and what came of it.
func (r *request) log(err error) {
	outcome := "done"
	var p *web.Problem
	if errors.As(err, &p) {
		outcome = "refused " + strconv.Itoa(p.Status)
	} else if err != nil {
		outcome = "failed"
	}
	r.Audit(r.api.log, r.id.Name, r.id.TokenID, outcome, err == nil, r.note...)
}
