package jsonb

import (
	"errors"
	"strconv"
)

var (
	// ErrInvalid is returned when a text is not JSON as RFC 8259 defines it, bad UTF-8 included.
	ErrInvalid = errors.New("jsonb: invalid JSON")

	// ErrRefused is returned when a text is JSON, as far as it was read, but holds what jsonb can't
	// store: U+0000, half a surrogate pair, a number beyond numeric, or more than MaxDepth or MaxSize.
	ErrRefused = errors.New("jsonb: JSON refused")
)

// Error says what is wrong with a text and where. It matches ErrInvalid or ErrRefused, never both.
type Error struct {
	// Offset is where the fault lies, in bytes from the start of the text. It equals the length of the
	// text when the text ends too early, and is 0 when the text as a whole is at fault.
	Offset int

	// Reason says what was found there, for a person to read.
	Reason string

	// Kind is ErrInvalid or ErrRefused.
	Kind error
}

// Error returns the kind, the place and the reason in one line.
func (e *Error) Error() string {
	return e.Kind.Error() + " at byte " + strconv.Itoa(e.Offset) + ": " + e.Reason
}

// Unwrap returns Kind, so that errors.Is finds the sentinel.
func (e *Error) Unwrap() error { return e.Kind }

func (p *parser) invalid(offset int, reason string) error {
	return &Error{Offset: offset, Reason: reason, Kind: ErrInvalid}
}

func (p *parser) refused(offset int, reason string) error {
	return &Error{Offset: offset, Reason: reason, Kind: ErrRefused}
}

// unexpected reports the byte at the current position, or the end of the text, where want should
// be.
func (p *parser) unexpected(want string) error {
	if p.pos >= len(p.src) {
		return p.invalid(len(p.src), "unexpected end, want "+want)
	}
	found := strconv.AppendQuoteRuneToASCII(nil, rune(p.src[p.pos]))
	if p.src[p.pos] >= 0x80 {
		found = strconv.AppendUint([]byte("0x"), uint64(p.src[p.pos]), 16)
	}
	return p.invalid(p.pos, "unexpected "+string(found)+", want "+want)
}
