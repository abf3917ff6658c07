package schemas

import (
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/lazaret/lazaret/schemas/contain"
)

// knownFormat is what is known of a format beside its check. A wrong word of it, but for the
// samples, would make schemas compatible that are not: each is there because the code of the
// check says so.
type knownFormat struct {
	name string
	// within is a pattern that every string of the format matches; "" if none is known.
	within string
	// exact says that every string that the pattern matches is of the format.
	exact bool
	// shortest and longest bound the lengths of all strings of the format where the pattern
	// does not; longest is 0 if nothing does.
	shortest, longest int
	// part names formats that every string of this one is of.
	part    []string
	samples []string
	// sized makes a string of about a length, which is mostly of the format; nil if none is
	// needed.
	sized func(n int) string
}

// knownFormats lets strings of a format be found, and formats be held against lengths,
// patterns and each other. Tests hold all of it against the checks.
var knownFormats = []knownFormat{
	{name: "date-time", within: `^` + dateTimeShape + `$`,
		samples: []string{"2026-01-31T12:00:00Z", "2026-01-31T12:00:00.5Z", "2025-06-30T23:59:59+02:00", "2024-02-29T00:00:00.123Z", "1999-12-31T23:59:60Z"},
		sized:   func(n int) string { return filled("2026-01-31T12:00:00.", "0", "Z", n) }},
	{name: "date", within: `^` + dateShape + `$`, samples: []string{"2026-01-31", "2024-02-29", "1999-12-31", "2025-06-30"}},
	{name: "time", within: `^` + timeShape + `$`, samples: []string{"12:00:00Z", "23:59:59.5Z", "00:00:00+02:00"},
		sized: func(n int) string { return filled("12:00:00.", "0", "Z", n) }},
	{name: "duration", exact: true, within: `^` + durationShape + `$`, samples: []string{"P1D", "PT1H", "P1Y2M3DT4H5M6S", "P2W"},
		sized: func(n int) string { return filled("P", "1", "D", n) }},
	{name: "email", within: `^` + localShape + `@(` + hostShape + `|\[[0-9A-Za-z:.]+\])$`, shortest: 3, longest: 254,
		samples: []string{"a@example.com", "b.c@example.org", "someone+tag@mail.example.com", "a@b.co"}, sized: sizedEmail},
	{name: "hostname", within: `^` + hostShape + `$`, shortest: 1, longest: 253,
		samples: []string{"example.com", "a", "www.example.org", "localhost", "x1.example.net"}, sized: sizedHost},
	{name: "ipv4", exact: true, within: `^` + octetShape + `(\.` + octetShape + `){3}$`, part: []string{"hostname"},
		samples: []string{"192.0.2.1", "10.0.0.1", "198.51.100.255"}},
	{name: "ipv6", within: `^[0-9A-Fa-f]*:[0-9A-Fa-f:.]+$`, shortest: 2, longest: 45,
		samples: []string{"2001:db8::1", "::1", "2001:db8:0:0:0:0:0:1"}, sized: sizedIPv6},
	{name: "uuid", exact: true, within: `^[0-9A-Fa-f]{8}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{12}$`,
		samples: []string{"123e4567-e89b-42d3-a456-426614174000", "00000000-0000-0000-0000-000000000000", "ABCDEF01-2345-4678-9ABC-DEF012345678"}},
	{name: "uri", within: `^` + schemeShape + `:` + uriShape + `$`, part: []string{"uri-reference", "iri", "iri-reference", "uri-template"},
		samples: []string{"https://example.com/", "http://example.com", "urn:example:a", "https://example.com/a?b=c#d", "mailto:a@example.com", "a:", "ftp://example.org/x.txt"}, sized: sizedURI},
	{name: "uri-reference", within: `^` + uriShape + `$`, part: []string{"iri-reference", "uri-template"},
		samples: []string{"/a", "", "https://example.com/", "a/b?c#d", "#a", "../x"}, sized: sizedPath},
	{name: "iri", within: `^` + schemeShape + `:` + iriShape + `$`, part: []string{"iri-reference", "uri-template"},
		samples: []string{"https://example.com/é", "https://example.com/", "urn:example:a"}, sized: sizedURI},
	{name: "iri-reference", within: `^` + iriShape + `$`, part: []string{"uri-template"},
		samples: []string{"/é", "", "/a", "https://example.com/", "#a"}, sized: sizedPath},
	{name: "uri-template", samples: []string{"/a/{b}", "", "https://example.com/{a}", "/a"}, sized: sizedPath},
	{name: "json-pointer", exact: true, within: `^` + pointerShape + `$`, samples: []string{"", "/a", "/a/0", "/a~1b"}, sized: sizedPath},
	{name: "relative-json-pointer", exact: true, within: `^` + wholeShape + `(#|` + pointerShape + `)$`, samples: []string{"0", "1/a", "0#", "2/0"},
		sized: func(n int) string { return filled("1/", "a", "", n) }},
	{name: "regex", samples: []string{"a", "^a+$", "", "[a-z]*"}, sized: func(n int) string { return filled("", "a", "", n) }},
	{name: "semver", exact: true, within: `^` + wholeShape + `\.` + wholeShape + `\.` + wholeShape + `(-` + preShape + `(\.` + preShape + `)*)?(\+` + buildShape + `(\.` + buildShape + `)*)?$`,
		samples: []string{"1.0.0", "2.1.3", "1.0.0-rc.1"}, sized: func(n int) string { return filled("1.0.0-", "a", "", n) }},
	{name: "period", within: `^(` + dateTimeShape + `/(` + dateTimeShape + `|` + durationShape + `)|` + durationShape + `/` + dateTimeShape + `)$`,
		samples: []string{"2026-01-31T12:00:00Z/P1D", "P1D/2026-01-31T12:00:00Z"},
		sized:   func(n int) string { return filled("2026-01-31T12:00:00Z/P", "1", "D", n) }},
}

// The shapes of RFC 3339. That February has 29 days in some years alone, and that a leap
// second comes at one time alone, they leave out.
const (
	dateShape     = `[0-9]{4}-((0[13578]|1[02])-(0[1-9]|[12][0-9]|3[01])|(0[469]|11)-(0[1-9]|[12][0-9]|30)|02-(0[1-9]|[12][0-9]))`
	minuteShape   = `([01][0-9]|2[0-3]):[0-5][0-9]`
	timeShape     = minuteShape + `:([0-5][0-9]|60)(\.[0-9]+)?([Zz]|[+-]` + minuteShape + `)`
	dateTimeShape = dateShape + `[Tt]` + timeShape
	daysShape     = `([0-9]+Y([0-9]+M([0-9]+D)?)?|[0-9]+M([0-9]+D)?|[0-9]+D)`
	hoursShape    = `T([0-9]+H([0-9]+M([0-9]+S)?)?|[0-9]+M([0-9]+S)?|[0-9]+S)`
	durationShape = `P([0-9]+W|` + daysShape + `(` + hoursShape + `)?|` + hoursShape + `)`
)

// The shapes of names and addresses, without the bounds on their parts.
const (
	labelShape  = `[0-9A-Za-z]([0-9A-Za-z-]*[0-9A-Za-z])?`
	hostShape   = labelShape + `(\.` + labelShape + `)*`
	octetShape  = `(25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])`
	atomShape   = "[0-9A-Za-z!#$%&'*+/=?^_`{|}~-]+"
	localShape  = `(` + atomShape + `(\.` + atomShape + `)*|"([ !#-\[\]-~]|\\[ -~])*")`
	schemeShape = `[A-Za-z][0-9A-Za-z+.-]*`
	uriShape    = `([0-9A-Za-z._~!$&'()*+,;=:@/?#\[\]-]|%[0-9A-Fa-f]{2})*`
	iriShape    = `([0-9A-Za-z._~!$&'()*+,;=:@/?#\[\]\x{A0}-\x{10FFFF}-]|%[0-9A-Fa-f]{2})*`
)

// The shapes of what is left.
const (
	wholeShape   = `(0|[1-9][0-9]*)`
	pointerShape = `(/([^/~]|~[01])*)*`
	preShape     = `(0|[1-9][0-9]*|[0-9]*[A-Za-z-][0-9A-Za-z-]*)`
	buildShape   = `[0-9A-Za-z-]+`
)

// filled repeats a letter between two texts so that all have n letters.
func filled(before, letter, after string, n int) string {
	return before + strings.Repeat(letter, max(0, n-len(before)-len(after))) + after
}

// sizedHost is labels of up to 63 letters.
func sizedHost(n int) string {
	var b strings.Builder
	for left := n; left > 0; {
		label := min(left, 63)
		if left == 64 {
			label = 62 // no label would be left after the dot
		}
		b.WriteString(strings.Repeat("a", label))
		if left -= label; left > 0 {
			b.WriteByte('.')
			left--
		}
	}
	return b.String()
}

// sizedEmail has a local part of up to 64 letters.
func sizedEmail(n int) string {
	const host = "example.com"
	if n < len("a@")+len(host) {
		return filled("", "a", "@a", n)
	}
	local := min(64, n-1-len(host))
	return strings.Repeat("a", local) + "@" + sizedHost(n-1-local)
}

// sizedIPv6 has up to seven groups, or six and an IPv4 address.
func sizedIPv6(n int) string {
	const group = "1111:"
	if more := n - 6*len(group) - len("1.1.1.1"); more >= 0 {
		octets := []string{"1", "1", "1", "1"}
		for i := range min(8, more) {
			octets[i/2] += "1"
		}
		return strings.Repeat(group, 6) + strings.Join(octets, ".")
	}
	before := "::"
	if n > 2 && (n-2)%len(group) == 0 {
		before = "1::" // else the last letter would be a colon
	}
	return before + strings.Repeat(group, 8)[:max(0, n-len(before))]
}

func sizedURI(n int) string {
	const site = "https://example.com/"
	if n < len(site) {
		return filled("a:", "a", "", n)
	}
	return filled(site, "a", "", n)
}

func sizedPath(n int) string { return filled("/", "a", "", n) }

// formatOf is a format that is asserted.
func (b *nodes) formatOf(f *jsonschema.Format) *contain.Format {
	if f == nil {
		return nil
	}
	made := b.formats[f.Name]
	if made != nil {
		return made
	}
	made = &contain.Format{Name: f.Name, Check: func(s string) bool { return f.Validate(s) == nil }}
	for _, k := range knownFormats {
		if k.name == f.Name {
			made.Within, made.Exact, made.Shortest, made.Longest = k.within, k.exact, k.shortest, k.longest
			made.Part, made.Samples, made.Sized = k.part, k.samples, k.sized
		}
	}
	b.formats[f.Name] = made
	return made
}
