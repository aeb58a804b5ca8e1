package aggregate

import (
	"fmt"
	"strings"

	"github.com/eventmaestro/maestro/hlc"
)

// wrapped is an error with what was being done. The package's name stands in its text once, also
// where the cause has it too.
type wrapped struct {
	doing string
	cause error
}

func during(doing string, cause error) error { return &wrapped{doing, cause} }

func (e *wrapped) Error() string { return "aggregate: " + e.doing + ": " + bareText(e.cause) }
func (e *wrapped) Unwrap() error { return e.cause }

// explained is a sentinel's error with a text of its own.
type explained struct {
	sentinel error
	text     string
	cause    error // or nil
}

func (e *explained) Error() string        { return e.text }
func (e *explained) Is(target error) bool { return target == e.sentinel }
func (e *explained) Unwrap() error        { return e.cause }

func retriesSpent(id hlc.Timestamp, attempts int, cause error) error {
	text := fmt.Sprintf("aggregate: retries spent: nothing was stored in %s, aggregate %v: %v", count(attempts, "attempt"), id, cause)
	return &explained{ErrRetriesSpent, text, cause}
}

func otherRoot(id hlc.Timestamp, holder, asked string) error {
	text := fmt.Sprintf("aggregate: %v belongs to root %q, asked for through %q", id, holder, asked)
	return &explained{sentinel: ErrOtherRoot, text: text}
}

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
