package aggregate_test

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/eventmaestro/maestro/aggregate"
	"github.com/eventmaestro/maestro/hlc"
	"github.com/eventmaestro/maestro/internal/lab/pgtest"
	"github.com/eventmaestro/maestro/store"
	"github.com/eventmaestro/maestro/store/memory"
	"github.com/eventmaestro/maestro/store/postgres"
	"github.com/eventmaestro/maestro/types"
)

// A command that returns three events shows them to projections in reverse; the in-memory store
// applies them in reverse, and twice.
func TestFaultEventsOfOneCommandComeInOrderAndOnce(t *testing.T) {
	t.Parallel()
	onEveryStore(t, func(t *testing.T, open func() store.Adapter) {
		var projected []string
		see := func(e types.Event) error {
			projected = append(projected, fmt.Sprint(e.Sequence, " ", string(e.Body)))
			return nil
		}
		root := newRoot(t, open(), nil, func(d *aggregate.Definition[tally]) {
			d.Projections = []store.Projection{
				memory.Projection(func(_ context.Context, _ *memory.ProjectionTx, e types.Event) error { return see(e) }),
				postgres.Projection(func(_ context.Context, _ pgx.Tx, e types.Event) error { return see(e) }),
			}
		})
		id := newID(t, root)
		state, err := root.EvaluateState(t.Context(), notes(id, "a", "b", "c"))
		require.NoError(t, err)
		want := tally{Notes: []string{"a", "b", "c"}, Marks: map[string]int{"a": 1, "b": 1, "c": 1}}
		require.Equal(t, want, state)
		require.Equal(t, []string{`1 {"Text": "a"}`, `2 {"Text": "b"}`, `3 {"Text": "c"}`}, projected)
		require.Equal(t, want, get(t, newRoot(t, open(), nil), id), "read back")
	})
}

// Events are read in timestamp order, so one process with a slow clock gives every process a wrong
// state, and then a wrong snapshot.
func TestFaultTheSequenceOrdersAndNotTheClock(t *testing.T) {
	t.Parallel()
	onEveryStore(t, func(t *testing.T, open func() store.Adapter) {
		s := open()
		id := stampAt(t, 1_000_000, 1)
		for i, text := range []string{"a", "b", "c"} { // the later, the earlier
			e := types.Event{Timestamp: stampAt(t, int64(1_000_100-i), 7), AggregateID: id, Sequence: types.Sequence(i + 1), Type: "noted", Body: json.RawMessage(`{"Text": "` + text + `"}`)}
			require.NoError(t, s.Commit(t.Context(), store.Commit{AggregateID: id, Events: []types.Event{e}}))
		}
		root := newRoot(t, s, nil)
		require.Equal(t, []string{"a", "b", "c"}, get(t, root, id).Notes)
		require.Equal(t, []string{"a", "b", "c"}, fetch(t, root, id).Notes)
		var read []types.Sequence
		for e, err := range root.History(t.Context(), id, store.Range{}) {
			require.NoError(t, err)
			read = append(read, e.Sequence)
		}
		require.Equal(t, []types.Sequence{1, 2, 3}, read)
		require.NoError(t, root.Snapshot(t.Context(), id))
		evaluate(t, root, notes(id, "d"))
		cold := newRoot(t, open(), nil)
		require.Equal(t, []string{"a", "b", "c", "d"}, get(t, cold, id).Notes)
		state, err := cold.Replay(t.Context(), id, 2)
		require.NoError(t, err)
		require.Equal(t, []string{"a", "b"}, state.Notes)
	})
}

// An event for another aggregate's id spins for ever.
func TestFaultAnEventOfAnotherAggregateIsRefusedAtOnce(t *testing.T) {
	t.Parallel()
	onEveryStore(t, func(t *testing.T, open func() store.Adapter) {
		s := open()
		a, b := newIDOf(t), newIDOf(t)
		err := s.Commit(t.Context(), store.Commit{AggregateID: a, Events: []types.Event{
			{Timestamp: newIDOf(t), AggregateID: b, Sequence: 1, Type: "added", Body: json.RawMessage(`{"By": 1}`)},
		}})
		var invalid *store.InvalidEventError
		require.ErrorAs(t, err, &invalid)
		require.Equal(t, "aggregate id", invalid.Field)
		require.Empty(t, logOf(t, s, a))
		require.Empty(t, logOf(t, s, b))
	})
}

// The same in a log that is read: the place is named, and nobody tries again.
func TestFaultALogWithAnotherAggregatesEventIsNamedAtOnce(t *testing.T) {
	t.Parallel()
	s := newTap()
	root := newRoot(t, s, nil)
	id, stranger := newID(t, root), newIDOf(t)
	evaluate(t, root, adds(id, 1))
	s.events = func(context.Context, iter.Seq2[types.Event, error]) iter.Seq2[types.Event, error] {
		return func(yield func(types.Event, error) bool) {
			yield(types.Event{Timestamp: stranger, AggregateID: stranger, Sequence: 2, Type: "added", Body: json.RawMessage(`{"By": 5}`)}, nil)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	_, err := root.Fetch(ctx, id)
	requirePlace(t, err, id, 2, "belongs to aggregate "+stranger.String())
	require.EqualValues(t, 1, s.reads.Load())
}

func requirePlace(t *testing.T, err error, id hlc.Timestamp, s types.Sequence, why string) {
	t.Helper()
	var place *aggregate.EventError
	require.ErrorAs(t, err, &place)
	require.ErrorIs(t, err, aggregate.ErrCorruptLog)
	require.Equal(t, id, place.AggregateID)
	require.Equal(t, s, place.Sequence)
	require.True(t, place.Stored)
	require.ErrorContains(t, err, why)
}

// A gap, a repeat or a wrong order in what is read is named by its place, and not applied.
func TestFaultALogOutOfOrderIsNamedByItsPlace(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		sequences []types.Sequence
		at        types.Sequence
		why       string
	}{
		"gap":         {[]types.Sequence{1, 3}, 3, "comes right after sequence 1"},
		"repeat":      {[]types.Sequence{1, 1}, 1, "comes right after sequence 1"},
		"wrong order": {[]types.Sequence{2, 1}, 2, "comes right after sequence 0"},
		"late start":  {[]types.Sequence{5}, 5, "comes right after sequence 0"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newTap()
			root := newRoot(t, s, nil)
			id := newID(t, root)
			s.load = func(context.Context, iter.Seq2[store.Entry, error]) iter.Seq2[store.Entry, error] {
				return func(yield func(store.Entry, error) bool) {
					for i, n := range test.sequences {
						e := types.Event{Timestamp: stampAt(t, int64(i+1), 1), AggregateID: id, Sequence: n, Type: "added", Body: json.RawMessage(`{"By": 1}`)}
						if !yield(store.Entry{Event: e}, nil) {
							return
						}
					}
				}
			}
			_, err := root.Get(t.Context(), id)
			requirePlace(t, err, id, test.at, test.why)
			require.ErrorIs(t, root.Evaluate(t.Context(), adds(id, 1)), aggregate.ErrCorruptLog)
			require.Zero(t, s.commits.Load())
		})
	}
}

// A gap in a database is found by whoever reads it.
func TestFaultAGapInTheDatabaseIsNamedByItsPlace(t *testing.T) {
	t.Parallel()
	pool := pgtest.Plain(t, fewConnections)
	id := newIDOf(t)
	for _, n := range []types.Sequence{1, 2, 4} {
		insertRow(t, pool, types.Event{Timestamp: newIDOf(t), AggregateID: id, Sequence: n, Type: "added", Body: json.RawMessage(`{"By": 1}`)})
	}
	root := newRoot(t, pgtest.Store(t, pool, nil), nil)
	_, err := root.Get(t.Context(), id)
	requirePlace(t, err, id, 4, "comes right after sequence 2")
}
