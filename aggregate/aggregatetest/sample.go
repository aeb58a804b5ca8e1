package aggregatetest

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"time"
)

// sample returns a value of a type with something in every field that JSON knows, the same in every
// run, so that a field that gets lost is seen to be lost. What has no JSON of its own stays zero.
func sample(t reflect.Type) reflect.Value {
	v := reflect.New(t).Elem()
	fill(v, strings.ToLower(t.Name()), nil)
	return v
}

// fill puts something into v. The types above it are not entered again.
func fill(v reflect.Value, name string, above []reflect.Type) {
	for _, t := range above {
		if t == v.Type() {
			return
		}
	}
	if fillKnown(v, name) {
		return
	}
	above = append(above[:len(above):len(above)], v.Type())
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			if f := v.Type().Field(i); f.IsExported() {
				fill(v.Field(i), f.Name, above)
			}
		}
	case reflect.Pointer:
		made := reflect.New(v.Type().Elem())
		fill(made.Elem(), name, above)
		v.Set(made)
	case reflect.Slice:
		made := reflect.MakeSlice(v.Type(), 1, 1)
		fill(made.Index(0), name, above)
		v.Set(made)
	case reflect.Array:
		for i := range v.Len() {
			fill(v.Index(i), fmt.Sprint(name, i), above)
		}
	case reflect.Map:
		key, value := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
		fill(key, "key", above)
		fill(value, name, above)
		made := reflect.MakeMap(v.Type())
		made.SetMapIndex(key, value)
		v.Set(made)
	}
}

// fillKnown fills what needs no look inside, and types that write themselves, for which a value is
// sought that they read again.
func fillKnown(v reflect.Value, name string) (known bool) {
	switch v.Interface().(type) {
	case time.Time:
		v.Set(reflect.ValueOf(Epoch.Add(time.Hour)))
		return true
	case json.RawMessage:
		v.Set(reflect.ValueOf(json.RawMessage(`{"raw": 1}`)))
		return true
	}
	if writesItself(v.Type()) && v.Kind() != reflect.Pointer {
		for _, text := range []string{`"` + name + `"`, `"2020-01-01T01:00:00.000Z-0001-0000000000000007"`, `"00000000-0000-4000-8000-000000000007"`, `"127.0.0.1"`, "7", "true"} {
			made := reflect.New(v.Type())
			if json.Unmarshal([]byte(text), made.Interface()) == nil && !made.Elem().IsZero() {
				v.Set(made.Elem())
				break
			}
		}
		return true
	}
	switch {
	case v.Kind() == reflect.Bool:
		v.SetBool(true)
	case v.Kind() == reflect.String:
		v.SetString(name)
	case v.CanInt():
		v.SetInt(7)
	case v.CanUint():
		v.SetUint(7)
	case v.CanFloat():
		v.SetFloat(7.5)
	case v.Kind() == reflect.Slice && v.Type().Elem().Kind() == reflect.Uint8:
		v.SetBytes([]byte(name))
	case v.Kind() == reflect.Interface && v.NumMethod() == 0:
		v.Set(reflect.ValueOf(name))
	default:
		return false
	}
	return true
}

func writesItself(t reflect.Type) bool {
	p := reflect.PointerTo(t)
	return p.Implements(reflect.TypeFor[json.Unmarshaler]()) || p.Implements(reflect.TypeFor[interface {
		UnmarshalText(text []byte) error
	}]())
}
