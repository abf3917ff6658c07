package schemas

// requiredExceptions are required cases that fail, and why. A name that ends in "*" stands
// for all that begin so; without a draft it stands for the file in every draft.
var requiredExceptions = map[string]string{
	"draft2020-12/format.json: *": "format is asserted in every draft here; these cases expect an annotation",
}

// formatExceptions are cases of formats that fail, and why.
var formatExceptions = map[string]string{
	"ecmascript-regex.json: *": "regular expressions are RE2, which matches in linear time, not ECMA 262",
	"idn-email.json: *":        "idn-email is not judged: the tables of IDNA are not part of the program",
	"idn-hostname.json: *":     "idn-hostname is not judged, for the same reason",
	"hostname.json: validation of A-label (punycode) host names: *": "labels that begin with xn-- are not looked into, for the same reason",
}
