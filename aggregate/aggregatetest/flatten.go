package aggregatetest

import (
	"encoding"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// line is one leaf of a value: where it is and what it is.
type line struct{ path, text string }

const (
	maxDepth = 100
	maxLines = 20_000
)

// flattener turns a value into lines, in an order that depends on nothing but the value. Two values
// with the same lines are the same for all that this package is concerned.
type flattener struct {
	lines []line
	typed bool // the type of what is behind an interface counts
}

// flatten returns the leaves of v; root is how its path begins.
func flatten(root string, v any, typed bool) []line {
	f := &flattener{typed: typed}
	f.content(root, reflect.ValueOf(v), 0)
	return f.lines
}

func (f *flattener) add(path, format string, args ...any) {
	if len(f.lines) < maxLines {
		f.lines = append(f.lines, line{path, fmt.Sprintf(format, args...)})
	}
}

// content adds v, which must leave a trace even if there is nothing in it.
func (f *flattener) content(path string, v reflect.Value, depth int) {
	n := len(f.lines)
	f.value(path, v, depth)
	if len(f.lines) == n {
		f.add(path, "{}")
	}
}

// value adds v. An empty slice or map, nil or not, adds nothing.
func (f *flattener) value(path string, v reflect.Value, depth int) {
	if depth > maxDepth {
		f.add(path, "…")
		return
	}
	if !v.IsValid() {
		f.add(path, "nil")
		return
	}
	if text, ok := textOf(v); ok {
		f.add(path, "%s", text)
		return
	}
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		f.reference(path, v, depth)
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Field(i).Type() == reflect.TypeFor[*time.Location]() {
				continue // of a time.Time in a field that is not exported
			}
			f.value(path+"."+v.Type().Field(i).Name, v.Field(i), depth+1)
		}
	case reflect.Slice, reflect.Array:
		if v.Type().Elem().Kind() == reflect.Uint8 {
			f.bytes(path, v)
			return
		}
		for i := range v.Len() {
			f.content(fmt.Sprintf("%s[%d]", path, i), v.Index(i), depth+1)
		}
	case reflect.Map:
		f.entries(path, v, depth)
	case reflect.Func, reflect.Chan, reflect.UnsafePointer:
		if v.IsNil() {
			f.add(path, "nil")
		} else {
			f.add(path, "a %v", v.Type())
		}
	default:
		f.add(path, "%s", scalar(v))
	}
}

func (f *flattener) reference(path string, v reflect.Value, depth int) {
	if v.IsNil() {
		f.add(path, "nil")
		return
	}
	if v.Kind() == reflect.Interface && f.typed {
		f.add(path+".(type)", "%v", v.Elem().Type())
	}
	f.content(path, v.Elem(), depth+1)
}

func (f *flattener) bytes(path string, v reflect.Value) {
	if v.Len() == 0 {
		return
	}
	b := make([]byte, v.Len())
	for i := range b {
		b[i] = byte(v.Index(i).Uint())
	}
	if v.Type() == reflect.TypeFor[json.RawMessage]() {
		f.add(path, "%s", b)
		return
	}
	f.add(path, "%q", b)
}

func (f *flattener) entries(path string, v reflect.Value, depth int) {
	type entry struct {
		name string
		key  reflect.Value
	}
	all := make([]entry, 0, v.Len())
	for _, k := range v.MapKeys() {
		all = append(all, entry{keyName(k), k})
	}
	slices.SortFunc(all, func(a, b entry) int { return strings.Compare(a.name, b.name) })
	for _, e := range all {
		f.content(path+e.name, v.MapIndex(e.key), depth+1)
	}
}

// keyName is how a map's key stands in a path.
func keyName(k reflect.Value) string {
	if k.Kind() == reflect.Interface {
		k = k.Elem()
	}
	if k.Kind() == reflect.String && isName(k.String()) {
		return "." + k.String()
	}
	f := &flattener{}
	f.content("", k, 0)
	parts := make([]string, len(f.lines))
	for i, l := range f.lines {
		parts[i] = strings.TrimSpace(l.path + " " + l.text)
	}
	return "[" + strings.Join(parts, " ") + "]"
}

func isName(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(r rune) bool {
		return r != '_' && r != '-' && !unicode.IsLetter(r) && !unicode.IsDigit(r)
	})
}

// textOf returns the text of a value that knows how to write itself.
func textOf(v reflect.Value) (string, bool) {
	if !v.CanInterface() || v.Kind() == reflect.Pointer && v.IsNil() || v.Kind() == reflect.Interface {
		return "", false // what is behind an interface has its turn
	}
	switch x := v.Interface().(type) {
	case time.Time:
		return x.UTC().Format(time.RFC3339Nano), true
	case json.Number:
		return x.String(), true
	case encoding.TextMarshaler:
		text, err := x.MarshalText()
		return string(text), err == nil
	}
	return "", false
}

func scalar(v reflect.Value) string {
	switch {
	case v.Kind() == reflect.String:
		return strconv.Quote(v.String())
	case v.Kind() == reflect.Bool:
		return strconv.FormatBool(v.Bool())
	case v.CanInt():
		return strconv.FormatInt(v.Int(), 10)
	case v.CanUint():
		return strconv.FormatUint(v.Uint(), 10)
	case v.CanFloat():
		return strconv.FormatFloat(v.Float(), 'g', -1, 64)
	}
	return strconv.FormatComplex(v.Complex(), 'g', -1, 128)
}
