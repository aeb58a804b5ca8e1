package main

import (
	"fmt"
	"go/types"
	"io"
	"regexp"
	"strings"
)

// describe writes the exported names of a package in the order of the alphabet, the fields of
// a struct in their own.
func describe(w io.Writer, p *types.Package) {
	name := func(other *types.Package) string {
		if other == p {
			return ""
		}
		return other.Name()
	}
	for _, n := range p.Scope().Names() {
		o := p.Scope().Lookup(n)
		if !o.Exported() {
			continue
		}
		switch o := o.(type) {
		case *types.Const:
			fmt.Fprintf(w, "const %s %s = %s\n", n, types.TypeString(o.Type(), name), o.Val().ExactString())
		case *types.TypeName:
			typeOf(w, o, name)
		default:
			fmt.Fprintln(w, types.ObjectString(o, name))
		}
	}
}

func typeOf(w io.Writer, o *types.TypeName, name types.Qualifier) {
	t, ok := o.Type().(*types.Named)
	if o.IsAlias() || !ok {
		fmt.Fprintln(w, types.ObjectString(o, name))
		return
	}
	head := "type " + types.TypeString(t, name)
	switch u := t.Underlying().(type) {
	case *types.Struct:
		fmt.Fprintln(w, head, "struct")
		fields(w, u, name)
	case *types.Interface:
		fmt.Fprintln(w, head, "interface")
		members(w, u, name)
		return
	default:
		fmt.Fprintln(w, head, types.TypeString(u, name))
	}
	// A pointer has all methods, those of embedded types too.
	for s := range types.NewMethodSet(types.NewPointer(t)).Methods() {
		if f := s.Obj().(*types.Func); f.Exported() {
			fmt.Fprintf(w, "\tfunc (%s) %s%s\n", receiver(f, t), f.Name(), signature(f, name))
		}
	}
}

// fields writes what can be named of a struct. Fields that can't matter all the same: an app
// can't write such a struct without the names of its fields.
func fields(w io.Writer, s *types.Struct, name types.Qualifier) {
	hidden := false
	for f := range s.Fields() {
		switch {
		case !f.Exported():
			hidden = true
		case f.Embedded():
			fmt.Fprintf(w, "\tembeds %s\n", types.TypeString(f.Type(), name))
		default:
			fmt.Fprintf(w, "\t%s %s\n", f.Name(), types.TypeString(f.Type(), name))
		}
	}
	if hidden {
		fmt.Fprintln(w, "\tunexported fields")
	}
}

// members writes what an implementation of the interface needs, and whether there can be one
// elsewhere.
func members(w io.Writer, i *types.Interface, name types.Qualifier) {
	for e := range i.EmbeddedTypes() {
		fmt.Fprintf(w, "\tembeds %s\n", types.TypeString(e, name))
	}
	hidden := false
	for m := range i.Methods() {
		if m.Exported() {
			fmt.Fprintf(w, "\t%s%s\n", m.Name(), signature(m, name))
		}
		hidden = hidden || !m.Exported()
	}
	if hidden {
		fmt.Fprintln(w, "\tunexported methods")
	}
}

// receiver is t or a pointer to it, as f declares it: a value has the method or has not.
func receiver(f *types.Func, t *types.Named) string {
	text := t.Obj().Name()
	if n := t.TypeParams().Len(); n > 0 {
		names := make([]string, n)
		for i := range n {
			names[i] = t.TypeParams().At(i).Obj().Name()
		}
		text += "[" + strings.Join(names, ", ") + "]"
	}
	if types.NewMethodSet(t).Lookup(f.Pkg(), f.Name()) == nil {
		text = "*" + text
	}
	return text
}

// unnamed matches what the compiler calls a result whose name is blank.
var unnamed = regexp.MustCompile(`#rv\d+ `)

func signature(f *types.Func, name types.Qualifier) string {
	return unnamed.ReplaceAllString(types.TypeString(f.Type(), name)[len("func"):], "_ ")
}
