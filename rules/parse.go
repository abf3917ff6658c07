package rules

import (
	"fmt"

	"github.com/lazaret/lazaret/internal/yamlread"
)

// document is a rule set as it is written: alone, or as a resource.
type document struct {
	Kind   string `yaml:"kind"`
	Stream string `yaml:"stream"`
	Rules  []Rule `yaml:"rules"`
}

// Parse reads a set from YAML or JSON: {"rules": […]}, or a resource of kind RuleSet.
// The name is what errors call the text. Errors say file, line and column; the
// expressions are for Compile, whose errors find them in the text as well.
func Parse(name string, data []byte) (Set, error) {
	docs, err := yamlread.Documents(name, data, yamlread.ShowLines())
	if err != nil {
		return Set{}, err
	}
	switch len(docs) {
	case 0:
		return Set{}, fmt.Errorf("%s: no rules in it; write rules: [] for none", name)
	case 1:
		set, _, err := FromDocument(name, docs[0])
		return set, err
	}
	return Set{}, docs[1].Error("", "a second document begins here, and one set of rules is read at a time")
}

// FromDocument reads a set, and the stream that it names if it does, from a document
// of the text called name.
func FromDocument(name string, doc yamlread.Document) (set Set, stream string, err error) {
	var d document
	if err := doc.Decode(&d); err != nil {
		return Set{}, "", err
	}
	if d.Kind != "" && d.Kind != "RuleSet" {
		return Set{}, "", doc.Error("/kind", "the kind of a set of rules is RuleSet")
	}
	if d.Rules == nil {
		return Set{}, "", doc.Error("/rules", "a list called rules is needed; write rules: [] for none")
	}
	set = Set{Rules: d.Rules}
	for i := range set.Rules {
		r := &set.Rules[i]
		r.file = name
		r.exprAt, _ = doc.Locate(fmt.Sprintf("/rules/%d/expr", i))
		r.whenAt, _ = doc.Locate(fmt.Sprintf("/rules/%d/when", i))
	}
	if f := set.check(); f != nil {
		at := "/rules"
		if f.i >= 0 {
			at = fmt.Sprintf("/rules/%d", f.i)
			if _, ok := doc.Locate(at + "/" + f.field); ok {
				at += "/" + f.field
			}
		}
		return Set{}, "", doc.Error(at, f.message)
	}
	return set, d.Stream, nil
}
