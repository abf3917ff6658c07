package catalog

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/lazaret/lazaret/gateway"
	"github.com/lazaret/lazaret/rules"
	"github.com/lazaret/lazaret/schemas"
)

// maxAdvice bounds the notices about the rules of one stream.
const maxAdvice = 20

// advise adds notices to the results about what is allowed and probably not meant: in the
// schemas of the changes, and in the rules of the streams that they affect.
func (c *Catalog) advise(ctx context.Context, changes []Change, p *plan, m *maker, made map[string]*version) error {
	for i, ch := range changes {
		if ch.Delete || ch.Resource.Kind != KindSchema {
			continue
		}
		p.results[i].Notices = append(p.results[i].Notices, lint(ch.Resource.Schema)...)
	}
	for _, s := range p.streams {
		v := made[s.Name]
		if v == nil || v.program == nil || s.Schema == nil {
			continue
		}
		stored, err := m.stored(ctx, s.Schema.Subject, s.SchemaVersion)
		if err != nil {
			return err
		}
		if r := p.about(s); r != nil {
			r.Notices = append(r.Notices, undeclared(v.program, stored.Document, s.Schema.Subject)...)
		}
	}
	return nil
}

// about is the result under which a person looks for what is said of a stream's rules.
func (p *plan) about(s gateway.Stream) *Result {
	for _, want := range []string{key(KindRuleSet, s.Name), key(KindStream, s.Name), key(KindSchema, s.Schema.Subject)} {
		for i := range p.results {
			if p.results[i].Key() == want && p.results[i].Action != Deleted {
				return &p.results[i]
			}
		}
	}
	return nil
}

// Advice lists, for people, what is allowed and probably not meant in a schema's document
// and in rules over the events that it describes: what Apply says in its notices. The
// program may be nil; the subject is what the lines call the schema.
func Advice(document []byte, subject string, program *rules.Program) []string {
	list := lint(document)
	if program != nil {
		list = append(list, undeclared(program, document, subject)...)
	}
	return list
}

func lint(document []byte) (list []string) {
	for _, n := range schemas.Lint(document) {
		text := n.Message
		if n.Pointer != "" {
			text = "at " + n.Pointer + ": " + text
		}
		list = append(list, text)
	}
	return list
}

// undeclared lists, for people, the places that the rules read and that the schema of
// the subject does not declare. What is not certain is left out.
func undeclared(program *rules.Program, document []byte, subject string) (list []string) {
	outline := schemas.NewOutline(document)
	more, seen := 0, map[rules.Read]bool{}
	for _, read := range program.Reads() {
		missing, near := outline.Undeclared(read.Pointer)
		if missing == "" {
			continue
		}
		read.Pointer = missing
		if seen[read] {
			continue
		}
		if seen[read] = true; len(list) == maxAdvice {
			more++
			continue
		}
		text := fmt.Sprintf("rule %s: %s reads %s, which the schema %s does not declare", read.Rule, read.Field, member(missing), subject)
		if near != "" {
			text += fmt.Sprintf("; did you mean %q?", near)
		}
		list = append(list, text)
	}
	if more > 0 {
		list = append(list, fmt.Sprintf("and %d more of the kind", more))
	}
	return list
}

// member writes a JSON Pointer into an event as an expression does.
func member(pointer string) string {
	var b strings.Builder
	b.WriteString("event")
	for _, step := range strings.Split(pointer[1:], "/") {
		step = strings.NewReplacer("~1", "/", "~0", "~").Replace(step)
		_, err := strconv.Atoi(step)
		switch {
		case err == nil:
			b.WriteString("[" + step + "]")
		case bare(step):
			b.WriteString("." + step)
		default:
			b.WriteString("[" + strconv.Quote(step) + "]")
		}
	}
	return b.String()
}

// bare says whether a member can be written after a dot.
func bare(name string) bool {
	return name != "" && strings.Trim(strings.ToLower(name), "abcdefghijklmnopqrstuvwxyz0123456789_") == "" && (name[0] < '0' || name[0] > '9')
}
