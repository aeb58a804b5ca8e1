package pgproxy

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
)

// Frame is one message of the Postgres protocol, version 3, as it travels.
// https://www.postgresql.org/docs/current/protocol-message-formats.html
type Frame struct {
	Kind byte // 0 for the first of a connection, which has no type
	raw  []byte
}

// maxFrame is beyond what any message of these programs is.
const maxFrame = 64 << 20

// readFrame reads a message; first ones have no type.
func readFrame(r io.Reader, first bool) (f Frame, err error) {
	head := make([]byte, 5)
	if first {
		head = head[:4]
	}
	if _, err := io.ReadFull(r, head); err != nil {
		return f, err
	}
	if !first {
		f.Kind = head[0]
	}
	length := int(binary.BigEndian.Uint32(head[len(head)-4:]))
	if length < 4 || length > maxFrame {
		return f, fmt.Errorf("pgproxy: message %q of %d bytes", f.Kind, length)
	}
	f.raw = append(head, make([]byte, length-4)...)
	_, err = io.ReadFull(r, f.raw[len(head):])
	return f, err
}

// body is the message without type and length.
func (f Frame) body() []byte {
	if f.Kind == 0 {
		return f.raw[4:]
	}
	return f.raw[5:]
}

// cancelRequest is the code in a first message that asks to cancel another connection's statement.
const cancelRequest = 80877102

func (f Frame) isCancel() bool {
	return f.Kind == 0 && len(f.raw) >= 8 && binary.BigEndian.Uint32(f.raw[4:]) == cancelRequest
}

// cut takes a text that ends with a zero byte off the front.
func cut(b []byte) (text string, rest []byte) {
	head, rest, _ := bytes.Cut(b, []byte{0})
	return string(head), rest
}

// parsed returns the name and the text of the statement that a Parse message prepares.
func (f Frame) parsed() (name, sql string) {
	name, rest := cut(f.body())
	sql, _ = cut(rest)
	return name, sql
}

// bound returns the name of the statement that a Bind message uses.
func (f Frame) bound() string {
	_, rest := cut(f.body()) // the portal
	name, _ := cut(rest)
	return name
}

// endsUnit reports whether the client waits for an answer after the message.
func (f Frame) endsUnit() bool { return f.Kind == 'S' || f.Kind == 'Q' || f.Kind == 'H' }

// Field returns a field of an ErrorResponse or a NoticeResponse, such as C, the SQLSTATE.
func (f Frame) Field(kind byte) string {
	for rest := f.body(); len(rest) > 1; {
		var text string
		this := rest[0]
		if text, rest = cut(rest[1:]); this == kind {
			return text
		}
	}
	return ""
}
