package jsonschema

import (
	"cmp"
	"reflect"
	"slices"
	"strings"
)

// field is a field of a JSON object.
type field struct {
	name   string
	of     reflect.Type
	quoted bool // by the tag's option "string"
	tagged bool
	depth  int
}

// fieldsOf returns the fields that encoding/json knows of a struct, those of embedded structs in
// place. Of several with one name the one that is embedded least deep is it, then the one with a
// tag; where that leaves more than one, none is.
func fieldsOf(t reflect.Type) []field {
	all := collect(t, 0, nil)
	var fields []field
	for i, f := range all {
		rivals := slices.Clone(all)
		rivals = slices.DeleteFunc(rivals, func(r field) bool { return r.name != f.name })
		slices.SortStableFunc(rivals, func(a, b field) int {
			return cmp.Or(cmp.Compare(a.depth, b.depth), -cmp.Compare(btoi(a.tagged), btoi(b.tagged)))
		})
		best := rivals[0]
		if len(rivals) > 1 && rivals[1].depth == best.depth && rivals[1].tagged == best.tagged {
			continue
		}
		if slices.Index(all, best) == i {
			fields = append(fields, f)
		}
	}
	return fields
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

func collect(t reflect.Type, depth int, above []reflect.Type) (all []field) {
	if slices.Contains(above, t) {
		return nil
	}
	above = append(slices.Clone(above), t)
	for i := range t.NumField() {
		f := t.Field(i)
		tag := f.Tag.Get("json")
		name, options, _ := strings.Cut(tag, ",")
		elem := f.Type
		if elem.Kind() == reflect.Pointer && elem.Name() == "" {
			elem = elem.Elem()
		}
		switch {
		case tag == "-", !f.IsExported() && (!f.Anonymous || elem.Kind() != reflect.Struct):
			continue
		case f.Anonymous && name == "" && elem.Kind() == reflect.Struct && !encodesItself(elem):
			all = append(all, collect(elem, depth+1, above)...)
			continue
		case !f.IsExported():
			continue
		}
		all = append(all, field{
			name: cmp.Or(name, f.Name), of: f.Type, tagged: name != "", depth: depth,
			quoted: slices.Contains(strings.Split(options, ","), "string") && quotable(elem),
		})
	}
	return all
}

// quotable reports whether the option "string" has an effect on a type.
func quotable(t reflect.Type) bool {
	switch t.Kind() {
	case reflect.Bool, reflect.String, reflect.Float32, reflect.Float64,
		reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64,
		reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64, reflect.Uintptr:
		return true
	}
	return false
}
