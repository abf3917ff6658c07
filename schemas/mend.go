package schemas

import (
	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"

	"github.com/lazaret/lazaret/internal/jsonread"
)

// mended judges two keywords in the schema library's place:
//
//   - propertyNames: the library reports its failures at a location that it goes on to
//     overwrite, so that they appear under a sibling's path.
//   - uniqueItems: beyond 20 items the library compares items that hash alike, and it
//     hashes without lengths: an array of strings that hold \u0004 makes all hashes equal
//     and the comparison quadratic, 8 s for a payload of 1.4 MB.
type mended struct {
	names  *jsonschema.Schema // propertyNames, or nil
	unique bool               // uniqueItems
}

// mend moves the two keywords from compiled schemas to the extension. It runs once for
// each schema, before the schema is used.
func mend(nodes []*jsonschema.Schema) {
	for _, s := range nodes {
		if !s.UniqueItems && s.PropertyNames == nil {
			continue
		}
		s.Extensions = append(s.Extensions, &mended{names: s.PropertyNames, unique: s.UniqueItems})
		s.UniqueItems, s.PropertyNames = false, nil
	}
}

// namesSchema is the propertyNames of a schema, mended or not.
func namesSchema(s *jsonschema.Schema) *jsonschema.Schema {
	for _, e := range s.Extensions {
		if m, ok := e.(*mended); ok {
			return m.names
		}
	}
	return s.PropertyNames
}

// isUnique reports whether a schema has uniqueItems, mended or not.
func isUnique(s *jsonschema.Schema) bool {
	for _, e := range s.Extensions {
		if m, ok := e.(*mended); ok {
			return m.unique
		}
	}
	return s.UniqueItems
}

// Validate implements the library's SchemaExt.
func (m *mended) Validate(ctx *jsonschema.ValidatorContext, v any) {
	switch v := v.(type) {
	case map[string]any:
		if m.names == nil {
			return
		}
		for name := range v {
			if m.names.Validate(name) != nil {
				ctx.AddError(&kind.PropertyNames{Property: name})
			}
		}
	case []any:
		if !m.unique {
			return
		}
		if i, j, found := jsonread.Repeated(v); found {
			ctx.AddError(&kind.UniqueItems{Duplicates: [2]int{i, j}})
		}
	}
}
