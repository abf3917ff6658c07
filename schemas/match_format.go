package schemas

import "github.com/santhosh-tekuri/jsonschema/v6"

// formatCheck is the check of a format: one of this package's, or the library's.
func formatCheck(f *jsonschema.Format) func(string) bool {
	for _, own := range formats() {
		if own.name == f.Name {
			return own.check
		}
	}
	return func(s string) bool { return f.Validate(s) == nil }
}

// directFormat returns the matcher of a format, or nil. A matcher takes only texts that
// the check of the format takes; of others it says nothing, so that it may leave out what
// is rare.
func directFormat(name string) matcher {
	switch name {
	case "uuid":
		return directUUID
	case "date-time":
		return directDateTime
	case "date":
		return directDate
	case "uri":
		return directURI
	case "ipv4":
		return directIPv4
	case "email":
		return directEmail
	case "uri-template":
		return directURITemplate
	default:
		return nil
	}
}

// Kinds of bytes.
const (
	hexDigit   = 1 << iota
	uriByte    // of a path, query or fragment: pchar, "/" and "?", without "%"
	hostByte   // of a registered name, without "%"
	schemeByte //
	atomByte   // of an e-mail's local part and domain, without the dot
	literalByte
	variableByte
)

var bytesOf = func() (t [256]uint8) {
	mark := func(kind uint8, list string) {
		for _, c := range []byte(list) {
			t[c] |= kind
		}
	}
	const digits, letters = "0123456789", "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
	mark(hexDigit, digits+"abcdefABCDEF")
	mark(uriByte, digits+letters+"-._~!$&'()*+,;=:@/?")
	mark(hostByte, digits+letters+"-._~!$&'()*+,;=")
	mark(schemeByte, digits+letters+"+-.")
	mark(atomByte, digits+letters)
	mark(literalByte, digits+letters+"-._~!$&'()*+,;=:@/?#[]") // of a URI template
	mark(variableByte, digits+letters+"_")
	return t
}()

// directUUID takes 36 bytes: hexadecimal digits in groups of 8, 4, 4, 4 and 12.
func directUUID(d []byte, i int) int {
	if len(d)-i < 37 || d[i+36] != '"' {
		return failed
	}
	s := d[i : i+36]
	and := uint8(hexDigit)
	for _, k := range [...]uint8{0, 1, 2, 3, 4, 5, 6, 7, 9, 10, 11, 12, 14, 15, 16, 17, 19, 20, 21, 22, 24, 25, 26, 27, 28, 29, 30, 31, 32, 33, 34, 35} {
		and &= bytesOf[s[k]]
	}
	if and == 0 || s[8] != '-' || s[13] != '-' || s[18] != '-' || s[23] != '-' {
		return failed
	}
	return i + 36
}

// two reads two digits; what is no digit makes it 100 or more.
func two(d []byte, i int) int {
	a, b := int(d[i])-'0', int(d[i+1])-'0'
	if uint(a) > 9 || uint(b) > 9 {
		return 100
	}
	return a*10 + b
}

// fullDate goes over YYYY-MM-DD, of which there are 10 bytes at least.
func fullDate(d []byte, i int) bool {
	century, year, month, day := two(d, i), two(d, i+2), two(d, i+5), two(d, i+8)
	if century > 99 || year > 99 || d[i+4] != '-' || d[i+7] != '-' || month < 1 || month > 12 || day < 1 || day > 31 {
		return false
	}
	switch {
	case day <= 28:
		return true
	case month == 2:
		y := century*100 + year
		return day == 29 && y%4 == 0 && (y%100 != 0 || y%400 == 0)
	case month == 4 || month == 6 || month == 9 || month == 11:
		return day <= 30
	}
	return true
}

func directDate(d []byte, i int) int {
	if len(d)-i < 11 || d[i+10] != '"' || !fullDate(d, i) {
		return failed
	}
	return i + 10
}

// directDateTime takes date-time of RFC 3339, but for leap seconds.
func directDateTime(d []byte, i int) int {
	if len(d)-i < 21 || !fullDate(d, i) || d[i+10]|0x20 != 't' || d[i+13] != ':' || d[i+16] != ':' ||
		two(d, i+11) > 23 || two(d, i+14) > 59 || two(d, i+17) > 59 {
		return failed
	}
	if i += 19; d[i] == '.' {
		from := i + 1
		for i = from; i < len(d) && d[i]-'0' <= 9; i++ {
		}
		if i == from {
			return failed
		}
	}
	switch {
	case len(d)-i >= 2 && d[i]|0x20 == 'z':
		i++
	case len(d)-i >= 7 && (d[i] == '+' || d[i] == '-') && d[i+3] == ':' && two(d, i+1) <= 23 && two(d, i+4) <= 59:
		i += 6
	default:
		return failed
	}
	if d[i] != '"' {
		return failed
	}
	return i
}

// directURI takes absolute URIs with a host that is a name, and optionally a port.
func directURI(d []byte, i int) int {
	from := i
	for i < len(d) && bytesOf[d[i]]&schemeByte != 0 {
		i++
	}
	if i == from || !isAlpha(d[from]) || len(d)-i < 3 || string(d[i:i+3]) != "://" {
		return failed
	}
	i += 3
	for i < len(d) && bytesOf[d[i]]&hostByte != 0 {
		i++
	}
	if i < len(d) && d[i] == ':' {
		for i++; i < len(d) && d[i]-'0' <= 9; i++ {
		}
	}
	if i >= len(d) || d[i] != '/' && d[i] != '?' && d[i] != '#' && d[i] != '"' {
		return failed
	}
	fragment := false
	for i < len(d) {
		switch c := d[i]; {
		case bytesOf[c]&uriByte != 0:
			i++
		case c == '"':
			return i
		case c == '%' && len(d)-i > 2 && bytesOf[d[i+1]]&bytesOf[d[i+2]]&hexDigit != 0:
			i += 3
		case c == '#' && !fragment:
			fragment = true
			i++
		default:
			return failed
		}
	}
	return failed
}

// directURITemplate takes ASCII texts with expressions of plain variables.
func directURITemplate(d []byte, i int) int {
	for i < len(d) {
		switch c := d[i]; {
		case bytesOf[c]&literalByte != 0:
			i++
		case c == '"':
			return i
		case c == '%' && len(d)-i > 2 && bytesOf[d[i+1]]&bytesOf[d[i+2]]&hexDigit != 0:
			i += 3
		case c == '{':
			if i = directExpression(d, i+1); i < 0 {
				return failed
			}
		default:
			return failed
		}
	}
	return failed
}

// directExpression takes an expression of a URI template from after its brace on: an
// operator, and one variable of letters, digits and underscores.
func directExpression(d []byte, i int) int {
	if i < len(d) && (d[i] == '/' || d[i] == '?' || d[i] == '&' || d[i] == '#' || d[i] == '+' || d[i] == '.' || d[i] == ';') {
		i++
	}
	from := i
	for i < len(d) && bytesOf[d[i]]&variableByte != 0 {
		i++
	}
	if i == from || i >= len(d) || d[i] != '}' {
		return failed
	}
	return i + 1
}

// directIPv4 takes four numbers up to 255 without leading zeros.
func directIPv4(d []byte, i int) int {
	for part := 0; ; part++ {
		from, n := i, 0
		for i < len(d) && d[i]-'0' <= 9 && i-from < 4 {
			n = n*10 + int(d[i]-'0')
			i++
		}
		if i == from || i >= len(d) || n > 255 || d[from] == '0' && i-from > 1 {
			return failed
		}
		if part == 3 {
			if d[i] != '"' {
				return failed
			}
			return i
		}
		if d[i] != '.' {
			return failed
		}
		i++
	}
}

// directEmail takes letters, digits and single dots and hyphens within, on both sides of
// the at sign, of ordinary length.
func directEmail(d []byte, i int) int {
	from, at := i, 0
	for ; i < len(d) && i-from < 64; i++ {
		c := d[i]
		if bytesOf[c]&atomByte != 0 {
			continue
		}
		if i == from || bytesOf[d[i-1]]&atomByte == 0 {
			return failed // it begins with a separator, or has two
		}
		switch {
		case c == '.' || c == '-':
		case c == '@' && at == 0:
			at = i
		case c == '"' && at > 0:
			return i
		default:
			return failed
		}
	}
	return failed
}
