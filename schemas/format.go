package schemas

import (
	"encoding/json"
	"errors"
)

// format is a format that this package judges in the schema library's place.
type format struct {
	name string
	// spec is what defines the format.
	spec string
	// deviation is what the library's own check does differently.
	deviation string
	check     func(string) bool
}

var errFormat = errors.New("not of this format")

// validate implements the library's Format.Validate. The error carries no value.
func (f format) validate(v any) error {
	if s, ok := v.(string); ok && !f.check(s) {
		return errFormat
	}
	return nil
}

// formats lists the deviations of the schema library from the specifications of the
// formats, each with the check that mends it. The library's own checks stand for uuid,
// ipv6, json-pointer, relative-json-pointer, semver, and regex (which is RE2 here, as
// pattern is).
//
// Not judged, as formats that are unknown: idn-email and idn-hostname, since the tables of
// IDNA 2008 are not part of this program. For the same reason hostname does not look into
// labels that begin with "xn--".
func formats() []format {
	return []format{
		{"uri-template", "RFC 6570", "refuses the operators / ? #, and accepts empty expressions and spaces", isURITemplate},
		{"uri", "RFC 3986", "accepts spaces, quotes, < > { } | \\ ^ ` and letters beyond ASCII", isURI},
		{"uri-reference", "RFC 3986", "as uri", isURIReference},
		{"iri", "RFC 3987", "as uri; refuses IPvFuture hosts", isIRI},
		{"iri-reference", "RFC 3987", "as uri-reference", isIRIReference},
		{"email", "RFC 5321", "accepts an empty local part, refuses escapes in a quoted one", isEmail},
		{"hostname", "RFC 1123", "accepts a trailing dot", isHostname},
		{"ipv4", "RFC 2673", "accepts signs", isIPv4},
		{"time", "RFC 3339", "accepts signs in hours, minutes and seconds", isTime},
		{"date-time", "RFC 3339", "as time", isDateTime},
		{"date", "RFC 3339", "none; it is the date of date-time", isDate},
		{"duration", "RFC 3339, appendix A", "accepts units that leave one out, as in P1Y2D", isDuration},
		{"period", "RFC 3339, appendix A", "as date-time and duration", isPeriod},
	}
}

// FormatCheck returns the check of a format as compiled schemas assert it, for whoever
// writes schemas; nil if schemas do not check the format. It is safe for concurrent use.
func FormatCheck(name string) func(string) bool {
	for _, own := range formats() {
		if own.name == name {
			return own.check
		}
	}
	document, err := json.Marshal(map[string]string{"format": name})
	if err != nil {
		return nil
	}
	s, err := Compile(document, Options{})
	if err != nil || s.root.Format == nil {
		return nil
	}
	return formatCheck(s.root.Format)
}
