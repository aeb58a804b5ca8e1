package jsonform

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/eventmaestro/maestro/internal/body/jsonb"
	"github.com/eventmaestro/maestro/internal/deepcopy"
)

var errTooDeep = errors.New("cyclic, or nested more than 10,000 deep")

// Digest writes a value in a form that is the same for the same value, whatever its type is called.
func Digest(w io.Writer, v reflect.Value) error { return writeDigest(w, v, 0) }

func writeDigest(w io.Writer, v reflect.Value, depth int) error {
	switch {
	case depth > deepcopy.MaxDepth:
		return errTooDeep
	case !v.IsValid():
		_, err := io.WriteString(w, "null")
		return err
	case v.Type() == rawType || encodesItself(v.Type()) && v.CanInterface():
		return digestOwn(w, v)
	}
	var err error
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		return writeDigest(w, v.Elem(), depth+1)
	case reflect.Struct:
		err = digestStruct(w, v, depth)
	case reflect.Map:
		err = digestMap(w, v, depth)
	case reflect.Slice, reflect.Array:
		_, _ = io.WriteString(w, "[")
		for i := 0; i < v.Len() && err == nil; i++ {
			err = writeDigest(w, v.Index(i), depth+1)
			_, _ = io.WriteString(w, ",")
		}
		_, _ = io.WriteString(w, "]")
	case reflect.String:
		_, err = io.WriteString(w, strconv.Quote(v.String()))
	case reflect.Float32, reflect.Float64:
		_, err = io.WriteString(w, strconv.FormatFloat(v.Float(), 'f', -1, v.Type().Bits()))
	case reflect.Func, reflect.Chan, reflect.UnsafePointer:
		return fmt.Errorf("%v has no value to compare: give its type an Identity method", v.Type())
	default:
		_, err = fmt.Fprint(w, v)
	}
	return err
}

// digestOwn writes a value that has a JSON form of its own.
func digestOwn(w io.Writer, v reflect.Value) error {
	p := reflect.New(v.Type())
	p.Elem().Set(v)
	text, err := json.Marshal(p.Interface())
	if err != nil {
		return err
	}
	if text, err = jsonb.Canonical(text); err != nil {
		return err
	}
	_, err = w.Write(text)
	return err
}

// digestStruct writes the fields that are not zero, by their names in JSON.
func digestStruct(w io.Writer, v reflect.Value, depth int) error {
	fields := map[string]reflect.Value{}
	collect(v, fields)
	return digestEntries(w, fields, depth)
}

func collect(v reflect.Value, fields map[string]reflect.Value) {
	for i := range v.NumField() {
		f, value := v.Type().Field(i), v.Field(i)
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		if f.Anonymous && name == "" && value.Kind() == reflect.Struct && !encodesItself(f.Type) {
			collect(value, fields)
			continue
		}
		if name == "" || name == "-" {
			name = f.Name
		}
		if f.IsExported() && !isNothing(value) {
			fields[strings.ToLower(name)] = value
		}
	}
}

// isNothing reports whether a field says no more than its absence.
func isNothing(v reflect.Value) bool {
	if v.Kind() == reflect.Slice || v.Kind() == reflect.Map {
		return v.Len() == 0
	}
	return v.IsZero()
}

func digestMap(w io.Writer, v reflect.Value, depth int) error {
	entries := make(map[string]reflect.Value, v.Len())
	for it := v.MapRange(); it.Next(); {
		var key bytes.Buffer
		if err := writeDigest(&key, it.Key(), depth+1); err != nil {
			return err
		}
		entries[key.String()] = it.Value()
	}
	return digestEntries(w, entries, depth)
}

func digestEntries(w io.Writer, entries map[string]reflect.Value, depth int) error {
	names := make([]string, 0, len(entries))
	for name := range entries {
		names = append(names, name)
	}
	slices.Sort(names)
	_, _ = io.WriteString(w, "{")
	for _, name := range names {
		fmt.Fprintf(w, "%q:", name)
		if err := writeDigest(w, entries[name], depth+1); err != nil {
			return err
		}
		_, _ = io.WriteString(w, ",")
	}
	_, _ = io.WriteString(w, "}")
	return nil
}
