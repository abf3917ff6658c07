package admin

import (
	"context"
	"log/slog"
	"slices"

	"github.com/lazaret/lazaret/internal/auth"
	"github.com/lazaret/lazaret/internal/evolution"
	"github.com/lazaret/lazaret/internal/web"
	"github.com/lazaret/lazaret/internal/yamlread"
)

// Proposals keeps and carries out proposals of new schema versions.
type Proposals interface {
	List(ctx context.Context, stream string, state evolution.State) (evolution.Page, error)
	Get(ctx context.Context, id string) (evolution.Proposal, error)
	Accept(ctx context.Context, id string, d evolution.Decision) (evolution.Proposal, error)
	Reject(ctx context.Context, id string, d evolution.Decision) (evolution.Proposal, error)
	Rollback(ctx context.Context, id string, d evolution.Decision) (evolution.Proposal, error)
}

func (a *API) proposalRoutes() []route {
	list := append([]string{"stream", "state"}, pageParams...)
	const one = base + "/proposals/:id"
	return []route{
		{method: "GET", path: base + "/proposals", scope: auth.Read, about: inQuery, query: list, do: a.listProposals},
		{method: "GET", path: one, scope: auth.Read, about: later, do: a.getProposal},
		{method: "POST", path: one + "/accept", scope: auth.Rules, about: later, audit: true, do: a.acceptProposal},
		{method: "POST", path: one + "/reject", scope: auth.Rules, about: later, audit: true, do: a.decide(Proposals.Reject)},
		{method: "POST", path: one + "/rollback", scope: auth.Rules, about: later, audit: true, do: a.rollbackProposal},
	}
}

func (a *API) proposals() (Proposals, error) {
	if a.conf.Proposals == nil {
		return nil, &web.Problem{Status: 404, Detail: "This server proposes no schemas."}
	}
	return a.conf.Proposals, nil
}

func (a *API) listProposals(r *request) error {
	all, err := a.proposals()
	if err != nil {
		return err
	}
	state := evolution.State(r.query.Get("state"))
	if state != "" && !slices.Contains(evolution.States(), state) {
		return badRequest("state must be one of %v.", evolution.States())
	}
	list, err := all.List(r.Context(), r.query.Get("stream"), state)
	if err != nil {
		return err
	}
	// Ids begin with the time; the list begins with the newest.
	part, next, err := page(r, list.Proposals, func(p evolution.Proposal) string { return downwards(p.ID) })
	if err != nil {
		return err
	}
	return r.JSON(200, map[string]any{"proposals": part, "notes": list.Notes, "next": next})
}

// downwards turns the order of texts in ASCII around.
func downwards(s string) string {
	b := []byte(s)
	for i := range b {
		b[i] = 0x7f - b[i]&0x7f
	}
	return string(b)
}

// proposal finds the proposal in the path, if the token may have to do with its stream.
func (a *API) proposal(r *request) (evolution.Proposal, Proposals, error) {
	all, err := a.proposals()
	if err != nil {
		return evolution.Proposal{}, nil, err
	}
	p, err := all.Get(r.Context(), r.Param("id"))
	if err != nil {
		return p, nil, err
	}
	return p, all, r.allow(p.Stream)
}

func (a *API) getProposal(r *request) error {
	p, _, err := a.proposal(r)
	if err != nil {
		return err
	}
	return r.JSON(200, p)
}

// acceptProposal also releases, which needs a scope of its own.
func (a *API) acceptProposal(r *request) error {
	if err := a.changesSubject(r); err != nil {
		return err
	}
	if _, err := a.conf.Auth.Authenticate(r.Context(), r.headers(), auth.Reprocess); err != nil {
		return err
	}
	return a.decide(Proposals.Accept)(r)
}

func (a *API) rollbackProposal(r *request) error {
	if err := a.changesSubject(r); err != nil {
		return err
	}
	return a.decide(Proposals.Rollback)(r)
}

// changesSubject refuses a token that may not have to do with every stream that the
// proposal's subject judges: a new version is one for all of them.
func (a *API) changesSubject(r *request) error {
	p, _, err := a.proposal(r)
	if err != nil {
		return err
	}
	streams, err := a.conf.Catalog.Streams().List(r.Context())
	if err != nil {
		return err
	}
	for _, s := range streams {
		if s.Schema != nil && s.Schema.Subject == p.Subject {
			if err := r.allow(s.Name); err != nil {
				return err
			}
		}
	}
	return nil
}

// decide makes the handler of a decision. The body is optional: {"why":"…","force":true}.
func (a *API) decide(do func(Proposals, context.Context, string, evolution.Decision) (evolution.Proposal, error)) func(*request) error {
	return func(r *request) error {
		p, all, err := a.proposal(r)
		if err != nil {
			return err
		}
		data, err := r.body()
		if err != nil {
			return err
		}
		var b struct {
			Why   string `yaml:"why"`
			Force bool   `yaml:"force"`
		}
		if len(data) > 0 {
			if err := yamlread.Decode("", data, &b); err != nil {
				return err
			}
		}
		r.audit(slog.String("proposal", p.ID), slog.String("stream", p.Stream))
		if p, err = do(all, r.Context(), p.ID, evolution.Decision{Who: r.id.Name, Why: web.Cut(b.Why), Force: b.Force}); err != nil {
			return err
		}
		r.audit(slog.String("state", string(p.State)), slog.Int("version", p.Version))
		p.Document = nil
		return r.JSON(200, p)
	}
}
