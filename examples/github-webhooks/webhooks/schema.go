package webhooks

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
)

const refPrefix = "#/definitions/"

// definitions are the schema package's definitions by name, as they stand.
type definitions map[string]json.RawMessage

func parseDefinitions(schema []byte) (definitions, error) {
	var doc struct {
		Definitions definitions `json:"definitions"`
	}
	if err := json.Unmarshal(schema, &doc); err != nil {
		return nil, err
	}
	if len(doc.Definitions) == 0 {
		return nil, errors.New("it has no definitions")
	}
	return doc.Definitions, nil
}

// selfContained returns the schema that is the named definition, with the definitions
// that it leads to and no others, so that each stream's schema is as small as can be.
func (d definitions) selfContained(name string) ([]byte, error) {
	needed := definitions{}
	if err := d.reach(name, needed); err != nil {
		return nil, err
	}
	return json.MarshalIndent(struct {
		Schema      string      `json:"$schema"`
		Ref         string      `json:"$ref"`
		Definitions definitions `json:"definitions"`
	}{"http://json-schema.org/draft-07/schema#", refPrefix + name, needed}, "", "  ")
}

// reach adds the named definition and all that it refers to, at any remove.
func (d definitions) reach(name string, needed definitions) error {
	if _, done := needed[name]; done {
		return nil
	}
	raw, ok := d[name]
	if !ok {
		return fmt.Errorf("a reference leads to %s%s, which does not exist", refPrefix, name)
	}
	needed[name] = raw
	var doc any
	if err := json.Unmarshal(raw, &doc); err != nil {
		return err
	}
	for _, ref := range references(doc, nil) {
		target, ok := strings.CutPrefix(ref, refPrefix)
		if !ok || strings.Contains(target, "/") {
			return fmt.Errorf("the reference %q does not lead to a definition", ref)
		}
		if err := d.reach(target, needed); err != nil {
			return err
		}
	}
	return nil
}

// references lists the values of $ref in the document.
func references(doc any, list []string) []string {
	switch doc := doc.(type) {
	case map[string]any:
		for key, value := range doc {
			if ref, ok := value.(string); ok && key == "$ref" {
				list = append(list, ref)
			} else {
				list = references(value, list)
			}
		}
	case []any:
		for _, value := range doc {
			list = references(value, list)
		}
	}
	return list
}
