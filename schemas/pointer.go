package schemas

import (
	"bytes"
	"encoding/json"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Bounds on what a reason shows, in bytes. What is longer is cut and ends in "…".
const (
	maxToken   = 128  // one name in a path
	maxPath    = 1024 // a whole path
	maxLiteral = 64   // one value of the schema in a message
	maxAllowed = 256  // all the values of the schema in a message
)

// escape writes a name as a token of a JSON Pointer.
func escape(name string) string {
	if !strings.ContainsAny(name, "~/") {
		return name
	}
	return strings.ReplaceAll(strings.ReplaceAll(name, "~", "~0"), "/", "~1")
}

func unescape(token string) string {
	if !strings.Contains(token, "~") {
		return token
	}
	return strings.ReplaceAll(strings.ReplaceAll(token, "~1", "/"), "~0", "~")
}

// tokens splits a JSON Pointer into its names.
func tokens(pointer string) []string {
	if pointer == "" {
		return nil
	}
	parts := strings.Split(pointer[1:], "/")
	for i := range parts {
		parts[i] = unescape(parts[i])
	}
	return parts
}

// valueAt is the value at a pointer in a decoded document, nil if there is none.
func valueAt(v any, path []string) any {
	for _, token := range path {
		switch at := v.(type) {
		case map[string]any:
			v = at[token]
		case []any:
			i, err := strconv.Atoi(token)
			if err != nil || i < 0 || i >= len(at) {
				return nil
			}
			v = at[i]
		default:
			return nil
		}
	}
	return v
}

// instancePath is the pointer to a place in a payload, bounded in length: the names in
// it are the sender's.
func instancePath(base, path []string) string {
	var b strings.Builder
	for _, names := range [][]string{base, path} {
		for _, name := range names {
			b.WriteByte('/')
			b.WriteString(escape(truncate(name, maxToken)))
			if b.Len() > maxPath {
				return truncate(b.String(), maxPath)
			}
		}
	}
	return b.String()
}

// truncate cuts s to at most n bytes at a rune's border and marks the cut.
func truncate(s string, n int) string {
	if len(s) <= n {
		return s
	}
	cut := n
	for cut > 0 && !utf8.RuneStart(s[cut]) {
		cut--
	}
	return s[:cut] + "…"
}

// position finds the line and column, from 1, of the value at the pointer. A pointer that
// does not resolve gives the place of the nearest value above it.
func position(data []byte, pointer string) (line, column int) {
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	offset := locate(dec, data, tokens(pointer))
	return lineColumn(data, offset)
}

func lineColumn(data []byte, offset int) (line, column int) {
	offset = min(max(offset, 0), len(data))
	before := data[:offset]
	start := bytes.LastIndexByte(before, '\n') + 1
	return bytes.Count(before, []byte{'\n'}) + 1, utf8.RuneCount(before[start:]) + 1
}

// locate reads one value from dec and returns the offset of what path leads to in it.
func locate(dec *json.Decoder, data []byte, path []string) int {
	start := nextToken(data, int(dec.InputOffset()))
	if len(path) == 0 {
		return start
	}
	open, err := dec.Token()
	if err != nil {
		return start
	}
	delim, ok := open.(json.Delim)
	if !ok {
		return start
	}
	for i := 0; dec.More(); i++ {
		name := strconv.Itoa(i)
		if delim == '{' {
			key, err := dec.Token()
			if err != nil {
				return start
			}
			name, _ = key.(string)
		}
		if name == path[0] {
			return locate(dec, data, path[1:])
		}
		var skipped json.RawMessage
		if err := dec.Decode(&skipped); err != nil {
			return start
		}
	}
	return start
}

// nextToken is the offset of the next token, after white space and separators.
func nextToken(data []byte, offset int) int {
	for offset < len(data) && bytes.IndexByte([]byte(" \t\r\n,:"), data[offset]) >= 0 {
		offset++
	}
	return offset
}
