package schemas

import (
	"bytes"
	"encoding/json"
	"reflect"

	"github.com/lazaret/lazaret/internal/jsonread"
)

// difference is a schema and a payload about which the checker and the library differ, when
// the checker has judged primer before.
type difference struct {
	document, payload, primer []byte
	opts                      Options
	pointers                  []string
}

// findPrimer finds which of the payloads before has to be judged first.
func (d *difference) findPrimer(before [][]byte) bool {
	for _, primer := range append([][]byte{d.payload}, before...) {
		if d.primer = primer; d.is() {
			return true
		}
	}
	return false
}

// shrink makes the schema and the payloads smaller for as long as they are a difference.
func (d *difference) shrink() {
	value, bad := jsonread.Decode(d.document, jsonread.Limits{})
	if bad != nil {
		return
	}
	again := true
	attempt := func(at *[]byte, smaller []byte) bool {
		old := *at
		if *at = smaller; len(smaller) < len(old) && d.is() {
			again = true
			return true
		}
		*at = old
		return false
	}
	for rounds := 0; again && rounds < 8; rounds++ {
		again = false
		value = shrinkValue(value, func(v any) bool { return attempt(&d.document, compact(v)) })
		for _, at := range []*[]byte{&d.payload, &d.primer} {
			for size := max(1, len(*at)/2); size > 0; size /= 2 {
				for from := 0; from+size <= len(*at); {
					if !attempt(at, append(bytes.Clone((*at)[:from]), (*at)[from+size:]...)) {
						from++
					}
				}
			}
		}
	}
}

// shrinkValue drops members and items of a value, and puts smaller values in the place of
// others, wherever try says that this will do. try is given the whole.
func shrinkValue(v any, try func(any) bool) any {
	switch v := v.(type) {
	case map[string]any:
		for _, name := range sortedKeys(v) {
			old := v[name]
			delete(v, name)
			if try(v) {
				continue
			}
			v[name] = old
			v[name] = shrinkValue(old, func(sub any) bool { v[name] = sub; return try(v) })
		}
		for _, name := range sortedKeys(v) {
			if sub, ok := v[name].(map[string]any); ok && try(sub) {
				return sub
			}
		}
	case []any:
		for i := 0; i < len(v); {
			without := append(append([]any(nil), v[:i]...), v[i+1:]...)
			if try(without) {
				v = without
				continue
			}
			old := v[i]
			v[i] = shrinkValue(old, func(sub any) bool { v[i] = sub; return try(v) })
			i++
		}
		return v
	}
	return v
}

// is reports whether the checker and the library differ.
func (d *difference) is() bool {
	s, err := Compile(d.document, d.opts)
	if err != nil {
		return false
	}
	checker, err := s.Checker(d.pointers)
	if err != nil {
		return false
	}
	c := &compared{document: d.document, schema: s, checker: checker, pointers: d.pointers}
	spans := make([]Span, len(d.pointers))
	c.judge(d.primer, spans)
	want, wantErr := s.reference(d.payload)
	got, err := c.judge(d.payload, spans)
	if err != nil || wantErr != nil {
		return (err == nil) != (wantErr == nil)
	}
	if !reflect.DeepEqual(got, want) {
		return true
	}
	return len(want.Reasons) == 0 && c.wrongSpan(d.payload, spans) != ""
}

// compact writes a JSON value in the shortest way.
func compact(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return b
}
