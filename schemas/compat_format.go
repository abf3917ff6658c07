package schemas

import (
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/lazaret/lazaret/schemas/contain"
)

// knownFormat is what is known of a format beside its check.
type knownFormat struct {
	name string
	// within is a pattern that every string of the format matches; "" if none is known.
	within string
	// part names formats that every string of this one is of.
	part    []string
	samples []string
}

// knownFormats lets strings of a format be found, and formats be held against lengths,
// patterns and each other. Tests hold all of it against the checks.
var knownFormats = []knownFormat{
	{"date-time", `^` + dateShape + `.` + timeShape + `$`, nil, []string{"2026-01-31T12:00:00Z", "2026-01-31T12:00:00.5Z", "2025-06-30T23:59:59+02:00", "2024-02-29T00:00:00.123Z", "1999-12-31T23:59:60Z"}},
	{"date", `^` + dateShape + `$`, nil, []string{"2026-01-31", "2024-02-29", "1999-12-31", "2025-06-30"}},
	{"time", `^` + timeShape + `$`, nil, []string{"12:00:00Z", "23:59:59.5Z", "00:00:00+02:00"}},
	{"duration", `^P`, nil, []string{"P1D", "PT1H", "P1Y2M3DT4H5M6S", "P2W"}},
	{"email", `@`, nil, []string{"a@example.com", "b.c@example.org", "someone+tag@mail.example.com", "a@b.co"}},
	{"hostname", `^[A-Za-z0-9.-]{1,253}$`, nil, []string{"example.com", "a", "www.example.org", "localhost", "x1.example.net"}},
	{"ipv4", `^[0-9]{1,3}(\.[0-9]{1,3}){3}$`, nil, []string{"192.0.2.1", "10.0.0.1", "198.51.100.255"}},
	{"ipv6", `:`, nil, []string{"2001:db8::1", "::1", "2001:db8:0:0:0:0:0:1"}},
	{"uuid", `^[0-9A-Fa-f]{8}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{12}$`, nil,
		[]string{"123e4567-e89b-42d3-a456-426614174000", "00000000-0000-0000-0000-000000000000", "ABCDEF01-2345-4678-9ABC-DEF012345678"}},
	{"uri", `^[A-Za-z][A-Za-z0-9+.-]*:[!-~]*$`, []string{"uri-reference", "iri", "iri-reference"},
		[]string{"https://example.com/", "http://example.com", "urn:example:a", "https://example.com/a?b=c#d", "mailto:a@example.com", "a:", "ftp://example.org/x.txt"}},
	{"uri-reference", `^[!-~]*$`, []string{"iri-reference"}, []string{"/a", "", "https://example.com/", "a/b?c#d", "#a", "../x"}},
	{"iri", `^[A-Za-z][A-Za-z0-9+.-]*:`, []string{"iri-reference"}, []string{"https://example.com/é", "https://example.com/", "urn:example:a"}},
	{"iri-reference", "", nil, []string{"/é", "", "/a", "https://example.com/", "#a"}},
	{"uri-template", "", nil, []string{"/a/{b}", "", "https://example.com/{a}", "/a"}},
	{"json-pointer", `^(/|$)`, nil, []string{"", "/a", "/a/0", "/a~1b"}},
	{"relative-json-pointer", `^[0-9]`, nil, []string{"0", "1/a", "0#", "2/0"}},
	{"regex", "", nil, []string{"a", "^a+$", "", "[a-z]*"}},
	{"semver", `^[0-9]+\.[0-9]+\.[0-9]+`, nil, []string{"1.0.0", "2.1.3", "1.0.0-rc.1"}},
	{"period", `/`, nil, []string{"2026-01-31T12:00:00Z/P1D", "P1D/2026-01-31T12:00:00Z"}},
}

// The shapes of RFC 3339.
const (
	dateShape = `[0-9]{4}-[0-9]{2}-[0-9]{2}`
	timeShape = `[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]+)?([Zz]|[+-][0-9]{2}:[0-9]{2})`
)

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
			made.Within, made.Part, made.Samples = k.within, k.part, k.samples
		}
	}
	b.formats[f.Name] = made
	return made
}
