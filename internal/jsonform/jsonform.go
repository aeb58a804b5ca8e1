// Package jsonform knows what becomes of a Go value on its way to JSON and back, as a snapshot
// takes it: what encoding/json would lose, whether what came back is what went in, which shape a
// type has, and when two values say the same.
package jsonform

import (
	"bytes"
	"cmp"
	"encoding"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/eventmaestro/maestro/internal/deepcopy"
)

var (
	marshalerType     = reflect.TypeFor[json.Marshaler]()
	textMarshalerType = reflect.TypeFor[encoding.TextMarshaler]()
)

// encodesItself reports whether encoding/json leaves the form of a t to its own methods.
func encodesItself(t reflect.Type) bool {
	p := reflect.PointerTo(t) // it has the methods of t as well
	return p.Implements(marshalerType) || p.Implements(textMarshalerType)
}

// Lost names the first field of t that encoding/json would pass over, or returns nil.
func Lost(t reflect.Type) *deepcopy.Fault { return lost(t, "S", nil) }

func lost(t reflect.Type, path string, seen []reflect.Type) *deepcopy.Fault {
	if slices.Contains(seen, t) {
		return nil
	}
	if encodesItself(t) {
		return lostToPromotion(t, path)
	}
	seen = append(seen, t)
	switch t.Kind() {
	case reflect.Chan, reflect.Func, reflect.UnsafePointer, reflect.Complex64, reflect.Complex128:
		return &deepcopy.Fault{Path: path, Reason: "(" + t.String() + ") has no JSON form, so there is no snapshot of it: keep it out of the state"}
	case reflect.Interface:
		if t.NumMethod() > 0 {
			return &deepcopy.Fault{Path: path, Reason: "(" + t.String() + ") is an interface, into which a snapshot's JSON can't be decoded: use a struct"}
		}
	case reflect.Map:
		if !isKeyInJSON(t.Key()) {
			return &deepcopy.Fault{Path: path, Reason: "(" + t.String() + ") has keys that JSON can't have: use strings, integers or an encoding.TextMarshaler"}
		}
		return lost(t.Elem(), path, seen)
	case reflect.Pointer, reflect.Slice, reflect.Array:
		return lost(t.Elem(), path, seen)
	case reflect.Struct:
		return lostInStruct(t, path, seen, map[string]string{})
	}
	return nil
}

// lostInStruct looks at the fields of a struct and of those that it embeds, which share the names
// of one JSON object. named leads from a name to the field that has it.
func lostInStruct(t reflect.Type, path string, seen []reflect.Type, named map[string]string) *deepcopy.Fault {
	for i := range t.NumField() {
		f := t.Field(i)
		at := path + "." + f.Name
		tag := f.Tag.Get("json")
		name, _, _ := strings.Cut(tag, ",")
		elem := f.Type
		if elem.Kind() == reflect.Pointer {
			elem = elem.Elem()
		}
		inlined := f.Anonymous && name == "" && elem.Kind() == reflect.Struct
		switch {
		case tag == "-":
			return &deepcopy.Fault{Path: at, Reason: `has the tag json:"-", so a snapshot's JSON would lose it: take the tag off`}
		case !f.IsExported() && t.Name() != "" && t.PkgPath() != seen[0].PkgPath():
			return &deepcopy.Fault{Path: path, Reason: "(" + t.String() + ") hides what it holds, so a snapshot's JSON would lose it: use a type with a JSON form, such as a string"}
		case !f.IsExported() && (!inlined || f.Type.Kind() == reflect.Pointer):
			return &deepcopy.Fault{Path: at, Reason: "is not exported, so a snapshot's JSON would lose it: export it"}
		case inlined && slices.Contains(seen, elem):
			return &deepcopy.Fault{Path: at, Reason: "embeds a type in itself, so a snapshot's JSON would lose it: give the field a name"}
		case inlined && !encodesItself(elem):
			if fault := lostInStruct(elem, at, append(seen, elem), named); fault != nil {
				return fault
			}
			continue
		}
		name = cmp.Or(name, f.Name)
		if first := named[name]; first != "" {
			return &deepcopy.Fault{Path: at, Reason: fmt.Sprintf("has the same JSON name %q as %s, so a snapshot's JSON would lose it: give it another name", name, first)}
		}
		named[name] = strings.TrimPrefix(at, "S.")
		if fault := lost(f.Type, at, seen); fault != nil {
			return fault
		}
	}
	return nil
}

// lostToPromotion names the first field of a struct whose JSON form is that of a type it embeds:
// what the embedded type's method writes has no room for the fields beside it.
func lostToPromotion(t reflect.Type, path string) *deepcopy.Fault {
	if t.Kind() != reflect.Struct {
		return nil
	}
	inner, beside := -1, -1
	for i := range t.NumField() {
		switch f := t.Field(i); {
		case f.Anonymous && encodesItself(f.Type) && f.Type.Kind() != reflect.Interface:
			inner = i
		case f.IsExported() && beside < 0:
			beside = i
		}
	}
	if inner < 0 || beside < 0 {
		return nil
	}
	// It is the other type's method if whatever stands beside makes no difference to the text.
	empty, full := reflect.New(t), reflect.New(t)
	for i := range t.NumField() {
		if i != inner && t.Field(i).IsExported() {
			fill(full.Elem().Field(i), 0)
		}
	}
	bare, err := json.Marshal(empty.Interface())
	text, errFull := json.Marshal(full.Interface())
	if err != nil || errFull != nil || !bytes.Equal(bare, text) {
		return nil
	}
	f := t.Field(inner)
	return &deepcopy.Fault{Path: path + "." + t.Field(beside).Name, Reason: fmt.Sprintf("is next to an embedded %v, whose JSON replaces that of the whole struct, so a snapshot's JSON would lose it: give the field %s a name of its own", f.Type, f.Name)}
}

// fill gives v another value than its zero one, as far as it can be known how.
func fill(v reflect.Value, depth int) {
	if depth > 8 {
		return
	}
	switch v.Kind() {
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		v.SetInt(1)
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64, reflect.Uintptr:
		v.SetUint(1)
	case reflect.Float32, reflect.Float64:
		v.SetFloat(1)
	case reflect.String:
		v.SetString("1")
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem(), depth+1)
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
	case reflect.Map:
		v.Set(reflect.MakeMap(v.Type()))
		v.SetMapIndex(reflect.Zero(v.Type().Key()), reflect.Zero(v.Type().Elem()))
	case reflect.Array:
		for i := range v.Len() {
			fill(v.Index(i), depth+1)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Field(i).CanSet() {
				fill(v.Field(i), depth+1)
			}
		}
	}
}

// isKeyInJSON reports whether encoding/json takes maps with such keys.
func isKeyInJSON(t reflect.Type) bool {
	switch t.Kind() {
	case reflect.String, reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64,
		reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64, reflect.Uintptr:
		return true
	}
	return t.Implements(textMarshalerType)
}

// Lacking names the first field of t that a decoded JSON value has not, or returns nothing. JSON's
// null has them all: it says that there is nothing.
func Lacking(t reflect.Type, v any) string { return lacking(t, v, "S") }

func lacking(t reflect.Type, v any, path string) string {
	if v == nil || encodesItself(t) {
		return ""
	}
	switch t.Kind() {
	case reflect.Pointer:
		return lacking(t.Elem(), v, path)
	case reflect.Slice, reflect.Array:
		list, _ := v.([]any)
		for _, elem := range list {
			if name := lacking(t.Elem(), elem, path+"[…]"); name != "" {
				return name
			}
		}
	case reflect.Map:
		object, _ := v.(map[string]any)
		for _, elem := range object {
			if name := lacking(t.Elem(), elem, path+"[…]"); name != "" {
				return name
			}
		}
	case reflect.Struct:
		object, ok := v.(map[string]any)
		if !ok {
			return path
		}
		for i := range t.NumField() {
			f := t.Field(i)
			name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
			if f.Anonymous && name == "" {
				if name := lacking(f.Type, v, path); name != "" {
					return name
				}
				continue
			}
			value, ok := valueOf(object, cmp.Or(name, f.Name))
			if !ok {
				return path + "." + f.Name
			}
			if name := lacking(f.Type, value, path+"."+f.Name); name != "" {
				return name
			}
		}
	}
	return ""
}

// valueOf finds a key as encoding/json does, whatever its case.
func valueOf(object map[string]any, name string) (any, bool) {
	if v, ok := object[name]; ok {
		return v, true
	}
	for key, v := range object {
		if strings.EqualFold(key, name) {
			return v, true
		}
	}
	return nil, false
}
