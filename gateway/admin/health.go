package admin

import (
	"bytes"
	"net/http"
	"time"

	"github.com/lazaret/lazaret/internal/auth"
)

func (a *API) livez(r *request) error {
	return r.JSON(200, map[string]string{"status": "ok"})
}

// check is one line of /readyz.
type check struct {
	Name string `json:"name"`
	OK   bool   `json:"ok"`
	// Streams and Error are for those who may read: they name what is inside.
	Streams []string `json:"streams,omitempty"`
	Error   string   `json:"error,omitempty"`
}

// fail notes a failure.
func (c *check) fail(stream string, err error) {
	c.OK = false
	if stream != "" {
		c.Streams = append(c.Streams, stream)
	}
	if c.Error == "" {
		c.Error = err.Error()
	}
}

// readyz answers 503 while the store or a sink takes nothing. A stream whose contract
// does not compile is shown, and does not keep the others from being served.
func (a *API) readyz(r *request) error {
	store, sinks, contracts := check{Name: "store", OK: true}, check{Name: "sinks", OK: true}, check{Name: "contracts", OK: true}
	if err := a.conf.StoreReady(); err != nil {
		store.fail("", err)
	}
	for _, h := range a.conf.Catalog.Health() {
		if h.Sink != nil {
			sinks.fail(h.Stream, h.Sink)
		}
		if h.Broken != nil {
			contracts.fail(h.Stream, h.Broken)
		}
	}
	answer := struct {
		Status string  `json:"status"`
		Checks []check `json:"checks"`
	}{"ok", []check{store, sinks, contracts}}
	status := 200
	switch {
	case !store.OK || !sinks.OK:
		answer.Status, status = "unavailable", 503
	case !contracts.OK:
		answer.Status = "degraded"
	}
	if _, err := a.conf.Auth.Authorize(r.Context(), r.headers(), auth.Read, ""); err != nil {
		for i := range answer.Checks {
			answer.Checks[i].Streams, answer.Checks[i].Error = nil, ""
		}
	}
	if status != 200 {
		r.SetHeader("Retry-After", "2")
	}
	return r.JSON(status, answer)
}

func (a *API) metrics(r *request) error {
	req, err := http.NewRequestWithContext(r.Context(), http.MethodGet, "/metrics", nil)
	if err != nil {
		return err
	}
	req.Header.Set("Accept", r.Header("Accept"))
	w := &recorder{header: http.Header{}, status: 200}
	a.conf.Metrics.ServeHTTP(w, req)
	return r.Bytes(w.status, w.header.Get("Content-Type"), w.body.Bytes())
}

// recorder keeps an answer of net/http.
type recorder struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (w *recorder) Header() http.Header         { return w.header }
func (w *recorder) WriteHeader(status int)      { w.status = status }
func (w *recorder) Write(b []byte) (int, error) { return w.body.Write(b) }

func (a *API) info(r *request) error {
	type store struct {
		Path  string `json:"path,omitempty"`
		Ready bool   `json:"ready"`
	}
	return r.JSON(200, struct {
		Version string    `json:"version"`
		Started time.Time `json:"started"`
		Uptime  float64   `json:"uptime_seconds"`
		Store   store     `json:"store"`
		Open    bool      `json:"open"` // there is no token: everyone on this machine may do everything
	}{a.conf.Version, a.started.UTC(), time.Since(a.started).Seconds(), store{a.conf.StorePath, a.conf.StoreReady() == nil}, a.conf.Auth.Open()})
}
