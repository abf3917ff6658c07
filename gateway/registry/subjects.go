package registry

import (
	"errors"
	"log/slog"
	"slices"
	"strconv"
	"strings"

	"github.com/lazaret/lazaret/internal/catalog"
	"github.com/lazaret/lazaret/internal/web"
	"github.com/lazaret/lazaret/schemas"
)

// versionForm is a version as it is answered.
type versionForm struct {
	Subject    string              `json:"subject"`
	Version    int                 `json:"version"`
	ID         int                 `json:"id"`
	SchemaType string              `json:"schemaType"`
	References []schemas.Reference `json:"references,omitempty"`
	Schema     string              `json:"schema"`
	Deleted    bool                `json:"deleted,omitempty"`
}

func formOf(v schemas.Version) versionForm {
	return versionForm{v.Subject, v.Number, v.ID, "JSON", v.References, string(v.Document), !v.Live()}
}

// schemaBody is a schema as it is sent.
type schemaBody struct {
	Schema     string              `json:"schema"`
	SchemaType string              `json:"schemaType"`
	References []schemas.Reference `json:"references"`
	ID         int                 `json:"id"`
	Version    int                 `json:"version"`
	Metadata   map[string]any      `json:"metadata"`
	RuleSet    map[string]any      `json:"ruleSet"`
}

// schema reads the schema in the body, as a resource of the subject in the path.
func (r *request) schema() (schemaBody, catalog.Resource, error) {
	var b schemaBody
	err := r.decode(&b)
	switch {
	case err != nil:
	case b.SchemaType == "":
		err = failed(codeInvalidSchema, "schemaType is left out, which stands for AVRO: only JSON is kept here; send \"schemaType\":\"JSON\"")
	case b.SchemaType != "JSON":
		err = failed(codeInvalidSchema, "Invalid schema type %.40q: only JSON is kept here", b.SchemaType)
	case b.Schema == "":
		err = failed(codeInvalidSchema, "Empty schema")
	case len(b.Metadata) > 0 || len(b.RuleSet) > 0:
		err = failed(codeInvalidSchema, "metadata and ruleSet are not kept here: rules belong to streams")
	}
	return b, catalog.Resource{
		Kind: catalog.KindSchema, Name: r.Param("subject"), Schema: []byte(b.Schema), References: b.References,
	}, err
}

func (res draft) draft() schemas.Draft {
	return schemas.Draft{Subject: res.Name, Document: res.Schema, References: res.References}
}

type draft catalog.Resource

// subjects lists the names of subjects.
func (a *API) subjects(r *request) (any, error) {
	only := r.flag("deletedOnly")
	list, err := a.store().List(r.Context(), schemas.Query{Prefix: prefix(r.Query("subjectPrefix")), Deleted: only || r.flag("deleted"), Bare: true})
	if err != nil {
		return nil, err
	}
	live := map[string]bool{}
	for _, v := range list {
		live[v.Subject] = live[v.Subject] || v.Live()
	}
	names := []string{}
	for name, is := range live {
		if !only || !is {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return paged(r, names)
}

// prefix is a prefix of names without the context that clients put before it.
func prefix(s string) string {
	for _, context := range []string{":*:", ":.:"} {
		if rest, ok := strings.CutPrefix(s, context); ok {
			return rest
		}
	}
	return s
}

// paged cuts a list to what offset and limit ask for.
func paged[T any](r *request, list []T) ([]T, error) {
	offset, err := r.number("offset")
	if err != nil {
		return nil, err
	}
	limit, err := r.number("limit")
	if err != nil {
		return nil, err
	}
	list = list[min(offset, len(list)):]
	if limit > 0 {
		list = list[:min(limit, len(list))]
	}
	return list, nil
}

// all returns the versions of the subject in the path, soft-deleted ones too, without their
// documents. A failure if there are none at all.
func (a *API) all(r *request) ([]schemas.Version, error) {
	subject := r.Param("subject")
	list, err := a.store().List(r.Context(), schemas.Query{Subject: subject, Deleted: true, Bare: true})
	if err == nil && (len(list) == 0 || subject == "") {
		err = noSubject(subject)
	}
	return list, err
}

func numbers(list []schemas.Version, want func(schemas.Version) bool) []int {
	found := []int{}
	for _, v := range list {
		if want(v) {
			found = append(found, v.Number)
		}
	}
	return found
}

func (a *API) versions(r *request) (any, error) {
	list, err := a.all(r)
	if err != nil {
		return nil, err
	}
	found := numbers(list, func(v schemas.Version) bool {
		if r.flag("deletedOnly") {
			return !v.Live()
		}
		return v.Live() || r.flag("deleted")
	})
	if len(found) == 0 {
		return nil, noSubject(r.Param("subject"))
	}
	return paged(r, found)
}

// one finds the version in the path: a number, or latest, or -1 for the same. One that is
// soft-deleted is found if so wished.
func (a *API) one(r *request, deleted bool) (schemas.Version, error) {
	subject, text := r.Param("subject"), r.Param("version")
	number, err := strconv.Atoi(text)
	switch {
	case text == "latest" || err == nil && number == -1:
		number = 0
	case err != nil || number < 1 || number > 1<<31-1:
		return schemas.Version{}, failed(codeInvalidVersion, "The specified version '%s' is not a valid version id. Allowed values are between [1, 2^31-1] and the string \"latest\"", web.Cut(text))
	}
	v, err := a.store().Get(r.Context(), subject, number)
	if err == nil && (v.Live() || deleted) {
		return v, nil
	} else if err != nil && !errors.Is(err, schemas.ErrNotFound) {
		return v, err
	}
	list, err := a.all(r)
	live := slices.ContainsFunc(list, schemas.Version.Live)
	switch {
	case err != nil:
		return v, err
	case !live && !deleted, number == 0:
		return v, noSubject(subject)
	}
	return v, noVersion(number)
}

func (a *API) version(r *request) (any, error) {
	v, err := a.one(r, r.flag("deleted"))
	return formOf(v), err
}

func (a *API) versionSchema(r *request) (any, error) {
	v, err := a.one(r, r.flag("deleted"))
	return raw(v.Document), err
}

// referencedBy lists the ids of the schemas that refer to a version by a reference.
func (a *API) referencedBy(r *request) (any, error) {
	v, err := a.one(r, r.flag("deleted"))
	if err != nil {
		return nil, err
	}
	list, err := a.store().ReferencedBy(r.Context(), v.Subject, v.Number)
	ids := []int{}
	for _, other := range list {
		if (other.Live() || r.flag("deleted")) && !slices.Contains(ids, other.ID) {
			ids = append(ids, other.ID)
		}
	}
	slices.Sort(ids)
	return ids, err
}

// lookUp says which version of the subject a schema is.
func (a *API) lookUp(r *request) (any, error) {
	_, res, err := r.schema()
	if err != nil {
		return nil, err
	}
	list, err := a.all(r)
	if err != nil {
		return nil, err
	}
	deleted := r.flag("deleted")
	if !deleted && !slices.ContainsFunc(list, schemas.Version.Live) {
		return nil, noSubject(res.Name)
	}
	v, err := a.store().Find(r.Context(), draft(res).draft(), deleted)
	var bad *schemas.CompileError
	if errors.As(err, &bad) {
		err = failed(codeInvalidSchema, "%v", err)
	}
	return formOf(v), err
}

// register makes a schema the subject's next version, unless the subject has it already.
func (a *API) register(r *request) (any, error) {
	b, res, err := r.schema()
	if err != nil {
		return nil, err
	}
	ch := catalog.Change{Resource: res, ID: max(b.ID, 0), Version: max(b.Version, 0), Once: true, Note: "registered by a client"}
	found, err := a.store().Find(r.Context(), draft(res).draft(), false)
	if err == nil && (ch.ID == 0 || ch.ID == found.ID) && (ch.Version == 0 || ch.Version == found.Number) {
		r.note = append(r.note, slog.Int("id", found.ID), slog.Bool("found", true))
		return map[string]int{"id": found.ID}, nil
	}
	if ch.ID == 0 && ch.Version != 0 {
		if err := a.next(r, ch.Version); err != nil {
			return nil, err
		}
		ch.Version = 0
	}
	results, err := a.conf.Catalog.Apply(r.Context(), []catalog.Change{ch}, catalog.Options{})
	if err != nil {
		return nil, err
	}
	r.note = append(r.note, slog.Int("id", results[0].ID), slog.Int("version", results[0].Version))
	return map[string]int{"id": results[0].ID}, nil
}

// next makes sure that a number which a client asks for is the one that it will get.
func (a *API) next(r *request, number int) error {
	latest, err := a.store().Get(r.Context(), r.Param("subject"), 0)
	if err != nil && !errors.Is(err, schemas.ErrNotFound) {
		return err
	}
	if number != latest.Number+1 {
		return failed(codeInvalidSchema, "Version is not one more than previous version")
	}
	return nil
}

func (a *API) deleteSubject(r *request) (any, error) {
	list, err := a.all(r)
	if err != nil {
		return nil, err
	}
	subject, permanent := r.Param("subject"), r.flag("permanent")
	live := numbers(list, schemas.Version.Live)
	switch {
	case permanent && len(live) > 0:
		return nil, failed(codeSubjectNotSoftDeleted, "Subject '%s' was not deleted first before being permanently deleted", web.Cut(subject))
	case !permanent && len(live) == 0:
		return nil, failed(codeSubjectSoftDeleted, "Subject '%s' was soft deleted. Set permanent=true to delete permanently", web.Cut(subject))
	case permanent:
		live = numbers(list, func(schemas.Version) bool { return true })
	}
	return live, a.remove(r, subject, 0, permanent)
}

func (a *API) deleteVersion(r *request) (any, error) {
	v, err := a.one(r, true)
	if err != nil {
		return nil, err
	}
	permanent := r.flag("permanent")
	switch {
	case permanent && v.Live():
		return nil, failed(codeVersionNotSoftDeleted, "Subject '%s' Version %d was not deleted first before being permanently deleted", v.Subject, v.Number)
	case !permanent && !v.Live():
		return nil, failed(codeVersionSoftDeleted, "Subject '%s' Version %d was soft deleted. Set permanent=true to delete permanently", v.Subject, v.Number)
	}
	return v.Number, a.remove(r, v.Subject, v.Number, permanent)
}

func (a *API) remove(r *request, subject string, number int, permanent bool) error {
	r.note = append(r.note, slog.Bool("permanent", permanent))
	_, err := a.conf.Catalog.Apply(r.Context(), []catalog.Change{{
		Resource: catalog.Resource{Kind: catalog.KindSchema, Name: subject},
		Delete:   true, Version: number, Soft: !permanent, Permanent: permanent,
	}}, catalog.Options{})
	return err
}
