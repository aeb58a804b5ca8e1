package hlc

import (
	"errors"
	"fmt"
	"time"
)

var (
	// ErrFormat is returned when a text or a byte slice is not a timestamp. Texts
	// come with a [*ParseError].
	ErrFormat = errors.New("hlc: invalid timestamp")

	// ErrRange is returned when a time does not fit the 48 bits of a timestamp, so
	// it is before 1970 or later than [MaxMilliseconds].
	ErrRange = errors.New("hlc: time out of range")

	// ErrDrift is returned when a timestamp would be, or a remote one is, further
	// ahead of the physical clock than [Options.MaxDrift]. It comes with a
	// [*DriftError].
	ErrDrift = errors.New("hlc: too far ahead of the physical clock")

	// ErrDuplicateNode is returned when a clock meets a timestamp with its own node
	// id that it did not issue: another clock has the same id. It comes with a
	// [*DuplicateNodeError]. [Clock.Renew] is the remedy.
	ErrDuplicateNode = errors.New("hlc: duplicate node id")
)

// maxQuoted bounds how much of a refused text an error message repeats.
const maxQuoted = 64

// ParseError tells why a text is not a timestamp. It matches [ErrFormat].
type ParseError struct {
	// Input is the whole text.
	Input string
	// Offset is the index of the first byte that is wrong, or of the first byte of
	// the field whose value is; len(Input) when the text ends too early.
	Offset int
	// Reason says what is wrong there.
	Reason string
}

// Error quotes the text, cut when it is long, and says where it went wrong and why.
func (e *ParseError) Error() string {
	input, more := e.Input, ""
	if len(input) > maxQuoted {
		input, more = input[:maxQuoted], "…"
	}
	return fmt.Sprintf("%s: %q%s at byte %d: %s", ErrFormat, input, more, e.Offset, e.Reason)
}

// Is reports whether target is [ErrFormat].
func (e *ParseError) Is(target error) bool { return target == ErrFormat }

// DriftError tells which time was too far ahead of which. It matches [ErrDrift].
type DriftError struct {
	// Time is the time that was refused, in UTC.
	Time time.Time
	// Physical is what the physical clock said, in UTC.
	Physical time.Time
	// MaxDrift is the bound that was in force.
	MaxDrift time.Duration
}

// Error says how far ahead which time is, and the remedy.
func (e *DriftError) Error() string {
	return fmt.Sprintf("%s: %s, by %s where %s is allowed: set the clock of this machine right, or the sender's, or raise Options.MaxDrift",
		ErrDrift, e.Time.Format(time.RFC3339Nano), e.Ahead(), e.MaxDrift)
}

// Ahead is by how much the refused time is ahead of the physical clock. A lead of
// more than 292 years is reported as the longest duration there is.
func (e *DriftError) Ahead() time.Duration { return e.Time.Sub(e.Physical) }

// Is reports whether target is [ErrDrift].
func (e *DriftError) Is(target error) bool { return target == ErrDrift }

// DuplicateNodeError tells which timestamp carried the clock's own node id. It
// matches [ErrDuplicateNode].
type DuplicateNodeError struct {
	// Timestamp is the one that was refused; its node id is the clock's.
	Timestamp Timestamp
}

// Error names the timestamp and the remedy.
func (e *DuplicateNodeError) Error() string {
	return fmt.Sprintf("%s: %s comes from another clock: call Renew", ErrDuplicateNode, e.Timestamp)
}

// Is reports whether target is [ErrDuplicateNode].
func (e *DuplicateNodeError) Is(target error) bool { return target == ErrDuplicateNode }
