package aggregate_test

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/eventmaestro/maestro/aggregate"
	"github.com/eventmaestro/maestro/hlc"
	"github.com/eventmaestro/maestro/store"
	"github.com/eventmaestro/maestro/store/memory"
)

// Law 7: one at a time.

func TestHandlersOfAnAggregateNeverRunConcurrently(t *testing.T) {
	t.Parallel()
	var overlaps atomic.Int64
	s := memory.New()
	sup := newSupervisor(t, s, nil)
	root, err := aggregate.NewRoot(sup, tallies(guardedTallies(&overlaps), func(d *aggregate.Definition[tally]) {
		d.Idle = aggregate.IdlePolicy{Hibernate: time.Millisecond, Exit: 2 * time.Millisecond}
		d.Snapshots.Every = 10
	}))
	require.NoError(t, err)
	other := newRoot(t, s, nil) // makes conflicts, so that events are also applied on reading
	id := newID(t, root)
	jobs := []func(context.Context) error{
		func(ctx context.Context) error { return root.Evaluate(ctx, adds(id, 1)) },
		func(ctx context.Context) error { _, err := root.EvaluateState(ctx, adds(id, 1)); return err },
		func(ctx context.Context) error { return other.Evaluate(ctx, adds(id, 1)) },
		func(ctx context.Context) error { _, err := root.Get(ctx, id); return err },
		func(ctx context.Context) error { _, err := root.Fetch(ctx, id); return err },
		func(ctx context.Context) error { _, err := root.Replay(ctx, id, 5); return err },
		func(ctx context.Context) error { _, err := root.ReplayAt(ctx, id, time.Now()); return err },
		func(ctx context.Context) error { return root.Snapshot(ctx, id) },
		func(ctx context.Context) error {
			var inside atomic.Bool
			return root.Call(ctx, id, func(context.Context, aggregate.Instance[tally]) error {
				if inside.Swap(true) {
					overlaps.Add(1)
				}
				return nil
			})
		},
	}
	var all sync.WaitGroup
	for _, job := range jobs {
		for range 2 {
			all.Go(func() {
				for range 100 {
					if err := job(t.Context()); err != nil {
						t.Error(err)
						return
					}
				}
			})
		}
	}
	all.Wait()
	require.Zero(t, overlaps.Load())
	require.Len(t, logOf(t, s, id), 600)
	require.Equal(t, 600, fetch(t, root, id).Total)
}

func TestReturnedStatesAreNobodyElses(t *testing.T) {
	t.Parallel()
	root, id := tallyOf(t)
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() { // the race detector watches
			for range 50 {
				state, err := root.EvaluateState(t.Context(), notes(id, "a"))
				if err != nil {
					t.Error(err)
					return
				}
				for i := range state.Notes {
					state.Notes[i] = "spoilt"
				}
				clear(state.Marks)
			}
		})
	}
	all.Wait()
	require.Equal(t, map[string]int{"a": 400}, get(t, root, id).Marks)
	require.NotContains(t, get(t, root, id).Notes, "spoilt")
}

// Law 10: time follows causality.

func skewed(by time.Duration) *hlc.Clock {
	return hlc.NewClock(&hlc.Options{Now: func() time.Time { return time.Now().Add(by) }})
}

func TestTimestampsRiseAcrossProcessesWhoseClocksDisagree(t *testing.T) {
	t.Parallel()
	for name, skew := range map[string]time.Duration{"within the bound": 299 * time.Second, "an hour": time.Hour, "a century": 100 * 365 * 24 * time.Hour} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			onEveryStore(t, func(t *testing.T, open func() store.Adapter) {
				fast := newRoot(t, open(), &aggregate.Options{Clock: skewed(skew)})
				slow := newRoot(t, open(), &aggregate.Options{Clock: skewed(-skew / 4)})
				id := stampAt(t, 1, 1)
				for range 10 {
					evaluate(t, fast, adds(id, 1))
					evaluate(t, slow, adds(id, 1), adds(id, 1))
				}
				log := logOf(t, open(), id) // which checks that they rise
				require.Len(t, log, 30)
				require.Equal(t, 30, fetch(t, slow, id).Total)
				require.Equal(t, 30, fetch(t, fast, id).Total)
			})
		})
	}
}

func TestALogAheadOfTheClockIsServedWithAWarning(t *testing.T) {
	t.Parallel()
	s, j := memory.New(), new(journal)
	fast := newRoot(t, s, &aggregate.Options{Clock: skewed(time.Hour)})
	id := newID(t, fast)
	evaluate(t, fast, adds(id, 1))
	root := newRoot(t, s, &aggregate.Options{Logger: j.logger()})
	require.Equal(t, 1, get(t, root, id).Total)
	require.Len(t, j.lines(`level=WARN msg="the log is ahead of the clock" root=tally aggregate=`+id.String()), 1)
	evaluate(t, root, adds(id, 1))
	require.Len(t, logOf(t, s, id), 2)
	other := newID(t, root)
	require.Less(t, time.Until(other.Time()), time.Minute, "other histories are not dragged along")
}

func TestAClockTakesNoteOfWhatIsRead(t *testing.T) {
	t.Parallel()
	s := memory.New()
	ahead := newRoot(t, s, &aggregate.Options{Clock: skewed(time.Minute)})
	id := newID(t, ahead)
	evaluate(t, ahead, adds(id, 1))
	root := newRoot(t, s, nil)
	get(t, root, id)
	require.True(t, newID(t, root).After(logOf(t, s, id)[0].Timestamp), "what it issues next was caused by it")
}

func TestTwoClocksWithOneNodeIDPartWays(t *testing.T) {
	t.Parallel()
	onEveryStore(t, func(t *testing.T, open func() store.Adapter) {
		frozen := time.Now()
		var clocks []*hlc.Clock
		var journals []*journal
		var roots []*aggregate.Root[tally]
		for range 2 {
			clock, j := hlc.NewClock(&hlc.Options{Node: 7, Now: func() time.Time { return frozen }}), new(journal)
			clocks, journals = append(clocks, clock), append(journals, j)
			roots = append(roots, newRoot(t, open(), &aggregate.Options{Clock: clock, Logger: j.logger()}))
		}
		a, b := stampAt(t, 1, 1), stampAt(t, 2, 1)
		for range 5 { // the same timestamps on different aggregates
			evaluate(t, roots[0], adds(a, 1))
			evaluate(t, roots[1], adds(b, 1))
		}
		for range 5 { // and on one
			evaluate(t, roots[0], adds(a, 1))
			evaluate(t, roots[1], adds(a, 1))
		}
		require.Len(t, logOf(t, open(), a), 15)
		require.Len(t, logOf(t, open(), b), 5)
		require.NotEqual(t, clocks[0].Node(), clocks[1].Node())
		require.NotEmpty(t, append(journals[0].lines("same node id"), journals[1].lines("same node id")...))
	})
}
