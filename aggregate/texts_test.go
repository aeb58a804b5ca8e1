package aggregate_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/eventmaestro/maestro/aggregate"
	"github.com/eventmaestro/maestro/hlc"
	"github.com/eventmaestro/maestro/store"
	"github.com/eventmaestro/maestro/store/memory"
	"github.com/eventmaestro/maestro/types"
)

const anID = "2026-11-21T19:43:29.036Z-0001-0000000000000007"

// TestTheTextsOfErrors pins what people read, one line an error.
func TestTheTextsOfErrors(t *testing.T) {
	t.Parallel()
	id, err := hlc.Parse(anID)
	require.NoError(t, err)
	panicked := &types.PanicError{Value: "boom"}
	for _, test := range []struct {
		err  error
		text string
	}{
		{aggregate.ErrRejected, "aggregate: command rejected"},
		{aggregate.ErrUnknownCommand, "aggregate: no handler"},
		{aggregate.ErrInvalidData, "aggregate: invalid command data"},
		{aggregate.ErrInvalidID, "aggregate: the aggregate id is zero: Root.NewID returns one"},
		{aggregate.ErrUnexpectedSequence, "aggregate: unexpected sequence"},
		{aggregate.ErrUnknownEvent, "aggregate: unknown event type"},
		{aggregate.ErrCorruptLog, "aggregate: corrupt log"},
		{aggregate.ErrRetriesSpent, "aggregate: retries spent"},
		{aggregate.ErrMailboxFull, "aggregate: mailbox full"},
		{aggregate.ErrTooManyAggregates, "aggregate: too many live aggregates"},
		{aggregate.ErrOtherRoot, "aggregate: id belongs to another root"},
		{aggregate.ErrClosed, "aggregate: supervisor is shut down"},
		{aggregate.ErrCommandReused, "aggregate: command id used for another command"},
		{aggregate.ErrOtherStore, "aggregate: the transaction belongs to another store: wrap it with the Tx method of the supervisor's"},

		{aggregate.Reject("the balance is %d", 5), "the balance is 5"},
		{
			&aggregate.UnexpectedSequenceError{AggregateID: id, Expected: 3, Actual: 5},
			"aggregate: expected sequence 3 of aggregate " + anID + ", which is at 5",
		},
		{
			&aggregate.EventError{AggregateID: id, Sequence: 2, Type: "opened", Err: aggregate.ErrUnknownEvent},
			`aggregate: new event "opened", aggregate ` + anID + ", sequence 2: unknown event type",
		},
		{
			&aggregate.EventError{AggregateID: id, Sequence: 2, Type: "opened", Stored: true, Err: panicked},
			`aggregate: stored event "opened", aggregate ` + anID + ", sequence 2: panic: boom",
		},
		{
			&aggregate.OutcomeUnknownError{AggregateID: id, Timestamps: []hlc.Timestamp{id}, Err: fmt.Errorf("%w: %w", store.ErrOutcomeUnknown, context.Canceled)},
			"aggregate: outcome unknown: aggregate " + anID + ": the command may be stored, Lookup of its 1 timestamp tells: context canceled",
		},
		{
			&aggregate.OutcomeUnknownError{AggregateID: id, Timestamps: []hlc.Timestamp{id, id}, Err: errors.Join(store.ErrOutcomeUnknown, panicked)},
			"aggregate: outcome unknown: aggregate " + anID + ": the command may be stored, Lookup of its 2 timestamps tells: panic: boom",
		},
		{
			&aggregate.OutcomeUnknownError{AggregateID: id, Err: store.ErrOutcomeUnknown},
			"aggregate: outcome unknown: aggregate " + anID + ": the command may be stored, a repeat with the same command ID tells",
		},
		{
			&aggregate.CommandReusedError{AggregateID: id, CommandID: "payment 7", After: 2, Last: 4},
			`aggregate: command id "payment 7" of aggregate ` + anID + ": another command with this id was carried out before, and led to sequences 3 to 4; this one was not",
		},
		{
			&aggregate.CommandReusedError{AggregateID: id, CommandID: "payment 7", After: 2, Last: 3},
			`aggregate: command id "payment 7" of aggregate ` + anID + ": another command with this id was carried out before, and led to sequence 3; this one was not",
		},
		{
			&aggregate.CommandReusedError{AggregateID: id, CommandID: "payment 7", After: 2, Last: 2},
			`aggregate: command id "payment 7" of aggregate ` + anID + ": another command with this id was carried out before, and led to no event; this one was not",
		},
		{
			&aggregate.DefinitionError{Root: "account", Field: `Events["opened"]`, Reason: "is nil: give it a handler"},
			`aggregate: definition of account: Events["opened"] is nil: give it a handler`,
		},
		{
			&aggregate.ShutdownError{Requests: 1, Snapshots: 2, Err: context.DeadlineExceeded},
			"aggregate: shutdown: gave up 1 request and 2 snapshots, 0 aggregates still at work: context deadline exceeded",
		},
	} {
		require.EqualError(t, test.err, test.text)
	}
}

// TestTheTextsThatEvaluateReturns pins them as they come out of a store, through all that wraps
// them.
func TestTheTextsThatEvaluateReturns(t *testing.T) {
	t.Parallel()
	onEveryStore(t, func(t *testing.T, open func() store.Adapter) {
		s := open()
		root := newRoot(t, s, nil)
		id := newID(t, root)
		evaluate(t, root, notes(id, "a"))
		event := "aggregate " + id.String() + ", sequence 2: "
		for text, command := range map[string]types.Command{
			"add -1 to 0: must not be negative": adds(id, -1),
			`aggregate: new event "mystery", ` + event + "unknown event type: add a handler to Events of tally":                                               emits(id, types.NewEvent("mystery", nil)),
			`aggregate: new event "bomb", ` + event + "panic: boom":                                                                                           emits(id, types.NewEvent("bomb", bomb{"panic"})),
			`aggregate: new event "bomb", ` + event + "can't be applied":                                                                                      emits(id, types.NewEvent("bomb", bomb{"error"})),
			"store: invalid event: " + event + "type is empty":                                                                                                emits(id, types.NewEvent("", nil)),
			"store: invalid event: " + event + "body can't be stored: it is a []byte, which JSON writes as base64: use json.RawMessage for JSON, or a struct": emits(id, types.NewEvent("noted", []byte("{}"))),
			"store: invalid event: " + event + `body can't be stored: jsonb: JSON refused at byte 9: \u0000 can't be stored`:                                  emits(id, types.NewEvent("noted", noted{"\x00"})),
			`aggregate: tally has no handler for command type "open"`:                                                                                         {AggregateID: id, Type: "open"},
			`aggregate: tally has no handler for command type "` + strings.Repeat("x", 64) + `"…`:                                                             {AggregateID: id, Type: strings.Repeat("x", 65)},
			`aggregate: command "add" of tally: data is nil, want aggregate_test.add`:                                                                         {AggregateID: id, Type: "add"},
			`aggregate: command "add" of tally: data is a []byte, want aggregate_test.add: for JSON use json.RawMessage`:                                      {AggregateID: id, Type: "add", Data: []byte("{}")},
			`aggregate: command "run" of tally, aggregate ` + id.String() + ": panic: boom":                                                                   runs(id, explode),
		} {
			require.EqualError(t, root.Evaluate(t.Context(), command), text)
		}
		require.EqualError(t, root.Redact(t.Context(), id, 7, noted{"x"}),
			"aggregate: redact: store: no such event: aggregate "+id.String()+", sequence 7")
		require.ErrorContains(t, root.Redact(t.Context(), id, 1, json.RawMessage("[]")), `aggregate: redact: stored event "noted", aggregate `+
			id.String()+", sequence 1: decode the body into aggregate_test.noted: ") // and what encoding/json says
		other, err := aggregate.NewRoot(newSupervisor(t, s, nil), aggregate.Definition[int]{
			Name:     "count",
			Commands: aggregate.Commands[int]{"touch": aggregate.Command(func(context.Context, aggregate.Instance[int], struct{}) ([]types.Uncommitted, error) { return nil, nil })},
			Events:   aggregate.Events[int]{"touched": aggregate.Event(func(n int, _ struct{}) int { return n })},
		})
		require.NoError(t, err)
		require.EqualError(t, other.Evaluate(t.Context(), types.Command{AggregateID: id, Type: "touch"}), `aggregate: stored event "noted", aggregate `+
			id.String()+", sequence 1: unknown event type: a newer version of the program wrote it, or the id belongs to another root: add it to Events or Upcasts of count")
		ended, cancel := context.WithCancel(t.Context())
		cancel()
		require.EqualError(t, root.Evaluate(ended, adds(id, 1)), "aggregate: before the mailbox: context canceled")
	})
}

func TestNoTextHasThePackagesNameTwice(t *testing.T) {
	t.Parallel()
	initial := newRoot(t, memory.New(), nil, func(d *aggregate.Definition[tally]) { d.Initial = butFirst("boom") })
	id := newID(t, initial)
	for call, err := range map[string]error{
		"get":      second(initial.Get(t.Context(), id)),
		"evaluate": initial.Evaluate(t.Context(), adds(id, 1)),
		"replay":   second(initial.ReplayAt(t.Context(), id, id.Time())),
		"inspect":  second(initial.Inspect(t.Context(), id)),
	} {
		require.ErrorContains(t, err, "initial state: panic: boom", call)
		require.Equal(t, 1, strings.Count(err.Error(), "aggregate: "), call)
	}
	prepare := newRoot(t, memory.New(), nil, func(d *aggregate.Definition[tally]) {
		d.PrepareSnapshot = func(aggregate.Instance[tally]) (any, error) { panic("boom") }
	})
	evaluate(t, prepare, adds(id, 1))
	require.EqualError(t, prepare.Snapshot(t.Context(), id), "aggregate: prepare the snapshot: panic: boom")
}

func second[T any](_ T, err error) error { return err }
