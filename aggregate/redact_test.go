package aggregate_test

import (
	"context"
	"encoding/json"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/eventmaestro/maestro/aggregate"
	"github.com/eventmaestro/maestro/hlc"
	"github.com/eventmaestro/maestro/store"
	"github.com/eventmaestro/maestro/store/memory"
	"github.com/eventmaestro/maestro/types"
)

func TestRedactReplacesABodyAndNothingElse(t *testing.T) {
	t.Parallel()
	a := memory.New()
	root := newRoot(t, a, nil)
	id := newID(t, root)
	evaluate(t, root, notes(id, "Ann", "Bob"), adds(id, 1))
	require.NoError(t, root.Snapshot(t.Context(), id))
	before := logOf(t, a, id)

	require.NoError(t, root.Redact(t.Context(), id, 1, noted{"?"}))
	require.Equal(t, []string{"?", "Bob"}, get(t, root, id).Notes, "this process reads anew")
	after := logOf(t, a, id)
	require.JSONEq(t, `{"Text": "?"}`, string(after[0].Body))
	before[0].Body = after[0].Body
	require.Equal(t, before, after)
	snapshot, err := a.LatestSnapshot(t.Context(), id, store.Range{})
	require.NoError(t, err)
	require.JSONEq(t, `{"total": 1, "notes": ["?", "Bob"], "marks": {"?": 1, "Bob": 1}}`, unmarked(t, snapshot), "nor is it there")

	require.NoError(t, root.Redact(t.Context(), id, 1, json.RawMessage(`{"Text":"!"}`)))
	evaluate(t, root, adds(id, 2))
	require.Equal(t, tally{Total: 3, Notes: []string{"!", "Bob"}, Marks: map[string]int{"!": 1, "Bob": 1}}, fetch(t, root, id))
}

func TestRedactRefusesABodyThatCannotBeApplied(t *testing.T) {
	t.Parallel()
	a := memory.New()
	root := newRoot(t, a, nil)
	id := newID(t, root)
	evaluate(t, root, adds(id, 1), emits(id, types.NewEvent("bomb", bomb{})))
	was := logOf(t, a, id)
	for name, redact := range map[string]error{
		"undecodable": root.Redact(t.Context(), id, 1, json.RawMessage(`{"By": "x"}`)),
		"error":       root.Redact(t.Context(), id, 2, bomb{"error"}),
		"panic":       root.Redact(t.Context(), id, 2, bomb{"panic"}),
	} {
		e, ok := errors.AsType[*aggregate.EventError](redact)
		require.True(t, ok, "%s: %v", name, redact)
		require.NotZero(t, e.Sequence)
	}
	require.ErrorIs(t, root.Redact(t.Context(), id, 1, make(chan int)), store.ErrInvalidEvent)
	require.ErrorIs(t, root.Redact(t.Context(), id, 1, json.RawMessage(`{`)), store.ErrInvalidEvent)
	require.Equal(t, was, logOf(t, a, id))
}

// limit is a state in which one event can make a later one impossible.
type limit struct{ Max, At int }

type maxSet struct{ N int }

// limited returns an aggregate whose log is "max 3" and then as many "up" as n.
func limited(t *testing.T, first string, n int) (*aggregate.Root[limit], hlc.Timestamp) {
	t.Helper()
	a := memory.New()
	root, err := aggregate.NewRoot(newSupervisor(t, a, nil), aggregate.Definition[limit]{
		Commands: aggregate.Commands[limit]{"none": aggregate.CommandFunc[limit](func(context.Context, aggregate.Instance[limit], types.Command) ([]types.Uncommitted, error) {
			return nil, nil
		})},
		Events: aggregate.Events[limit]{
			"max": aggregate.Event(func(l limit, e maxSet) limit { l.Max = e.N; return l }),
			"up": aggregate.EventFunc[limit](func(l limit, _ types.Event) (limit, error) {
				if l.At++; l.At > l.Max {
					return l, errApply
				}
				return l, nil
			}),
		},
	})
	require.NoError(t, err)
	id := newID(t, root)
	events := []types.Event{{AggregateID: id, Timestamp: at(t, 0), Sequence: 1, Type: "max", Body: json.RawMessage(first)}}
	for i := range n {
		events = append(events, types.Event{AggregateID: id, Timestamp: at(t, i+1), Sequence: types.Sequence(i + 2), Type: "up", Body: json.RawMessage("{}")})
	}
	require.NoError(t, a.Commit(t.Context(), store.Commit{AggregateID: id, Events: events}))
	return root, id
}

func TestRedactRefusesABodyThatMakesALaterEventImpossible(t *testing.T) {
	t.Parallel()
	root, id := limited(t, `{"N": 3}`, 3)
	err := root.Redact(t.Context(), id, 1, maxSet{2})
	require.ErrorIs(t, err, errApply)
	require.ErrorContains(t, err, "sequence 4")
	require.NoError(t, root.Redact(t.Context(), id, 1, maxSet{5}))
	require.Equal(t, limit{Max: 5, At: 3}, fetch(t, root, id))
}

func TestRedactMendsALogStepByStep(t *testing.T) {
	t.Parallel()
	root, id := limited(t, `{"N": "three"}`, 3)
	_, err := root.Fetch(t.Context(), id)
	require.ErrorIs(t, err, aggregate.ErrCorruptLog)
	require.ErrorIs(t, root.Redact(t.Context(), id, 2, nil), aggregate.ErrCorruptLog, "an earlier event is bad")
	require.NoError(t, root.Redact(t.Context(), id, 1, maxSet{1}), "further than before, though not to the end")
	in, err := root.Inspect(t.Context(), id)
	require.NoError(t, err)
	require.EqualValues(t, 3, in.Bad.Sequence)
	require.NoError(t, root.Redact(t.Context(), id, 1, maxSet{3}))
	require.Equal(t, limit{Max: 3, At: 3}, fetch(t, root, id))
}

// plain is a store without optional capabilities.
type plain struct{ store.Adapter }

func TestRedactNeedsAStoreThatCan(t *testing.T) {
	t.Parallel()
	root := newRoot(t, plain{memory.New()}, nil)
	err := root.Redact(t.Context(), newID(t, root), 1, added{1})
	require.ErrorIs(t, err, store.ErrUnsupported)
	require.ErrorContains(t, err, "store: not supported: this store can't replace bodies")
}

func TestRedactOfWhatIsNotThere(t *testing.T) {
	t.Parallel()
	root, id := tallyOf(t)
	evaluate(t, root, adds(id, 1))
	require.ErrorIs(t, root.Redact(t.Context(), id, 2, added{1}), store.ErrNoEvent)
	require.ErrorIs(t, root.Redact(t.Context(), id, 0, added{1}), store.ErrNoEvent)
	require.ErrorIs(t, root.Redact(t.Context(), hlc.Timestamp{}, 1, added{1}), aggregate.ErrInvalidID)
}
