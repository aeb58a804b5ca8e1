package sim

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/eventmaestro/maestro/aggregate"
	"github.com/eventmaestro/maestro/hlc"
	"github.com/eventmaestro/maestro/store"
	"github.com/eventmaestro/maestro/types"
)

// never is when an operation returns whose caller did not live to hear it.
const never = math.MaxInt

// command is what an operation evaluates.
type command struct {
	types.Command
	aggregate int
	token     string
	parts     int // events, if it is carried out; of a raise: at most
}

// op is one call of a root, by a caller of its own.
type op struct {
	number    int
	kind      string
	life      *life
	aggregate int
	command
	at types.Sequence // for a replay

	ctx      context.Context
	cancel   context.CancelFunc
	hasty    bool          // its context may end before the answer
	crashed  bool          // its node did
	patience time.Duration // of a hasty one, on a real server
	invoked  int
	returned int

	pair *pair // the transaction that it is a half of, or nil
	half int

	err    error
	events []types.Event
	seq    types.Sequence // of the state it got
	state  *ledger
	found  *int // events that Lookup found, if it was asked
}

// Kinds of operations.
const (
	opEvaluate = "evaluate"
	opEvents   = "events"
	opState    = "state"
	opGet      = "get"
	opFetch    = "fetch"
	opCall     = "call"
	opReplay   = "replay"
	opSnapshot = "snapshot"
)

func (o *op) String() string {
	return fmt.Sprintf("%d %s %s a%d %s%+v %s", o.number, o.kind, o.life.name, o.aggregate, o.Type, o.Data, o.ID)
}

// evaluates reports whether the operation is a command.
func (o *op) evaluates() bool {
	return o.kind == opEvaluate || o.kind == opEvents || o.kind == opState || o.kind == opTransact
}

// asking is the key of an operation in its context.
type asking struct{}

// begin starts the operation.
func (w *world) begin(o *op) *op {
	o.number = len(w.ops)
	o.AggregateID = w.ids[o.aggregate]
	if o.ctx == nil {
		o.ctx, o.cancel = context.WithCancel(background)
	}
	o.ctx = context.WithValue(o.ctx, asking{}, o)
	w.ops = append(w.ops, o)
	w.open++
	w.tick++
	o.invoked = w.tick
	w.note("%v", o)
	go func() {
		o.run(o.life.roots[w.root(o.aggregate)])
		w.mu.Lock()
		defer w.mu.Unlock()
		w.finished = append(w.finished, o)
	}()
	w.collect()
	return o
}

func (o *op) run(r *aggregate.Root[ledger]) {
	defer o.cancel()
	id := o.AggregateID
	switch o.kind {
	case opEvaluate:
		o.err = r.Evaluate(o.ctx, o.Command)
	case opEvents:
		o.events, o.err = r.EvaluateEvents(o.ctx, o.Command)
	case opState:
		o.gets(r.EvaluateState(o.ctx, o.Command))
	case opGet:
		o.gets(r.Get(o.ctx, id))
	case opFetch:
		o.gets(r.Fetch(o.ctx, id))
	case opReplay:
		o.gets(r.Replay(o.ctx, id, o.at))
	case opSnapshot:
		o.err = r.Snapshot(o.ctx, id)
	case opCall:
		got := make(chan ledger, 1)
		if o.err = r.Call(o.ctx, id, func(_ context.Context, current aggregate.Instance[ledger]) error {
			got <- current.State
			return nil
		}); o.err == nil {
			o.gets(<-got, nil)
		}
	}
	o.checkEvents()
}

// gets keeps a copy of the state that the caller was given, and does to the original what a
// caller may: it is its own.
func (o *op) gets(s ledger, err error) {
	o.err = err
	if err != nil {
		return
	}
	o.life.w.seen(o.String(), o.AggregateID, types.Sequence(len(s.Tokens)), s)
	mine := s
	mine.Tokens = slices.Clone(s.Tokens)
	o.state, o.seq = &mine, types.Sequence(len(s.Tokens))
	for i := range s.Tokens {
		s.Tokens[i] = "scribble.0+1000"
	}
	for kind := range s.Kinds {
		s.Kinds[kind] += 1000
	}
	if s.Kinds != nil {
		s.Kinds["scribble"] = 1
	}
}

// checkEvents looks at the events that the caller was given, and spoils them likewise.
func (o *op) checkEvents() {
	for i := range o.events {
		e := &o.events[i]
		var n note
		if err := json.Unmarshal(e.Body, &n); err != nil || commandOf(n.Token) != o.token || e.Sequence != o.events[0].Sequence+types.Sequence(i) {
			o.life.w.violate(2, "%v: was told of an event that is not its own: %+v", o, e)
		}
		for j := range e.Body {
			e.Body[j] = '#'
		}
	}
}

// class is what an answer means.
type class int

const (
	acked    class = iota // success
	rejected              // the handler said no
	expected              // the aggregate was at another sequence
	reused                // the command ID belongs to another command
	excused               // definitely not carried out, for a reason outside of the aggregate's state
	unknown               // carried out or not
)

func (c class) String() string {
	return [...]string{"acked", "rejected", "expected", "reused", "excused", "unknown"}[c]
}

func (o *op) class() class {
	switch {
	case o.crashed, errors.Is(o.err, store.ErrOutcomeUnknown):
		return unknown
	case o.err == nil:
		return acked
	case o.takenBack():
		return excused
	case errors.Is(o.err, aggregate.ErrRejected):
		return rejected
	case errors.Is(o.err, aggregate.ErrUnexpectedSequence):
		return expected
	case errors.Is(o.err, aggregate.ErrCommandReused):
		return reused
	}
	return excused
}

// stamps are the timestamps to look up after an unknown outcome.
func (o *op) stamps() (stamps []hlc.Timestamp) {
	var u *aggregate.OutcomeUnknownError
	if errors.As(o.err, &u) && u.AggregateID == o.AggregateID { // of a transaction one aggregate is named
		stamps = u.Timestamps
	}
	return stamps
}

// reason names the cause of a refusal, for the trace and the counts.
func (o *op) reason() string {
	var (
		panicked  *types.PanicError
		event     *aggregate.EventError
		projected *store.ProjectionError
	)
	for _, known := range []struct {
		name string
		is   bool
	}{
		{"taken back", o.takenBack()},
		{"mailbox full", errors.Is(o.err, aggregate.ErrMailboxFull)},
		{"closed", errors.Is(o.err, aggregate.ErrClosed)},
		{"retries spent", errors.Is(o.err, aggregate.ErrRetriesSpent)},
		{"unavailable", errors.Is(o.err, store.ErrUnavailable)},
		{"projection", errors.As(o.err, &projected)},
		{"event", errors.As(o.err, &event)},
		{"invalid", errors.Is(o.err, store.ErrInvalidEvent)},
		{"panic", errors.As(o.err, &panicked)},
		{"deadline", errors.Is(o.err, context.DeadlineExceeded)},
		{"canceled", errors.Is(o.err, context.Canceled)},
	} {
		if known.is {
			return known.name
		}
	}
	return "other: " + o.err.Error()
}

// answer is the outcome without what differs between two runs: times and addresses.
func (o *op) answer() string {
	c := o.class()
	switch c {
	case acked:
		return fmt.Sprintf("acked %d %d", o.seq, len(o.events))
	case excused:
		return "excused: " + o.reason()
	}
	return c.String()
}
