package aggregate

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/eventmaestro/maestro/hlc"
	"github.com/eventmaestro/maestro/types"
)

// Inspection is what [Root.Inspect] found in the log of an aggregate.
type Inspection[S any] struct {
	AggregateID hlc.Timestamp

	// Rows is how many events were read, good or bad.
	Rows int

	// Latest is the state at the end of the log, without the events that can't be applied. If Bad
	// is nil, it is the aggregate's state.
	Latest Instance[S]

	// Bad is the first event that keeps the aggregate from being read, or nil.
	Bad *BadEvent[S]

	// Faults are all faults of the log in its order, the first MaxFaults of them. The
	// first may be of a kind with which the aggregate can be read, so look at Bad, too.
	Faults []LogFault

	// MoreFaults is the number of faults beyond MaxFaults.
	MoreFaults int

	// Snapshot reports on the snapshot; nil if none is stored.
	Snapshot *SnapshotReport
}

// MaxFaults bounds Inspection.Faults.
const MaxFaults = 100

// FaultKind says in which way a row of a log is wrong.
type FaultKind string

const (
	// FaultGap is that there are no rows for one or more sequences before this one.
	FaultGap FaultKind = "gap"

	// FaultRepeat is that the sequence is not higher than that of the row before.
	FaultRepeat FaultKind = "repeat"

	// FaultForeign is that the event belongs to another aggregate.
	FaultForeign FaultKind = "foreign"

	// FaultUnreadable is that the event can't be applied: the handler is missing, the body is
	// wrong, or the handler panics.
	FaultUnreadable FaultKind = "unreadable"

	// FaultTimeBack is that the timestamp is not after that of the row before. The aggregate can
	// still be read, because its order is that of the sequences.
	FaultTimeBack FaultKind = "time back"
)

// LogFault is one thing that is wrong with a row of a log.
type LogFault struct {
	Kind      FaultKind
	Row       int // in the order of the log, from 1
	Sequence  types.Sequence
	Timestamp hlc.Timestamp
	Type      string
	Err       error // what is wrong, as an *EventError
}

// BadEvent is the first event that keeps an aggregate from being read.
type BadEvent[S any] struct {
	LogFault

	// Event is the event as it is in the log, before any upcast.
	Event types.Event

	// Upcasts are the steps that were taken with the event, in order.
	Upcasts []UpcastStep

	// Before is the state before the event.
	Before Instance[S]

	// After is the state after the next event that could be applied. This event is passed over, or
	// applied if the fault is a gap before it. After is nil if there is no such event.
	After *Instance[S]
}

// UpcastStep is one step in the reading of an event of an older type.
type UpcastStep struct {
	From Upcasted
	To   []Upcasted // none if the step drops the event, or failed
	Err  error
}

// SnapshotReport is what [Root.Inspect] found about a snapshot.
type SnapshotReport struct {
	// Snapshot is the snapshot as it is stored.
	Snapshot types.Snapshot

	// Err is why the snapshot is ignored, or should be; nil if nothing speaks against it. A start
	// ignores it only for what can be seen without the log, not because the log gives another
	// state.
	Err error

	// FromLog is the JSON of the state that the log gives at the same sequence, without the
	// library's mark. It is nil if the log doesn't reach that sequence, or only past a bad event,
	// or if the snapshot is of another shape.
	FromLog json.RawMessage
}

// OK reports whether there is nothing wrong.
func (in *Inspection[S]) OK() bool {
	return len(in.Faults) == 0 && (in.Snapshot == nil || in.Snapshot.Err == nil)
}

// String returns a few lines for a person: a summary, the bad event, other faults, the snapshot.
func (in *Inspection[S]) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "aggregate %v: %d rows, sequence %d", in.AggregateID, in.Rows, in.Latest.Sequence)
	if in.OK() {
		b.WriteString(", nothing wrong")
	}
	if bad := in.Bad; bad != nil {
		fmt.Fprintf(&b, "\nbad: row %d: %v", bad.Row, bad.Err)
		fmt.Fprintf(&b, "\n  body: %s", bad.Event.Body)
		for _, step := range bad.Upcasts {
			fmt.Fprintf(&b, "\n  %v", step)
		}
		fmt.Fprintf(&b, "\n  state before it, at %d: %+v", bad.Before.Sequence, bad.Before.State)
		if bad.After != nil {
			fmt.Fprintf(&b, "\n  state after the next, at %d: %+v", bad.After.Sequence, bad.After.State)
		}
	}
	for _, f := range in.Faults {
		fmt.Fprintf(&b, "\n%s: row %d: %v", f.Kind, f.Row, f.Err)
	}
	if in.MoreFaults > 0 {
		fmt.Fprintf(&b, "\nand %d more", in.MoreFaults)
	}
	if s := in.Snapshot; s != nil {
		fmt.Fprintf(&b, "\nsnapshot at %d: ", s.Snapshot.Sequence)
		if s.Err != nil {
			b.WriteString(s.Err.Error())
		} else {
			b.WriteString("good")
		}
	}
	return b.String()
}

// String returns the step in one line.
func (s UpcastStep) String() string {
	text := fmt.Sprintf("upcast of %s %s:", s.From.Type, s.From.Body)
	if s.Err != nil {
		return text + " " + s.Err.Error()
	}
	if len(s.To) == 0 {
		return text + " dropped"
	}
	for i, to := range s.To {
		if i > 0 {
			text += ","
		}
		text += fmt.Sprintf(" %s %s", to.Type, to.Body)
	}
	return text
}

// Inspect reads the whole log of an aggregate and says what is wrong with it, if anything. Unlike
// all other reads it doesn't stop at an event that it can't read. It goes on, and names the first
// such event with the states around it. It changes nothing and doesn't load the aggregate into
// memory. It runs in the aggregate's own goroutine, so commands wait meanwhile.
//
// An error means that the store could not be read to the end. The inspection then covers what was
// read before; it is nil if nothing was read.
func (r *Root[S]) Inspect(ctx context.Context, id hlc.Timestamp) (*Inspection[S], error) {
	type answer struct {
		in  *Inspection[S]
		err error
	}
	found := make(chan answer, 1) // the caller may leave before it is there
	err := r.do(ctx, id, func(c *core[S]) error {
		in, err := c.root.kind.inspect(ctx, c.past(), id)
		found <- answer{in, err}
		return nil
	})
	if err != nil {
		return nil, err
	}
	a := <-found
	return a.in, a.err
}
