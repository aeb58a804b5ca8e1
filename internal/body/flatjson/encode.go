package flatjson

import (
	"encoding"
	"encoding/json"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync"
	"unicode/utf8"
)

// Encoder encodes one struct type. It is safe for concurrent use.
type Encoder struct {
	fields []member
}

type member struct {
	field
	label     string // `"name": `
	omitEmpty bool
}

var (
	marshaler     = reflect.TypeFor[json.Marshaler]()
	textMarshaler = reflect.TypeFor[encoding.TextMarshaler]()
	encoders      sync.Map // reflect.Type → *Encoder, nil for types that are not for this package
)

// Append appends v's JSON to dst in the form that package jsonb calls canonical, or reports that it
// can't and encoding/json has to.
func Append(dst []byte, v any) (_ []byte, ok bool) {
	t := reflect.TypeOf(v)
	found, known := encoders.Load(t)
	if !known {
		found, _ = encoders.LoadOrStore(t, newEncoder(t))
	}
	e := found.(*Encoder)
	if e == nil {
		return dst, false
	}
	return e.append(dst, reflect.ValueOf(v))
}

func newEncoder(t reflect.Type) *Encoder {
	d := New(t)
	if d == nil || marshals(t) {
		return nil
	}
	e := new(Encoder)
	for i := range t.NumField() {
		f := t.Field(i)
		tag := f.Tag.Get("json")
		if !f.IsExported() || tag == "-" {
			continue
		}
		at := slices.IndexFunc(d.fields, func(f field) bool { return f.index == i })
		_, options, _ := strings.Cut(tag, ",")
		if at < 0 || marshals(f.Type) || options != "" && options != "omitempty" {
			return nil
		}
		e.fields = append(e.fields, member{field: d.fields[at], label: `"` + d.fields[at].name + `": `, omitEmpty: options != ""})
	}
	// The order in which jsonb keeps its keys.
	slices.SortFunc(e.fields, func(a, b member) int {
		if d := len(a.name) - len(b.name); d != 0 {
			return d
		}
		return strings.Compare(a.name, b.name)
	})
	return e
}

func marshals(t reflect.Type) bool { return t.Implements(marshaler) || t.Implements(textMarshaler) }

func (e *Encoder) append(dst []byte, v reflect.Value) (_ []byte, ok bool) {
	start := len(dst)
	dst = append(dst, '{')
	for i := range e.fields {
		f := &e.fields[i]
		value := v.Field(f.index)
		if f.omitEmpty && value.IsZero() {
			continue
		}
		if len(dst) > start+1 {
			dst = append(dst, ", "...)
		}
		dst = append(dst, f.label...)
		if dst, ok = f.append(dst, value); !ok {
			return dst[:start], false
		}
	}
	return append(dst, '}'), true
}

func (f *member) append(dst []byte, v reflect.Value) (_ []byte, ok bool) {
	switch f.kind {
	case reflect.String:
		return appendString(dst, v.String())
	case reflect.Bool:
		return strconv.AppendBool(dst, v.Bool()), true
	case reflect.Float32, reflect.Float64:
		x := v.Float()
		if x != x || x < -1e15 || x > 1e15 || x > -1e-5 && x < 1e-5 {
			return dst, false // the exponents, the infinities and the zeros
		}
		return strconv.AppendFloat(dst, x, 'f', -1, f.bits), true
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return strconv.AppendInt(dst, v.Int(), 10), true
	}
	return strconv.AppendUint(dst, v.Uint(), 10), true
}

func appendString(dst []byte, s string) (_ []byte, ok bool) {
	ascii := true
	for i := range len(s) {
		switch c := s[i]; {
		case c < 0x20 || c == '"' || c == '\\':
			return dst, false
		case c >= utf8.RuneSelf:
			ascii = false
		}
	}
	if !ascii && !utf8.ValidString(s) {
		return dst, false
	}
	dst = append(dst, '"')
	dst = append(dst, s...)
	return append(dst, '"'), true
}
