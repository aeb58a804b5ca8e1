// Package jsonschema says in JSON Schema what encoding/json makes of a Go type. It is small because
// it knows one source: fields, tags and the types of the standard library, as encoding/json goes by
// them. Next: package aggregate/catalogue, which shows what it makes.
package jsonschema

import (
	"bytes"
	"encoding"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"
)

// Of returns the JSON Schema (draft 2020-12) of what encoding/json reads into a t, and writes of
// it. No field is required, because a reader takes one that is missing for its zero. strict says
// that an object with another field is refused. Types that contain themselves stand in $defs, all
// others in place.
func Of(t reflect.Type, strict bool) json.RawMessage {
	g := &generator{strict: strict, names: map[reflect.Type]string{}}
	s := g.of(t)
	if len(g.defs) > 0 {
		s = append(slices.Clone(s), member{"$defs", g.defs})
	}
	return encoded(s)
}

// object is a JSON object whose members keep their order.
type object []member

type member struct {
	name  string
	value any
}

// MarshalJSON writes the members in order.
func (o object) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	b.WriteByte('{')
	for i, m := range o {
		if i > 0 {
			b.WriteByte(',')
		}
		b.Write(encoded(m.name))
		b.WriteByte(':')
		b.Write(encoded(m.value))
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}

// encoded is the JSON of what this package made.
func encoded(v any) json.RawMessage {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		panic("jsonschema: " + err.Error())
	}
	return bytes.TrimSpace(b.Bytes())
}

type generator struct {
	strict bool
	above  []reflect.Type          // the structs that are being written
	names  map[reflect.Type]string // of those that contain themselves
	defs   object
}

func ofType(name string) object { return object{{"type", name}} }

func (g *generator) of(t reflect.Type) object {
	if s, ok := known(t); ok {
		return s
	}
	switch t.Kind() {
	case reflect.Bool:
		return ofType("boolean")
	case reflect.String:
		return ofType("string")
	case reflect.Int8, reflect.Int16, reflect.Int32:
		limit := int64(1) << (t.Bits() - 1)
		return object{{"type", "integer"}, {"minimum", -limit}, {"maximum", limit - 1}}
	case reflect.Int, reflect.Int64:
		return ofType("integer")
	case reflect.Uint8, reflect.Uint16, reflect.Uint32:
		return object{{"type", "integer"}, {"minimum", 0}, {"maximum", uint64(1)<<t.Bits() - 1}}
	case reflect.Uint, reflect.Uint64, reflect.Uintptr:
		return object{{"type", "integer"}, {"minimum", 0}}
	case reflect.Float32, reflect.Float64:
		return ofType("number")
	case reflect.Pointer:
		return orNull(g.of(t.Elem()))
	case reflect.Slice:
		if t.Elem().Kind() == reflect.Uint8 && !encodesItself(t.Elem()) {
			return object{{"type", []string{"string", "null"}}, {"contentEncoding", "base64"}}
		}
		return object{{"type", []string{"array", "null"}}, {"items", g.of(t.Elem())}}
	case reflect.Array:
		return object{{"type", "array"}, {"items", g.of(t.Elem())}, {"minItems", t.Len()}, {"maxItems", t.Len()}}
	case reflect.Map:
		s := object{{"type", []string{"object", "null"}}}
		if k := t.Key().Kind(); k != reflect.String && !encodesItself(t.Key()) {
			s = append(s, member{"propertyNames", object{{"pattern", "^-?[0-9]+$"}}})
		}
		return append(s, member{"additionalProperties", g.of(t.Elem())})
	case reflect.Struct:
		return g.ofStruct(t)
	}
	return object{} // anything
}

// known returns the schema of types that write themselves, as far as it can be seen from outside.
func known(t reflect.Type) (object, bool) {
	switch t {
	case reflect.TypeFor[time.Time]():
		return object{{"type", "string"}, {"format", "date-time"}}, true
	case reflect.TypeFor[json.RawMessage]():
		return object{}, true
	case reflect.TypeFor[json.Number]():
		return ofType("number"), true
	}
	p := reflect.PointerTo(t)
	switch {
	case t.Kind() == reflect.Pointer || t.Kind() == reflect.Interface:
		return nil, false
	case p.Implements(reflect.TypeFor[json.Marshaler]()):
		return likeZero(t), true
	case p.Implements(reflect.TypeFor[encoding.TextMarshaler]()):
		return ofType("string"), true
	}
	return nil, false
}

func encodesItself(t reflect.Type) bool {
	_, is := known(t)
	return is
}

// likeZero says of which kind of JSON a type's zero value is, in the hope that the others are of
// the same.
func likeZero(t reflect.Type) (s object) {
	defer func() {
		if recover() != nil {
			s = object{}
		}
	}()
	text, err := json.Marshal(reflect.New(t).Interface())
	if err != nil || len(text) == 0 {
		return object{}
	}
	switch c := text[0]; {
	case c == '"':
		return ofType("string")
	case c == 't' || c == 'f':
		return ofType("boolean")
	case c == '-' || c >= '0' && c <= '9':
		return ofType("number")
	case c == '[':
		return ofType("array")
	case c == '{':
		return ofType("object")
	}
	return object{}
}

func orNull(s object) object {
	if len(s) == 0 {
		return s
	}
	if name, ok := s[0].value.(string); ok && s[0].name == "type" {
		s = slices.Clone(s)
		s[0].value = []string{name, "null"}
		return s
	}
	if s[0].name == "type" {
		return s // has null
	}
	return object{{"anyOf", []object{s, ofType("null")}}}
}

func (g *generator) ofStruct(t reflect.Type) object {
	if slices.Contains(g.above, t) && g.names[t] == "" {
		g.names[t] = g.name(t)
	}
	if name := g.names[t]; name != "" {
		return object{{"$ref", "#/$defs/" + name}}
	}
	g.above = append(g.above, t)
	properties := object{}
	for _, f := range fieldsOf(t) {
		s := g.of(f.of)
		if f.quoted {
			s = ofType("string")
		}
		properties = append(properties, member{f.name, s})
	}
	g.above = g.above[:len(g.above)-1]
	s := ofType("object")
	if len(properties) > 0 {
		s = append(s, member{"properties", properties})
	}
	if g.strict {
		s = append(s, member{"additionalProperties", false})
	}
	if name := g.names[t]; name != "" {
		g.defs = append(g.defs, member{name, s})
		return object{{"$ref", "#/$defs/" + name}}
	}
	return s
}

// name is the type's own, with a number where another has it.
func (g *generator) name(t reflect.Type) string {
	base := strings.Map(func(r rune) rune {
		if strings.ContainsRune("[]/.,*", r) {
			return '_'
		}
		return r
	}, t.Name())
	name := base
	for n := 2; g.taken(name); n++ {
		name = fmt.Sprint(base, n)
	}
	return name
}

func (g *generator) taken(name string) bool {
	for _, used := range g.names {
		if used == name {
			return true
		}
	}
	return false
}
