package rules

import (
	"slices"
	"strings"

	"github.com/lazaret/lazaret/internal/jsonread"
)

// cursor goes through a list that is JSON and well-formed.
type cursor struct {
	raw string
	at  int // what is read next
}

// next makes the next element visible, and the members of it that are wanted. It is
// false at the end, and if the budget is used up.
func (v *view) next(list *cursor, wanted []string) bool {
	if list.at = gap(list.raw, list.at+1); list.raw[list.at] == ']' || v.left < 0 {
		return false
	}
	v.spend(stepsPerTurn)
	start := list.at
	if list.raw[start] == '{' && len(wanted) > 0 {
		list.at = scanMembers(list.raw, start, wanted, &v.members)
	} else {
		list.at = skip(list.raw, start)
	}
	v.element = list.raw[start:list.at]
	list.at = gap(list.raw, list.at)
	if list.raw[list.at] == ']' {
		list.at-- // where next looks for the end
	}
	return true
}

// leave pays for the elements that are not looked at: the library counts them at the
// beginning. Each has two bytes, one of them to set it apart.
func (v *view) leave(list *cursor) { v.spend(stepsPerTurn * (len(list.raw) - list.at) / 2) }

// member is the member of the element that is wanted as number k.
func (v *view) member(k int) value {
	switch {
	case v.element[0] != '{':
		return value{}
	case v.members[k] == "":
		return value{kind: kindNull}
	}
	return read(v.members[k])
}

// scanMembers finds members of the object that begins at i, and returns where it ends.
func scanMembers(raw string, i int, wanted []string, found *[maxMembers]string) int {
	clear(found[:len(wanted)])
	for i = gap(raw, i+1); raw[i] != '}'; {
		end := skipText(raw, i)
		name := raw[i+1 : end-1]
		i = gap(raw, gap(raw, end)+1) // after the colon
		end = skip(raw, i)
		if k := which(name, wanted); k >= 0 {
			found[k] = raw[i:end]
		}
		if i = gap(raw, end); raw[i] == ',' {
			i = gap(raw, i+1)
		}
	}
	return i + 1
}

// which of the wanted names the raw one is. None of those has a backslash.
func which(name string, wanted []string) int {
	for k, want := range wanted {
		if name == want {
			return k
		}
	}
	if strings.IndexByte(name, '\\') < 0 {
		return -1
	}
	name, _ = jsonread.Unquote([]byte(`"` + name + `"`))
	return slices.Index(wanted, name)
}

// memberOf is a member of a value.
func memberOf(v value, name []string) value {
	if v.kind != kindObject {
		return value{}
	}
	var found [maxMembers]string
	scanMembers(v.s, 0, name, &found)
	if found[0] == "" {
		return value{kind: kindNull}
	}
	return read(found[0])
}

// itemOf is an item of a value.
func itemOf(v value, index int) value {
	if v.kind != kindList {
		return value{}
	}
	item, _ := findItem(v.s, index)
	if item == "" {
		return value{}
	}
	return read(item)
}

// findItem is the item of a list at an index or, if there is none, how many there are.
func findItem(raw string, index int) (item string, count int) {
	for i := gap(raw, 1); raw[i] != ']'; count++ {
		end := skip(raw, i)
		if count == index {
			return raw[i:end], count
		}
		if i = gap(raw, end); raw[i] == ',' {
			i = gap(raw, i+1)
		}
	}
	return "", count
}

// gap is the position after white space.
func gap(raw string, i int) int {
	for raw[i] <= ' ' {
		i++
	}
	return i
}

// skip is the end of the value that begins at i, in a text that is well-formed.
func skip(raw string, i int) int {
	switch raw[i] {
	case '"':
		return skipText(raw, i)
	case '{', '[':
		return skipNested(raw, i)
	}
	for i++; i < len(raw); i++ {
		switch raw[i] {
		case ',', ']', '}', ' ', '\t', '\r', '\n':
			return i
		}
	}
	return i
}

func skipNested(raw string, i int) int {
	for depth := 0; ; {
		switch raw[i] {
		case '"':
			i = skipText(raw, i)
			continue
		case '{', '[':
			depth++
		case '}', ']':
			if depth--; depth == 0 {
				return i + 1
			}
		}
		i++
	}
}

func skipText(raw string, i int) int {
	for {
		i += 1 + strings.IndexByte(raw[i+1:], '"')
		slashes := 0
		for raw[i-1-slashes] == '\\' {
			slashes++
		}
		if slashes%2 == 0 {
			return i + 1
		}
	}
}
