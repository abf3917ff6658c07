package admin

import (
	"context"
	"log/slog"
	"strconv"

	"github.com/lazaret/lazaret/internal/auth"
	"github.com/lazaret/lazaret/internal/catalog"
	"github.com/lazaret/lazaret/internal/impact"
	"github.com/lazaret/lazaret/internal/web"
)

// Impacts says what a proposed schema would do to real traffic.
type Impacts interface {
	Measure(ctx context.Context, q impact.Query) (impact.Report, error)
}

func (a *API) impactRoutes() []route {
	return []route{{
		method: "POST", path: base + "/schemas/:subject/impact", scope: auth.Rules, about: inQuery,
		query: []string{"stream", "recent", "entries", "payloads"}, audit: true, do: a.impact,
	}}
}

// impact answers what the schema in the body would do to recent events and to the
// quarantine. It changes nothing.
func (a *API) impact(r *request) error {
	if a.conf.Impacts == nil {
		return &web.Problem{Status: 404, Detail: "This server does not try schemas on real traffic."}
	}
	q := impact.Query{Subject: r.Param("subject"), Stream: r.query.Get("stream")}
	r.audit(slog.String("subject", web.Cut(q.Subject)), slog.String("stream", web.Cut(q.Stream)))
	var err error
	if q.Recent, err = r.count("recent", impact.DefaultRecent, impact.MaxEntries); err != nil {
		return err
	}
	if q.Entries, err = r.count("entries", impact.DefaultEntries, impact.MaxEntries); err != nil {
		return err
	}
	if q.Payloads, err = r.flag("payloads"); err != nil {
		return err
	}
	if q.Payloads {
		if _, err := a.conf.Auth.Authenticate(r.Context(), r.headers(), auth.Payload); err != nil {
			return err
		}
		r.audit(slog.Bool("payloads", true))
	}
	data, err := r.body()
	if err != nil {
		return err
	}
	res, err := catalog.ParseBody(catalog.KindSchema, q.Subject, data)
	if err != nil {
		return err
	}
	q.Document, q.References = res.Schema, res.References
	report, err := a.conf.Impacts.Measure(r.Context(), q)
	if err != nil {
		return notTried(err)
	}
	return r.JSON(200, report)
}

// count reads a parameter that is a number from 0 to most.
func (r *request) count(name string, otherwise, most int) (int, error) {
	v := r.query.Get(name)
	if v == "" {
		return otherwise, nil
	}
	n, err := strconv.Atoi(v)
	if err != nil || n < 0 || n > most {
		return 0, badRequest("%s must be 0 to %d.", name, most)
	}
	return n, nil
}
