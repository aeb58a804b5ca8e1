package aggregatetest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// lost says line by line what of the JSON value was is not in is, or nothing. A member that is new
// in an object is fine. Each line begins with a line break.
func lost(root string, was, is json.RawMessage) string {
	if len(was) == 0 {
		return ""
	}
	var b strings.Builder
	n := 0
	missing(root, number(was), number(is), func(format string, args ...any) {
		if n++; n <= maxShown {
			fmt.Fprintf(&b, "\n    "+format, args...)
		}
	})
	if n > maxShown {
		fmt.Fprintf(&b, "\n    … and %d more", n-maxShown)
	}
	return b.String()
}

// number decodes JSON and keeps numbers as they are written.
func number(raw json.RawMessage) (v any) {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	if err := d.Decode(&v); err != nil {
		return fmt.Sprintf("%s (%v)", raw, err)
	}
	return v
}

func missing(path string, was, is any, report func(format string, args ...any)) {
	switch was := was.(type) {
	case map[string]any:
		now, ok := is.(map[string]any)
		if !ok {
			break
		}
		for _, name := range slices.Sorted(maps.Keys(was)) {
			at := path + "." + name
			if member, there := now[name]; there {
				missing(at, was[name], member, report)
			} else {
				report("%s: was %s, is missing", at, asJSON(was[name]))
			}
		}
		return
	case []any:
		now, ok := is.([]any)
		if !ok || len(now) != len(was) {
			break
		}
		for i := range was {
			missing(fmt.Sprintf("%s[%d]", path, i), was[i], now[i], report)
		}
		return
	default:
		if was == is {
			return
		}
	}
	report("%s: was %s, is %s", path, asJSON(was), asJSON(is))
}

func asJSON(v any) string {
	raw, err := json.Marshal(v)
	if err != nil {
		return fmt.Sprint(v)
	}
	return string(raw)
}
