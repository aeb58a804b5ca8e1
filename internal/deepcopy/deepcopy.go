// Package deepcopy copies values of any Go type so that copy and original share no memory that can
// be changed. What a type needs is worked out once, and what can't be copied is named by its field.
package deepcopy

import (
	"errors"
	"math/big"
	"net/netip"
	"net/url"
	"reflect"
	"sync"
	"time"
)

// A fixer makes a shallow copy deep: it replaces, in place, every reference in v by a
// copy of what it refers to. Nil stands for a type without references.
type fixer func(v reflect.Value, depth int) error

// MaxDepth bounds how deep a value's pointers may go: a cyclic one ends in an error.
const MaxDepth = 10_000

var errTooDeep = errors.New("cyclic, or nested more than 10,000 deep: set Definition.Clone")

// Fault is what is wrong with a field. S, in its path, is the whole value.
type Fault struct{ Path, Reason string }

func (e *Fault) Error() string { return e.Path + " " + e.Reason }

func uncopyable(path string, t reflect.Type, why string) error {
	if path != t.String() {
		why = "(" + t.String() + ") " + why
	}
	return &Fault{path, why}
}

// Of returns a function that copies a T, or nil if assignment does. It returns an error
// that names the field that can't be copied, a *Fault.
func Of[T any]() (func(T) (T, error), error) {
	fix, err := fixerOf(reflect.TypeFor[T](), "S")
	if err != nil || fix == nil {
		return nil, err
	}
	return func(t T) (T, error) {
		err := fix(reflect.ValueOf(&t).Elem(), 0)
		return t, err
	}, nil
}

var lockerType = reflect.TypeFor[sync.Locker]()

func fixerOf(t reflect.Type, path string) (fixer, error) {
	return (&fixers{known: map[reflect.Type]*fixer{}, home: t.PkgPath()}).of(t, path)
}

// fixers remembers the types under way, for those that contain themselves.
type fixers struct {
	known map[reflect.Type]*fixer
	home  string // the package of the whole value's type
}

// immutable are the types of the standard library that refer to memory which nobody can change:
// assignment copies them.
var immutable = map[reflect.Type]bool{
	reflect.TypeFor[time.Time]():      true,
	reflect.TypeFor[*time.Location](): true,
	reflect.TypeFor[netip.Addr]():     true,
	reflect.TypeFor[netip.AddrPort](): true,
	reflect.TypeFor[netip.Prefix]():   true,
	reflect.TypeFor[*url.Userinfo]():  true,
	reflect.TypeFor[reflect.Type]():   true,
}

// fixBigInt copies what a number's methods work on in place.
func fixBigInt(v reflect.Value, _ int) error {
	var c big.Int
	c.Set(v.Addr().Interface().(*big.Int))
	v.Set(reflect.ValueOf(c))
	return nil
}

func (f *fixers) of(t reflect.Type, path string) (fixer, error) {
	switch {
	case immutable[t]:
		return nil, nil
	case t == reflect.TypeFor[big.Int]():
		return fixBigInt, nil
	}
	if reflect.PointerTo(t).Implements(lockerType) {
		return nil, uncopyable(path, t, "is a lock and can't be copied: keep it out of the state")
	}
	switch t.Kind() {
	case reflect.Chan, reflect.Func, reflect.UnsafePointer:
		return nil, uncopyable(path, t, "can't be copied: keep it out of the state, or set Definition.Clone")
	case reflect.Interface:
		return fixInterface, nil
	case reflect.Array, reflect.Slice, reflect.Map, reflect.Pointer, reflect.Struct:
		return f.compound(t, path)
	}
	return nil, nil
}

func (f *fixers) compound(t reflect.Type, path string) (fixer, error) {
	if known, ok := f.known[t]; ok {
		return func(v reflect.Value, depth int) error { return (*known)(v, depth) }, nil
	}
	known := new(fixer)
	f.known[t] = known
	var fix fixer
	var err error
	switch t.Kind() {
	case reflect.Array:
		fix, err = f.array(t, path)
	case reflect.Slice:
		fix, err = f.slice(t, path)
	case reflect.Map:
		fix, err = f.mapping(t, path)
	case reflect.Pointer:
		fix, err = f.pointer(t, path)
	case reflect.Struct:
		fix, err = f.structure(t, path)
	}
	if err != nil {
		return nil, err
	}
	if fix == nil {
		delete(f.known, t)
		return nil, nil
	}
	*known = func(v reflect.Value, depth int) error {
		if depth > MaxDepth {
			return errTooDeep
		}
		return fix(v, depth+1)
	}
	return *known, nil
}

func (f *fixers) array(t reflect.Type, path string) (fixer, error) {
	elem, err := f.of(t.Elem(), path+"[…]")
	if err != nil || elem == nil {
		return nil, err
	}
	return func(v reflect.Value, depth int) error { return fixElements(v, elem, depth) }, nil
}

func (f *fixers) slice(t reflect.Type, path string) (fixer, error) {
	elem, err := f.of(t.Elem(), path+"[…]")
	if err != nil {
		return nil, err
	}
	return func(v reflect.Value, depth int) error {
		if v.IsNil() {
			return nil
		}
		c := reflect.MakeSlice(t, v.Len(), v.Len())
		reflect.Copy(c, v)
		v.Set(c)
		if elem == nil {
			return nil
		}
		return fixElements(v, elem, depth)
	}, nil
}

func fixElements(v reflect.Value, elem fixer, depth int) error {
	for i := range v.Len() {
		if err := elem(v.Index(i), depth); err != nil {
			return err
		}
	}
	return nil
}

func (f *fixers) mapping(t reflect.Type, path string) (fixer, error) {
	key, err := f.of(t.Key(), path+" (map key)")
	if err != nil {
		return nil, err
	}
	if key != nil {
		return nil, uncopyable(path, t, "has keys that refer to memory: set Definition.Clone")
	}
	elem, err := f.of(t.Elem(), path+"[…]")
	if err != nil {
		return nil, err
	}
	return func(v reflect.Value, depth int) error {
		if v.IsNil() {
			return nil
		}
		c := reflect.MakeMapWithSize(t, v.Len())
		value := reflect.New(t.Elem()).Elem()
		for it := v.MapRange(); it.Next(); {
			value.SetIterValue(it)
			if elem != nil {
				if err := elem(value, depth); err != nil {
					return err
				}
			}
			c.SetMapIndex(it.Key(), value)
		}
		v.Set(c)
		return nil
	}, nil
}

func (f *fixers) pointer(t reflect.Type, path string) (fixer, error) {
	elem, err := f.of(t.Elem(), path)
	if err != nil {
		return nil, err
	}
	return func(v reflect.Value, depth int) error {
		if v.IsNil() {
			return nil
		}
		c := reflect.New(t.Elem())
		c.Elem().Set(v.Elem())
		v.Set(c)
		if elem == nil {
			return nil
		}
		return elem(c.Elem(), depth)
	}, nil
}

func (f *fixers) structure(t reflect.Type, path string) (fixer, error) {
	type fieldFixer struct {
		index int
		fix   fixer
	}
	var fields []fieldFixer
	for i := range t.NumField() {
		field := t.Field(i)
		fix, err := f.of(field.Type, path+"."+field.Name)
		if err != nil {
			return nil, err
		}
		if fix == nil {
			continue
		}
		if !field.IsExported() && t.Name() != "" && t.PkgPath() != f.home {
			return nil, uncopyable(path, t, "refers to memory in its field "+field.Name+", which can't be copied: use a type that shows its fields, such as a string, or set Definition.Clone")
		}
		if !field.IsExported() {
			return nil, uncopyable(path+"."+field.Name, field.Type, "is not exported and refers to memory, so it can't be copied: export it, or set Definition.Clone")
		}
		fields = append(fields, fieldFixer{i, fix})
	}
	if len(fields) == 0 {
		return nil, nil
	}
	return func(v reflect.Value, depth int) error {
		for _, field := range fields {
			if err := field.fix(v.Field(field.index), depth); err != nil {
				return err
			}
		}
		return nil
	}, nil
}

// dynamic remembers the fixers of types met behind interfaces.
var dynamic sync.Map // reflect.Type → dynamicFixer

type dynamicFixer struct {
	fix fixer
	err error
}

func fixInterface(v reflect.Value, depth int) error {
	if v.IsNil() {
		return nil
	}
	held := v.Elem()
	found, ok := dynamic.Load(held.Type())
	if !ok {
		fix, err := fixerOf(held.Type(), held.Type().String())
		found, _ = dynamic.LoadOrStore(held.Type(), dynamicFixer{fix, err})
	}
	d := found.(dynamicFixer)
	if d.err != nil {
		return d.err
	}
	if d.fix == nil {
		return nil
	}
	if depth > MaxDepth {
		return errTooDeep
	}
	c := reflect.New(held.Type()).Elem()
	c.Set(held)
	if err := d.fix(c, depth+1); err != nil {
		return err
	}
	v.Set(c)
	return nil
}
