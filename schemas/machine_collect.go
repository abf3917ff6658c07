package schemas

import (
	"errors"
	"slices"
	"strconv"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// errReread is a value that was well-formed when it was checked, and not when it was
// decoded.
var errReread = errors.New("schemas: a part of the event that was well-formed could not be read")

// maxReasons bounds how many reasons are kept of one event. One with more is left to the
// library, which looks at as many as are of use.
const maxReasons = 10_000

var errManyReasons = errors.New("schemas: the event is wrong in more places than the checker keeps")

// explain collects what the library finds wrong with the value at [start, end), judged by
// each schema of a list.
func (m *machine) explain(list []*jsonschema.Schema, start, end int) {
	m.explainValue(list, m.decode(start, end))
}

func (m *machine) explainOne(s *jsonschema.Schema, start, end int) {
	m.explain([]*jsonschema.Schema{s}, start, end)
}

// explainNames collects what is wrong with the names of the members of the object of a
// frame, which was read.
func (m *machine) explainNames(f *frame) {
	names := make(map[string]any, f.count)
	for at := range f.node.props {
		if m.has(f, at) {
			names[f.node.props[at].name] = nil
		}
	}
	for i := range m.others.list[f.others:] {
		names[string(m.others.bytes(m.data, &m.others.list[f.others+i]))] = nil
	}
	m.explainValue(f.node.shallow, names)
}

// explainCount collects what is wrong with the number of items of an array.
func (m *machine) explainCount(list []*jsonschema.Schema, count int) {
	m.explainValue(list, make([]any, count))
}

// explainValue collects what is wrong with a value at the place where the machine is.
func (m *machine) explainValue(list []*jsonschema.Schema, v any) {
	if len(m.reasons) > maxReasons {
		m.err = errManyReasons
		return
	}
	x := explainer{unions: m.checker.schema.unions, value: v, base: m.location()}
	for _, s := range list {
		failure, err := validate(s, v)
		if err != nil {
			m.err = err
			return
		}
		if failure != nil {
			m.reasons = append(m.reasons, x.reasons(failure)...)
		}
	}
	if x.err != nil {
		m.err = x.err
	}
}

// location is where the machine is, as names and indices.
func (m *machine) location() []string {
	list := make([]string, len(m.path))
	for k, s := range m.path {
		switch {
		case s.index >= 0:
			list[k] = strconv.Itoa(s.index)
		case slices.Contains(s.name, '\\'):
			list[k] = string(appendUnescaped(nil, s.name))
		default:
			list[k] = string(s.name)
		}
	}
	return list
}
