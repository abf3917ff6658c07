package impact

import (
	"cmp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/lazaret/lazaret"
)

const (
	maxGroups   = 50
	maxExamples = 3
)

// groups gathers reasons that are alike.
type groups struct {
	payloads bool
	list     map[groupKey]*Group
}

type groupKey struct {
	code             lazaret.Code
	path, schemaPath string
	rule             string
}

func newGroups(payloads bool) *groups {
	return &groups{payloads: payloads, list: map[groupKey]*Group{}}
}

// add counts an event once in the group of each of its reasons.
func (g *groups) add(reasons []lazaret.Reason, e Example) {
	seen := map[groupKey]bool{}
	for _, r := range reasons {
		k := groupKey{r.Code, starred(r.Path), r.SchemaPath, r.Rule}
		if seen[k] {
			continue
		}
		seen[k] = true
		one := g.list[k]
		if one == nil {
			if len(g.list) == maxGroups {
				continue
			}
			one = &Group{Code: k.code, Path: k.path, SchemaPath: k.schemaPath, Rule: k.rule, Message: r.Message, Examples: []Example{}}
			g.list[k] = one
		}
		if one.Events++; len(one.Examples) < maxExamples {
			shown := e.shown(g.payloads)
			shown.Path, shown.Reason = r.Path, r.Message
			one.Examples = append(one.Examples, shown)
		}
	}
}

// sorted lists the groups, the largest first.
func (g *groups) sorted() []Group {
	list := make([]Group, 0, len(g.list))
	for _, one := range g.list {
		list = append(list, *one)
	}
	slices.SortFunc(list, func(a, b Group) int {
		return cmp.Or(cmp.Compare(b.Events, a.Events), cmp.Compare(a.Code, b.Code), cmp.Compare(a.Path, b.Path), cmp.Compare(a.SchemaPath, b.SchemaPath), cmp.Compare(a.Rule, b.Rule))
	})
	return list
}

// shown is the example as it is answered.
func (e Example) shown(payload bool) Example {
	if payload {
		if data := e.event(); utf8.Valid(data) {
			text := string(data)
			e.Payload = &text
		}
	}
	e.event = nil
	return e
}

// starred is a JSON Pointer with each segment that can be an array index as "*".
func starred(path string) string {
	segments := strings.Split(path, "/")
	for i, s := range segments {
		if i > 0 && s != "" && strings.Trim(s, "0123456789") == "" {
			segments[i] = "*"
		}
	}
	return strings.Join(segments, "/")
}
