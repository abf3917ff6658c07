// Package registry is the REST API of the Confluent Schema Registry, for JSON Schema,
// under /registry: what serializers, consoles and build plugins speak already. Behind it
// are the subjects and versions that streams are judged by; a change goes through the
// catalog, as every other does, with the same checks and in the same audit log.
//
// What differs is in docs/registry.md: schemas are JSON Schemas alone, the same document
// is found whatever its white space, and "incompatible" comes with an event that shows it.
package registry

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"mime"
	"slices"
	"strconv"
	"strings"

	"github.com/lazaret/lazaret/internal/auth"
	"github.com/lazaret/lazaret/internal/catalog"
	"github.com/lazaret/lazaret/internal/web"
	"github.com/lazaret/lazaret/schemas"
)

// Config sets up an API. Catalog and Auth must be set.
type Config struct {
	Catalog *catalog.Catalog
	Auth    *auth.Guard
	// BodyLimit is the largest body of a request, in bytes. Default 4 MiB.
	BodyLimit int64
	// Version is what /v1/metadata/version says.
	Version string
	// Log gets the audit lines. Optional.
	Log *slog.Logger
}

// API answers the requests of clients. It is safe for concurrent use.
type API struct {
	conf Config
}

// New checks the configuration.
func New(conf Config) (*API, error) {
	if conf.Catalog == nil || conf.Auth == nil {
		return nil, errors.New("registry: Config needs Catalog and Auth")
	}
	if conf.BodyLimit == 0 {
		conf.BodyLimit = 4 << 20
	}
	if conf.Log == nil {
		conf.Log = slog.New(slog.DiscardHandler)
	}
	return &API{conf}, nil
}

const base = "/registry"

// route is one endpoint. What it answers is sent as JSON, but for raw bytes.
type route struct {
	method, path string
	scope        auth.Scope
	do           func(*request) (any, error)
}

// raw is an answer that is sent as it is.
type raw []byte

// Register adds every route to the server.
func (a *API) Register(app *web.App) {
	for _, r := range a.routes() {
		app.Handle(r.method, base+r.path, a.serve(r))
	}
	for _, method := range []string{"GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"} {
		app.Handle(method, base, a.nothing)
		app.Handle(method, base+"/*", a.nothing)
	}
}

// nothing answers where there is no route, in the form in which clients read errors.
func (a *API) nothing(c *web.Ctx) error {
	r := &request{Ctx: c, api: a}
	var allowed []string
	for _, route := range a.routes() {
		if matches(route.path, strings.TrimPrefix(r.Path(), base)) {
			allowed = append(allowed, route.method)
		}
	}
	if len(allowed) == 0 {
		return r.fail(&failure{404, 404, "HTTP 404 Not Found: the schema registry has nothing at this path"})
	}
	r.SetHeader("Allow", strings.Join(allowed, ", "))
	return r.fail(&failure{405, 405, "HTTP 405 Method Not Allowed: this path takes " + strings.Join(allowed, ", ")})
}

// matches reports whether a path is one of a route.
func matches(route, path string) bool {
	want, got := strings.Split(route, "/"), strings.Split(path, "/")
	return slices.EqualFunc(want, got, func(w, g string) bool { return w == g || strings.HasPrefix(w, ":") && g != "" })
}

// routes is the API. A path with a fixed segment stands before one with a parameter in its
// place.
func (a *API) routes() []route {
	const subject, version = "/subjects/:subject", "/subjects/:subject/versions/:version"
	return []route{
		{"GET", "", auth.Read, a.root},
		{"GET", "/", auth.Read, a.root},
		{"GET", "/contexts", auth.Read, a.contexts},
		{"GET", "/v1/metadata/id", auth.Read, a.metadataID},
		{"GET", "/v1/metadata/version", auth.Read, a.metadataVersion},

		{"GET", "/subjects", auth.Read, a.subjects},
		{"POST", subject, auth.Read, a.lookUp},
		{"DELETE", subject, auth.Rules, a.deleteSubject},
		{"GET", subject + "/versions", auth.Read, a.versions},
		{"POST", subject + "/versions", auth.Rules, a.register},
		{"GET", version, auth.Read, a.version},
		{"GET", version + "/schema", auth.Read, a.versionSchema},
		{"GET", version + "/referencedby", auth.Read, a.referencedBy},
		{"DELETE", version, auth.Rules, a.deleteVersion},

		{"GET", "/schemas", auth.Read, a.schemas},
		{"GET", "/schemas/types", auth.Read, a.types},
		{"GET", "/schemas/ids/:id", auth.Read, a.byID},
		{"GET", "/schemas/ids/:id/schema", auth.Read, a.byIDSchema},
		{"GET", "/schemas/ids/:id/subjects", auth.Read, a.byIDSubjects},
		{"GET", "/schemas/ids/:id/versions", auth.Read, a.byIDVersions},

		{"GET", "/config", auth.Read, a.getConfig},
		{"PUT", "/config", auth.Rules, a.putConfig},
		{"DELETE", "/config", auth.Rules, a.deleteConfig},
		{"GET", "/config/:subject", auth.Read, a.getConfig},
		{"PUT", "/config/:subject", auth.Rules, a.putConfig},
		{"DELETE", "/config/:subject", auth.Rules, a.deleteConfig},
		{"GET", "/mode", auth.Read, a.getMode},
		{"PUT", "/mode", auth.Rules, a.putMode},
		{"DELETE", "/mode", auth.Rules, a.deleteMode},
		{"GET", "/mode/:subject", auth.Read, a.getMode},
		{"PUT", "/mode/:subject", auth.Rules, a.putMode},
		{"DELETE", "/mode/:subject", auth.Rules, a.deleteMode},

		{"POST", "/compatibility" + subject + "/versions", auth.Read, a.compatible},
		{"POST", "/compatibility" + version, auth.Read, a.compatible},
	}
}

// request is one request that has passed the checks of its route.
type request struct {
	*web.Ctx
	api  *API
	id   auth.Identity
	note []slog.Attr // what the audit line says besides
}

// serve makes the handler of a route: it decides who may, writes the answer, and of a
// change the audit line.
func (a *API) serve(route route) web.Handler {
	return func(c *web.Ctx) error {
		r := &request{Ctx: c, api: a}
		answer, err := r.run(route)
		if route.scope != auth.Read {
			r.audit(err)
		}
		if err != nil {
			return r.fail(err)
		}
		if text, ok := answer.(raw); ok {
			return r.Bytes(200, r.mediaType(), text)
		}
		return r.json(200, answer)
	}
}

func (r *request) run(route route) (any, error) {
	var err error
	r.id, err = r.api.conf.Auth.Authorize(r.Context(), r.credentials(), route.scope, "")
	if err != nil {
		return nil, err
	}
	return route.do(r)
}

// credentials takes a token as it is, and out of HTTP Basic the password for one: that is
// what clients of schema registries send.
func (r *request) credentials() auth.Request {
	q := auth.Request{Authorization: r.Header("Authorization"), Host: r.Header("Host"), Origin: r.Header("Origin")}
	scheme, text, _ := strings.Cut(q.Authorization, " ")
	if !strings.EqualFold(scheme, "basic") {
		return q
	}
	pair, err := base64.StdEncoding.DecodeString(strings.TrimSpace(text))
	if _, password, ok := strings.Cut(string(pair), ":"); ok && err == nil {
		q.Authorization = "Bearer " + password
	}
	return q
}

const mediaType = "application/vnd.schemaregistry.v1+json"

// mediaType is that of the answer: plain JSON if that alone is asked for.
func (r *request) mediaType() string {
	accept := r.Header("Accept")
	if strings.Contains(accept, "application/json") && !strings.Contains(accept, "schemaregistry") && !strings.Contains(accept, "*/*") {
		return "application/json"
	}
	return mediaType
}

func (r *request) json(status int, v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("registry: %w", err)
	}
	return r.Bytes(status, r.mediaType(), b)
}

// audit writes who did what, and what came of it.
func (r *request) audit(err error) {
	outcome := "done"
	if err != nil {
		outcome = "refused " + strconv.Itoa(answerTo(err).Code)
	}
	r.Audit(r.api.conf.Log, r.id.Name, r.id.TokenID, outcome, err == nil, r.note...)
}

// decode reads a body of JSON. Members that are not known are left alone, as by the
// registry whose API this is.
func (r *request) decode(out any) error {
	if t := r.Header("Content-Type"); t != "" {
		media, _, err := mime.ParseMediaType(t)
		known := err == nil && (media == "application/json" || media == "application/octet-stream" || strings.HasPrefix(media, "application/vnd.schemaregistry"))
		if !known {
			return &failure{415, 415, "HTTP 415 Unsupported Media Type: send " + mediaType}
		}
	}
	if r.Header("Content-Encoding") != "" {
		return &failure{415, 415, "bodies are taken without a content encoding"}
	}
	data, err := r.ReadBody(r.api.conf.BodyLimit)
	if err != nil {
		return err
	}
	var kind *json.UnmarshalTypeError
	if err := json.Unmarshal(data, out); errors.As(err, &kind) && kind.Field == "schema" {
		return failed(codeInvalidSchema, "schema must be a string that holds the schema's text, as \"schema\":\"{\\\"type\\\":\\\"object\\\"}\", and is %s", kind.Value)
	} else if err != nil {
		return &failure{400, 400, "the body is not the JSON that is expected here"}
	}
	return nil
}

// flag reads a parameter that is true or false, in whatever letters.
func (r *request) flag(name string) bool { return strings.EqualFold(r.Query(name), "true") }

// number reads a parameter that is a number from 0; a negative one stands for none.
func (r *request) number(name string) (int, error) {
	v := r.Query(name)
	if v == "" {
		return 0, nil
	}
	n, err := strconv.Atoi(v)
	if err != nil {
		return 0, &failure{400, 400, "the parameter " + name + " is not a number"}
	}
	return max(n, 0), nil
}

func (a *API) store() *schemas.Registry { return a.conf.Catalog.Schemas() }

func (a *API) root(*request) (any, error)     { return struct{}{}, nil }
func (a *API) contexts(*request) (any, error) { return []string{"."}, nil }
func (a *API) types(*request) (any, error)    { return []string{"JSON"}, nil }

func (a *API) metadataID(*request) (any, error) {
	clusters := map[string]string{"kafka-cluster": "", "schema-registry-cluster": "lazaret"}
	return map[string]any{"id": "", "scope": map[string]any{"path": []string{}, "clusters": clusters}}, nil
}

func (a *API) metadataVersion(*request) (any, error) {
	return map[string]string{"version": a.conf.Version, "commitId": ""}, nil
}
