package types

import "github.com/eventmaestro/maestro/hlc"

// MaxTypeLength is the longest legal type of a command or an event, in bytes.
const MaxTypeLength = 256

// Command is a wish to change one aggregate: which one, by which handler, with which data. It is
// not stored; the events that it leads to are.
type Command struct {
	// AggregateID names the aggregate. The zero timestamp is refused.
	AggregateID hlc.Timestamp

	// Type finds the handler in the root's definition: 1 to MaxTypeLength bytes.
	Type string

	// Data is what the handler takes: the handler's own Go type, a pointer to it, or
	// a json.RawMessage that decodes into it. Nil stands for a handler type without
	// fields. The library doesn't modify it, and keeps it only until the call that carried
	// the command returns.
	Data any

	// ID makes the command idempotent: a second command of the same aggregate with the same ID does
	// not run but returns the outcome of the first, in any process and after any time, until the
	// record is pruned. It has at most MaxTypeLength bytes; an empty ID is none. It needs a store
	// that keeps command IDs.
	ID string

	// Expected, if not nil, is the sequence on which the caller's decision rests; Expect returns
	// such a pointer. If the aggregate has another sequence the command is refused and not retried.
	// 0 means that it must not have events, Exists that it must have some.
	Expected *Sequence
}

// Exists stands for any sequence but 0 as Command.Expected: the aggregate has events. No event has
// it.
const Exists Sequence = -1

// Expect returns a pointer to s, for Command.Expected.
func Expect(s Sequence) *Sequence { return &s }

// CommandData is command data that names its own type, so that the Go type and the string can't
// drift apart: Root.Send finds the handler by it, and aggregate.Handle lists the handler under it.
type CommandData interface {
	// CommandType returns the command's type, the same for every value of the Go type, the zero
	// value included.
	CommandType() string
}

// CommandOf returns the command with such data. Set its ID and Expected where you need them. data
// must not be nil.
func CommandOf(id hlc.Timestamp, data CommandData) Command {
	return Command{AggregateID: id, Type: data.CommandType(), Data: data}
}
