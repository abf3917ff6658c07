package registry

import (
	"encoding/json"
	"log/slog"
	"maps"
	"slices"
	"strings"

	"github.com/lazaret/lazaret/internal/web"
	"github.com/lazaret/lazaret/schemas"
)

// own returns what is set for the subject in the path, or for all where it has none.
func (r *request) own() (schemas.Settings, error) {
	return r.api.store().Settings(r.Context(), r.Param("subject"))
}

// settings returns what is set for the subject in the path, or what holds for it: if the
// client asks for that, or if there is no subject in the path.
func (r *request) settings() (schemas.Settings, error) {
	if r.Param("subject") == "" || r.flag("defaultToGlobal") {
		return r.api.store().Effective(r.Context(), r.Param("subject"))
	}
	return r.own()
}

type levelForm struct {
	Level schemas.Level `json:"compatibilityLevel"`
}

type modeForm struct {
	Mode schemas.Mode `json:"mode"`
}

func (a *API) getConfig(r *request) (any, error) {
	s, err := r.settings()
	if err == nil && s.Level == "" {
		err = failed(codeNoLevel, "Subject '%s' does not have subject-level compatibility configured", web.Cut(r.Param("subject")))
	}
	return levelForm{s.Level}, err
}

func (a *API) putConfig(r *request) (any, error) {
	var b struct {
		Level            *string `json:"compatibility"`
		Alias            string  `json:"alias"`
		Group            string  `json:"compatibilityGroup"`
		DefaultMetadata  any     `json:"defaultMetadata"`
		OverrideMetadata any     `json:"overrideMetadata"`
		DefaultRuleSet   any     `json:"defaultRuleSet"`
		OverrideRuleSet  any     `json:"overrideRuleSet"`
	}
	var body json.RawMessage
	if err := r.decode(&body); err != nil {
		return nil, err
	}
	if json.Unmarshal(body, &b) != nil {
		return nil, &failure{400, 400, "the body is not the JSON that is expected here"}
	}
	if b.Level == nil {
		return nil, failed(codeInvalidLevel, "Invalid compatibility level: the body has no \"compatibility\"%s", others(body))
	}
	level, err := schemas.ParseLevel(*b.Level)
	if err != nil {
		return nil, failed(codeInvalidLevel, "Invalid compatibility level: %v", err)
	}
	if b.Alias != "" || b.Group != "" || b.DefaultMetadata != nil || b.OverrideMetadata != nil || b.DefaultRuleSet != nil || b.OverrideRuleSet != nil {
		return nil, failed(422, "of a configuration only compatibility is kept here")
	}
	r.note = append(r.note, slog.String("compatibility", string(level)))
	return map[string]schemas.Level{"compatibility": level}, a.conf.Catalog.SetCompatibility(r.Context(), r.Param("subject"), level)
}

// others says which keys a body has that has not the one that is wanted.
func others(body []byte) string {
	var members map[string]json.RawMessage
	if json.Unmarshal(body, &members) != nil || len(members) == 0 {
		return ""
	}
	names := slices.Sorted(maps.Keys(members))
	return ", but " + web.Cut(strings.Join(names, ", "))
}

// deleteConfig answers with what was set.
func (a *API) deleteConfig(r *request) (any, error) {
	s, err := r.own()
	switch {
	case err != nil:
		return nil, err
	case s.Level == "" && r.Param("subject") != "":
		return nil, noSubject(r.Param("subject"))
	case s.Level == "":
		return levelForm{schemas.DefaultSettings.Level}, nil
	}
	return levelForm{s.Level}, a.conf.Catalog.SetCompatibility(r.Context(), r.Param("subject"), "")
}

func (a *API) getMode(r *request) (any, error) {
	s, err := r.settings()
	if err == nil && s.Mode == "" {
		err = failed(codeNoMode, "Subject '%s' does not have subject-level mode configured", web.Cut(r.Param("subject")))
	}
	return modeForm{s.Mode}, err
}

func (a *API) putMode(r *request) (any, error) {
	var b struct {
		Mode string `json:"mode"`
	}
	if err := r.decode(&b); err != nil {
		return nil, err
	}
	mode, err := schemas.ParseMode(b.Mode)
	if err == nil && mode == schemas.ModeReadOnlyOverride && r.Param("subject") != "" {
		return nil, failed(codeInvalidMode, "Invalid mode: %s is for all subjects", mode)
	} else if err != nil {
		return nil, failed(codeInvalidMode, "Invalid mode: %v", err)
	}
	r.note = append(r.note, slog.String("mode", string(mode)), slog.Bool("force", r.flag("force")))
	return modeForm{mode}, a.conf.Catalog.SetMode(r.Context(), r.Param("subject"), mode, r.flag("force"))
}

// deleteMode answers with what was set.
func (a *API) deleteMode(r *request) (any, error) {
	s, err := r.own()
	switch {
	case err != nil:
		return nil, err
	case s.Mode == "" && r.Param("subject") != "":
		return nil, noSubject(r.Param("subject"))
	case s.Mode == "":
		return modeForm{schemas.DefaultSettings.Mode}, nil
	}
	return modeForm{s.Mode}, a.conf.Catalog.SetMode(r.Context(), r.Param("subject"), "", false)
}
