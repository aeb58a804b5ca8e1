package memory

import (
	"encoding/json"
	"fmt"
	"time"
	"unique"

	"github.com/eventmaestro/maestro/hlc"
	"github.com/eventmaestro/maestro/internal/jsonb"
	"github.com/eventmaestro/maestro/store"
	"github.com/eventmaestro/maestro/types"
)

// stream is what is kept of one aggregate. The lock of its shard guards it.
type stream struct {
	// events has the event with sequence n at n-1. It is only appended to, and replaced where a stored
	// event changes, so a reader may go on with the slice after the lock is released.
	events []record

	snapshot *types.Snapshot // never modified; nil: none
	commands map[string]command

	// turn is not nil while a commit with projections is under way: other commits of the aggregate
	// wait until it is closed, as they would for the row in a database.
	turn chan struct{}
}

// record is a stored event without what its place says: aggregate and sequence.
type record struct {
	at   hlc.Timestamp
	kind unique.Handle[string] // few types, many events
	body string                // canonical JSON; a string, so that nobody can write to it
	meta *types.Metadata       // nil: none
}

// command is a used command ID.
type command struct {
	record store.CommandRecord
	at     time.Time
}

func (st *stream) records() []record {
	if st == nil {
		return nil
	}
	return st.events
}

// end is the sequence of the last event.
func (st *stream) end() types.Sequence { return types.Sequence(len(st.records())) }

func (st *stream) isEmpty() bool {
	return len(st.events) == 0 && st.snapshot == nil && len(st.commands) == 0
}

// waiting returns what a commit has to wait for before it may look at the stream, or nil.
func (st *stream) waiting() <-chan struct{} {
	if st == nil {
		return nil
	}
	return st.turn
}

func (st *stream) hasCommand(id string) bool {
	if st == nil {
		return false
	}
	_, ok := st.commands[id]
	return ok
}

// keep stores a snapshot unless there is one as new. It owns s afterwards.
func (st *stream) keep(s *types.Snapshot) {
	if st.snapshot == nil || st.snapshot.Sequence < s.Sequence {
		st.snapshot = s
	}
}

func (st *stream) use(records []store.CommandRecord, now time.Time) {
	if st.commands == nil {
		st.commands = make(map[string]command, len(records))
	}
	for _, r := range records {
		st.commands[r.ID] = command{record: r, at: now}
	}
}

// event returns a copy that shares nothing with the record.
func (r *record) event(id hlc.Timestamp, s types.Sequence) types.Event {
	e := types.Event{
		Timestamp: r.at, AggregateID: id, Sequence: s,
		Type: r.kind.Value(), Body: json.RawMessage(r.body),
	}
	if r.meta != nil {
		e.Metadata = *r.meta
	}
	return e
}

// canonical copies a body in the form that jsonb gives it.
func canonical(body json.RawMessage) (string, error) {
	b, err := jsonb.Canonical(body)
	return string(b), err
}

func invalidBody(id hlc.Timestamp, s types.Sequence, err error) error {
	return &store.InvalidEventError{AggregateID: id, Sequence: s, Field: "body", Reason: "is refused", Err: err}
}

func gap(id hlc.Timestamp, first, end types.Sequence) error {
	return &store.InvalidEventError{
		AggregateID: id, Sequence: first, Field: "sequence",
		Reason: fmt.Sprintf("leaves a gap after %d", end),
	}
}
