package evolution

import (
	"errors"
	"fmt"
)

var errUnseen = errors.New("its values are too large to look at")

// apply makes the edit on a document. field is the schema of a new field, of the objects of
// a new branch, or of the values of a new type.
func (w want) apply(doc text, field []byte, s shape) (text, error) {
	owner, keyword := cutLast(w.at)
	if field == nil && w.inferred() {
		return nil, errUnseen
	}
	switch w.kind {
	case KindField:
		if keyword == "items" {
			return doc.replace(w.at, doc.fitted(w.at, field))
		}
		if doc.get(owner+"/properties") == nil {
			var err error
			if doc, err = doc.insert(owner, "properties", []byte("{}")); err != nil {
				return nil, err
			}
		}
		return doc.insert(owner+"/properties", w.name, field)
	case KindEnumValue:
		if keyword == "const" {
			if now := doc.get(w.at); now != nil {
				return doc.rename(owner, "const", "enum", []byte("["+string(now)+", "+w.value+"]"))
			}
			return doc.insert(owner+"/enum", "", []byte(w.value)) // an edit before this one made it an enum
		}
		return doc.insert(w.at, "", []byte(w.value))
	case KindType:
		types, ok := typesOf(decoded(doc.get(w.at)))
		if !ok {
			return nil, errNoPlace
		}
		doc, err := doc.replace(w.at, widen(types, w.value))
		if err == nil && s.closed {
			doc = typed(doc, owner, w.value, field)
		}
		return doc, err
	case KindBranch:
		added, err := branch(field, w.name, w.value, s)
		if err != nil {
			return nil, err
		}
		return doc.insert(w.at, "", added)
	}
	return nil, fmt.Errorf("an edit of the unknown kind %q", w.kind)
}

// inferred says whether the edit needs to know the values at its place.
func (w want) inferred() bool {
	return w.kind == KindField || w.kind == KindBranch || w.kind == KindType && (w.value == "object" || w.value == "array")
}
