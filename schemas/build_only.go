package schemas

import (
	"github.com/santhosh-tekuri/jsonschema/v6"
)

// The library explains what fails. So that it need not judge the whole of a value again,
// it is given copies of the schema with nothing in it but the keyword that failed: they
// have the same location, and so the same reasons.

// bare is a schema with nothing in it but where it stands.
func bare(s *jsonschema.Schema) *jsonschema.Schema {
	return &jsonschema.Schema{DraftVersion: s.DraftVersion, Location: s.Location}
}

func (b *builder) onlyAnyOf(s *jsonschema.Schema) *jsonschema.Schema {
	c := bare(s)
	c.AnyOf = s.AnyOf
	return c
}

func (b *builder) onlyOneOf(s *jsonschema.Schema) *jsonschema.Schema {
	c := bare(s)
	c.OneOf = s.OneOf
	return c
}

func (b *builder) onlyNot(s *jsonschema.Schema) *jsonschema.Schema {
	c := bare(s)
	c.Not = s.Not
	return c
}

func (b *builder) onlyIf(s *jsonschema.Schema) *jsonschema.Schema {
	c := bare(s)
	c.If, c.Then, c.Else = s.If, s.Then, s.Else
	return c
}

// onlyDependent is a schema's dependentSchemas, or dependencies, of one property.
func (b *builder) onlyDependent(s *jsonschema.Schema, name string) *jsonschema.Schema {
	c := bare(s)
	if sub, ok := s.DependentSchemas[name]; ok {
		c.DependentSchemas = map[string]*jsonschema.Schema{name: sub}
	}
	if sub, ok := s.Dependencies[name].(*jsonschema.Schema); ok {
		c.Dependencies = map[string]any{name: sub}
	}
	return c
}

func (b *builder) onlyContains(s *jsonschema.Schema) *jsonschema.Schema {
	c := bare(s)
	c.Contains, c.MinContains, c.MaxContains = s.Contains, s.MinContains, s.MaxContains
	return c
}

func (b *builder) onlyUnique(s *jsonschema.Schema) *jsonschema.Schema {
	c := bare(s)
	c.Extensions = []jsonschema.SchemaExt{&mended{unique: true}}
	return c
}

// onlyCount is what a schema says of the number of items.
func (b *builder) onlyCount(s *jsonschema.Schema) *jsonschema.Schema {
	c := bare(s)
	c.MinItems, c.MaxItems = s.MinItems, s.MaxItems
	if tuple, ok := s.Items.([]*jsonschema.Schema); ok && s.AdditionalItems == false {
		everything := make([]*jsonschema.Schema, len(tuple))
		for i := range everything {
			everything[i] = b.everything(s)
		}
		c.Items, c.AdditionalItems = everything, false
	}
	return c
}

// onlyNames is what a schema says of the names of members and of their number: nil if
// there is nothing.
func (b *builder) onlyNames(s *jsonschema.Schema) *jsonschema.Schema {
	c, some := bare(s), false
	if c.MinProperties, c.MaxProperties = s.MinProperties, s.MaxProperties; c.MinProperties != nil || c.MaxProperties != nil {
		some = true
	}
	if c.Required, c.DependentRequired = s.Required, s.DependentRequired; len(c.Required)+len(c.DependentRequired) > 0 {
		some = true
	}
	for name, dep := range s.Dependencies {
		if list, ok := dep.([]string); ok {
			if c.Dependencies == nil {
				c.Dependencies = map[string]any{}
			}
			c.Dependencies[name] = list
			some = true
		}
	}
	if names := namesSchema(s); names != nil {
		c.Extensions = []jsonschema.SchemaExt{&mended{names: names}}
		some = true
	}
	if s.AdditionalProperties == false {
		c.AdditionalProperties, some = false, true
		c.Properties = make(map[string]*jsonschema.Schema, len(s.Properties))
		for name := range s.Properties {
			c.Properties[name] = b.everything(s)
		}
		c.PatternProperties = make(map[jsonschema.Regexp]*jsonschema.Schema, len(s.PatternProperties))
		for re := range s.PatternProperties {
			c.PatternProperties[re] = b.everything(s)
		}
	}
	if !some {
		return nil
	}
	return c
}

// everything is a schema that allows everything.
func (b *builder) everything(s *jsonschema.Schema) *jsonschema.Schema {
	yes := true
	c := bare(s)
	c.Bool = &yes
	return c
}
