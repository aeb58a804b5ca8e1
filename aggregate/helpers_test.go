package aggregate_test

import (
	"context"
	"encoding/json"
	"errors"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/eventmaestro/maestro/aggregate"
	"github.com/eventmaestro/maestro/hlc"
	"github.com/eventmaestro/maestro/store"
	"github.com/eventmaestro/maestro/store/memory"
	"github.com/eventmaestro/maestro/types"
)

// tally is the state of the tests' aggregate. It refers to memory, so that whoever shares it
// with somebody else is found out.
type tally struct {
	Total int            `json:"total"`
	Notes []string       `json:"notes,omitempty"`
	Marks map[string]int `json:"marks,omitempty"`
}

type (
	add   struct{ By int }         // refused if negative, nothing to do if 0
	added struct{ By int }         // adds to the total
	note  struct{ Texts []string } // one event a text
	noted struct{ Text string }    // appends to the notes and counts in the marks
	bomb  struct{ How string }     // an event whose handler fails: panic, error, exit
	plan  func(context.Context, aggregate.Instance[tally]) ([]types.Uncommitted, error)
)

// MarshalJSON gives commands with an id something to take a fingerprint of.
func (plan) MarshalJSON() ([]byte, error) { return []byte(`"plan"`), nil }

var errApply = errors.New("can't be applied")

func tallies(change ...func(*aggregate.Definition[tally])) aggregate.Definition[tally] {
	d := aggregate.Definition[tally]{
		Name: "tally",
		Commands: aggregate.Commands[tally]{
			"add":  aggregate.Command(evalAdd),
			"note": aggregate.Command(evalNote),
			// The data of "run" is the handler.
			"run": aggregate.CommandFunc[tally](func(ctx context.Context, c aggregate.Instance[tally], cmd types.Command) ([]types.Uncommitted, error) {
				return cmd.Data.(plan)(ctx, c)
			}),
		},
		Events: aggregate.Events[tally]{
			"added": aggregate.Event(func(s tally, e added) tally { s.Total += e.By; return s }),
			"noted": aggregate.Event(applyNoted),
			"bomb":  aggregate.EventFunc[tally](applyBomb),
		},
	}
	for _, f := range change {
		f(&d)
	}
	return d
}

func evalAdd(_ context.Context, c aggregate.Instance[tally], cmd add) ([]types.Uncommitted, error) {
	switch {
	case cmd.By < 0:
		return nil, aggregate.Reject("add %d to %d: must not be negative", cmd.By, c.State.Total)
	case cmd.By == 0:
		return nil, nil
	}
	return types.Events(types.NewEvent("added", added(cmd))), nil
}

func evalNote(_ context.Context, _ aggregate.Instance[tally], cmd note) (events []types.Uncommitted, _ error) {
	for _, text := range cmd.Texts {
		events = append(events, types.NewEvent("noted", noted{text}))
	}
	return events, nil
}

// applyNoted works in place, as a handler may.
func applyNoted(s tally, e noted) tally {
	if s.Marks == nil {
		s.Marks = map[string]int{}
	}
	s.Notes = append(s.Notes, e.Text)
	s.Marks[e.Text]++
	return s
}

func applyBomb(s tally, e types.Event) (tally, error) {
	var b bomb
	if err := json.Unmarshal(e.Body, &b); err != nil {
		return s, err
	}
	if s.Marks == nil {
		s.Marks = map[string]int{}
	}
	s.Marks["torn"]++ // what a handler did before it failed
	switch b.How {
	case "panic":
		panic("boom")
	case "error":
		return s, errApply
	case "exit":
		runtime.Goexit()
	}
	return s, nil
}

// butFirst is an Initial that works for New and panics later.
func butFirst(v any) func() tally {
	var calls atomic.Int32
	return func() tally {
		if calls.Add(1) > 1 {
			panic(v)
		}
		return tally{}
	}
}

// newRoot returns a root of tallies on a store, with a supervisor that ends with the test.
func newRoot(t testing.TB, a store.Adapter, o *aggregate.Options, change ...func(*aggregate.Definition[tally])) *aggregate.Root[tally] {
	t.Helper()
	root, err := aggregate.NewRoot(newSupervisor(t, a, o), tallies(change...))
	require.NoError(t, err)
	return root
}

func newSupervisor(t testing.TB, a store.Adapter, o *aggregate.Options) *aggregate.Supervisor {
	t.Helper()
	sup, err := aggregate.NewSupervisor(a, o)
	require.NoError(t, err)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), 20*time.Second)
		defer cancel()
		require.NoError(t, sup.Shutdown(ctx))
	})
	return sup
}

// tallyOf returns a root on an empty memory store, and the id of an aggregate without events.
func tallyOf(t testing.TB, change ...func(*aggregate.Definition[tally])) (*aggregate.Root[tally], hlc.Timestamp) {
	t.Helper()
	root := newRoot(t, memory.New(), nil, change...)
	return root, newID(t, root)
}

func newID[S any](t testing.TB, root *aggregate.Root[S]) hlc.Timestamp {
	t.Helper()
	id, err := root.NewID(t.Context())
	require.NoError(t, err)
	return id
}

// ids is the clock of newIDOf, so that what it returns rises.
var ids = hlc.NewClock(nil)

// newIDOf returns a timestamp without a root.
func newIDOf(t testing.TB) hlc.Timestamp {
	t.Helper()
	id, err := ids.Now()
	require.NoError(t, err)
	return id
}

func adds(id hlc.Timestamp, by int) types.Command {
	return types.Command{AggregateID: id, Type: "add", Data: add{by}}
}

func notes(id hlc.Timestamp, texts ...string) types.Command {
	return types.Command{AggregateID: id, Type: "note", Data: note{texts}}
}

// runs is a command whose handler is f.
func runs(id hlc.Timestamp, f plan) types.Command {
	return types.Command{AggregateID: id, Type: "run", Data: f}
}

// emits is a command that leads to the events.
func emits(id hlc.Timestamp, events ...types.Uncommitted) types.Command {
	return runs(id, func(context.Context, aggregate.Instance[tally]) ([]types.Uncommitted, error) { return events, nil })
}

func evaluate[S any](t testing.TB, root *aggregate.Root[S], commands ...types.Command) {
	t.Helper()
	for _, c := range commands {
		require.NoError(t, root.Evaluate(t.Context(), c))
	}
}

// logOf returns what is stored of an aggregate, and checks that the sequences have neither gap nor
// repeat and the timestamps rise.
func logOf(t testing.TB, a store.Adapter, id hlc.Timestamp) []types.Event {
	t.Helper()
	var log []types.Event
	for e, err := range a.Events(context.WithoutCancel(t.Context()), id, store.Range{}) {
		require.NoError(t, err)
		require.EqualValues(t, len(log)+1, e.Sequence)
		require.Equal(t, id, e.AggregateID)
		if len(log) > 0 {
			require.True(t, e.Timestamp.After(log[len(log)-1].Timestamp), "timestamps rise with the sequence")
		}
		log = append(log, e)
	}
	return log
}

func typesOf(log []types.Event) (list []string) {
	for _, e := range log {
		list = append(list, e.Type)
	}
	return list
}

func get[S any](t testing.TB, root *aggregate.Root[S], id hlc.Timestamp) S {
	t.Helper()
	s, err := root.Get(t.Context(), id)
	require.NoError(t, err)
	return s
}

func fetch[S any](t testing.TB, root *aggregate.Root[S], id hlc.Timestamp) S {
	t.Helper()
	s, err := root.Fetch(t.Context(), id)
	require.NoError(t, err)
	return s
}
