package jsonform

import (
	"crypto/sha256"
	"fmt"
	"reflect"
	"strings"
)

// Shape names the shape of a state: the names, tags and types of its fields, however deep. Two
// versions of a program whose states have the same shape have the same name for it, so that either
// may start from the other's snapshots.
func Shape(t reflect.Type) string {
	var b strings.Builder
	describe(&b, t, map[reflect.Type]int{})
	sum := sha256.Sum256([]byte(b.String()))
	return fmt.Sprintf("%x", sum[:8])
}

// describe writes a type down. One that has a name is written with it, for its methods may say what
// its JSON is, and a second time only by the number of its first.
func describe(b *strings.Builder, t reflect.Type, seen map[reflect.Type]int) {
	if t.Name() != "" {
		b.WriteString(t.String())
		if n, again := seen[t]; again {
			fmt.Fprintf(b, "#%d;", n)
			return
		}
		seen[t] = len(seen)
	}
	fmt.Fprintf(b, " %v", t.Kind())
	switch t.Kind() {
	case reflect.Map:
		b.WriteString("[")
		describe(b, t.Key(), seen)
		b.WriteString("]")
		describe(b, t.Elem(), seen)
	case reflect.Array:
		fmt.Fprintf(b, "%d", t.Len())
		describe(b, t.Elem(), seen)
	case reflect.Pointer, reflect.Slice:
		describe(b, t.Elem(), seen)
	case reflect.Struct:
		b.WriteString("{")
		if !encodesItself(t) {
			for i := range t.NumField() {
				f := t.Field(i)
				fmt.Fprintf(b, "%s %q ", f.Name, f.Tag.Get("json"))
				describe(b, f.Type, seen)
			}
		}
		b.WriteString("}")
	}
	b.WriteString(";")
}
