package admin

import (
	"fmt"
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/lazaret/lazaret/gateway"
	"github.com/lazaret/lazaret/internal/catalog"
	"github.com/lazaret/lazaret/internal/web"
	"github.com/lazaret/lazaret/rules"
)

// The forms of resources in answers. Each may be sent back in a PUT or in an apply.

type streamForm struct {
	Kind catalog.Kind `json:"kind"`
	gateway.Stream
	Broken string `json:"broken,omitempty"` // why the contract does not compile
}

type ruleSetForm struct {
	Kind    catalog.Kind `json:"kind"`
	Stream  string       `json:"stream"`
	Version int          `json:"version"`
	Hash    string       `json:"hash"`
	State   string       `json:"state"`
	Created time.Time    `json:"created"`
	Rules   []rules.Rule `json:"rules,omitzero"`
}

func (a *API) streamForm(s gateway.Stream) streamForm {
	f := streamForm{Kind: catalog.KindStream, Stream: s}
	if err := a.conf.Catalog.Broken(s.Name); err != nil {
		f.Broken = err.Error()
	}
	return f
}

func formOfRules(v rules.Version) ruleSetForm {
	return ruleSetForm{catalog.KindRuleSet, v.Stream, v.Number, v.Hash, v.State, v.Created, v.Set.Rules}
}

// numberKey orders numbers from the highest down.
func numberKey(n int) string { return fmt.Sprintf("%019d", int64(1)<<62-int64(n)) }

func (a *API) listStreams(r *request) error {
	list, err := a.conf.Catalog.Streams().List(r.Context())
	if err != nil {
		return err
	}
	part, next, err := page(r, list, func(s gateway.Stream) string { return s.Name })
	if err != nil {
		return err
	}
	forms := make([]streamForm, len(part))
	for i, s := range part {
		forms[i] = a.streamForm(s)
	}
	return r.JSON(200, map[string]any{"streams": forms, "next": next})
}

func (a *API) getStream(r *request) error {
	s, err := a.conf.Catalog.Streams().Get(r.Context(), r.Param("stream"))
	if err != nil {
		return err
	}
	return r.tagged(catalog.StreamTag(s), a.streamForm(s))
}

// streamVersions lists the versions, the newest first.
func (a *API) streamVersions(r *request) error {
	list, err := a.conf.Catalog.Streams().Versions(r.Context(), r.Param("stream"))
	if err != nil {
		return err
	}
	slices.Reverse(list)
	part, next, err := page(r, list, func(s gateway.Stream) string { return numberKey(s.Version) })
	if err != nil {
		return err
	}
	return r.JSON(200, map[string]any{"versions": part, "next": next})
}

func (a *API) listRules(r *request) error {
	list, err := a.conf.Catalog.Rules().Streams(r.Context())
	if err != nil {
		return err
	}
	return r.ruleSets("rules", list, func(v rules.Version) string { return v.Stream })
}

// getRules answers with the version in the path, else the active one.
func (a *API) getRules(r *request) error {
	n, err := r.number()
	if err != nil {
		return err
	}
	v, err := a.conf.Catalog.Rules().Get(r.Context(), r.Param("stream"), n)
	if err != nil {
		return err
	}
	return r.tagged(catalog.RulesTag(v), formOfRules(v))
}

func (a *API) ruleVersions(r *request) error {
	list, err := a.conf.Catalog.Rules().Versions(r.Context(), r.Param("stream"))
	if err != nil {
		return err
	}
	if len(list) == 0 {
		return fmt.Errorf("rules of %s: %w", r.Param("stream"), rules.ErrNotFound)
	}
	return r.ruleSets("versions", list, func(v rules.Version) string { return numberKey(v.Number) })
}

func (r *request) ruleSets(name string, list []rules.Version, key func(rules.Version) string) error {
	part, next, err := page(r, list, key)
	if err != nil {
		return err
	}
	forms := make([]ruleSetForm, len(part))
	for i, v := range part {
		forms[i] = formOfRules(v)
	}
	return r.JSON(200, map[string]any{name: forms, "next": next})
}

// number reads the version in the path; 0 if the path has none.
func (r *request) number() (int, error) {
	v := r.Param("n")
	if v == "" {
		return 0, nil
	}
	n, err := strconv.Atoi(v)
	if err != nil || n < 1 {
		return 0, badRequest("A version is a number from 1.")
	}
	return n, nil
}

// tagged answers with a resource and its ETag, or with 304 if the client has it.
func (r *request) tagged(tag string, v any) error {
	etag := `"` + tag + `"`
	r.SetHeader("ETag", etag)
	for _, have := range strings.Split(r.Header("If-None-Match"), ",") {
		if strings.TrimPrefix(strings.TrimSpace(have), "W/") == etag {
			return r.Bytes(304, "application/json", nil)
		}
	}
	return r.JSON(200, v)
}

// conditions reads If-Match and If-None-Match of a write.
func (r *request) conditions(ch *catalog.Change) error {
	switch match := strings.TrimSpace(r.Header("If-Match")); {
	case match == "" || match == "*":
		ch.IfMatch = match
	case len(match) > 2 && match[0] == '"' && match[len(match)-1] == '"' && strings.Count(match, `"`) == 2:
		ch.IfMatch = match[1 : len(match)-1]
	default:
		return badRequest(`If-Match must be one ETag as it was answered, such as "3-0123456789ab", or *.`)
	}
	switch none := strings.TrimSpace(r.Header("If-None-Match")); none {
	case "":
	case "*":
		ch.IfNone = true
	default:
		return badRequest("If-None-Match of a write must be *: create only.")
	}
	return nil
}

// put makes the handler that puts a resource.
func (a *API) put(kind catalog.Kind, param string) func(*request) error {
	return func(r *request) error {
		data, err := r.body()
		if err != nil {
			return err
		}
		res, err := catalog.ParseBody(kind, r.Param(param), data)
		if err != nil {
			return err
		}
		force, err := r.flag("force")
		if err != nil {
			return err
		}
		return a.change(r, catalog.Change{Resource: res, Force: force, Note: r.made(r.query.Get("why"))})
	}
}

// remove makes the handler that deletes a resource.
func (a *API) remove(kind catalog.Kind, param string) func(*request) error {
	return func(r *request) error {
		force, err := r.flag("force")
		if err != nil {
			return err
		}
		return a.change(r, catalog.Change{Resource: catalog.Resource{Kind: kind, Name: r.Param(param)}, Delete: true, Force: force})
	}
}

// change applies one change and answers with what came of it.
func (a *API) change(r *request, ch catalog.Change) error {
	dry, err := r.flag("dry_run")
	if err != nil {
		return err
	}
	if err := r.conditions(&ch); err != nil {
		return err
	}
	r.audit(slog.String("resource", web.Cut(ch.Resource.Key())), slog.Bool("dry_run", dry), slog.Bool("force", ch.Force))
	results, err := a.conf.Catalog.Apply(r.Context(), []catalog.Change{ch}, catalog.Options{DryRun: dry})
	if err != nil {
		return err
	}
	res := results[0]
	r.audit(slog.String("action", string(res.Action)), slog.Int("version", res.Version), slog.Bool("forced", res.Forced))
	if res.Tag != "" && !dry {
		r.SetHeader("ETag", `"`+res.Tag+`"`)
	}
	status := 200
	if res.Action == catalog.Created && !dry {
		status = 201
	}
	return r.JSON(status, res)
}

func (a *API) apply(r *request) error {
	dry, err := r.flag("dry_run")
	if err != nil {
		return err
	}
	force, err := r.flag("force")
	if err != nil {
		return err
	}
	data, err := r.body()
	if err != nil {
		return err
	}
	resources, err := catalog.ParseManifests("", data, nil)
	if err != nil {
		return err
	}
	if len(resources) == 0 {
		return badRequest(`There is nothing to apply: send {"resources":[…]}.`)
	}
	changes := make([]catalog.Change, len(resources))
	for i, res := range resources {
		changes[i].Resource, changes[i].Force = res, force
	}
	r.audit(slog.Int("resources", len(resources)), slog.Bool("dry_run", dry), slog.Bool("force", force))
	results, err := a.conf.Catalog.Apply(r.Context(), changes, catalog.Options{DryRun: dry})
	if err != nil {
		return err
	}
	for _, res := range results {
		r.audit(slog.String(res.Key(), fmt.Sprintf("%s %d", res.Action, res.Version)))
	}
	return r.JSON(200, struct {
		DryRun  bool             `json:"dry_run"`
		Results []catalog.Result `json:"results"`
	}{dry, results})
}
