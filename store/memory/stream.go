package memory

import (
	"fmt"
	"time"

	"github.com/eventmaestro/maestro/hlc"
	"github.com/eventmaestro/maestro/store"
	"github.com/eventmaestro/maestro/types"
)

// stream is what is kept of one aggregate. The lock of its shard guards it.
type stream struct {
	events   log
	snapshot *types.Snapshot // never modified; nil: none
	commands map[string]command

	// turn is not nil while a commit with projections is under way: other commits of the aggregate
	// wait until it is closed, as they would for the row in a database.
	turn chan struct{}
}

// command is a used command ID.
type command struct {
	record store.CommandRecord
	at     time.Time
}

// end is the sequence of the last event.
func (st *stream) end() types.Sequence {
	if st == nil {
		return 0
	}
	return st.events.end()
}

func (st *stream) isEmpty() bool {
	return st.end() == 0 && st.snapshot == nil && len(st.commands) == 0
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

func gap(id hlc.Timestamp, first, end types.Sequence) error {
	return &store.InvalidEventError{
		AggregateID: id, Sequence: first, Field: "sequence",
		Reason: fmt.Sprintf("leaves a gap after %d", end),
	}
}
