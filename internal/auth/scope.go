package auth

import (
	"fmt"
	"slices"
	"strings"
)

// Scope is one thing that a token may do. A token has one or more.
//
//	scope      allows
//	ingest     sending events to streams
//	read       looking at streams, schemas, rules, quarantine entries without their
//	           payloads, groups, jobs and metrics
//	payload    looking at quarantined payloads, and exporting them
//	reprocess  starting, cancelling and resuming reprocess jobs; discarding entries
//	rules      changing schemas and rule sets
//	admin      everything, and alone: changing streams, apply
//
// Only admin implies other scopes: a token that may change rules and look at them
// has rules and read.
type Scope string

// The scopes, in the order in which they are listed to people.
const (
	Ingest    Scope = "ingest"
	Read      Scope = "read"
	Payload   Scope = "payload"
	Reprocess Scope = "reprocess"
	Rules     Scope = "rules"
	Admin     Scope = "admin"
)

// Scopes returns every scope.
func Scopes() []Scope { return []Scope{Ingest, Read, Payload, Reprocess, Rules, Admin} }

// ParseScopes turns names into scopes, sorted and without repetition. It refuses an
// unknown name and an empty list.
func ParseScopes(names []string) ([]Scope, error) {
	if len(names) == 0 {
		return nil, fmt.Errorf("no scope given: one or more of %s", scopeNames())
	}
	var scopes []Scope
	for _, name := range names {
		s := Scope(strings.TrimSpace(name))
		if !slices.Contains(Scopes(), s) {
			return nil, fmt.Errorf("unknown scope %q: the scopes are %s", name, scopeNames())
		}
		scopes = append(scopes, s)
	}
	slices.Sort(scopes)
	return slices.Compact(scopes), nil
}

func scopeNames() string { return joinScopes(Scopes(), ", ") }

func joinScopes(scopes []Scope, sep string) string {
	names := make([]string, len(scopes))
	for i, s := range scopes {
		names[i] = string(s)
	}
	return strings.Join(names, sep)
}
