package lazaret

import "slices"

// CodeInfo explains a reason code to people.
type CodeInfo struct {
	Code Code
	// Meaning says what was wrong with the event.
	Meaning string
	// Remedy says what to do about it.
	Remedy string
}

// Codes lists every code that a reason can have, in the order in which docs/reasons.md
// shows them. The list is closed and only ever appended to: a code keeps its meaning
// for good. The caller may change the list that it gets.
func Codes() []CodeInfo {
	return slices.Concat(jsonCodes(), envelopeCodes(), valueCodes(), objectCodes(), arrayCodes(), combinedCodes(), ruleCodes(), sinkCodes())
}

const (
	mendSender = "Mend the sender; or, if the data is right, put out a new version of the schema that allows it, and reprocess."
	falseHere  = "The schema that this keyword puts on the place is `false`, so nothing is allowed there."
	notGiven   = " No release gives this code yet; it is kept for when one does."
)

func jsonCodes() []CodeInfo {
	return []CodeInfo{
		{CodeSyntax, "The event is not a JSON text of RFC 8259. The message has line and column; an event that was cut off ends there.", "Mend the sender. The bytes that came are in the quarantine."},
		{CodeEncoding, "A string is not valid UTF-8, or an escape stands for half of a surrogate pair.", "Have the sender write UTF-8."},
		{CodeDuplicateKey, "An object, or a CloudEvent's envelope, has a member twice. Readers differ in which of the two they take.", "Mend the sender: each name once."},
		{CodeDepth, "Arrays and objects are nested more deeply than `limits.json_depth`.", "Flatten the event; or raise the limit and reprocess."},
		{CodeNumber, "A number has more than 64 characters, or an exponent beyond 308.", "Send such a number as a string."},
		{CodeSize, "The event has more bytes than `limits.event`, or more keys and items than `limits.json_keys`.", "Send less in one event; or raise the limit and reprocess."},
	}
}

func envelopeCodes() []CodeInfo {
	const mend = "Mend the sender; the message says what the attribute must be."
	return []CodeInfo{
		{EnvelopeCode("specversion"), "The CloudEvent's `specversion` is missing or not `1.0`, or the document is not an object.", mend},
		{EnvelopeCode("id"), "The CloudEvent's `id` is missing or empty.", mend},
		{EnvelopeCode("source"), "The CloudEvent's `source` is missing, or not a URI-reference.", mend},
		{EnvelopeCode("type"), "The CloudEvent's `type` is missing or empty.", mend},
		{EnvelopeCode("subject"), "The CloudEvent's `subject` is empty or not text.", mend},
		{EnvelopeCode("time"), "The CloudEvent's `time` is not a time of RFC 3339.", mend},
		{EnvelopeCode("dataschema"), "The CloudEvent's `dataschema` is not an absolute URI.", mend},
		{EnvelopeCode("datacontenttype"), "The CloudEvent's payload is not declared to be JSON, and only JSON can be checked.", mend},
		{EnvelopeCode("data"), "The CloudEvent has no payload, has two, or its `data_base64` is not base64.", mend},
		{EnvelopeCode("partitionkey"), "The CloudEvent's `partitionkey` is empty or not text.", mend},
		{EnvelopeCode("extension"), "An extension attribute has a name or a value that CloudEvents do not allow, or there are more than 256 attributes.", mend},
	}
}

func valueCodes() []CodeInfo {
	return []CodeInfo{
		{SchemaCode("type"), "The value is of another type than the schema wants.", mendSender},
		{SchemaCode("const"), "The value is not the one that the schema wants.", mendSender},
		{SchemaCode("enum"), "The value is not one of those that the schema lists.", mendSender},
		{SchemaCode("format"), "The string is not of the format (date-time, uuid, email …). Formats are checked under every draft.", mendSender},
		{SchemaCode("pattern"), "The string does not match the regular expression.", mendSender},
		{SchemaCode("minLength"), "The string has too few characters.", mendSender},
		{SchemaCode("maxLength"), "The string has too many characters.", mendSender},
		{SchemaCode("minimum"), "The number is too small.", mendSender},
		{SchemaCode("maximum"), "The number is too large.", mendSender},
		{SchemaCode("exclusiveMinimum"), "The number is too small; the bound itself is not allowed.", mendSender},
		{SchemaCode("exclusiveMaximum"), "The number is too large; the bound itself is not allowed.", mendSender},
		{SchemaCode("multipleOf"), "The number is not a multiple of the schema's.", mendSender},
		{SchemaCode("contentEncoding"), "The string is not encoded as the schema says." + notGiven, mendSender},
		{SchemaCode("contentMediaType"), "The string is not of the media type that the schema says." + notGiven, mendSender},
		{SchemaCode("contentSchema"), "What is encoded in the string does not match its schema, or " + lower(falseHere), mendSender},
	}
}

func objectCodes() []CodeInfo {
	return []CodeInfo{
		{SchemaCode("required"), "A property is missing; the path is where it should be.", "Mend the sender; or make the property optional in a new version of the schema, and reprocess."},
		{SchemaCode("dependentRequired"), "A property is missing that must be there because another one is.", mendSender},
		{SchemaCode("dependencies"), "As `schema.dependentRequired`, in the older drafts; or " + lower(falseHere), mendSender},
		{SchemaCode("additionalProperties"), "There is a property that the schema does not know and does not allow.", "Mend the sender; or add the property to a new version of the schema, and reprocess."},
		{SchemaCode("unevaluatedProperties"), "There is a property that no part of the schema knows, and it is not allowed.", "Mend the sender; or add the property to a new version of the schema, and reprocess."},
		{SchemaCode("propertyNames"), "A property has a name that the schema does not allow.", mendSender},
		{SchemaCode("minProperties"), "The object has too few properties.", mendSender},
		{SchemaCode("maxProperties"), "The object has too many properties.", mendSender},
		{SchemaCode("properties"), falseHere, mendSender},
		{SchemaCode("patternProperties"), falseHere, mendSender},
		{SchemaCode("dependentSchemas"), falseHere, mendSender},
	}
}

func arrayCodes() []CodeInfo {
	return []CodeInfo{
		{SchemaCode("items"), "There is an item that the schema does not allow.", mendSender},
		{SchemaCode("prefixItems"), "There is an item that the schema does not allow at this index.", mendSender},
		{SchemaCode("additionalItems"), "There are more items than the schema allows.", mendSender},
		{SchemaCode("unevaluatedItems"), "There is an item that no part of the schema knows, and it is not allowed.", mendSender},
		{SchemaCode("contains"), "No item matches what the schema wants one to match.", mendSender},
		{SchemaCode("minContains"), "Too few items match what `contains` says.", mendSender},
		{SchemaCode("maxContains"), "Too many items match what `contains` says.", mendSender},
		{SchemaCode("minItems"), "The array has too few items.", mendSender},
		{SchemaCode("maxItems"), "The array has too many items.", mendSender},
		{SchemaCode("uniqueItems"), "Two items are equal; the message has their indices.", mendSender},
	}
}

func combinedCodes() []CodeInfo {
	return []CodeInfo{
		{SchemaCode("anyOf"), "No branch fits: the type is that of none of them, or the property that tells the branches apart has a value that none of them has.", mendSender},
		{SchemaCode("oneOf"), "As `schema.anyOf`; or more than one branch matches, and one alone may.", mendSender},
		{SchemaCode("allOf"), falseHere, mendSender},
		{SchemaCode("not"), "The value matches a schema that it must not match.", mendSender},
		{SchemaCode("if"), falseHere, mendSender},
		{SchemaCode("then"), falseHere, mendSender},
		{SchemaCode("else"), falseHere, mendSender},
		{SchemaCode("false"), "The schema is `false`: nothing is allowed here.", mendSender},
		{CodeSchemaUnknown, "The event names a version of its schema that does not exist, that the stream does not accept, or does not accept any more, or one of another subject ([streams](streams.md#which-version-judges-an-event)). Its payload was held against none.", "Mend the sender; or register the version, or let the stream accept it, and reprocess."},
		{CodeSchemaCost, "Judging the event would take too long: its values, texts and nesting, times the branches, patterns and references of the schema that are tried at each place, are beyond the bound of one event ([limits](limits.md#what-one-event-may-cost)). What the schema says of it was not looked at.", "Send less in one event; or put out a new version of the schema whose unions have a property that tells the branches apart and whose texts have shorter patterns, and reprocess."},
	}
}

func ruleCodes() []CodeInfo {
	return []CodeInfo{
		{CodeRuleFailed, "The rule's expression is false. The message is the rule's own.", "Mend the sender; or, if the rule is wrong, mend the rule, and reprocess."},
		{CodeRuleError, "The rule could not be evaluated: a field is missing or of another type, a number is out of range, the work is too much, or the rule is suspended. The message says which, and where in the expression.", "Mostly the rule is to be mended: let it allow for what may be missing (`when`, `?.`, `??`). Then reprocess."},
	}
}

func sinkCodes() []CodeInfo {
	return []CodeInfo{
		{CodeSinkRefused, "The event passed when it was reprocessed, but the receiver behind the stream's sink refused it for good. It was not delivered. The message has the receiver's status.", "Find out from the receiver what it does not like. Mend the receiver, or have the contract find such events, and reprocess; or discard the event."},
	}
}

// lower makes the first letter of a sentence of ASCII small.
func lower(s string) string { return string(s[0]|0x20) + s[1:] }
