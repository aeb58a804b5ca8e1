package aggregate_test

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"sync/atomic"
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

// unmanaged is a root whose supervisor the test ends itself.
func unmanaged(t *testing.T, a store.Adapter, o *aggregate.Options, change ...func(*aggregate.Definition[tally])) (*aggregate.Supervisor, *aggregate.Root[tally]) {
	t.Helper()
	sup, err := aggregate.NewSupervisor(a, o)
	require.NoError(t, err)
	root, err := aggregate.NewRoot(sup, tallies(change...))
	require.NoError(t, err)
	return sup, root
}

func TestAClosedSupervisorRefusesEverything(t *testing.T) {
	t.Parallel()
	s := memory.New()
	sup, root := unmanaged(t, s, nil)
	id := newID(t, root)
	evaluate(t, root, adds(id, 1))
	require.NoError(t, sup.Shutdown(t.Context()))
	require.NoError(t, sup.Shutdown(t.Context()), "again")

	_, err := root.NewID(t.Context())
	require.ErrorIs(t, err, aggregate.ErrClosed)
	require.ErrorIs(t, root.Evaluate(t.Context(), adds(id, 1)), aggregate.ErrClosed)
	_, err = root.Get(t.Context(), newIDOf(t))
	require.ErrorIs(t, err, aggregate.ErrClosed)
	_, err = root.Fetch(t.Context(), id)
	require.ErrorIs(t, err, aggregate.ErrClosed)
	_, err = root.Replay(t.Context(), id, 1)
	require.ErrorIs(t, err, aggregate.ErrClosed)
	require.ErrorIs(t, root.Snapshot(t.Context(), id), aggregate.ErrClosed)
	require.ErrorIs(t, root.Call(t.Context(), id, func(context.Context, aggregate.Instance[tally]) error { return nil }), aggregate.ErrClosed)
	require.Len(t, logOf(t, s, id), 1)
	for range sup.Aggregates() {
		t.Fatal("somebody stayed")
	}
}

func TestASupervisorThatWasNeverUsedEnds(t *testing.T) {
	t.Parallel()
	sup, _ := unmanaged(t, memory.New(), nil)
	require.NoError(t, sup.Shutdown(t.Context()))
}

func TestShutdownLetsTheWaitingEnd(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := memory.New()
		sup, root := unmanaged(t, s, nil)
		id := newID(t, root)
		release := occupy(t, root, id)
		for range 20 {
			go evaluate(t, root, adds(id, 1))
		}
		synctest.Wait()
		ended := make(chan error, 3)
		for range 3 { // whoever calls it waits
			go func() { ended <- sup.Shutdown(t.Context()) }()
		}
		synctest.Wait()
		require.Empty(t, ended)
		require.ErrorIs(t, root.Evaluate(t.Context(), adds(id, 1)), aggregate.ErrClosed)
		release()
		for range 3 {
			require.NoError(t, <-ended)
		}
		require.Len(t, logOf(t, s, id), 20)
	})
}

func TestShutdownSaysWhatItGaveUp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := memory.New()
		sup, root := unmanaged(t, s, nil)
		id := newID(t, root)
		end := make(chan struct{})
		working := make(chan error, 1)
		go func() { working <- root.Evaluate(t.Context(), runs(id, neverReturns(end))) }()
		synctest.Wait()
		waiting := make(chan error, 5)
		for range 5 {
			go func() { waiting <- root.Evaluate(t.Context(), adds(id, 1)) }()
		}
		evaluate(t, root, adds(newID(t, root), 1))
		synctest.Wait()

		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		err := sup.Shutdown(ctx)
		var gaveUp *aggregate.ShutdownError
		require.ErrorAs(t, err, &gaveUp)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.Equal(t, 5, gaveUp.Requests)
		require.Equal(t, []hlc.Timestamp{id}, gaveUp.Aggregates)
		require.EqualError(t, err, "aggregate: shutdown: gave up 5 requests and 0 snapshots, 1 aggregate still at work: context deadline exceeded")
		for range 5 {
			require.ErrorIs(t, <-waiting, aggregate.ErrClosed)
		}
		close(end)
		require.ErrorIs(t, <-working, aggregate.ErrClosed, "what comes after the end is not stored")
		require.Empty(t, logOf(t, s, id))
		require.NoError(t, sup.Shutdown(t.Context()), "now everybody has ended")
	})
}

func TestShutdownSavesEverySnapshotThatThePolicyWants(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const n = 1000
		s := newTap()
		s.commitSnapshot = func(_ context.Context, _ types.Snapshot, next func() error) error {
			time.Sleep(time.Millisecond)
			return next()
		}
		sup, root := unmanaged(t, s, nil, func(d *aggregate.Definition[tally]) { d.Idle.Snapshot = true })
		ids := make([]hlc.Timestamp, n)
		for i := range ids {
			ids[i] = newID(t, root)
			evaluate(t, root, adds(ids[i], 1))
		}
		time.Sleep(20 * time.Second)
		for _, id := range ids[:n/2] { // some are asleep, some are not
			get(t, root, id)
		}
		require.NoError(t, sup.Shutdown(t.Context()))
		for _, id := range ids {
			require.NotNil(t, snapshotOf(t, s, id))
		}
	})
}

func TestShutdownCountsTheSnapshotsItGivesUp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newTap()
		s.commitSnapshot = func(ctx context.Context, _ types.Snapshot, _ func() error) error {
			<-ctx.Done()
			return ctx.Err()
		}
		sup, root := unmanaged(t, s, nil, func(d *aggregate.Definition[tally]) { d.Idle.Snapshot = true })
		for range 7 {
			evaluate(t, root, adds(newID(t, root), 1))
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		var gaveUp *aggregate.ShutdownError
		require.ErrorAs(t, sup.Shutdown(ctx), &gaveUp)
		require.Equal(t, 7, gaveUp.Snapshots)
		require.Empty(t, gaveUp.Aggregates)
		synctest.Wait()
	})
}

func TestShutdownUnderLoadAnswersEverybodyTruly(t *testing.T) {
	t.Parallel()
	for range 20 {
		s := memory.New()
		sup, root := unmanaged(t, s, nil)
		ids := []hlc.Timestamp{newID(t, root), newID(t, root), newID(t, root)}
		var acked, refused atomic.Int64
		var all sync.WaitGroup
		for w := range 30 {
			all.Go(func() {
				for {
					err := root.Evaluate(t.Context(), adds(ids[w%3], 1))
					if err == nil {
						acked.Add(1)
						continue
					}
					if !errors.Is(err, aggregate.ErrClosed) {
						t.Error(err)
					}
					refused.Add(1)
					return
				}
			})
		}
		for acked.Load() < 500 {
			runtime.Gosched()
		}
		require.NoError(t, sup.Shutdown(t.Context()))
		all.Wait()
		stored := 0
		for _, id := range ids {
			stored += len(logOf(t, s, id))
		}
		require.EqualValues(t, acked.Load(), stored)
		require.EqualValues(t, 30, refused.Load())
	}
}

func TestASnapshotThatEndsItsGoroutineHoldsUpNeitherOthersNorAShutdown(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := memory.New()
		sup, root := unmanaged(t, s, nil, func(d *aggregate.Definition[tally]) {
			d.Snapshots.Every = 1
			d.PrepareSnapshot = func(c aggregate.Instance[tally]) (any, error) {
				if c.State.Total == 1 {
					runtime.Goexit()
				}
				return c.State, nil
			}
		})
		for range 10 {
			evaluate(t, root, adds(newID(t, root), 1))
		}
		id := newID(t, root)
		evaluate(t, root, adds(id, 2))
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		require.NoError(t, sup.Shutdown(ctx))
		require.NotNil(t, snapshotOf(t, s, id))
	})
}
