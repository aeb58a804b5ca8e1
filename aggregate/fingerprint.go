package aggregate

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/eventmaestro/maestro/internal/jsonb"
	"github.com/eventmaestro/maestro/types"
)

// Identifier is a command's data that says what of it makes two commands with the same ID the same. Without it all of the data
// does, as the handler is given it.
type Identifier interface {
	// Identity returns what is to be compared, such as the data without the time at which a server received it. It must
	// depend on nothing but the data, and whatever it leaves out may differ without being noticed: the first outcome is returned.
	Identity() any
}

// fingerprint is a hash of what a handler is given. It stays what it was where the command's type gets a new field, whose zero
// value is the same as its absence, and where a name in JSON changes its case.
func fingerprint(command types.Command, handler any) (sum [32]byte, err error) {
	defer recovered(&err)
	data := command.Data
	if h, ok := handler.(interface {
		given(types.Command) (any, error)
	}); ok {
		if data, err = h.given(command); err != nil {
			return sum, err
		}
	}
	if i, ok := identifierOf(data); ok {
		data = i.Identity()
	}
	h := sha256.New()
	fmt.Fprintf(h, "%q ", command.Type)
	if err := digest(h, reflect.ValueOf(data), 0); err != nil {
		return sum, err
	}
	h.Sum(sum[:0])
	return sum, nil
}

// identifierOf finds the method behind a value and behind a pointer to it.
func identifierOf(data any) (Identifier, bool) {
	if i, ok := data.(Identifier); ok || data == nil {
		return i, ok
	}
	p := reflect.New(reflect.TypeOf(data))
	p.Elem().Set(reflect.ValueOf(data))
	i, ok := p.Interface().(Identifier)
	return i, ok
}

// digest writes a value in a form that is the same for the same value, whatever its type is called.
func digest(w io.Writer, v reflect.Value, depth int) error {
	switch {
	case depth > maxCloneDepth:
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
		return digest(w, v.Elem(), depth+1)
	case reflect.Struct:
		err = digestStruct(w, v, depth)
	case reflect.Map:
		err = digestMap(w, v, depth)
	case reflect.Slice, reflect.Array:
		_, _ = io.WriteString(w, "[")
		for i := 0; i < v.Len() && err == nil; i++ {
			err = digest(w, v.Index(i), depth+1)
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
		if err := digest(&key, it.Key(), depth+1); err != nil {
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
		if err := digest(w, entries[name], depth+1); err != nil {
			return err
		}
		_, _ = io.WriteString(w, ",")
	}
	_, _ = io.WriteString(w, "}")
	return nil
}
