package admin

import (
	"bufio"
	"encoding/json"
	"log/slog"
	"unicode/utf8"

	"github.com/lazaret/lazaret/internal/yamlread"
	"github.com/lazaret/lazaret/quarantine"
)

func (a *API) listEntries(r *request) error {
	f, err := r.filter()
	if err != nil {
		return err
	}
	p, err := r.page()
	if err != nil {
		return err
	}
	list, err := a.conf.Quarantine.List(r.Context(), f, p)
	if err != nil {
		return err
	}
	if list.Entries == nil {
		list.Entries = []quarantine.Entry{}
	}
	return r.JSON(200, list)
}

// entry finds the entry in the path, if the token may have to do with its stream.
func (a *API) entry(r *request) (quarantine.Entry, error) {
	e, err := a.conf.Quarantine.Get(r.Context(), r.Param("id"))
	if err != nil {
		return e, err
	}
	return e, r.allow(e.Stream)
}

func (a *API) getEntry(r *request) error {
	e, err := a.entry(r)
	if err != nil {
		return err
	}
	return r.JSON(200, e)
}

// payload hands out the exact bytes. They are hostile: a browser is to save them, and
// never to show or run them.
func (a *API) payload(r *request) error {
	e, err := a.entry(r)
	if err != nil {
		return err
	}
	data, err := a.conf.Quarantine.Payload(r.Context(), e.ID)
	if err != nil {
		return err
	}
	r.audit(slog.String("stream", e.Stream))
	r.SetHeader("Content-Disposition", `attachment; filename="`+e.ID+`.bin"`)
	r.SetHeader("Content-Security-Policy", "sandbox; default-src 'none'")
	return r.Bytes(200, "application/octet-stream", data)
}

// exported is a line of the export. A payload that is UTF-8 is a string, any other is
// base64, so that every byte comes back.
type exported struct {
	quarantine.Entry
	Payload *string `json:"payload,omitempty"`
	Base64  []byte  `json:"payload_base64,omitempty"`
}

func (a *API) export(r *request) error {
	f, err := r.filter()
	if err != nil {
		return err
	}
	r.audit(slog.String("stream", f.Stream))
	r.SetHeader("Content-Disposition", `attachment; filename="quarantine.ndjson"`)
	r.SetHeader("Content-Security-Policy", "sandbox; default-src 'none'")
	ctx, store := r.Context(), a.conf.Quarantine
	return r.Stream(200, "application/x-ndjson", func(w *bufio.Writer) error {
		enc := json.NewEncoder(w)
		enc.SetEscapeHTML(false)
		return store.Export(ctx, f, func(e quarantine.Entry, payload []byte) error {
			line := exported{Entry: e}
			if utf8.Valid(payload) {
				text := string(payload)
				line.Payload = &text
			} else {
				line.Base64 = payload
			}
			return enc.Encode(line)
		})
	})
}

// filterBody is the body of what works on a selection of entries.
type filterBody struct {
	Filter      *quarantine.Filter `yaml:"filter"`
	DryRun      bool               `yaml:"dry_run"`
	Concurrency int                `yaml:"concurrency"`
}

// selection reads such a body. The filter must be there, if only as {}: what works on
// everything should say so.
func (r *request) selection() (b filterBody, err error) {
	data, err := r.body()
	if err != nil {
		return b, err
	}
	if err := yamlread.Decode("", data, &b); err != nil {
		return b, err
	}
	if b.Filter == nil {
		return b, badRequest(`A filter is needed: {"filter":{"stream":"…"}}; {"filter":{}} is every entry.`)
	}
	dry, err := r.flag("dry_run")
	if err != nil {
		return b, err
	}
	b.DryRun = b.DryRun || dry
	if err := r.allow(b.Filter.Stream); err != nil {
		return b, err
	}
	r.audit(slog.Bool("dry_run", b.DryRun), slog.String("stream", b.Filter.Stream))
	return b, b.Filter.Validate()
}

func (a *API) discard(r *request) error {
	b, err := r.selection()
	if err != nil {
		return err
	}
	matched, discarded, err := a.conf.Quarantine.Discard(r.Context(), *b.Filter, b.DryRun)
	r.audit(slog.Int64("matched", matched), slog.Int64("discarded", discarded))
	if err != nil {
		return err
	}
	return r.JSON(200, struct {
		Matched   int64 `json:"matched"`
		Discarded int64 `json:"discarded"`
		Claimed   int64 `json:"claimed"` // held by a reprocess job
		DryRun    bool  `json:"dry_run"`
	}{matched, discarded, matched - discarded, b.DryRun})
}

func (a *API) listGroups(r *request) error {
	f, err := r.filter()
	if err != nil {
		return err
	}
	p, err := r.page()
	if err != nil {
		return err
	}
	list, err := a.conf.Quarantine.Groups(r.Context(), f, p)
	if err != nil {
		return err
	}
	if list.Groups == nil {
		list.Groups = []quarantine.Group{}
	}
	return r.JSON(200, list)
}

func (a *API) getGroup(r *request) error {
	g, err := a.conf.Quarantine.Group(r.Context(), r.Param("group"))
	if err != nil {
		return err
	}
	if err := r.allow(g.Stream); err != nil {
		return err
	}
	return r.JSON(200, g)
}
