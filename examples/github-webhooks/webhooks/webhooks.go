// Package webhooks gets real data that nobody here wrote: GitHub's webhook events as
// recorded, and the JSON Schema that describes them, from the npm packages
// @octokit/webhooks-examples and @octokit/webhooks-schemas (MIT licence).
//
// Nothing of them is kept in this repository: npm fetches the packages into a cache.
package webhooks

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// Version is the version of both npm packages.
const Version = "7.6.1"

// Data is the event types that have both a schema and recorded payloads.
type Data struct {
	Types []Type // in the order of their names
}

// Type is one event type, such as "issues".
type Type struct {
	Name     string
	Schema   []byte   // a self-contained JSON Schema, draft 7
	Payloads [][]byte // as they stand in the package, byte for byte
}

// Stream is the name of the stream, and of the schema's subject, for the type.
func (t Type) Stream() string { return StreamPrefix + t.Name }

// StreamPrefix is what the name of each stream begins with.
const StreamPrefix = "github."

// Payloads counts the recorded payloads of all types.
func (d Data) Payloads() int {
	n := 0
	for _, t := range d.Types {
		n += len(t.Payloads)
	}
	return n
}

// Load returns the data out of the two packages in cacheDir, and has npm fetch those
// that are not there. It needs npm, and the network, the first time only.
func Load(ctx context.Context, cacheDir string) (Data, error) {
	var documents [][]byte
	for _, p := range packages() {
		data, err := p.document(ctx, cacheDir)
		if err != nil {
			return Data{}, err
		}
		documents = append(documents, data)
	}
	return join(documents[0], documents[1])
}

// join puts the schema of each event type together with its payloads. A type whose
// schema has no definition <name>_event is left out: it has no actions, and its schema
// stands under another name.
func join(schema, recorded []byte) (Data, error) {
	definitions, err := parseDefinitions(schema)
	if err != nil {
		return Data{}, fmt.Errorf("the schema package: %w", err)
	}
	var events []struct {
		Name     string            `json:"name"`
		Examples []json.RawMessage `json:"examples"`
	}
	if err := json.Unmarshal(recorded, &events); err != nil {
		return Data{}, fmt.Errorf("the examples package: %w", err)
	}
	var d Data
	for _, e := range events {
		definition := e.Name + "_event"
		if _, ok := definitions[definition]; !ok || len(e.Examples) == 0 {
			continue
		}
		document, err := definitions.selfContained(definition)
		if err != nil {
			return Data{}, fmt.Errorf("the schema package: event type %s: %w", e.Name, err)
		}
		t := Type{Name: e.Name, Schema: document}
		for _, payload := range e.Examples {
			t.Payloads = append(t.Payloads, payload)
		}
		d.Types = append(d.Types, t)
	}
	if len(d.Types) == 0 {
		return Data{}, fmt.Errorf("the packages have no event type in common: is this version %s?", Version)
	}
	slices.SortFunc(d.Types, func(a, b Type) int { return strings.Compare(a.Name, b.Name) })
	return d, nil
}
