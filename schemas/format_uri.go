package schemas

import (
	"strings"
	"unicode/utf8"
)

func isURI(s string) bool          { return hasScheme(s) && isReference(s, false) }
func isIRI(s string) bool          { return hasScheme(s) && isReference(s, true) }
func isURIReference(s string) bool { return isReference(s, false) }
func isIRIReference(s string) bool { return isReference(s, true) }

// hasScheme reports whether s begins with a scheme and a colon.
func hasScheme(s string) bool {
	colon := strings.IndexAny(s, ":/?#")
	if colon < 1 || s[colon] != ':' || !isAlpha(s[0]) {
		return false
	}
	for _, c := range []byte(s[:colon]) {
		if !isAlpha(c) && !isDigit(c) && !strings.ContainsRune("+-.", rune(c)) {
			return false
		}
	}
	return true
}

// isReference is URI-reference of RFC 3986, or with iri IRI-reference of RFC 3987.
func isReference(s string, iri bool) bool {
	scheme := hasScheme(s)
	if scheme {
		s = s[strings.IndexByte(s, ':')+1:]
	}
	s, frag, _ := strings.Cut(s, "#")
	s, query, _ := strings.Cut(s, "?")
	if !isText(frag, "/?:@", iri) || !isQuery(query, iri) {
		return false
	}
	if rest, ok := strings.CutPrefix(s, "//"); ok {
		authority, path, rooted := strings.Cut(rest, "/")
		return isAuthority(authority, iri) && (!rooted || isText(path, "/:@", iri))
	}
	first, _, _ := strings.Cut(s, "/")
	if !scheme && strings.Contains(first, ":") {
		return false
	}
	return isText(s, "/:@", iri)
}

func isQuery(s string, iri bool) bool {
	if !iri {
		return isText(s, "/?:@", false)
	}
	private := func(r rune) rune {
		if r >= 0xE000 && r <= 0xF8FF || r >= 0xF0000 && r <= 0xFFFFD || r >= 0x100000 && r <= 0x10FFFD {
			return -1
		}
		return r
	}
	return isText(strings.Map(private, s), "/?:@", true)
}

// isAuthority is [userinfo@]host[:port].
func isAuthority(s string, iri bool) bool {
	if at := strings.IndexByte(s, '@'); at >= 0 {
		if !isText(s[:at], ":", iri) {
			return false
		}
		s = s[at+1:]
	}
	if literal, ok := strings.CutPrefix(s, "["); ok {
		address, port, closed := strings.Cut(literal, "]")
		return closed && (isIPv6(address) || isIPvFuture(address)) && isPort(port)
	}
	host, port := s, ""
	if colon := strings.IndexByte(s, ':'); colon >= 0 {
		host, port = s[:colon], s[colon:]
	}
	return isText(host, "", iri) && isPort(port)
}

// isPort is nothing, or a colon and digits.
func isPort(s string) bool {
	return s == "" || s[0] == ':' && strings.Trim(s[1:], "0123456789") == ""
}

// isIPvFuture is "v", a version in hex, a dot, and an address.
func isIPvFuture(s string) bool {
	version, address, ok := strings.Cut(s, ".")
	if !ok || len(version) < 2 || version[0]|0x20 != 'v' || address == "" {
		return false
	}
	for _, c := range []byte(version[1:]) {
		if !isHex(c) {
			return false
		}
	}
	return !strings.Contains(address, "%") && isText(address, ":", false)
}

// isText reports whether s is unreserved characters, sub-delimiters, percent-encoded
// bytes, and those of more; with iri, the letters of RFC 3987 as well.
func isText(s, more string, iri bool) bool {
	for i := 0; i < len(s); {
		c := s[i]
		switch {
		case c == '%':
			if i+2 >= len(s) || !isHex(s[i+1]) || !isHex(s[i+2]) {
				return false
			}
			i += 3
		case c >= utf8.RuneSelf:
			r, size := utf8.DecodeRuneInString(s[i:])
			if !iri || !isUCS(r) {
				return false
			}
			i += size
		case isAlpha(c), isDigit(c), strings.IndexByte("-._~!$&'()*+,;=", c) >= 0, strings.IndexByte(more, c) >= 0:
			i++
		default:
			return false
		}
	}
	return true
}

// isUCS is ucschar of RFC 3987.
func isUCS(r rune) bool {
	switch {
	case r >= 0xA0 && r <= 0xD7FF, r >= 0xF900 && r <= 0xFDCF, r >= 0xFDF0 && r <= 0xFFEF:
		return r != utf8.RuneError
	case r >= 0x10000 && r <= 0xDFFFD:
		return r&0xFFFF <= 0xFFFD
	default:
		return r >= 0xE1000 && r <= 0xEFFFD
	}
}

// isURITemplate is URI-Template of RFC 6570, with the literals of its erratum 6937 (the
// apostrophe is one).
func isURITemplate(s string) bool {
	for s != "" {
		if s[0] == '{' {
			expression, rest, closed := strings.Cut(s[1:], "}")
			if !closed || !isExpression(expression) {
				return false
			}
			s = rest
			continue
		}
		size, ok := templateLiteral(s)
		if !ok {
			return false
		}
		s = s[size:]
	}
	return true
}

// templateLiteral reads one literal character at the start of s.
func templateLiteral(s string) (size int, ok bool) {
	c := s[0]
	switch {
	case c == '%':
		return 3, len(s) >= 3 && isHex(s[1]) && isHex(s[2])
	case c >= utf8.RuneSelf:
		r, size := utf8.DecodeRuneInString(s)
		private := r >= 0xE000 && r <= 0xF8FF || r >= 0xF0000 && r <= 0xFFFFD || r >= 0x100000 && r <= 0x10FFFD
		return size, isUCS(r) || private
	default:
		return 1, c > ' ' && c < 0x7F && strings.IndexByte("\"<>\\^`{|}", c) < 0
	}
}

// isExpression is what stands between braces: an operator, and variables.
func isExpression(s string) bool {
	if s != "" && strings.IndexByte("+#./;?&=,!@|", s[0]) >= 0 {
		s = s[1:]
	}
	for spec := range strings.SplitSeq(s, ",") {
		name, exploded := strings.CutSuffix(spec, "*")
		if before, length, ok := strings.Cut(name, ":"); ok {
			if exploded || length == "" || len(length) > 4 || length[0] == '0' || strings.Trim(length, "0123456789") != "" {
				return false
			}
			name = before
		}
		if !isVariable(name) {
			return false
		}
	}
	return true
}

// isVariable is varname: runs of letters, digits, underscores and percent-encoded bytes,
// joined by single dots.
func isVariable(s string) bool {
	for part := range strings.SplitSeq(s, ".") {
		if part == "" {
			return false
		}
		for i := 0; i < len(part); i++ {
			switch c := part[i]; {
			case isAlpha(c), isDigit(c), c == '_':
			case c == '%' && i+2 < len(part) && isHex(part[i+1]) && isHex(part[i+2]):
				i += 2
			default:
				return false
			}
		}
	}
	return true
}
