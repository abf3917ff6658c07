package catalog

import (
	"bytes"
	"encoding/json"
	"fmt"

	"github.com/lazaret/lazaret/gateway"
	"github.com/lazaret/lazaret/internal/jsonread"
	"github.com/lazaret/lazaret/internal/yamlread"
	"github.com/lazaret/lazaret/rules"
	"github.com/lazaret/lazaret/schemas"
)

// Kind says what a resource is.
type Kind string

// The kinds of resources, in the order in which they are applied.
const (
	KindSchema  Kind = "Schema"
	KindRuleSet Kind = "RuleSet"
	KindStream  Kind = "Stream"
)

// Resource is a schema, a rule set or a stream, in the one form that manifests, the
// admin API and the command line share. As JSON it is one object whose member "kind"
// says which:
//
//	{"kind":"Schema","subject":"orders","schema":{…}}
//	{"kind":"RuleSet","stream":"orders","rules":[…]}
//	{"kind":"Stream","name":"orders",…}
type Resource struct {
	Kind Kind
	// Name is the subject of a Schema, and the name of the stream of the others.
	Name string
	// Schema is the JSON Schema of a Schema.
	Schema json.RawMessage
	// References give names to versions of other subjects, for the $refs of a Schema.
	References []schemas.Reference
	// Compatibility is what a Schema's new versions must be to the earlier ones, from this
	// one on; empty leaves that as it is.
	Compatibility schemas.Level
	// Rules are those of a RuleSet.
	Rules []rules.Rule
	// Stream is that of a Stream; its Name is the Name above.
	Stream gateway.Stream
	// File is where the resource was read from; it is not part of its JSON.
	File string

	// locate finds the place of a JSON Pointer into the resource (of a Schema: into the
	// schema) in the text that it was read from. It is nil where there is no such text, and
	// for a Schema also where the schema is that text.
	locate func(pointer string) (yamlread.Position, bool)
}

// Place finds where in its file a fault stands: at the pointer and, where the value there is
// a text that stands in the file as it is, at line and column (from 1; 0 for none) of that
// text. It returns false if the file's text is not known.
func (r Resource) Place(pointer string, line, column int) (int, int, bool) {
	if r.locate == nil {
		return 0, 0, false
	}
	p, ok := r.locate(pointer)
	if !ok {
		return 0, 0, false
	}
	if p.Verbatim && line > 0 && column > 0 {
		return p.Line + line - 1, p.Column + column - 1, true
	}
	return p.Line, p.Column, true
}

// Key names the resource in results and faults, as in "RuleSet/clickstream".
func (r Resource) Key() string { return string(r.Kind) + "/" + r.Name }

// MarshalJSON writes the form that ParseResource reads.
func (r Resource) MarshalJSON() ([]byte, error) {
	switch r.Kind {
	case KindSchema:
		return json.Marshal(struct {
			Kind          Kind                `json:"kind"`
			Subject       string              `json:"subject"`
			Compatibility schemas.Level       `json:"compatibility,omitempty"`
			References    []schemas.Reference `json:"references,omitempty"`
			Schema        json.RawMessage     `json:"schema"`
		}{r.Kind, r.Name, r.Compatibility, r.References, r.Schema})
	case KindRuleSet:
		return json.Marshal(struct {
			Kind   Kind         `json:"kind"`
			Stream string       `json:"stream"`
			Rules  []rules.Rule `json:"rules"`
		}{r.Kind, r.Name, r.Rules})
	case KindStream:
		return json.Marshal(struct {
			Kind Kind `json:"kind"`
			gateway.Stream
		}{r.Kind, r.Stream})
	}
	return nil, fmt.Errorf("a resource of the unknown kind %q", r.Kind)
}

// The forms below are what is read. Members that only answers of the admin API have
// (version, created and the like) may be sent back and are ignored.

type schemaForm struct {
	Kind          string          `yaml:"kind"`
	Subject       string          `yaml:"subject"`
	Compatibility string          `yaml:"compatibility"`
	References    []referenceForm `yaml:"references"`
	Schema        json.RawMessage `yaml:"schema"`
	File          string          `yaml:"file"`
	Version       any             `yaml:"version"`
	ID            any             `yaml:"id"`
	Hash          any             `yaml:"hash"`
	Note          any             `yaml:"note"`
	Created       any             `yaml:"created"`
	Deleted       any             `yaml:"deleted"`
}

type referenceForm struct {
	Name    string `yaml:"name"`
	Subject string `yaml:"subject"`
	Version int    `yaml:"version"`
}

type ruleSetForm struct {
	Kind    string        `yaml:"kind"`
	Stream  string        `yaml:"stream"`
	Rules   *[]rules.Rule `yaml:"rules"`
	Version any           `yaml:"version"`
	Hash    any           `yaml:"hash"`
	State   any           `yaml:"state"`
	Created any           `yaml:"created"`
}

type streamForm struct {
	Kind string `yaml:"kind"`
	gateway.Stream
	Version       any `yaml:"version"`
	SchemaVersion any `yaml:"schema_version"`
	RuleSet       any `yaml:"ruleset"`
	Created       any `yaml:"created"`
	Broken        any `yaml:"broken"`
}

// ParseResource reads one resource out of the text called name. readFile, if it is not
// nil, finds the file that a Schema may name in place of its schema. Every error is a
// *yamlread.Error.
func ParseResource(name string, doc yamlread.Document, readFile func(name string) ([]byte, error)) (Resource, error) {
	switch Kind(doc.Kind()) {
	case KindSchema:
		return parseSchema(doc, readFile)
	case KindRuleSet:
		return parseRuleSet(name, doc)
	case KindStream:
		return parseStream(doc)
	}
	return Resource{}, doc.Error("/kind", "expected a resource: kind must be Schema, RuleSet or Stream")
}

// ParseBody reads the body of a request that puts one resource, whose kind and name
// the path of the request says. A Schema's is the JSON Schema itself, or the whole
// resource as it is answered; those of the others may leave kind and name out, and must
// else say the same.
func ParseBody(kind Kind, name string, data []byte) (Resource, error) {
	docs, err := yamlread.Documents("", data, yamlread.ShowLines())
	if err != nil {
		return Resource{}, err
	}
	if len(docs) != 1 {
		return Resource{}, &yamlread.Error{Message: "expected one document"}
	}
	doc := docs[0]
	_, wrapped := doc.Locate("/schema")
	if wrapped = wrapped && doc.Kind() == string(KindSchema); kind == KindSchema && !wrapped {
		r := Resource{Kind: kind, Name: name, Schema: doc.JSON(), locate: doc.Locate}
		if json.Valid(data) { // kept as it was written
			r.Schema, r.locate = data, nil
		}
		return r, nil
	}
	if k := doc.Kind(); k != "" && k != string(kind) {
		return Resource{}, doc.Error("/kind", "the path is that of a "+string(kind))
	}
	var r Resource
	at := "/name"
	switch kind {
	case KindSchema:
		r, err = parseSchema(doc, nil)
		if raw, ok := jsonread.Find(data, "/schema"); err == nil && ok && json.Valid(data) {
			r.Schema = bytes.Clone(raw) // kept as it was written
		}
		at = "/subject"
	case KindRuleSet:
		r, err = readRuleSet("", doc)
		at = "/stream"
	default:
		r, err = readStream(doc)
	}
	if err == nil && r.Name != "" && r.Name != name {
		err = doc.Error(at, "the path names another: "+name)
	}
	r.Name, r.Stream.Name = name, name
	return r, err
}

func parseSchema(doc yamlread.Document, readFile func(string) ([]byte, error)) (Resource, error) {
	var f schemaForm
	if err := doc.Decode(&f); err != nil {
		return Resource{}, err
	}
	r := Resource{Kind: KindSchema, Name: f.Subject, Schema: f.Schema}
	for _, ref := range f.References {
		r.References = append(r.References, schemas.Reference(ref))
	}
	if f.Compatibility != "" {
		level, err := schemas.ParseLevel(f.Compatibility)
		if err != nil {
			return r, doc.Error("/compatibility", err.Error())
		}
		r.Compatibility = level
	}
	r.locate = func(pointer string) (yamlread.Position, bool) { return doc.Locate("/schema" + pointer) }
	switch {
	case f.Subject == "":
		return r, doc.Error("", "a Schema needs a subject")
	case (f.Schema == nil) == (f.File == ""):
		return r, doc.Error("", "a Schema needs either schema, the JSON Schema itself, or file, the path of one")
	case f.File == "":
		return r, nil
	case readFile == nil:
		return r, doc.Error("/file", "files cannot be named here: send the schema itself")
	}
	data, err := readFile(f.File)
	if err != nil {
		return r, doc.Error("/file", err.Error())
	}
	r.locate = nil
	if r.Schema = data; !json.Valid(data) {
		r.Schema, err = yamlread.ToJSON(f.File, data)
	}
	return r, err
}

func parseRuleSet(name string, doc yamlread.Document) (Resource, error) {
	r, err := readRuleSet(name, doc)
	if err == nil && r.Name == "" {
		err = doc.Error("", "a RuleSet needs stream, the name of the stream that it is for")
	}
	return r, err
}

func readRuleSet(name string, doc yamlread.Document) (Resource, error) {
	var f ruleSetForm
	if err := doc.Decode(&f); err != nil {
		return Resource{}, err
	}
	if f.Rules == nil {
		return Resource{}, doc.Error("", "a RuleSet needs rules, a list; an empty list lets every event pass")
	}
	r := Resource{Kind: KindRuleSet, Name: f.Stream, Rules: *f.Rules, locate: doc.Locate}
	if f.Version != nil || f.Hash != nil || f.State != nil || f.Created != nil {
		return r, nil // an answer sent back: package rules would not know these members
	}
	set, _, err := rules.FromDocument(name, doc) // finds expressions in the text
	r.Rules = set.Rules
	return r, err
}

func parseStream(doc yamlread.Document) (Resource, error) {
	r, err := readStream(doc)
	if err == nil && r.Name == "" {
		err = doc.Error("", "a Stream needs a name")
	}
	return r, err
}

func readStream(doc yamlread.Document) (Resource, error) {
	var f streamForm
	if err := doc.Decode(&f); err != nil {
		return Resource{}, err
	}
	return Resource{Kind: KindStream, Name: f.Name, Stream: f.Stream, locate: doc.Locate}, nil
}
