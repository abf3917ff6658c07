package rules

import (
	"fmt"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
	_ "time/tzdata" // zones mean the same on a machine that has none

	"github.com/lazaret/lazaret/internal/jsonread"
)

// keys, values and pairs give what is in an object in the order of its keys: the order
// of a Go map would make verdicts differ.

func keys(args ...any) (any, error) {
	pairs, err := sortedPairs(args)
	out := make([]any, len(pairs))
	for i, p := range pairs {
		out[i] = p.([]any)[0]
	}
	return out, err
}

func values(args ...any) (any, error) {
	pairs, err := sortedPairs(args)
	out := make([]any, len(pairs))
	for i, p := range pairs {
		out[i] = p.([]any)[1]
	}
	return out, err
}

func toPairs(args ...any) (any, error) {
	pairs, err := sortedPairs(args)
	return pairs, err
}

func sortedPairs(args []any) ([]any, error) {
	if len(args) != 1 {
		return nil, errType
	}
	v := reflect.ValueOf(args[0])
	if v.Kind() != reflect.Map {
		return nil, typeError(args[0])
	}
	type named struct {
		name string
		pair []any
	}
	list := make([]named, 0, v.Len())
	for it := v.MapRange(); it.Next(); {
		k := it.Key().Interface()
		list = append(list, named{fmt.Sprintf("%T %v", k, k), []any{k, it.Value().Interface()}})
	}
	slices.SortFunc(list, func(a, b named) int { return strings.Compare(a.name, b.name) })
	out := make([]any, len(list))
	for i, n := range list {
		out[i] = n.pair
	}
	return out, nil
}

// toInt drops the fraction of a number, or reads a text, as int() does.
func toInt(args ...any) (any, error) {
	switch v := args[0].(type) {
	case int:
		return v, nil
	case float64:
		if f := math.Trunc(v); f >= math.MinInt && f < math.MaxInt {
			return int(f), nil
		}
		return nil, errOverflow
	case string:
		i, err := strconv.Atoi(v)
		if err != nil {
			return nil, errFormat
		}
		return i, nil
	}
	return nil, typeError(args[0])
}

func toFloat(args ...any) (any, error) {
	switch v := args[0].(type) {
	case int:
		return float64(v), nil
	case float64:
		return v, nil
	case string:
		f, err := strconv.ParseFloat(v, 64)
		if err != nil || math.IsNaN(f) || math.IsInf(f, 0) {
			return nil, errFormat
		}
		return f, nil
	}
	return nil, typeError(args[0])
}

// toString writes a scalar; an object or a list has no one way to be written.
func toString(args ...any) (any, error) {
	switch v := args[0].(type) {
	case string:
		return v, nil
	case nil:
		return nil, errMissing
	case bool, int, float64:
		return fmt.Sprint(v), nil
	case fmt.Stringer:
		return v.String(), nil
	}
	return nil, errType
}

func fromJSON(args ...any) (any, error) {
	text, ok := args[0].(string)
	if !ok {
		return nil, typeError(args[0])
	}
	v, err := jsonread.Decode([]byte(text), jsonread.Limits{})
	if err != nil {
		return nil, errFormat
	}
	return numbers(v), nil
}

func repeat(args ...any) (any, error) {
	s, ok1 := args[0].(string)
	n, ok2 := args[1].(int)
	switch {
	case !ok1 || !ok2:
		return nil, errType
	case n < 0:
		return nil, errOverflow
	case len(s) > 0 && n > MaxString/len(s):
		return nil, errText
	}
	return strings.Repeat(s, n), nil
}

func replace(args ...any) (any, error) {
	s, ok1 := args[0].(string)
	from, ok2 := args[1].(string)
	to, ok3 := args[2].(string)
	if !ok1 || !ok2 || !ok3 {
		return nil, errType
	}
	n := -1
	if len(args) == 4 {
		if n, ok1 = args[3].(int); !ok1 {
			return nil, errType
		}
	}
	if len(s)+strings.Count(s, from)*max(len(to)-len(from), 0) > max(MaxString, len(s)) {
		return nil, errText
	}
	return strings.Replace(s, from, to, n), nil
}

func join(args ...any) (any, error) {
	list, ok := elements(args[0])
	if !ok {
		return nil, typeError(args[0])
	}
	glue := ""
	if len(args) == 2 {
		if glue, ok = args[1].(string); !ok {
			return nil, errType
		}
	}
	var b strings.Builder
	for i, item := range list {
		s, ok := item.(string)
		if !ok {
			return nil, typeError(item)
		}
		if i > 0 {
			b.WriteString(glue)
		}
		if b.WriteString(s); b.Len() > MaxString {
			return nil, errText
		}
	}
	return b.String(), nil
}

// elements are the items of any list that the language has.
func elements(v any) ([]any, bool) {
	if list, ok := v.([]any); ok {
		return list, true
	}
	r := reflect.ValueOf(v)
	if r.Kind() != reflect.Slice && r.Kind() != reflect.Array {
		return nil, false
	}
	list := make([]any, r.Len())
	for i := range list {
		list[i] = r.Index(i).Interface()
	}
	return list, true
}

// layouts are the forms that date takes without a layout.
var layouts = []string{time.RFC3339Nano, "2006-01-02", "2006-01-02T15:04:05.999999999", "2006-01-02 15:04:05.999999999", time.RFC1123Z, time.RFC1123}

// zones loads time zones by name, and keeps those that were found.
type zones struct {
	mu    sync.Mutex
	known map[string]*time.Location
}

// maxZones bounds how many zones are kept; there are about 600.
const maxZones = 1_000

func (z *zones) load(name string) (*time.Location, error) {
	if name == "Local" || name == "" || len(name) > 64 {
		return nil, errZone
	}
	z.mu.Lock()
	defer z.mu.Unlock()
	if l, ok := z.known[name]; ok {
		return l, nil
	}
	l, err := time.LoadLocation(name)
	if err != nil {
		return nil, errZone
	}
	if z.known == nil {
		z.known = make(map[string]*time.Location)
	}
	if len(z.known) < maxZones {
		z.known[name] = l
	}
	return l, nil
}

func (z *zones) timezone(args ...any) (any, error) {
	name, ok := args[0].(string)
	if !ok {
		return nil, typeError(args[0])
	}
	return z.load(name)
}

// date reads a time: in UTC unless the text or the zone says otherwise.
func (z *zones) date(args ...any) (any, error) {
	text, ok := args[0].(string)
	if !ok {
		return nil, typeError(args[0])
	}
	forms, zone := layouts, time.UTC
	if len(args) > 1 {
		layout, ok := args[1].(string)
		if !ok {
			return nil, typeError(args[1])
		}
		forms = []string{layout}
	}
	if len(args) > 2 {
		switch v := args[2].(type) {
		case *time.Location:
			zone = v
		case string:
			var err error
			if zone, err = z.load(v); err != nil {
				return nil, err
			}
		default:
			return nil, typeError(v)
		}
	}
	for _, form := range forms {
		if t, err := time.ParseInLocation(form, text, zone); err == nil {
			return t, nil
		}
	}
	return nil, errFormat
}
