package yamlread

import (
	"encoding"
	"encoding/json"
	"errors"
	"reflect"
	"strconv"
	"strings"
)

// decoder sets Go values from nodes. path is the dotted path of the value, for errors.
type decoder struct{ src *source }

func (d decoder) value(n *node, v reflect.Value, path string) error {
	if done, err := d.unmarshaler(n, v, path); done {
		return err
	}
	if n.kind == nullKind {
		switch v.Kind() {
		case reflect.Pointer, reflect.Interface, reflect.Map, reflect.Slice:
			v.SetZero()
		}
		return nil
	}
	switch v.Kind() {
	case reflect.Pointer:
		if v.IsNil() {
			v.Set(reflect.New(v.Type().Elem()))
		}
		return d.value(n, v.Elem(), path)
	case reflect.Interface:
		if v.NumMethod() != 0 {
			return d.mismatch(n, path, "nothing that can be written here")
		}
		v.Set(reflect.ValueOf(n.plain()))
		return nil
	case reflect.Struct:
		return d.structure(n, v, path)
	case reflect.Map:
		return d.mapping(n, v, path)
	case reflect.Slice:
		return d.slice(n, v, path)
	}
	return d.scalar(n, v, path)
}

// unmarshaler lets a type that reads itself do so; done is false if v's type does not.
func (d decoder) unmarshaler(n *node, v reflect.Value, path string) (done bool, err error) {
	if !v.CanAddr() || v.Kind() == reflect.Pointer {
		return false, nil
	}
	switch u := v.Addr().Interface().(type) {
	case *json.Number:
		if n.kind == numberKind {
			*u = json.Number(n.text)
			return true, nil
		}
		return n.kind != nullKind, d.mismatch(n, path, "a number")
	case encoding.TextUnmarshaler:
		if n.kind == nullKind {
			return true, nil
		}
		if n.kind == seqKind || n.kind == mapKind {
			return true, d.mismatch(n, path, "a single value")
		}
		err = u.UnmarshalText([]byte(n.text))
	case json.Unmarshaler:
		err = u.UnmarshalJSON(n.appendJSON(nil))
	default:
		return false, nil
	}
	var own *Error
	if err == nil || errors.As(err, &own) {
		return true, err
	}
	if secret(path) {
		return true, d.src.errorAt(n.line, n.column, "%s cannot be read", path)
	}
	return true, d.src.errorAt(n.line, n.column, "%s%s", prefix(path), err)
}

// secret says whether the last key of the path sounds like one whose value is a secret.
func secret(path string) bool {
	last := strings.ToLower(path[strings.LastIndexByte(path, '.')+1:])
	for _, s := range []string{"secret", "token", "password", "passwd", "passphrase", "credential", "key", "dsn", "auth"} {
		if strings.Contains(last, s) {
			return true
		}
	}
	return false
}

func prefix(path string) string {
	if path == "" {
		return ""
	}
	return path + ": "
}

func (d decoder) mismatch(n *node, path, want string) error {
	return d.src.errorAt(n.line, n.column, "%sexpected %s, found %s", prefix(path), want, n.kind)
}

func (d decoder) scalar(n *node, v reflect.Value, path string) error {
	switch v.Kind() {
	case reflect.String:
		switch n.kind {
		case stringKind:
			v.SetString(n.text)
			return nil
		case boolKind, numberKind:
			return d.mismatch(n, path, "a string (put it in quotes)")
		}
		return d.mismatch(n, path, "a string")
	case reflect.Bool:
		if n.kind != boolKind {
			return d.mismatch(n, path, "true or false")
		}
		v.SetBool(n.text == "true")
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		i, err := strconv.ParseInt(n.text, 10, v.Type().Bits())
		if n.kind != numberKind || err != nil {
			return d.number(n, path, err)
		}
		v.SetInt(i)
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		u, err := strconv.ParseUint(n.text, 10, v.Type().Bits())
		if n.kind != numberKind || err != nil {
			return d.number(n, path, err)
		}
		v.SetUint(u)
	case reflect.Float32, reflect.Float64:
		f, err := strconv.ParseFloat(n.text, v.Type().Bits())
		if n.kind != numberKind || err != nil {
			return d.number(n, path, err)
		}
		v.SetFloat(f)
	default:
		return d.mismatch(n, path, "nothing that can be written here")
	}
	return nil
}

func (d decoder) number(n *node, path string, err error) error {
	if n.kind != numberKind {
		return d.mismatch(n, path, "a number")
	}
	if errors.Is(err, strconv.ErrRange) {
		return d.src.errorAt(n.line, n.column, "%sthe number is out of range", prefix(path))
	}
	return d.src.errorAt(n.line, n.column, "%sexpected a whole number of the right sign", prefix(path))
}

func (d decoder) slice(n *node, v reflect.Value, path string) error {
	if n.kind != seqKind {
		return d.mismatch(n, path, "a list")
	}
	out := reflect.MakeSlice(v.Type(), len(n.items), len(n.items))
	for i, item := range n.items {
		if err := d.value(item, out.Index(i), path+"["+strconv.Itoa(i)+"]"); err != nil {
			return err
		}
	}
	v.Set(out)
	return nil
}

func (d decoder) mapping(n *node, v reflect.Value, path string) error {
	if n.kind != mapKind {
		return d.mismatch(n, path, "a mapping")
	}
	if v.Type().Key().Kind() != reflect.String {
		return d.mismatch(n, path, "nothing that can be written here")
	}
	out := reflect.MakeMapWithSize(v.Type(), len(n.items))
	for i, item := range n.items {
		elem := reflect.New(v.Type().Elem()).Elem()
		if err := d.value(item, elem, join(path, n.keys[i].text)); err != nil {
			return err
		}
		out.SetMapIndex(reflect.ValueOf(n.keys[i].text).Convert(v.Type().Key()), elem)
	}
	v.Set(out)
	return nil
}

func join(path, key string) string {
	if path == "" {
		return shorten(key)
	}
	return path + "." + shorten(key)
}

func (d decoder) structure(n *node, v reflect.Value, path string) error {
	if n.kind != mapKind {
		return d.mismatch(n, path, "a mapping")
	}
	known := fields(v.Type(), nil)
	for i, k := range n.keys {
		var index []int
		for _, f := range known {
			if f.name == k.text {
				index = f.index
			}
		}
		if index == nil {
			return d.src.errorAt(k.line, k.column, "%s", unknownKey(k.text, path, known))
		}
		if err := d.value(n.items[i], v.FieldByIndex(index), join(path, k.text)); err != nil {
			return err
		}
	}
	return nil
}

// plain is the value as any: map[string]any, []any, string, json.Number, bool, nil.
func (n *node) plain() any {
	switch n.kind {
	case boolKind:
		return n.text == "true"
	case numberKind:
		return json.Number(n.text)
	case stringKind:
		return n.text
	case seqKind:
		list := make([]any, len(n.items))
		for i, item := range n.items {
			list[i] = item.plain()
		}
		return list
	case mapKind:
		m := make(map[string]any, len(n.items))
		for i, item := range n.items {
			m[n.keys[i].text] = item.plain()
		}
		return m
	}
	return nil
}
