package jsonform

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"math/big"
	"reflect"
	"time"
	"unicode/utf8"

	"github.com/eventmaestro/maestro/internal/body"
	"github.com/eventmaestro/maestro/internal/deepcopy"
)

// Unlike names the first place where a state that a snapshot gave back is not the one that it was
// made of, or returns nil. It is stricter than equality for what a handler can tell apart: a nil
// map from an empty one, -0 from 0, an int in an any from a float64. It is looser for what has
// several forms of one value: raw JSON, and a type that hides its fields and has an Equal method.
// It names no values, for they go into logs.
func Unlike[S any](was, back S) *deepcopy.Fault {
	c := comparison{met: map[[2]any]bool{}}
	return c.values("S", reflect.ValueOf(&was).Elem(), reflect.ValueOf(&back).Elem())
}

// comparison remembers the pairs of references under way, for states that contain themselves.
type comparison struct{ met map[[2]any]bool }

var rawType = reflect.TypeFor[json.RawMessage]()

func (c *comparison) values(path string, a, b reflect.Value) *deepcopy.Fault {
	if same, known := byItsOwnRule(a, b); known {
		return fault(!same, path, "comes back as another value"+keepIt(a.Type()))
	}
	switch a.Kind() {
	case reflect.Interface:
		return c.interfaces(path, a, b)
	case reflect.Pointer, reflect.Map, reflect.Slice:
		return c.references(path, a, b)
	case reflect.Array:
		return c.elements(path, a, b)
	case reflect.Struct:
		for i := range a.NumField() {
			if f := c.values(path+"."+a.Type().Field(i).Name, a.Field(i), b.Field(i)); f != nil {
				return f
			}
		}
		return nil
	case reflect.String:
		if !utf8.ValidString(a.String()) {
			return &deepcopy.Fault{Path: path, Reason: "is not valid UTF-8, which JSON can't have: use a []byte"}
		}
	case reflect.Func, reflect.Chan, reflect.UnsafePointer:
		return nil // nobody can tell
	}
	return fault(!sameScalar(a, b), path, "comes back as another value"+keepIt(a.Type()))
}

// byItsOwnRule compares what has several forms of one value.
func byItsOwnRule(a, b reflect.Value) (same, known bool) {
	t := a.Type()
	if t == rawType && !a.IsNil() && !b.IsNil() {
		return body.Same(a.Bytes(), b.Bytes()), true
	}
	if t.Kind() != reflect.Struct || !a.CanInterface() || !hides(t) {
		return false, false
	}
	if x, ok := a.Interface().(time.Time); ok {
		y := b.Interface().(time.Time)
		return x.Equal(y) && x.Location().String() == y.Location().String() && offset(x) == offset(y), true
	}
	if x, ok := a.Interface().(big.Int); ok {
		y := b.Interface().(big.Int)
		return x.Cmp(&y) == 0, true
	}
	equal := a.MethodByName("Equal")
	if !equal.IsValid() || equal.Type().NumIn() != 1 || equal.Type().In(0) != t ||
		equal.Type().NumOut() != 1 || equal.Type().Out(0).Kind() != reflect.Bool {
		return false, false
	}
	return equal.Call([]reflect.Value{b})[0].Bool(), true
}

func offset(t time.Time) int {
	_, seconds := t.Zone()
	return seconds
}

// hides reports whether a struct has a field that is not exported.
func hides(t reflect.Type) bool {
	for i := range t.NumField() {
		if !t.Field(i).IsExported() {
			return true
		}
	}
	return false
}

func sameScalar(a, b reflect.Value) bool {
	switch a.Kind() {
	case reflect.Bool:
		return a.Bool() == b.Bool()
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return a.Int() == b.Int()
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64, reflect.Uintptr:
		return a.Uint() == b.Uint()
	case reflect.Float32, reflect.Float64:
		return math.Float64bits(a.Float()) == math.Float64bits(b.Float())
	case reflect.Complex64, reflect.Complex128:
		return a.Complex() == b.Complex()
	}
	return a.String() == b.String()
}

func (c *comparison) interfaces(path string, a, b reflect.Value) *deepcopy.Fault {
	if a.IsNil() || b.IsNil() {
		return fault(a.IsNil() != b.IsNil(), path, nilness(a))
	}
	a, b = a.Elem(), b.Elem()
	if a.Type() != b.Type() {
		return &deepcopy.Fault{Path: path, Reason: fmt.Sprintf("holds a %v, which comes back as a %v: give the field that type, or store in it what encoding/json decodes to", a.Type(), b.Type())}
	}
	return c.values(path, a, b)
}

func (c *comparison) references(path string, a, b reflect.Value) *deepcopy.Fault {
	if a.IsNil() || b.IsNil() {
		return fault(a.IsNil() != b.IsNil(), path, nilness(a))
	}
	if a.Kind() != reflect.Slice {
		pair := [2]any{a.UnsafePointer(), b.UnsafePointer()}
		if c.met[pair] {
			return nil
		}
		c.met[pair] = true
	}
	switch a.Kind() {
	case reflect.Pointer:
		return c.values(path, a.Elem(), b.Elem())
	case reflect.Map:
		return c.maps(path, a, b)
	}
	if a.Len() != b.Len() {
		return &deepcopy.Fault{Path: path, Reason: "comes back with another length" + keepIt(a.Type())}
	}
	if a.Type().Elem().Kind() == reflect.Uint8 {
		return fault(!bytes.Equal(a.Bytes(), b.Bytes()), path, "comes back as other bytes"+keepIt(a.Type()))
	}
	return c.elements(path, a, b)
}

func (c *comparison) maps(path string, a, b reflect.Value) *deepcopy.Fault {
	if a.Len() != b.Len() {
		return &deepcopy.Fault{Path: path, Reason: "comes back with another number of entries" + keepIt(a.Type().Key())}
	}
	for it := a.MapRange(); it.Next(); {
		value := b.MapIndex(it.Key())
		if !value.IsValid() {
			return &deepcopy.Fault{Path: path, Reason: "comes back with other keys" + keepIt(a.Type().Key())}
		}
		if f := c.values(path+"[…]", it.Value(), value); f != nil {
			return f
		}
	}
	return nil
}

func (c *comparison) elements(path string, a, b reflect.Value) *deepcopy.Fault {
	for i := range a.Len() {
		if f := c.values(path+"[…]", a.Index(i), b.Index(i)); f != nil {
			return f
		}
	}
	return nil
}

func fault(wrong bool, path, reason string) *deepcopy.Fault {
	if !wrong {
		return nil
	}
	return &deepcopy.Fault{Path: path, Reason: reason}
}

// nilness is the reason for a that is nil where it came back as something, or the other way round.
func nilness(a reflect.Value) string {
	switch {
	case a.IsNil():
		return "is nil and comes back as something" + keepIt(a.Type())
	case a.Kind() != reflect.Pointer && a.Kind() != reflect.Interface && a.Len() == 0:
		return "is empty and comes back as nil: use omitzero where its tag has omitempty"
	}
	return "comes back as nil" + keepIt(a.Type())
}

func keepIt(t reflect.Type) string {
	return fmt.Sprintf(": give its type (%v) a JSON form that keeps it", t)
}
