package catalog

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/lazaret/lazaret/gateway"
	"github.com/lazaret/lazaret/rules"
	"github.com/lazaret/lazaret/schemas"
)

// Proposed is a stream's active version as it would be with another schema.
type Proposed struct {
	// Active is the version that there is.
	Active *gateway.Active
	// Judge judges by the proposed schema and the stream's rules. It writes nothing.
	Judge gateway.Judge
	// Schema is the proposed schema, and Base the one that the version has.
	Schema, Base *schemas.Schema
	// Number is the one that the proposed version would have.
	Number int
	// Rules are the stream's; nil if it has none.
	Rules *rules.Program

	maker *maker
}

// Stored is a version of a schema that judged an event when it was received; nil if it is not
// there any more, or if it cannot have been this one. It is for one goroutine.
func (p *Proposed) Stored(ctx context.Context, subject string, number int, received time.Time) (*schemas.Schema, error) {
	id := schemaID{subject, number}
	if _, planned := p.maker.planned[id]; planned || subject == "" || number == 0 {
		return nil, nil // the proposed one has judged nothing
	}
	v, err := p.maker.stored(ctx, subject, number)
	switch {
	case errors.Is(err, schemas.ErrNotFound):
		return nil, nil
	case err != nil:
		return nil, err
	case v.Created.After(received): // the number was given again
		return nil, nil
	}
	s, err := p.maker.schema(ctx, subject, number)
	if bad := (*Refused)(nil); errors.As(err, &bad) {
		return nil, nil
	}
	return s, err
}

// Propose compiles and tries a document as the next version of the stream's subject, and
// stores nothing. Its references are those given, or else those of the latest version. What
// is wrong with it is a *Refused; gateway.ErrNotFound if there is no such stream, or if it has
// no schema.
func (c *Catalog) Propose(ctx context.Context, stream string, document []byte, references ...schemas.Reference) (*Proposed, error) {
	now, ok := c.now.Load().streams[stream]
	if !ok || now.Stream.Schema == nil {
		return nil, fmt.Errorf("stream %q with a schema: %w", stream, gateway.ErrNotFound)
	}
	if now.broken != nil {
		return nil, fmt.Errorf("the contract of stream %s does not compile: %w", stream, now.broken)
	}
	s := now.Stream
	latest, err := c.conf.Schemas.Get(ctx, s.Schema.Subject, 0)
	if err != nil {
		return nil, err
	}
	s.SchemaVersion = latest.Number + 1
	id := schemaID{s.Schema.Subject, s.SchemaVersion}
	next := schemas.Version{Subject: id.subject, Number: id.number, Document: document, References: latest.References}
	if len(references) > 0 {
		next.References = references
	}
	m := c.maker(map[schemaID]schemas.Version{id: next}, nil)
	m.dry = true
	v, err := m.version(ctx, s)
	if err != nil {
		return nil, err
	}
	if err := c.conf.Try(ctx, document, m.options(ctx, next)); err != nil {
		return nil, schemaFault(id.subject, err)
	}
	active := now.Active
	return &Proposed{Active: &active, Judge: v.Judge, Schema: v.schema, Base: now.schema, Number: id.number, Rules: v.program, maker: m}, nil
}

// JudgedBy names the streams whose active version is judged by the subject, by name.
func (c *Catalog) JudgedBy(subject string) (list []gateway.Stream) {
	streams := c.now.Load().streams
	for _, name := range slices.Sorted(maps.Keys(streams)) {
		if s := streams[name].Stream; s.Schema != nil && s.Schema.Subject == subject {
			list = append(list, s)
		}
	}
	return list
}
