package jsonread

import (
	"bytes"
	"strconv"
	"strings"
)

// maxPath is how long an Error's path may be, in bytes.
const maxPath = 1024

// Pointer returns the JSON Pointer (RFC 6901) of the tokens: Pointer("a/b", "0") is
// "/a~1b/0", and Pointer() is "", the whole text. Pointers are joined by "+".
func Pointer(tokens ...string) string {
	var p []byte
	for _, t := range tokens {
		p = appendToken(p, t)
	}
	return string(p)
}

func appendToken(path []byte, token string) []byte {
	path = append(path, '/')
	for i := range len(token) {
		switch c := token[i]; c {
		case '~':
			path = append(path, "~0"...)
		case '/':
			path = append(path, "~1"...)
		default:
			path = append(path, c)
		}
	}
	return path
}

// ParsePointer returns the tokens of a JSON Pointer, unescaped, and false if it is not one.
func ParsePointer(pointer string) (tokens []string, ok bool) {
	if pointer == "" {
		return nil, true
	}
	if pointer[0] != '/' {
		return nil, false
	}
	tokens = strings.Split(pointer[1:], "/")
	for i, t := range tokens {
		if tokens[i], ok = unescapeToken(t); !ok {
			return nil, false
		}
	}
	return tokens, true
}

func unescapeToken(token string) (string, bool) {
	if !strings.Contains(token, "~") {
		return token, true
	}
	for rest := token; ; {
		_, after, found := strings.Cut(rest, "~")
		if !found {
			break
		}
		if after == "" || after[0] != '0' && after[0] != '1' {
			return "", false
		}
		rest = after[1:]
	}
	return strings.NewReplacer("~1", "/", "~0", "~").Replace(token), true
}

// Find returns the bytes of the value that the JSON Pointer leads to, without the
// white space around it: a part of data, not a copy. data must be well formed (see
// Check); if it is not, Find may find nothing or something meaningless, and no more.
// Names are compared as decoded on both sides; of members that share a name it takes
// the first. ok is false if there is no such value, or no such pointer.
func Find(data []byte, pointer string) (raw []byte, ok bool) {
	at := skipSpace(data, 0)
	for pointer != "" {
		if pointer[0] != '/' {
			return nil, false
		}
		token := pointer[1:]
		pointer = ""
		if i := strings.IndexByte(token, '/'); i >= 0 {
			token, pointer = token[:i], token[i:]
		}
		if token, ok = unescapeToken(token); !ok || at >= len(data) {
			return nil, false
		}
		switch data[at] {
		case '{':
			at, ok = findMember(data, at, token)
		case '[':
			at, ok = findItem(data, at, token)
		default:
			return nil, false
		}
		if !ok {
			return nil, false
		}
	}
	end, ok := skipValue(data, at)
	if !ok {
		return nil, false
	}
	return data[at:end:end], true
}

// findMember returns where the value of the object's member of this name begins.
func findMember(data []byte, at int, name string) (int, bool) {
	for {
		at = skipSpace(data, at+1) // after the brace or the comma
		if at >= len(data) || data[at] != '"' {
			return 0, false
		}
		end, ok := skipString(data, at)
		if !ok {
			return 0, false
		}
		match := isName(data[at:end], name)
		if at = skipSpace(data, end); at >= len(data) || data[at] != ':' {
			return 0, false
		}
		at = skipSpace(data, at+1)
		if match {
			return at, true
		}
		if at, ok = skipToComma(data, at); !ok {
			return 0, false
		}
	}
}

// isName reports whether the raw string, with its quotes, stands for the name.
func isName(raw []byte, name string) bool {
	if bytes.IndexByte(raw, '\\') < 0 {
		return string(raw[1:len(raw)-1]) == name
	}
	text, ok := Unquote(raw)
	return ok && text == name
}

// findItem returns where the array's item of this index begins.
func findItem(data []byte, at int, token string) (int, bool) {
	if token == "" || token[0] == '0' && token != "0" || skipDigits([]byte(token), 0) != len(token) {
		return 0, false
	}
	index, err := strconv.Atoi(token)
	if err != nil {
		return 0, false
	}
	at = skipSpace(data, at+1)
	for ; index > 0; index-- {
		var ok bool
		if at, ok = skipToComma(data, at); !ok {
			return 0, false
		}
		at = skipSpace(data, at+1)
	}
	return at, at < len(data) && data[at] != ']'
}

// skipToComma goes over the value at at to the comma after it; false if there is none.
func skipToComma(data []byte, at int) (int, bool) {
	end, ok := skipValue(data, at)
	if !ok {
		return 0, false
	}
	end = skipSpace(data, end)
	return end, end < len(data) && data[end] == ','
}
