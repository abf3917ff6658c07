package rules

import (
	"context"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/lazaret/lazaret/schemas"
)

// Versions says which versions of its schema's subject a contract has events name, beside
// the version that judges those that name none, and where in an event the name stands.
type Versions struct {
	// By are the places of the name; the first that the event has decides.
	By []Naming
	// Accept are the versions that an event may name, beside the contract's own.
	Accept []Accepted
	// All accepts every version that Accept does not list, as it is found with Find.
	All      bool
	AllUntil time.Time // when that ends; zero if it does not
	// Find is set if All is. It is asked for ids also if not, so without All it is to be set
	// only where the ids of Accept are not known.
	Find Finder
}

// Naming is one place where an event may name a version; exactly one field is set.
type Naming struct {
	DataSchema bool   // the CloudEvents attribute dataschema
	Header     string // a header; upper and lower case are one
	Field      string // JSON Pointer into the payload
	// RegistryID is the frame of the Confluent wire format before the payload. It is taken off
	// also where another place decides.
	RegistryID bool
}

// Accepted is a version that events may name.
type Accepted struct {
	Number int
	ID     int64 // the registry's global id; 0 if there is none
	Schema *schemas.Schema
	Until  time.Time // events that are received then, or later, must not name it; zero: no end
}

// Finder finds versions of the contract's subject. It must be quick with those that it was
// asked for before. Its errors are schemas.ErrNotFound, or else ours.
type Finder interface {
	Version(ctx context.Context, number int) (Found, error)
	// Numbers are the versions that have a global id, the newest first.
	Numbers(ctx context.Context, id int64) ([]int, error)
}

// Found is a version that a Finder has found. The same version has the same Schema for as
// long as the Finder keeps it.
type Found struct {
	Schema  *schemas.Schema
	ID      int64
	Created time.Time
}

// nameKind says what an event names.
type nameKind int

const (
	namesNone nameKind = iota
	namesNumber
	namesID
	namesOther   // a version of another subject
	namesNothing // it is not a name of a version, in none of the forms
	namesGUID    // a form that is not supported
)

// versionName is what an event names, and at which place of Versions.By.
type versionName struct {
	kind   nameKind
	number int
	id     int64
	by     int
}

const maxID = 1<<31 - 1 // the registry's ids are signed

// parseName reads a version's name as text: 3, lazaret:clicks:3, or the URL of a registry that
// ends with /subjects/clicks/versions/3 or with /schemas/ids/17. Which registry the URL leads
// to is not looked at. An empty text names none.
func parseName(text, subject string) versionName {
	if text == "" {
		return versionName{}
	}
	if n, ok := ordinal(text); ok {
		return versionName{kind: namesNumber, number: n}
	}
	if rest, ok := strings.CutPrefix(text, "lazaret:"); ok {
		of, n, ok := strings.Cut(rest, ":")
		return ofSubject(of, n, subject, ok)
	}
	if rest, ok := strings.CutPrefix(text, "https://"); ok {
		return parseURL(rest, subject)
	}
	if rest, ok := strings.CutPrefix(text, "http://"); ok {
		return parseURL(rest, subject)
	}
	return versionName{kind: namesNothing}
}

// parseURL reads a registry's URL without its scheme.
func parseURL(text, subject string) versionName {
	if at := strings.IndexAny(text, "?#"); at >= 0 {
		text = text[:at]
	}
	text = strings.TrimSuffix(strings.TrimSuffix(text, "/"), "/schema")
	text, last := cutLast(text)
	text, kind := cutLast(text)
	text, of := cutLast(text)
	_, parent := cutLast(text)
	switch {
	case kind == "versions" && parent == "subjects":
		plain, err := url.PathUnescape(of)
		return ofSubject(plain, last, subject, err == nil)
	case kind == "ids" && of == "schemas":
		if n, ok := ordinal(last); ok {
			return versionName{kind: namesID, id: int64(n)}
		}
	}
	return versionName{kind: namesNothing}
}

// cutLast takes the last segment off a path.
func cutLast(path string) (rest, last string) {
	at := strings.LastIndexByte(path, '/')
	if at < 0 {
		return "", path
	}
	return path[:at], path[at+1:]
}

func ofSubject(of, n, subject string, ok bool) versionName {
	v, isNumber := ordinal(n)
	switch {
	case !ok || !isNumber || of == "":
		return versionName{kind: namesNothing}
	case of != subject:
		return versionName{kind: namesOther}
	}
	return versionName{kind: namesNumber, number: v}
}

// ordinal reads a version or an id: digits, of which the first is not 0.
func ordinal(text string) (int, bool) {
	if text == "" || text[0] < '1' || text[0] > '9' || len(text) > 10 {
		return 0, false
	}
	n, err := strconv.ParseUint(text, 10, 64)
	return int(n), err == nil && n <= maxID
}
