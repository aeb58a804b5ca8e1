// Package flatjson decodes JSON objects into structs of plain fields several times faster than
// encoding/json, and leaves everything else to it: [Decoder.Decode] says whether it could do
// the whole job, and where it could, the result is what encoding/json gives.
//
// Most events are such structs, and decoding is what replay and a warm command spend most of
// their time on.
package flatjson

import (
	"encoding"
	"encoding/json"
	"reflect"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Decoder decodes into one struct type. It is safe for concurrent use.
type Decoder struct {
	fields []field
}

type field struct {
	name  string
	index int
	kind  reflect.Kind
	bits  int
}

var (
	unmarshaler     = reflect.TypeFor[json.Unmarshaler]()
	textUnmarshaler = reflect.TypeFor[encoding.TextUnmarshaler]()
)

// New returns a decoder for t, or nil if t is not for this package: not a struct, or one
// whose JSON form is not simply its fields.
func New(t reflect.Type) *Decoder {
	if t == nil || t.Kind() != reflect.Struct || custom(t) {
		return nil
	}
	d := new(Decoder)
	seen := map[string]bool{}
	for i := range t.NumField() {
		f := t.Field(i)
		if f.Anonymous {
			return nil
		}
		tag, _ := f.Tag.Lookup("json")
		name, options, _ := strings.Cut(tag, ",")
		if !f.IsExported() || tag == "-" {
			continue
		}
		if name == "" {
			name = f.Name
		}
		fold := strings.ToLower(name)
		if seen[fold] || strings.Contains(options, "string") || !plainName(name) {
			return nil
		}
		seen[fold] = true
		if supported(f.Type) {
			d.fields = append(d.fields, field{name: name, index: i, kind: f.Type.Kind(), bits: bits(f.Type)})
		}
	}
	return d
}

func custom(t reflect.Type) bool {
	p := reflect.PointerTo(t)
	return p.Implements(unmarshaler) || p.Implements(textUnmarshaler)
}

// plainName keeps out the names whose rules encoding/json alone should know.
func plainName(name string) bool {
	for _, c := range []byte(name) {
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '_' && c != '-' {
			return false
		}
	}
	return name != "" && name != "-"
}

func supported(t reflect.Type) bool {
	switch t.Kind() {
	case reflect.Bool, reflect.String, reflect.Float32, reflect.Float64,
		reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64,
		reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return !custom(t) && t != reflect.TypeFor[json.Number]()
	}
	return false
}

func bits(t reflect.Type) int {
	if k := t.Kind(); k == reflect.Bool || k == reflect.String {
		return 0
	}
	return t.Bits()
}

// Decode decodes src into v, a settable zero value of the decoder's type. When it returns
// false, v may be half filled, and encoding/json has to do the whole job on a new value.
func (d *Decoder) Decode(src []byte, v reflect.Value) bool {
	s := skip(src)
	if len(s) == 0 || s[0] != '{' {
		return false
	}
	s = skip(s[1:])
	if len(s) > 0 && s[0] == '}' {
		return len(skip(s[1:])) == 0
	}
	for next := 0; ; next++ {
		name, rest, ok := plainString(s)
		if !ok {
			return false
		}
		f := d.find(name, next)
		if s = skip(rest); f == nil || len(s) == 0 || s[0] != ':' {
			return false
		}
		if s, ok = f.decode(skip(s[1:]), v.Field(f.index)); !ok {
			return false
		}
		if s = skip(s); len(s) == 0 {
			return false
		}
		if s[0] == '}' {
			return len(skip(s[1:])) == 0
		}
		if s[0] != ',' {
			return false
		}
		s = skip(s[1:])
	}
}

// find looks for a field, first where it would be if all came in order.
func (d *Decoder) find(name []byte, next int) *field {
	if next < len(d.fields) && d.fields[next].name == string(name) {
		return &d.fields[next]
	}
	for i := range d.fields {
		if d.fields[i].name == string(name) {
			return &d.fields[i]
		}
	}
	return nil
}

func (f *field) decode(s []byte, v reflect.Value) (rest []byte, ok bool) {
	switch f.kind {
	case reflect.String:
		text, rest, ok := plainString(s)
		if ok {
			v.SetString(string(text))
		}
		return rest, ok
	case reflect.Bool:
		if after, ok := cut(s, "true"); ok {
			v.SetBool(true)
			return after, true
		}
		after, ok := cut(s, "false")
		if ok {
			v.SetBool(false)
		}
		return after, ok
	case reflect.Float32, reflect.Float64:
		n := number(s)
		x, err := strconv.ParseFloat(string(s[:n]), f.bits)
		if n == 0 || err != nil {
			return s, false
		}
		v.SetFloat(x)
		return s[n:], true
	}
	return f.integer(s, v)
}

// maxDigits can't overflow 64 bits.
const maxDigits = 18

func (f *field) integer(s []byte, v reflect.Value) (rest []byte, ok bool) {
	digits, negative := s, false
	if len(s) > 0 && s[0] == '-' {
		digits, negative = s[1:], true
	}
	n, x := 0, int64(0)
	for n < len(digits) && digits[n] >= '0' && digits[n] <= '9' {
		if n < maxDigits {
			x = x*10 + int64(digits[n]-'0')
		}
		n++
	}
	if n == 0 || n > maxDigits || n > 1 && digits[0] == '0' || n < len(digits) && (digits[n] == '.' || digits[n]|0x20 == 'e') {
		return s, false
	}
	if negative {
		x = -x
	}
	switch f.kind {
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		if v.OverflowInt(x) {
			return s, false
		}
		v.SetInt(x)
	default:
		if negative || v.OverflowUint(uint64(x)) {
			return s, false
		}
		v.SetUint(uint64(x))
	}
	return digits[n:], true
}

// number returns the length of the JSON number that s begins with.
func number(s []byte) int {
	i := 0
	digits := func() bool {
		from := i
		for i < len(s) && s[i] >= '0' && s[i] <= '9' {
			i++
		}
		return i > from
	}
	if i < len(s) && s[i] == '-' {
		i++
	}
	whole := i
	if !digits() || i-whole > 1 && s[whole] == '0' {
		return 0
	}
	if i < len(s) && s[i] == '.' {
		if i++; !digits() {
			return 0
		}
	}
	if i < len(s) && s[i]|0x20 == 'e' {
		if i++; i < len(s) && (s[i] == '+' || s[i] == '-') {
			i++
		}
		if !digits() {
			return 0
		}
	}
	return i
}

// plainString cuts a string without escapes off s.
func plainString(s []byte) (text, rest []byte, ok bool) {
	if len(s) == 0 || s[0] != '"' {
		return nil, s, false
	}
	ascii := true
	for i := 1; i < len(s); i++ {
		switch c := s[i]; {
		case c == '"':
			return s[1:i], s[i+1:], ascii || utf8.Valid(s[1:i])
		case c == '\\' || c < 0x20:
			return nil, s, false
		case c >= utf8.RuneSelf:
			ascii = false
		}
	}
	return nil, s, false
}

func cut(s []byte, prefix string) ([]byte, bool) {
	if len(s) < len(prefix) || string(s[:len(prefix)]) != prefix {
		return s, false
	}
	return s[len(prefix):], true
}

func skip(s []byte) []byte {
	for len(s) > 0 && (s[0] == ' ' || s[0] == '\n' || s[0] == '\t' || s[0] == '\r') {
		s = s[1:]
	}
	return s
}
