package contain

// Drop takes a keyword out of what a node says; name is one of the names that it lists, as
// in required, or "" for all. False: the node does not say it in a field of its own.
func (n *Node) Drop(keyword, name string) bool {
	was := *n
	blank := NewNode()
	switch keyword {
	case "type":
		n.Types = 0
	case "enum", "const":
		n.Values = nil
	case "minLength":
		n.MinLength = 0
	case "maxLength":
		n.MaxLength = -1
	case "pattern":
		n.Pattern = nil
	case "format":
		n.Format = nil
	case "minimum":
		n.Minimum = nil
	case "maximum":
		n.Maximum = nil
	case "exclusiveMinimum":
		n.ExclusiveMinimum = nil
	case "exclusiveMaximum":
		n.ExclusiveMaximum = nil
	case "multipleOf":
		n.MultipleOf = nil
	case "minItems":
		n.MinItems = 0
	case "maxItems":
		n.MaxItems = -1
	case "uniqueItems":
		n.Unique = false
	case "contains", "minContains", "maxContains":
		n.Contains = nil
	case "items", "additionalItems":
		n.Rest = nil
	case "required":
		left := make([]string, 0, len(n.Required))
		for _, r := range n.Required {
			if name != "" && r != name {
				left = append(left, r)
			}
		}
		n.Required = left
		return len(left) < len(was.Required)
	case "additionalProperties":
		n.Additional = nil
	case "propertyNames":
		n.Names = nil
	case "minProperties":
		n.MinProperties = 0
	case "maxProperties":
		n.MaxProperties = -1
	case "anyOf":
		n.AnyOf = nil
	case "oneOf":
		n.OneOf = nil
	case "not":
		n.Not = nil
	case "if":
		n.If = nil
	case "false":
		*n = *blank
		n.Where = was.Where
		return was.Never
	default:
		return false
	}
	return true
}
