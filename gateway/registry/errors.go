package registry

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/lazaret/lazaret/internal/auth"
	"github.com/lazaret/lazaret/internal/catalog"
	"github.com/lazaret/lazaret/internal/web"
	"github.com/lazaret/lazaret/schemas"
)

// The error codes, with the meanings that they have in the Confluent Schema Registry.
const (
	codeSubjectNotFound       = 40401
	codeVersionNotFound       = 40402
	codeSchemaNotFound        = 40403
	codeSubjectSoftDeleted    = 40404
	codeSubjectNotSoftDeleted = 40405
	codeVersionSoftDeleted    = 40406
	codeVersionNotSoftDeleted = 40407
	codeNoLevel               = 40408
	codeNoMode                = 40409
	codeIncompatible          = 409
	codeInvalidSchema         = 42201
	codeInvalidVersion        = 42202
	codeInvalidLevel          = 42203
	codeInvalidMode           = 42204
	codeNotPermitted          = 42205
	codeInUse                 = 42206
	codeInvalidSubject        = 42208
	codeStore                 = 50001
)

// failure is what is answered in place of what was asked for.
type failure struct {
	status  int
	Code    int    `json:"error_code"`
	Message string `json:"message"`
}

func (f *failure) Error() string { return f.Message }

// failed makes a failure whose status is in its code.
func failed(code int, format string, args ...any) *failure {
	status := code
	for status > 999 {
		status /= 10
	}
	return &failure{status, code, fmt.Sprintf(format, args...)}
}

func noSubject(subject string) *failure {
	return failed(codeSubjectNotFound, "Subject '%s' not found.", web.Cut(subject))
}

func noVersion(number int) *failure {
	return failed(codeVersionNotFound, "Version %d not found.", number)
}

// fail answers with an error. What is ours is logged, and not shown.
func (r *request) fail(err error) error {
	f := answerTo(err)
	if f.status == http.StatusUnauthorized {
		r.SetHeader("WWW-Authenticate", `Basic realm="lazaret"`)
	}
	if f.status >= 500 {
		r.api.conf.Log.Error("the schema registry's API failed", "request_id", r.RequestID(), "error", err)
	}
	return r.json(f.status, f)
}

// maxMessage is how long a message may be, in bytes.
const maxMessage = 8 << 10

// answerTo says what is answered to an error.
func answerTo(err error) *failure {
	var f *failure
	var p *web.Problem
	var refused *catalog.Refused
	switch {
	case errors.As(err, &f):
		return f
	case errors.As(err, &p):
		return &failure{p.Status, p.Status, p.Detail}
	case errors.As(err, &refused):
		return refusal(refused)
	case errors.Is(err, auth.ErrUnauthenticated):
		return failed(401, "%v", err)
	case errors.Is(err, auth.ErrForbidden):
		return failed(403, "%v", err)
	case errors.Is(err, catalog.ErrMode), errors.Is(err, schemas.ErrTaken), errors.Is(err, catalog.ErrLive):
		return failed(codeNotPermitted, "%v", err)
	case errors.Is(err, catalog.ErrInUse):
		return failed(codeInUse, "%v", err)
	case errors.Is(err, schemas.ErrSubject):
		return failed(codeInvalidSubject, "The specified subject is not a valid one: %v", err)
	case errors.Is(err, schemas.ErrNotFound), errors.Is(err, catalog.ErrNotFound):
		return failed(codeSchemaNotFound, "Schema not found")
	case errors.Is(err, context.Canceled):
		return &failure{503, codeStore, "the server is shutting down"}
	}
	return failed(codeStore, "Error in the backend data store")
}

// refusal is the answer to a schema that is wrong, or not compatible.
func refusal(r *catalog.Refused) *failure {
	code, list := codeInvalidSchema, []string{}
	for _, f := range r.Faults {
		switch {
		case f.Pointer == "/subject":
			code = codeInvalidSubject
		case f.Check != nil && code != codeIncompatible:
			code, list = codeIncompatible, f.Check.Messages()
		}
		if f.Check == nil && code != codeIncompatible {
			list = append(list, f.String())
		}
	}
	text := strings.Join(list, "; ")
	if len(text) > maxMessage {
		text = strings.ToValidUTF8(text[:maxMessage], "") + "…"
	}
	if code == codeIncompatible {
		return failed(code, "Schema being registered is incompatible with an earlier schema: %s", text)
	}
	return failed(code, "%s", text)
}
