package types

import (
	"reflect"
	"strings"
	"unicode"
)

// TypeOf returns the type string that the name of v's Go type suggests:
// CounterIncremented becomes "counter_incremented". Pointers are followed; a nil v or a type
// without a name, such as a map, gives the empty string.
func TypeOf(v any) string {
	t := reflect.TypeOf(v)
	for t != nil && t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if t == nil {
		return ""
	}
	name, _, _ := strings.Cut(t.Name(), "[")
	return TypeName(name)
}

// TypeName turns a name in camel case into a type string, part by part:
// "TypedEvent.Completed" becomes "typed_event.completed" and "HTTPServerStarted"
// becomes "http_server_started".
func TypeName(name string) string {
	var b strings.Builder
	b.Grow(len(name) + 4)
	runes := []rune(name)
	for i, r := range runes {
		if isUpper(r) && i > 0 && startsWord(runes, i) {
			b.WriteByte('_')
		}
		b.WriteRune(unicode.ToLower(r))
	}
	return b.String()
}

// startsWord reports whether the upper case letter at i begins a word: it follows
// something other than an upper case letter, or ends a run of them.
func startsWord(runes []rune, i int) bool {
	before := runes[i-1]
	if before == '.' || before == '_' {
		return false
	}
	if !isUpper(before) {
		return true
	}
	return i+1 < len(runes) && unicode.IsLower(runes[i+1])
}

// isUpper reports whether r has a lower case form of its own. [unicode.IsUpper] is
// no help: it also reports letters without one, such as U+03D4, and those would
// begin another word each time that a type string is taken for a name.
func isUpper(r rune) bool { return unicode.ToLower(r) != r }
