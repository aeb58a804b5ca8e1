package aggregate_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/eventmaestro/maestro/aggregate"
	"github.com/eventmaestro/maestro/hlc"
	"github.com/eventmaestro/maestro/store"
	"github.com/eventmaestro/maestro/store/memory"
	"github.com/eventmaestro/maestro/types"
)

func TestNewReturnsIDsThatRise(t *testing.T) {
	t.Parallel()
	root, before := tallyOf(t)
	for range 100 {
		id := newID(t, root)
		require.True(t, id.After(before))
		before = id
	}
}

func TestNewStoresAndStartsNothing(t *testing.T) {
	t.Parallel()
	s := newTap()
	root := newRoot(t, s, nil)
	_, live := root.Whereis(newID(t, root))
	require.False(t, live)
	require.Zero(t, s.commits.Load()+s.loads.Load())
}

func TestNewFailsWhereTheClockDoes(t *testing.T) {
	t.Parallel()
	at := time.Now()
	clock := hlc.NewClock(&hlc.Options{Now: func() time.Time { return at }})
	root := newRoot(t, memory.New(), &aggregate.Options{Clock: clock})
	newID(t, root)
	at = at.Add(-time.Hour)
	_, err := root.NewID(t.Context())
	require.ErrorIs(t, err, hlc.ErrDrift)
	require.ErrorContains(t, err, "aggregate: new: ")

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = root.NewID(ctx)
	require.ErrorIs(t, err, context.Canceled)
}

func TestGetMayBeStaleAndFetchIsNot(t *testing.T) {
	t.Parallel()
	s := newTap()
	here, there := newRoot(t, s, nil), newRoot(t, s, nil)
	id := newID(t, here)
	evaluate(t, here, adds(id, 1))
	evaluate(t, there, adds(id, 10))
	reads := s.reads.Load() + s.loads.Load()
	require.Equal(t, 1, get(t, here, id).Total)
	require.Equal(t, reads, s.reads.Load()+s.loads.Load(), "get of a live aggregate doesn't ask the store")
	require.Equal(t, 11, fetch(t, here, id).Total)
	require.Equal(t, 11, get(t, here, id).Total)
}

func TestFetchInstanceReturnsTheSequenceToo(t *testing.T) {
	t.Parallel()
	root, id := tallyOf(t)
	evaluate(t, root, notes(id, "a", "b"))
	current, err := root.FetchInstance(t.Context(), id)
	require.NoError(t, err)
	require.Equal(t, id, current.ID)
	require.EqualValues(t, 2, current.Sequence)
	require.Equal(t, []string{"a", "b"}, current.State.Notes)
}

func TestReplayReturnsTheStateAtEverySequence(t *testing.T) {
	t.Parallel()
	root, id := tallyOf(t)
	evaluate(t, root, adds(id, 1), adds(id, 2), adds(id, 3))
	require.NoError(t, root.Snapshot(t.Context(), id))
	for s, want := range []int{0, 1, 3, 6} {
		state, err := root.Replay(t.Context(), id, types.Sequence(s))
		require.NoError(t, err)
		require.Equal(t, want, state.Total)
	}
	state, err := root.Replay(t.Context(), id, types.MaxSequence)
	require.NoError(t, err)
	require.Equal(t, 6, state.Total, "past the end is the latest")
	for _, s := range []types.Sequence{-1, types.MaxSequence + 1} {
		_, err := root.Replay(t.Context(), id, s)
		require.ErrorContains(t, err, "is not in 0 to 2147483647")
	}
	require.Equal(t, 6, get(t, root, id).Total, "the state in memory is not moved")
}

func TestReplayReadsPastTheCache(t *testing.T) {
	t.Parallel()
	s := memory.New()
	here, there := newRoot(t, s, nil), newRoot(t, s, nil)
	id := newID(t, here)
	evaluate(t, here, adds(id, 1))
	evaluate(t, there, adds(id, 10))
	state, err := here.Replay(t.Context(), id, 2)
	require.NoError(t, err)
	require.Equal(t, 11, state.Total)
}

func TestReplayAtReturnsTheStateOfThatTime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		root, id := tallyOf(t)
		start := time.Now()
		for range 3 {
			time.Sleep(time.Minute)
			evaluate(t, root, adds(id, 1))
		}
		for at, want := range map[time.Duration]int{
			0: 0, time.Minute - time.Millisecond: 0, time.Minute: 1, 119 * time.Second: 1, 2 * time.Minute: 2, time.Hour: 3,
		} {
			state, err := root.ReplayAt(t.Context(), id, start.Add(at))
			require.NoError(t, err)
			require.Equal(t, want, state.Total, "after %v", at)
		}
	})
}

func TestHistoryYieldsWhatIsStored(t *testing.T) {
	t.Parallel()
	s := newTap()
	root := newRoot(t, s, nil)
	id := newID(t, root)
	evaluate(t, root, notes(id, "a", "b", "c", "d"))
	collect := func(in store.Range) (list []types.Sequence) {
		for e, err := range root.History(t.Context(), id, in) {
			require.NoError(t, err)
			list = append(list, e.Sequence)
		}
		return list
	}
	require.Equal(t, []types.Sequence{1, 2, 3, 4}, collect(store.Range{}))
	require.Equal(t, []types.Sequence{2, 3}, collect(store.Range{After: 1, Max: 3}))
	require.Empty(t, collect(store.Range{After: 4}))
	for _, err := range root.History(t.Context(), id, store.Range{}) {
		require.NoError(t, err)
		break
	}
	loads := s.loads.Load()
	require.EqualValues(t, 1, loads, "it doesn't start the aggregate")

	for _, err := range root.History(t.Context(), hlc.Timestamp{}, store.Range{}) {
		require.ErrorIs(t, err, aggregate.ErrInvalidID)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, err := range root.History(ctx, id, store.Range{}) {
		require.ErrorIs(t, err, context.Canceled)
		require.ErrorContains(t, err, "aggregate: history: ")
	}
}

func TestCallRunsInTheAggregatesOwnGoroutineOnTheLatestState(t *testing.T) {
	t.Parallel()
	s := memory.New()
	here, there := newRoot(t, s, nil), newRoot(t, s, nil)
	id := newID(t, here)
	evaluate(t, here, adds(id, 1))
	evaluate(t, there, adds(id, 10))
	oops := errors.New("oops")
	err := here.Call(t.Context(), id, func(ctx context.Context, c aggregate.Instance[tally]) error {
		require.Equal(t, id, c.ID)
		require.EqualValues(t, 2, c.Sequence)
		require.Equal(t, 11, c.State.Total)
		require.NoError(t, ctx.Err())
		return oops
	})
	require.Same(t, oops, err)
}

func TestNoCommandIsEvaluatedDuringACall(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		root, id := tallyOf(t)
		err := root.Call(t.Context(), id, func(context.Context, aggregate.Instance[tally]) error {
			go evaluate(t, root, adds(id, 1))
			time.Sleep(time.Minute)
			live, _ := root.Whereis(id)
			require.EqualValues(t, 0, live.Sequence)
			require.Equal(t, 1, live.Depth)
			return nil
		})
		require.NoError(t, err)
		synctest.Wait()
		require.Equal(t, 1, get(t, root, id).Total)
	})
}

func TestSnapshotStoresTheLatestState(t *testing.T) {
	t.Parallel()
	s := memory.New()
	here, there := newRoot(t, s, nil), newRoot(t, s, nil)
	id := newID(t, here)
	require.NoError(t, here.Snapshot(t.Context(), id), "nothing to store")
	got, err := s.LatestSnapshot(t.Context(), id, store.Range{})
	require.NoError(t, err)
	require.Nil(t, got)

	evaluate(t, here, adds(id, 1))
	evaluate(t, there, adds(id, 10))
	require.NoError(t, here.Snapshot(t.Context(), id))
	got, err = s.LatestSnapshot(t.Context(), id, store.Range{})
	require.NoError(t, err)
	require.EqualValues(t, 2, got.Sequence)
	require.JSONEq(t, `{"total": 11}`, unmarked(t, got))
}

func TestLookupFindsEventsByTimestamp(t *testing.T) {
	t.Parallel()
	root, id := tallyOf(t)
	events, err := root.EvaluateEvents(t.Context(), notes(id, "a", "b", "c"))
	require.NoError(t, err)
	found, err := root.Lookup(t.Context(), id, []hlc.Timestamp{events[2].Timestamp, newID(t, root), events[0].Timestamp})
	require.NoError(t, err)
	require.Equal(t, []types.Event{events[0], events[2]}, found)
	found, err = root.Lookup(t.Context(), id, nil)
	require.NoError(t, err)
	require.Empty(t, found)
	_, err = root.Lookup(t.Context(), hlc.Timestamp{}, nil)
	require.ErrorIs(t, err, aggregate.ErrInvalidID)
}
