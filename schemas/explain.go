package schemas

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"

	"github.com/lazaret/lazaret"
)

// reason is a reason with what the choice between branches needs to know of it.
type reason struct {
	lazaret.Reason
	depth int      // how deep in the payload the failing place is
	types []string // what a failed "type" wants; nil for other keywords
	more  int      // how many further reasons it stands for, which were not kept
}

// explainer turns the schema library's tree of failures into reasons: one for each
// failing leaf, and of a union's branches only for the one that was meant. It never looks
// at what the library says in words, since that holds the payload's values.
type explainer struct {
	unions map[string]*union // those of the schema; nil if they were picked from already
	value  any
	base   []string // where the value is in the payload
	err    error    // ours: the library met something that is not the payload's fault
}

// reasons lists the reasons of one failure.
func (x *explainer) reasons(e *jsonschema.ValidationError) []reason {
	switch k := e.ErrorKind.(type) {
	case *explained:
		if k.err != nil {
			x.err = k.err
		}
		return slices.Clone(k.reasons)
	case *kind.Schema, *kind.Group, *kind.Reference, *kind.AllOf:
		return x.causes(e.Causes)
	case *kind.AnyOf:
		return x.union(e, "anyOf")
	case *kind.OneOf:
		if len(k.Subschemas) == 0 {
			return x.union(e, "oneOf")
		}
		return x.leaf(e, "oneOf", fmt.Sprintf("must match exactly one of the branches, but matches %s", indices(k.Subschemas)))
	case *kind.Required:
		return x.missing(e, k.Missing, "required", "is missing", "required")
	case *kind.Dependency:
		return x.missing(e, k.Missing, "dependencies", "is missing, and must be there because "+quoted(k.Prop)+" is", "dependencies", k.Prop)
	case *kind.DependentRequired:
		return x.missing(e, k.Missing, "dependentRequired", "is missing, and must be there because "+quoted(k.Prop)+" is", "dependentRequired", k.Prop)
	case *kind.AdditionalProperties:
		return x.extra(e, k.Properties)
	case *kind.PropertyNames:
		path := append(slices.Clone(e.InstanceLocation), k.Property)
		return []reason{x.at(e, path, "propertyNames", "has a name that the schema does not allow here", "propertyNames")}
	case *kind.FalseSchema:
		keyword, message := falseSchema(e.SchemaURL)
		return []reason{x.at(e, e.InstanceLocation, keyword, message)}
	case *kind.Type:
		list := x.leaf(e, "type", "must be "+alternatives(k.Want)+", is "+k.Got)
		list[0].types = k.Want
		return list
	case *kind.RefCycle, *kind.InvalidJsonValue:
		x.err = errors.New("schemas: the schema leads back to itself at " + schemaPath(e.SchemaURL) + " and cannot decide this event")
		return nil
	case nil:
		x.err = errors.New("schemas: the schema library gave a failure of no kind")
		return nil
	default:
		return x.simple(e)
	}
}

func (x *explainer) causes(causes []*jsonschema.ValidationError) (list []reason) {
	for _, cause := range causes {
		list = append(list, x.reasons(cause)...)
	}
	return list
}

// simple makes the reason of a failure that concerns one keyword and one value.
func (x *explainer) simple(e *jsonschema.ValidationError) []reason {
	if keyword, message := describe(e.ErrorKind); keyword != "" {
		return x.leaf(e, keyword, message)
	}
	// A kind that this package does not know: the keyword is what the library names first.
	path := e.ErrorKind.KeywordPath()
	if len(path) == 0 {
		return []reason{x.at(e, e.InstanceLocation, lastKeyword(e.SchemaURL), "does not satisfy the schema")}
	}
	list := x.leaf(e, path[0], "does not satisfy "+path[0])
	if len(e.Causes) > 0 {
		return x.causes(e.Causes)
	}
	return list
}

// leaf makes the one reason of a keyword that stands at the failure's location.
func (x *explainer) leaf(e *jsonschema.ValidationError, keyword, message string) []reason {
	return []reason{x.at(e, e.InstanceLocation, keyword, message, keyword)}
}

// at makes a reason. The schema's path is the failure's location and the tokens below it.
func (x *explainer) at(e *jsonschema.ValidationError, path []string, keyword, message string, below ...string) reason {
	return reason{
		Reason: lazaret.Reason{
			Code:       lazaret.SchemaCode(keyword),
			Path:       instancePath(x.base, path),
			SchemaPath: schemaPath(e.SchemaURL, below...),
			Message:    message,
		},
		depth: len(path),
	}
}

// missing makes a reason for each property that is not there.
func (x *explainer) missing(e *jsonschema.ValidationError, names []string, keyword, message string, below ...string) (list []reason) {
	for _, name := range names {
		path := append(slices.Clone(e.InstanceLocation), name)
		list = append(list, x.at(e, path, keyword, quoted(name)+" "+message, below...))
	}
	return list
}

// extra makes a reason for each property that must not be there.
func (x *explainer) extra(e *jsonschema.ValidationError, names []string) (list []reason) {
	for _, name := range names {
		path := append(slices.Clone(e.InstanceLocation), name)
		list = append(list, x.at(e, path, "additionalProperties", "is a property that the schema does not allow", "additionalProperties"))
	}
	return list
}

// find returns the value at a place in the payload.
func (x *explainer) find(path []string) (any, bool) {
	v := x.value
	for _, token := range path {
		switch at := v.(type) {
		case map[string]any:
			next, ok := at[token]
			if !ok {
				return nil, false
			}
			v = next
		case []any:
			i, err := strconv.Atoi(token)
			if err != nil || i < 0 || i >= len(at) {
				return nil, false
			}
			v = at[i]
		default:
			return nil, false
		}
	}
	return v, true
}

// falseSchema says which keyword forbids a value by the schema false, and how.
func falseSchema(location string) (keyword, message string) {
	keyword = lastKeyword(location)
	switch keyword {
	case "false":
		return keyword, "is not allowed: the schema here is false"
	case "unevaluatedProperties", "additionalProperties":
		return keyword, "is a property that the schema does not allow"
	case "unevaluatedItems", "items", "additionalItems", "prefixItems":
		return keyword, "is an item that the schema does not allow"
	default:
		return keyword, "is not allowed here"
	}
}

// lastKeyword is the keyword that applies the schema at a location, or "false" if none
// does: a boolean schema in $defs, or the whole document.
func lastKeyword(location string) string {
	_, ptr := splitLocation(location)
	path := tokens(ptr)
	keyword := "false"
	for i := 0; i < len(path); i++ {
		keyword = path[i]
		shape := keywordShapes[keyword]
		if shape == holdsNone || keyword == "$defs" || keyword == "definitions" {
			keyword = "false"
		}
		if shape == holdsMap || shape == holdsOne && i+1 < len(path) && isNumber(path[i+1]) {
			i++ // the name or the index of the schema within the keyword
		}
	}
	return keyword
}

func isNumber(s string) bool { return s != "" && strings.Trim(s, "0123456789") == "" }

// quoted writes a name for a message.
func quoted(name string) string { return strconv.Quote(truncate(name, maxToken)) }

// indices writes the numbers of branches for people.
func indices(list []int) string {
	words := make([]string, len(list))
	for i, n := range list {
		words[i] = strconv.Itoa(n)
	}
	return "numbers " + strings.Join(words, " and ") + " (counted from 0)"
}

// alternatives joins words with commas and "or".
func alternatives(words []string) string {
	if len(words) < 2 {
		return strings.Join(words, "")
	}
	return strings.Join(words[:len(words)-1], ", ") + " or " + words[len(words)-1]
}
