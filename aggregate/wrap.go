package aggregate

import (
	"fmt"
	"strings"
)

// wrapped is an error with what was being done. The package's name stands in its text once, also where the cause
// has it too.
type wrapped struct {
	doing string
	cause error
}

func during(doing string, cause error) error { return &wrapped{doing, cause} }

func (e *wrapped) Error() string { return "aggregate: " + e.doing + ": " + bareText(e.cause) }
func (e *wrapped) Unwrap() error { return e.cause }

// bareText is the text of err without the package's name.
func bareText(err error) string { return bare(err.Error()) }

func bare(text string) string { return strings.TrimPrefix(text, "aggregate: ") }

// count is a number of things in words that agree with it.
func count(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}

// maxQuoted bounds how much of what a caller sent an error's text repeats.
const maxQuoted = 64

func quoted(s string) string {
	if len(s) > maxQuoted {
		return fmt.Sprintf("%q…", s[:maxQuoted])
	}
	return fmt.Sprintf("%q", s)
}
