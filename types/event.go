package types

import (
	"encoding/json"

	"github.com/eventmaestro/maestro/hlc"
)

// Event is a fact: what happened to one aggregate, as it is kept for ever.
type Event struct {
	// Timestamp is unique in a store and rises with Sequence within an aggregate.
	Timestamp hlc.Timestamp

	// AggregateID names the aggregate that the event belongs to.
	AggregateID hlc.Timestamp

	// Sequence is the event's place in the aggregate's history, 1 to MaxSequence.
	Sequence Sequence

	// Type finds the event handler: 1 to MaxTypeLength bytes of UTF-8 without NUL.
	Type string

	// Body is the event's JSON. An event that a store returned is owned by its receiver; an
	// event that was handed to a handler or a projection must not be modified.
	Body json.RawMessage

	// Metadata says where the event came from. The zero value, nothing known, is what
	// a store without the optional metadata column returns.
	Metadata Metadata
}

// Uncommitted is an event as a command handler returns it: the root adds id,
// sequence and timestamp.
type Uncommitted struct {
	// Type is the event's type: 1 to MaxTypeLength bytes of UTF-8 without NUL.
	Type string

	// Body is encoded with encoding/json; a json.RawMessage is taken as it is. Nil is an empty
	// object. At most 32 MiB and 5,000 levels deep, and without what PostgreSQL's jsonb refuses,
	// such as \u0000 in a string; a []byte is refused, as JSON would write it in base64.
	Body any
}

// NewEvent returns an uncommitted event. Its type is stored for ever. Its body is encoded once the
// command handler has returned.
func NewEvent(eventType string, body any) Uncommitted {
	return Uncommitted{Type: eventType, Body: body}
}

// Events returns its arguments as a slice: what a command handler returns.
// Without arguments it returns nil, a command that changes nothing.
func Events(events ...Uncommitted) []Uncommitted { return events }
