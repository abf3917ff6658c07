package infer

import (
	"strings"

	"github.com/lazaret/lazaret/schemas"
)

// format is a format that may be inferred.
type format int

// The formats, the narrow ones first.
const (
	dateTime format = iota
	date
	clock
	uuid
	ipv4
	ipv6
	email
	uri
	hostname
	formats
)

var formatNames = [formats]string{"date-time", "date", "time", "uuid", "ipv4", "ipv6", "email", "uri", "hostname"}

// formatSet is a set of formats, one bit each.
type formatSet uint16

const allFormats formatSet = 1<<formats - 1

func (s formatSet) has(f format) bool { return s&(1<<f) != 0 }

// formatChecks are the checks that a compiled schema makes.
func formatChecks() (checks [formats]func(string) bool) {
	for f, name := range formatNames {
		if checks[f] = schemas.FormatCheck(name); checks[f] == nil {
			checks[f] = func(string) bool { return false }
		}
	}
	return checks
}

// narrow takes the formats away that a text has not.
func (s formatSet) narrow(text string, checks *[formats]func(string) bool) formatSet {
	for f := range formats {
		if s.has(f) && !(plausible(f, text) && checks[f](text)) {
			s &^= 1 << f
		}
	}
	return s
}

// plausible says whether a text that is of the format may be meant to be. By the letter
// every word is a host name, and "user:17" is a URI.
func plausible(f format, text string) bool {
	switch f {
	case uri:
		return strings.Contains(text, "://") || strings.HasPrefix(text, "urn:") || strings.HasPrefix(text, "mailto:")
	case hostname:
		last := text[strings.LastIndexByte(text, '.')+1:]
		return len(last) >= 2 && len(last) < len(text) && strings.Trim(last, "0123456789") == last
	case ipv6:
		return strings.Count(text, ":") > 1
	}
	return true
}

// namesHost says whether a member's name tells that it holds host names: "report.pdf" and
// "v1.rc" have the form of one.
func namesHost(name string) bool {
	name = strings.ToLower(name)
	for _, part := range []string{"host", "domain", "fqdn", "dns"} {
		if strings.Contains(name, part) {
			return true
		}
	}
	return false
}

// format is the format that all texts of the place have, "" if there is none.
func (p *place) format(o Options) string {
	if o.FormatAtLeast < 0 || p.kinds[text] < uint64(o.FormatAtLeast) || !p.open && len(p.texts) < 2 {
		return ""
	}
	for f := range formats {
		if p.formats.has(f) && (f != hostname || namesHost(p.name)) {
			return formatNames[f]
		}
	}
	return ""
}
