package webhooks

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/lazaret/lazaret"
)

// Mend makes optional what the reasons say is missing: it takes each missing property's
// name out of the list "required" that the reason's schema path leads to. It returns
// the new schema and what it made optional, as schema path and name, sorted; reasons of
// other codes, or that lead elsewhere, are passed over.
func Mend(schema []byte, reasons []lazaret.Reason) (mended []byte, optional []string, err error) {
	decoder := json.NewDecoder(bytes.NewReader(schema))
	decoder.UseNumber()
	var doc any
	if err := decoder.Decode(&doc); err != nil {
		return nil, nil, fmt.Errorf("the schema to mend: %w", err)
	}
	for _, r := range reasons {
		owner, isRequired := strings.CutSuffix(r.SchemaPath, "/required")
		if r.Code != lazaret.SchemaCode("required") || !isRequired {
			continue
		}
		object, ok := find(doc, owner).(map[string]any)
		if !ok {
			continue
		}
		required, _ := object["required"].([]any)
		name := unescape(r.Path[strings.LastIndexByte(r.Path, '/')+1:])
		left := slices.DeleteFunc(required, func(v any) bool { return v == name })
		if len(left) < len(required) {
			object["required"] = left
			optional = append(optional, r.SchemaPath+" "+name)
		}
	}
	slices.Sort(optional)
	mended, err = json.MarshalIndent(doc, "", "  ")
	return mended, optional, err
}

// find returns what is at an RFC 6901 pointer, or nil.
func find(doc any, pointer string) any {
	if pointer == "" {
		return doc
	}
	if pointer[0] != '/' {
		return nil // in another document
	}
	for token := range strings.SplitSeq(pointer[1:], "/") {
		switch at := doc.(type) {
		case map[string]any:
			doc = at[unescape(token)]
		case []any:
			i, err := strconv.Atoi(token)
			if err != nil || i < 0 || i >= len(at) {
				return nil
			}
			doc = at[i]
		default:
			return nil
		}
	}
	return doc
}

func unescape(token string) string {
	return strings.NewReplacer("~1", "/", "~0", "~").Replace(token)
}
