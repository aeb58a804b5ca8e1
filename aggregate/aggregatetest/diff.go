package aggregatetest

import (
	"fmt"
	"strings"
)

// maxShown is how many differences are worth reading.
const maxShown = 20

// difference says line by line how got differs from want, or nothing. Each line begins with a line
// break, so that it can be put after a sentence.
func difference(want, got []line) string {
	have := make(map[string]string, len(got))
	for _, l := range got {
		have[l.path] = l.text
	}
	wanted := make(map[string]bool, len(want))
	var b strings.Builder
	n := 0
	show := func(format string, args ...any) {
		if n++; n <= maxShown {
			fmt.Fprintf(&b, "\n    "+format, args...)
		}
	}
	for _, w := range want {
		wanted[w.path] = true
		switch text, ok := have[w.path]; {
		case !ok:
			show("%s: got nothing, want %s", w.path, w.text)
		case text != w.text:
			show("%s: got %s, want %s", w.path, text, w.text)
		}
	}
	for _, g := range got {
		if !wanted[g.path] {
			show("%s: got %s, want nothing", g.path, g.text)
		}
	}
	if n > maxShown {
		fmt.Fprintf(&b, "\n    … and %d more", n-maxShown)
	}
	return b.String()
}
