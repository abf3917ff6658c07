// Package admin is the admin API: docs/admin-api.md over HTTP, and the endpoints that
// a platform looks at: /livez, /readyz and /metrics.
//
// Every route is an entry of one table, with the scope that it needs and the query
// parameters that it takes; one function serves them all, so that none is without its
// check, and every change leaves one line in the log.
package admin

import (
	"errors"
	"log/slog"
	"net/http"
	"time"

	"github.com/lazaret/lazaret/gateway/replay"
	"github.com/lazaret/lazaret/internal/auth"
	"github.com/lazaret/lazaret/internal/catalog"
	"github.com/lazaret/lazaret/internal/web"
	"github.com/lazaret/lazaret/quarantine"
)

// Config sets up an API. All but the fields that say so must be set.
type Config struct {
	Catalog    *catalog.Catalog
	Quarantine *quarantine.Store
	Jobs       *quarantine.Jobs
	Replays    *replay.Jobs
	Auth       *auth.Guard
	// Impacts tries schemas on real traffic; nil: nobody can. Optional.
	Impacts Impacts
	// Proposals are those of new schema versions; nil: there are none. Optional.
	Proposals Proposals
	// StoreReady says why the store takes no writes; nil if it does.
	StoreReady func() error
	// Metrics answers /metrics; nil: there is none. Optional.
	Metrics http.Handler
	// Version and StorePath are what /info says. Optional.
	Version   string
	StorePath string
	// BodyLimit is the largest body of a request, in bytes. Optional; default 4 MiB.
	BodyLimit int64
	// Concurrency is that of reprocess jobs which do not say. Optional.
	Concurrency int
	// Log gets the audit lines. Optional.
	Log *slog.Logger
}

// API answers admin requests. It is safe for concurrent use.
type API struct {
	conf    Config
	log     *slog.Logger
	started time.Time
}

// New checks the configuration.
func New(conf Config) (*API, error) {
	if conf.Catalog == nil || conf.Quarantine == nil || conf.Jobs == nil || conf.Replays == nil || conf.Auth == nil || conf.StoreReady == nil {
		return nil, errors.New("admin: Config needs Catalog, Quarantine, Jobs, Replays, Auth and StoreReady")
	}
	if conf.BodyLimit == 0 {
		conf.BodyLimit = 4 << 20
	}
	if conf.Log == nil {
		conf.Log = slog.New(slog.DiscardHandler)
	}
	return &API{conf: conf, log: conf.Log, started: time.Now()}, nil
}

// Register adds every route to the server.
func (a *API) Register(app *web.App) {
	a.RegisterHealth(app)
	for _, r := range a.routes() {
		app.Handle(r.method, r.path, a.serve(r))
	}
}

// RegisterHealth adds /livez, /readyz and /metrics alone: for the ingest listener, where
// the admin API has one of its own.
func (a *API) RegisterHealth(app *web.App) {
	for _, r := range a.healthRoutes() {
		app.Handle(r.method, r.path, a.serve(r))
	}
}

// route is one endpoint.
type route struct {
	method, path string
	scope        auth.Scope // "" only with public
	public       bool       // anyone may ask
	about        about      // how the stream is found that a token may be restricted to
	query        []string   // the parameters that it takes
	audit        bool       // it changes something, or hands out payloads: it is logged
	do           func(*request) error
}

// about says which stream a request is about.
type about int

const (
	all     about = iota // all streams, or none in particular
	inPath               // the one in the path
	inQuery              // the one that the parameter stream names, else all
	later                // the handler finds it and asks request.allow
)

const base = "/admin/v1"

var (
	pageParams   = []string{"limit", "cursor"}
	filterParams = []string{"stream", "group", "code", "rule", "status", "since", "until", "id", "source", "schema_version"}
	writeParams  = []string{"dry_run"}
)

// routes is the admin API. A path with a fixed segment stands before one with a
// parameter in its place.
func (a *API) routes() []route {
	list := append(a.resourceRoutes(), a.schemaRoutes()...)
	list = append(list, a.quarantineRoutes()...)
	list = append(list, a.jobRoutes()...)
	list = append(list, a.replayRoutes()...)
	list = append(list, a.impactRoutes()...)
	list = append(list, a.proposalRoutes()...)
	return append(list, route{method: "GET", path: base + "/info", scope: auth.Read, do: a.info})
}

func (a *API) resourceRoutes() []route {
	force := append([]string{"force"}, writeParams...)
	return []route{
		{method: "GET", path: base + "/streams", scope: auth.Read, query: pageParams, do: a.listStreams},
		{method: "GET", path: base + "/streams/:stream", scope: auth.Read, about: inPath, do: a.getStream},
		{method: "GET", path: base + "/streams/:stream/versions", scope: auth.Read, about: inPath, query: pageParams, do: a.streamVersions},
		{method: "PUT", path: base + "/streams/:stream", scope: auth.Admin, about: inPath, query: writeParams, audit: true, do: a.put(catalog.KindStream, "stream")},
		{method: "DELETE", path: base + "/streams/:stream", scope: auth.Admin, about: inPath, query: force, audit: true, do: a.remove(catalog.KindStream, "stream")},

		{method: "GET", path: base + "/rules", scope: auth.Read, query: pageParams, do: a.listRules},
		{method: "GET", path: base + "/rules/:stream", scope: auth.Read, about: inPath, do: a.getRules},
		{method: "GET", path: base + "/rules/:stream/versions", scope: auth.Read, about: inPath, query: pageParams, do: a.ruleVersions},
		{method: "GET", path: base + "/rules/:stream/versions/:n", scope: auth.Read, about: inPath, do: a.getRules},
		{method: "PUT", path: base + "/rules/:stream", scope: auth.Rules, about: inPath, query: writeParams, audit: true, do: a.put(catalog.KindRuleSet, "stream")},
		{method: "DELETE", path: base + "/rules/:stream", scope: auth.Rules, about: inPath, query: writeParams, audit: true, do: a.remove(catalog.KindRuleSet, "stream")},

		{method: "POST", path: base + "/apply", scope: auth.Admin, query: force, audit: true, do: a.apply},
	}
}

func (a *API) quarantineRoutes() []route {
	list := append(append([]string{}, filterParams...), pageParams...)
	return []route{
		{method: "GET", path: base + "/quarantine", scope: auth.Read, about: inQuery, query: list, do: a.listEntries},
		{method: "GET", path: base + "/quarantine/export", scope: auth.Payload, about: inQuery, query: filterParams, audit: true, do: a.export},
		{method: "POST", path: base + "/quarantine/discard", scope: auth.Reprocess, about: later, query: writeParams, audit: true, do: a.discard},
		{method: "GET", path: base + "/quarantine/:id", scope: auth.Read, about: later, do: a.getEntry},
		{method: "GET", path: base + "/quarantine/:id/payload", scope: auth.Payload, about: later, audit: true, do: a.payload},
		{method: "GET", path: base + "/groups", scope: auth.Read, about: inQuery, query: list, do: a.listGroups},
		{method: "GET", path: base + "/groups/:group", scope: auth.Read, about: later, do: a.getGroup},
	}
}

func (a *API) jobRoutes() []route {
	return []route{
		{method: "POST", path: base + "/reprocess", scope: auth.Reprocess, about: later, query: writeParams, audit: true, do: a.submit},
		{method: "GET", path: base + "/reprocess", scope: auth.Read, query: pageParams, do: a.listJobs},
		{method: "GET", path: base + "/reprocess/:id", scope: auth.Read, about: later, do: a.getJob},
		{method: "POST", path: base + "/reprocess/:id/cancel", scope: auth.Reprocess, about: later, audit: true, do: a.changeJob(a.conf.Jobs.Cancel)},
		{method: "POST", path: base + "/reprocess/:id/resume", scope: auth.Reprocess, about: later, audit: true, do: a.changeJob(a.conf.Jobs.Resume)},
	}
}

func (a *API) healthRoutes() []route {
	list := []route{
		{method: "GET", path: "/livez", public: true, do: a.livez},
		{method: "GET", path: "/readyz", public: true, do: a.readyz},
	}
	if a.conf.Metrics != nil {
		list = append(list, route{method: "GET", path: "/metrics", scope: auth.Read, do: a.metrics})
	}
	return list
}
