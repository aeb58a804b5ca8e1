package aggregate_test

import (
	"context"
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
	"github.com/eventmaestro/maestro/types"
)

// Who leaves during a commit looks its timestamps up later, so they must be those of the events
// that may be stored.

func stampsOf(events []types.Event) (list []hlc.Timestamp) {
	for _, e := range events {
		list = append(list, e.Timestamp)
	}
	return list
}

func TestWhoLeavesDuringASecondAttemptIsToldOnlyItsTimestamps(t *testing.T) {
	t.Parallel()
	for _, texts := range [][]string{{"a"}, {"a", "b", "c"}} {
		synctest.Test(t, func(t *testing.T) {
			s := newTap()
			root := newRoot(t, s, nil)
			id := newID(t, root)
			attempts := 0
			s.commit = func(_ context.Context, _ store.Commit, next func() error) error {
				if attempts++; attempts == 1 {
					return store.ErrConflict
				}
				time.Sleep(10 * time.Second)
				return next()
			}
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			var unknown *aggregate.OutcomeUnknownError
			require.ErrorAs(t, root.Evaluate(ctx, notes(id, texts...)), &unknown)
			time.Sleep(time.Minute)
			synctest.Wait()
			require.Equal(t, 2, attempts)
			require.Equal(t, stampsOf(logOf(t, s, id)), unknown.Timestamps, "all of them found means that it was carried out")
		})
	}
}

// TestAnErrorWithTimestampsDoesNotKeepTheCommand is about those who keep such errors until they
// have looked.
func TestAnErrorWithTimestampsDoesNotKeepTheCommand(t *testing.T) {
	t.Parallel()
	s := newTap()
	end := make(chan struct{})
	s.commit = func(_ context.Context, _ store.Commit, next func() error) error {
		<-end
		return next()
	}
	root := newRoot(t, s, nil)
	id := newID(t, root)
	var forgotten atomic.Bool
	leave := func() error {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		go func() {
			for s.commits.Load() == 0 {
				runtime.Gosched()
			}
			cancel()
		}()
		data := &note{[]string{"a"}}
		runtime.AddCleanup(data, func(struct{}) { forgotten.Store(true) }, struct{}{})
		return root.Evaluate(ctx, types.Command{AggregateID: id, Type: "note", Data: data})
	}
	var unknown *aggregate.OutcomeUnknownError
	require.ErrorAs(t, leave(), &unknown)
	close(end)
	get(t, root, id) // comes after the commit
	require.Eventually(t, func() bool { runtime.GC(); return forgotten.Load() }, time.Minute, time.Millisecond)
	require.Equal(t, stampsOf(logOf(t, s, id)), unknown.Timestamps)
}

// TestTheTimestampsOfACommitWhoseGoroutineEndedStayRight uses requests again after one of them had
// the list.
func TestTheTimestampsOfACommitWhoseGoroutineEndedStayRight(t *testing.T) {
	t.Parallel()
	s := newTap()
	ending := func(_ context.Context, _ store.Commit, next func() error) error {
		require.NoError(t, next())
		runtime.Goexit()
		return nil
	}
	s.commit = ending
	root := newRoot(t, s, nil)
	id := newID(t, root)
	for i, ctx := range []context.Context{t.Context(), context.WithoutCancel(t.Context())} { // the second caller can't leave
		var unknown *aggregate.OutcomeUnknownError
		require.ErrorAs(t, root.Evaluate(ctx, adds(id, 1)), &unknown)
		s.set(func(s *tap) { s.commit = nil })
		evaluate(t, root, adds(id, 1), adds(id, 1))
		require.Equal(t, stampsOf(logOf(t, s, id)[3*i:3*i+1]), unknown.Timestamps)
		s.set(func(s *tap) { s.commit = ending })
	}
}

func TestNoCommitHasMoreCommandsThanMaxBatch(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newTap()
		var sizes []int
		s.commit = func(_ context.Context, c store.Commit, next func() error) error {
			sizes = append(sizes, len(c.Events))
			return next()
		}
		root := newRoot(t, s, &aggregate.Options{MaxBatch: 3})
		id := newID(t, root)
		release := occupy(t, root, id)
		for range 8 {
			go evaluate(t, root, adds(id, 1))
		}
		synctest.Wait()
		release()
		synctest.Wait()
		require.Equal(t, []int{3, 3, 2}, sizes)
	})
}

// TestACrowdThatIsAnsweredAsksAgainTogether measures, so it may try often: a machine that is busy
// with something else scatters a crowd. One that nobody waits for comes back one by one.
func TestACrowdThatIsAnsweredAsksAgainTogether(t *testing.T) {
	const callers, rounds = 16, 100
	together := 0.0 // commands a commit
	for try := 0; try < 50 && together < callers/8; try++ {
		s := newTap()
		root := newRoot(t, s, nil)
		id := newID(t, root)
		release := occupy(t, root, id)
		var all sync.WaitGroup
		for range callers {
			all.Go(func() {
				for range rounds {
					if err := root.Evaluate(t.Context(), adds(id, 1)); err != nil {
						t.Error(err)
					}
				}
			})
		}
		require.Eventually(t, func() bool { live, _ := root.Whereis(id); return live.Depth == callers }, time.Minute, time.Millisecond)
		release()
		all.Wait()
		together = callers * rounds / float64(s.commits.Load())
	}
	require.GreaterOrEqual(t, together, callers/8.0, "commands a commit")
}
