package registry

import (
	"errors"
	"slices"
	"strconv"

	"github.com/lazaret/lazaret/internal/catalog"
	"github.com/lazaret/lazaret/internal/web"
	"github.com/lazaret/lazaret/schemas"
)

// How much of all schemas is answered at once, and how many are read at a time.
const (
	maxSchemas    = 1000
	maxSchemaSize = 64 << 20 // bytes
	schemasAtOnce = 50
)

// schemas lists versions of all subjects with their documents.
func (a *API) schemas(r *request) (any, error) {
	q := schemas.Query{Prefix: prefix(r.Query("subjectPrefix")), Deleted: r.flag("deleted"), Bare: true}
	list, err := a.store().List(r.Context(), q)
	if err != nil {
		return nil, err
	}
	if r.flag("latestOnly") {
		list = latest(list)
	}
	if list, err = paged(r, list); err != nil {
		return nil, err
	}
	forms, size := []versionForm{}, 0
	for _, bare := range list[:min(len(list), maxSchemas)] {
		v, err := a.store().Get(r.Context(), bare.Subject, bare.Number)
		if errors.Is(err, schemas.ErrNotFound) {
			continue // deleted meanwhile
		} else if err != nil {
			return nil, err
		}
		if size += len(v.Document); size > maxSchemaSize {
			return nil, failed(422, "these are more than %d bytes: ask for fewer with limit and offset", maxSchemaSize)
		}
		forms = append(forms, formOf(v))
	}
	return forms, nil
}

// latest keeps the last version of each subject of a list that is in order.
func latest(list []schemas.Version) (last []schemas.Version) {
	for i, v := range list {
		if i == len(list)-1 || list[i+1].Subject != v.Subject {
			last = append(last, v)
		}
	}
	return last
}

// ofID returns the versions that have the id in the path, without their documents.
func (a *API) ofID(r *request) ([]schemas.Version, error) {
	id, err := strconv.Atoi(r.Param("id"))
	if err != nil || id < 1 {
		return nil, failed(codeSchemaNotFound, "Schema %s not found", web.Cut(r.Param("id")))
	}
	list, err := a.store().List(r.Context(), schemas.Query{ID: id, Deleted: true, Bare: true})
	if err == nil && len(list) == 0 {
		err = failed(codeSchemaNotFound, "Schema %d not found", id)
	}
	return list, err
}

// byIDVersion returns a version that has the id in the path: of the subject that the
// client names, if that has it, so that the document is the one that was given there.
func (a *API) byIDVersion(r *request) (schemas.Version, error) {
	list, err := a.ofID(r)
	if err != nil {
		return schemas.Version{}, err
	}
	at := slices.IndexFunc(list, func(v schemas.Version) bool { return v.Subject == r.Query("subject") })
	if at < 0 {
		at = max(0, slices.IndexFunc(list, schemas.Version.Live))
	}
	return a.store().Get(r.Context(), list[at].Subject, list[at].Number)
}

func (a *API) byID(r *request) (any, error) {
	v, err := a.byIDVersion(r)
	return struct {
		SchemaType string              `json:"schemaType"`
		Schema     string              `json:"schema"`
		References []schemas.Reference `json:"references,omitempty"`
	}{"JSON", string(v.Document), v.References}, err
}

func (a *API) byIDSchema(r *request) (any, error) {
	v, err := a.byIDVersion(r)
	return raw(v.Document), err
}

// used returns the versions that have the id, of those that the client asks for.
func (a *API) used(r *request) ([]schemas.Version, error) {
	list, err := a.ofID(r)
	return slices.DeleteFunc(list, func(v schemas.Version) bool {
		return !v.Live() && !r.flag("deleted") || r.Query("subject") != "" && v.Subject != r.Query("subject")
	}), err
}

func (a *API) byIDSubjects(r *request) (any, error) {
	list, err := a.used(r)
	if err != nil {
		return nil, err
	}
	names := []string{}
	for _, v := range list {
		names = append(names, v.Subject)
	}
	return paged(r, slices.Compact(names))
}

func (a *API) byIDVersions(r *request) (any, error) {
	list, err := a.used(r)
	if err != nil {
		return nil, err
	}
	type form struct {
		Subject string `json:"subject"`
		Version int    `json:"version"`
	}
	forms := []form{}
	for _, v := range list {
		forms = append(forms, form{v.Subject, v.Number})
	}
	return paged(r, forms)
}

// compatible says what a schema would be to a version of a subject, or to those that its
// level asks for.
func (a *API) compatible(r *request) (any, error) {
	_, res, err := r.schema()
	if err != nil {
		return nil, err
	}
	number := 0
	if r.Param("version") != "" {
		v, err := a.one(r, false)
		latest := r.Param("version") == "latest" || r.Param("version") == "-1"
		var f *failure
		if err != nil && !(latest && errors.As(err, &f) && f.Code == codeSubjectNotFound) {
			return nil, err
		}
		number = v.Number
	}
	type form struct {
		Is       bool     `json:"is_compatible"`
		Messages []string `json:"messages,omitzero"`
	}
	verbose := r.flag("verbose")
	answer := form{Messages: []string{}}
	check, err := a.conf.Catalog.CheckSchema(r.Context(), res, number)
	var refused *catalog.Refused
	switch {
	case verbose && errors.As(err, &refused):
		answer.Messages = append(answer.Messages, refusal(refused).Message)
	case err != nil:
		return nil, err
	default:
		answer.Is = check.Answer == schemas.Compatible
		answer.Messages = append(answer.Messages, check.Messages()...)
	}
	if !verbose {
		answer.Messages = nil
	}
	return answer, nil
}
