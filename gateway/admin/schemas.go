package admin

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/lazaret/lazaret/internal/auth"
	"github.com/lazaret/lazaret/internal/catalog"
	"github.com/lazaret/lazaret/internal/web"
	"github.com/lazaret/lazaret/internal/yamlread"
	"github.com/lazaret/lazaret/schemas"
)

// schemaRoutes are those of schemas and their compatibility.
func (a *API) schemaRoutes() []route {
	const one, level = base + "/schemas/:subject", base + "/compatibility"
	force := append([]string{"force"}, writeParams...)
	return []route{
		{method: "GET", path: base + "/schemas", scope: auth.Read, query: pageParams, do: a.listSchemas},
		{method: "GET", path: one, scope: auth.Read, do: a.getSchema},
		{method: "GET", path: one + "/versions", scope: auth.Read, query: pageParams, do: a.schemaVersions},
		{method: "GET", path: one + "/versions/:n", scope: auth.Read, do: a.getSchema},
		{method: "PUT", path: one, scope: auth.Rules, query: append(force, "why"), audit: true, do: a.put(catalog.KindSchema, "subject")},
		{method: "DELETE", path: one, scope: auth.Rules, query: writeParams, audit: true, do: a.remove(catalog.KindSchema, "subject")},
		{method: "POST", path: one + "/check", scope: auth.Read, do: a.checkSchema},
		{method: "POST", path: one + "/rollback", scope: auth.Rules, query: writeParams, audit: true, do: a.rollbackSchema},
		{method: "GET", path: one + "/compatibility", scope: auth.Read, do: a.getLevel},
		{method: "PUT", path: one + "/compatibility", scope: auth.Rules, audit: true, do: a.putLevel},
		{method: "GET", path: level, scope: auth.Read, do: a.getLevel},
		{method: "PUT", path: level, scope: auth.Rules, audit: true, do: a.putLevel},
	}
}

type schemaForm struct {
	Kind    catalog.Kind `json:"kind"`
	Subject string       `json:"subject"`
	Version int          `json:"version"`
	ID      int          `json:"id"`
	Hash    string       `json:"hash"`
	Note    string       `json:"note,omitempty"`
	Created time.Time    `json:"created"`
	Deleted time.Time    `json:"deleted,omitzero"`
	// Compatibility is the subject's own level; empty where it has none.
	Compatibility schemas.Level       `json:"compatibility,omitempty"`
	References    []schemas.Reference `json:"references,omitempty"`
	Schema        json.RawMessage     `json:"schema,omitempty"`
}

func formOfSchema(v schemas.Version) schemaForm {
	return schemaForm{
		Kind: catalog.KindSchema, Subject: v.Subject, Version: v.Number, ID: v.ID, Hash: v.Hash, Note: v.Note,
		Created: v.Created, Deleted: v.Deleted, References: v.References, Schema: v.Document,
	}
}

func (a *API) listSchemas(r *request) error {
	list, err := a.conf.Catalog.Schemas().Subjects(r.Context())
	if err != nil {
		return err
	}
	part, next, err := page(r, list, func(s schemas.Subject) string { return s.Name })
	if err != nil {
		return err
	}
	type form struct {
		Subject  string    `json:"subject"`
		Version  int       `json:"version"` // the latest
		Versions int       `json:"versions"`
		Updated  time.Time `json:"updated"`
		// Level is the one that holds, be it the subject's own or not.
		Level schemas.Level `json:"level"`
	}
	forms := make([]form, len(part))
	for i, s := range part {
		holds, err := a.conf.Catalog.Schemas().Effective(r.Context(), s.Name)
		if err != nil {
			return err
		}
		forms[i] = form{s.Name, s.Latest, s.Versions, s.Updated, holds.Level}
	}
	return r.JSON(200, map[string]any{"schemas": forms, "next": next})
}

// getSchema answers with the version in the path, else the latest.
func (a *API) getSchema(r *request) error {
	n, err := r.number()
	if err != nil {
		return err
	}
	v, err := a.conf.Catalog.Schemas().Get(r.Context(), r.Param("subject"), n)
	if err != nil {
		return err
	}
	own, err := a.conf.Catalog.Schemas().Settings(r.Context(), v.Subject)
	if err != nil {
		return err
	}
	form := formOfSchema(v)
	form.Compatibility = own.Level
	return r.tagged(catalog.SchemaTag(v, own.Level), form)
}

func (a *API) schemaVersions(r *request) error {
	list, err := a.conf.Catalog.Schemas().Versions(r.Context(), r.Param("subject"))
	if err != nil {
		return err
	}
	slices.Reverse(list)
	part, next, err := page(r, list, func(v schemas.Version) string { return numberKey(v.Number) })
	if err != nil {
		return err
	}
	forms := make([]schemaForm, len(part))
	for i, v := range part {
		v.Document = nil
		forms[i] = formOfSchema(v)
	}
	return r.JSON(200, map[string]any{"versions": forms, "next": next})
}

// checkSchema says what a schema would be to the earlier versions, and changes nothing.
func (a *API) checkSchema(r *request) error {
	data, err := r.body()
	if err != nil {
		return err
	}
	res, err := catalog.ParseBody(catalog.KindSchema, r.Param("subject"), data)
	if err != nil {
		return err
	}
	check, err := a.conf.Catalog.CheckSchema(r.Context(), res, 0)
	if err != nil {
		return notTried(err)
	}
	return r.JSON(200, check)
}

// rollbackSchema makes an earlier version's document the latest again.
func (a *API) rollbackSchema(r *request) error {
	var body struct {
		Version int    `yaml:"version"`
		Why     string `yaml:"why"`
	}
	if err := r.decode(&body); err != nil {
		return err
	}
	if body.Version < 1 {
		return badRequest(`Name the version to go back to, as {"version":3}.`)
	}
	v, err := a.conf.Catalog.Schemas().Get(r.Context(), r.Param("subject"), body.Version)
	if err != nil {
		return err
	}
	r.audit(slog.Int("back_to", v.Number))
	return a.change(r, catalog.Change{
		Resource: catalog.Resource{Kind: catalog.KindSchema, Name: v.Subject, Schema: v.Document, References: v.References},
		Force:    true, Note: strings.TrimSuffix(fmt.Sprintf("rollback to version %d, %s", v.Number, r.made(body.Why)), ", "),
	})
}

// made says who makes a version, where a token says that, and why, where that was said.
func (r *request) made(why string) string {
	if why == "" && r.id.TokenID == "" {
		return ""
	}
	return strings.TrimSuffix(fmt.Sprintf("by %.60s: %s", r.id.Name, web.Cut(why)), ": ")
}

// levelForm is a compatibility level, and in answers whether the subject has it itself.
type levelForm struct {
	Compatibility schemas.Level `json:"compatibility"`
	Own           bool          `json:"own"`
}

func (a *API) getLevel(r *request) error {
	subject := r.Param("subject")
	own, err := a.conf.Catalog.Schemas().Settings(r.Context(), subject)
	if err != nil {
		return err
	}
	now, err := a.conf.Catalog.Schemas().Effective(r.Context(), subject)
	if err != nil {
		return err
	}
	return r.JSON(200, levelForm{now.Level, own.Level != ""})
}

// putLevel sets the level of a subject, or the global one; an empty one is no longer set.
func (a *API) putLevel(r *request) error {
	var body struct {
		Compatibility *string `yaml:"compatibility"`
		Own           any     `yaml:"own"`
	}
	if err := r.decode(&body); err != nil {
		return err
	}
	var level schemas.Level
	if body.Compatibility == nil {
		return badRequest(`Send {"compatibility":"FULL"}; an empty level takes away what is set.`)
	}
	if *body.Compatibility != "" {
		var err error
		if level, err = schemas.ParseLevel(*body.Compatibility); err != nil {
			return badRequest("%s.", err)
		}
	}
	subject := r.Param("subject")
	r.audit(slog.String("subject", web.Cut(subject)), slog.String("compatibility", string(level)))
	err := a.conf.Catalog.SetCompatibility(r.Context(), subject, level)
	if errors.Is(err, schemas.ErrSubject) {
		return badRequest("This is no name of a subject.")
	} else if err != nil {
		return err
	}
	return a.getLevel(r)
}

// decode reads a small body.
func (r *request) decode(out any) error {
	data, err := r.body()
	if err != nil {
		return err
	}
	return yamlread.Decode("", data, out)
}
