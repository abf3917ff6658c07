package schemas

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/lazaret/lazaret"
	"github.com/lazaret/lazaret/internal/jsonread"
	"github.com/lazaret/lazaret/schemas/contain"
)

// maxBreaks is how many breaks are looked for in one direction against one version.
const maxBreaks = 20

// question is whether what one schema accepts another accepts too.
type question struct {
	accepts, refuses *Schema
	direction        Direction
	earlier          int
	steps            int // that are left
	dropped          []dropped
}

// stepsForMore is the work that may go into finding more breaks when there is one.
const stepsForMore = contain.DefaultSteps / 2

// ask answers the question with proofs. Beyond the first break others are looked for by
// asking again without the keywords that refused.
func (q *question) ask(c *Comparison) {
	if q.accepts.sameText(q.refuses) {
		return
	}
	for may, found := contain.DefaultSteps, 0; found < maxBreaks; found++ {
		refuses := q.refuses.nodes()
		refuses.drop(q.dropped)
		accepts := q.accepts.nodes()
		answer := contain.Except(accepts.root, refuses.root, max(1, min(may, q.steps)))
		q.steps -= answer.Steps
		if may -= answer.Steps; found == 0 {
			may = stepsForMore
		}
		brk, ok, limit := Break{}, false, false
		if answer.Verdict == contain.Found {
			brk, ok, limit = q.proof(answer.Value)
		}
		context := cmp.Or(accepts.context, refuses.context)
		switch {
		case answer.Verdict == contain.Empty && context == "":
			return
		case found > 0 && !ok:
			c.More = true
			return
		case answer.Verdict == contain.Unknown:
			c.Doubts = append(c.Doubts, q.doubt(answer.Doubt))
			return
		case !ok && context != "":
			c.Doubts = append(c.Doubts, q.doubt(contain.Doubt{Construct: context, Message: "what the reference leads to depends on the way to it"}))
			return
		case limit:
			c.Doubts = append(c.Doubts, q.doubt(contain.Doubt{Construct: "size", Message: "an event was found that shows it, but it is larger, deeper or dearer to judge than events may be"}))
			return
		case !ok:
			c.Doubts = append(c.Doubts, q.doubt(contain.Doubt{Construct: "witness", Message: "an event was found that the schema library judges otherwise; please report it"}))
			return
		}
		if c.Breaks = append(c.Breaks, brk); may <= 0 || q.steps <= 0 {
			break
		}
	}
	c.More = true
}

func (q *question) doubt(d contain.Doubt) Doubt {
	pointer := ""
	if d.Where != "" {
		pointer = schemaPath(d.Where)
	}
	return Doubt{Direction: q.direction, Earlier: q.earlier, Pointer: pointer, Construct: d.Construct, Message: d.Message}
}

// sameText says whether two schemas were made of the same bytes alone.
func (s *Schema) sameText(o *Schema) bool {
	a, b := s.source.documents[rootURL], o.source.documents[rootURL]
	return a != nil && b != nil && len(s.source.documents)+len(o.source.documents) == 2 && bytes.Equal(a.data, b.data)
}

// proof holds a witness against both schemas with the library, and says where it is
// refused by a keyword that was not dropped yet; that is then dropped. Not ok: the library
// does not agree, or there is no such keyword; or the limits on events are in the way.
func (q *question) proof(value any) (brk Break, ok, limit bool) {
	witness, err := json.Marshal(value)
	if err != nil {
		return Break{}, false, false
	}
	good, err := q.accepts.reference(witness)
	if err != nil || len(good.Reasons) > 0 {
		return Break{}, false, beyondLimits(good)
	}
	bad, err := q.refuses.reference(witness)
	if err != nil || len(bad.Reasons) == 0 || beyondLimits(bad) {
		return Break{}, false, beyondLimits(bad)
	}
	at := slices.IndexFunc(bad.Reasons, func(r lazaret.Reason) bool { return !slices.Contains(q.dropped, keywordOf(r)) })
	if at < 0 {
		return Break{}, false, false
	}
	reason := bad.Reasons[at]
	q.dropped = append(q.dropped, keywordOf(reason))
	brk = Break{Direction: q.direction, Earlier: q.earlier, Path: reason.Path, Witness: witness, Keyword: strings.TrimPrefix(string(reason.Code), "schema.")}
	brk.Pointer, _ = cutLast(reason.SchemaPath)
	here, there := q.values(reason)
	brk.New, brk.Old = here, there
	if q.direction == Forward {
		brk.New, brk.Old = there, here
	}
	brk.Message = q.message(reason.Path, reason.Message)
	return brk, true, false
}

// beyondLimits says whether an event was refused for what it costs, whatever the schema asks.
func beyondLimits(r Result) bool {
	return slices.ContainsFunc(r.Reasons, func(r lazaret.Reason) bool {
		return strings.HasPrefix(string(r.Code), "json.") || r.Code == tooCostly().Code
	})
}

// dropped is a keyword that is left out of a question, or one name out of its list.
type dropped struct{ pointer, keyword, name string }

func keywordOf(r lazaret.Reason) (d dropped) {
	d.pointer, d.keyword = cutLast(r.SchemaPath)
	switch {
	case strings.HasSuffix(string(r.Code), "equired"):
		_, d.name = cutLast(r.Path)
	case r.Code != lazaret.SchemaCode(d.keyword): // a schema that is false
		d.pointer, d.keyword = r.SchemaPath, "false"
	}
	// What stands below one of these refuses more if it says less: leave that out whole.
	if !strings.HasPrefix(d.pointer, "/") {
		return d // in another document
	}
	path := tokens(d.pointer)
	for i, token := range path {
		named := i > 0 && keywordShapes[path[i-1]] == holdsMap && (i < 2 || keywordShapes[path[i-2]] != holdsMap)
		if !named && (token == "oneOf" || token == "not" || token == "if") {
			return dropped{pointer: jsonread.Pointer(path[:i]...), keyword: token}
		}
	}
	return d
}

// drop takes keywords out of the nodes that say them.
func (b *nodes) drop(list []dropped) {
	if len(list) == 0 {
		return
	}
	for s, n := range b.made {
		at := schemaPath(s.Location)
		for _, d := range list {
			if d.pointer == at {
				n.Drop(d.keyword, d.name)
			}
		}
	}
}

func (q *question) message(path, refusal string) string {
	place := path
	if place == "" {
		place = "the event"
	}
	by, was := "the new version", "the earlier one"
	if q.direction == Forward {
		by, was = was, by
	}
	return fmt.Sprintf("%s: %s, says %s; %s accepts it", place, refusal, by, was)
}

// cutLast splits the last token off a pointer, and decodes it.
func cutLast(pointer string) (rest, token string) {
	i := strings.LastIndexByte(pointer, '/')
	if i < 0 {
		return "", pointer
	}
	return pointer[:i], unescape(pointer[i+1:])
}
