package cloudevents

import (
	"net/netip"
	"strings"
)

// Characters that RFC 3986 allows besides letters, digits and percent-encoded bytes.
const (
	marks     = "-._~!$&'()*+,;=" // unreserved and sub-delims
	inPath    = marks + ":@/"
	inQuery   = inPath + "?" // and in fragments
	inUser    = marks + ":"
	inHost    = marks
	inFutures = marks + ":" // inside brackets, after v1.
)

// isReference reports whether s is a URI-reference of RFC 3986, section 4.1.
func isReference(s string) bool {
	_, ok := splitReference(s)
	return ok
}

// isURI reports whether s is a URI of RFC 3986, section 3: with a scheme. A fragment
// may follow, for schemas are often named by one.
func isURI(s string) bool {
	scheme, ok := splitReference(s)
	return ok && scheme != ""
}

// splitReference checks the reference and returns its scheme, "" if it is relative.
func splitReference(s string) (scheme string, ok bool) {
	s, fragment, _ := strings.Cut(s, "#")
	s, query, _ := strings.Cut(s, "?")
	if !only(fragment, inQuery) || !only(query, inQuery) {
		return "", false
	}
	// A colon before the first slash ends a scheme: a relative reference has none there.
	if i := strings.IndexAny(s, ":/"); i >= 0 && s[i] == ':' {
		scheme, s = s[:i], s[i+1:]
		if !isScheme(scheme) {
			return "", false
		}
	}
	if rest, found := strings.CutPrefix(s, "//"); found {
		authority := rest
		if i := strings.IndexByte(rest, '/'); i >= 0 {
			authority, s = rest[:i], rest[i:]
		} else {
			s = ""
		}
		if !isAuthority(authority) {
			return "", false
		}
	}
	return scheme, only(s, inPath)
}

func isScheme(s string) bool {
	if s == "" || !isLetter(s[0]) {
		return false
	}
	for i := range len(s) {
		if c := s[i]; !isLetter(c) && !isDigit(c) && c != '+' && c != '-' && c != '.' {
			return false
		}
	}
	return true
}

// isAuthority checks [ userinfo "@" ] host [ ":" port ].
func isAuthority(s string) bool {
	if i := strings.LastIndexByte(s, '@'); i >= 0 {
		if !only(s[:i], inUser) {
			return false
		}
		s = s[i+1:]
	}
	if strings.HasPrefix(s, "[") {
		end := strings.IndexByte(s, ']')
		if end < 0 || !isLiteral(s[1:end]) {
			return false
		}
		rest := s[end+1:]
		return rest == "" || rest[0] == ':' && allDigits(rest[1:])
	}
	host, port, _ := strings.Cut(s, ":")
	return only(host, inHost) && allDigits(port)
}

// isLiteral checks what is between the brackets of a host: an IPv6 address, or the
// form v1.… that is kept for the future.
func isLiteral(s string) bool {
	if s != "" && s[0]|0x20 == 'v' {
		version, address, found := strings.Cut(s[1:], ".")
		for i := range len(version) {
			if !isHex(version[i]) {
				return false
			}
		}
		return found && version != "" && address != "" && !strings.Contains(address, "%") && only(address, inFutures)
	}
	addr, err := netip.ParseAddr(s)
	return err == nil && addr.Is6() && addr.Zone() == ""
}

// only reports whether s holds only letters, digits, percent-encoded bytes and the
// bytes of allowed.
func only(s, allowed string) bool {
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case isLetter(c), isDigit(c), strings.IndexByte(allowed, c) >= 0:
		case c == '%' && i+2 < len(s) && isHex(s[i+1]) && isHex(s[i+2]):
			i += 2
		default:
			return false
		}
	}
	return true
}

func allDigits(s string) bool {
	for i := range len(s) {
		if !isDigit(s[i]) {
			return false
		}
	}
	return true
}

func isLetter(c byte) bool { return 'a' <= c|0x20 && c|0x20 <= 'z' }
func isDigit(c byte) bool  { return '0' <= c && c <= '9' }
