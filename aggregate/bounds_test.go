package aggregate_test

import (
	"context"
	"errors"
	"fmt"
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

// occupy keeps an aggregate busy until the function it returns is called, which waits for the end.
func occupy[S any](t *testing.T, root *aggregate.Root[S], id hlc.Timestamp) (release func()) {
	t.Helper()
	began, end, done := make(chan struct{}), make(chan struct{}), make(chan error, 1)
	go func() {
		done <- root.Call(context.WithoutCancel(t.Context()), id, func(context.Context, aggregate.Instance[S]) error {
			close(began)
			<-end
			return nil
		})
	}()
	<-began
	return func() {
		t.Helper()
		close(end)
		require.NoError(t, <-done)
	}
}

func TestAFullMailboxIsToldToWhoseContextEnds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := memory.New()
		root := newRoot(t, s, &aggregate.Options{MailboxSize: 2})
		id := newID(t, root)
		release := occupy(t, root, id)
		errs := make([]error, 4)
		for i := range errs {
			go func() {
				ctx, cancel := context.WithTimeout(t.Context(), time.Duration(10-i)*time.Second)
				defer cancel()
				errs[i] = root.Evaluate(ctx, adds(id, 1))
			}()
			synctest.Wait()
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		for i, err := range errs {
			require.ErrorIs(t, err, context.DeadlineExceeded)
			if i < 2 {
				require.NotErrorIs(t, err, aggregate.ErrMailboxFull, "it had a place")
				require.EqualError(t, err, "aggregate: waiting in the mailbox: context deadline exceeded")
			} else {
				require.ErrorIs(t, err, aggregate.ErrMailboxFull)
				require.EqualError(t, err, "aggregate: mailbox full: context deadline exceeded")
			}
		}
		release()
		require.Empty(t, logOf(t, s, id))
		evaluate(t, root, adds(id, 1))
	})
}

func TestAFullMailboxRefusesAtOnceWhereTheOptionSaysSo(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := memory.New()
		root := newRoot(t, s, &aggregate.Options{MailboxSize: 2, RefuseWhenFull: true})
		id := newID(t, root)
		release := occupy(t, root, id)
		var accepted, refused atomic.Int32
		var wg sync.WaitGroup
		for range 20_000 {
			wg.Go(func() {
				switch err := root.Evaluate(t.Context(), adds(id, 1)); {
				case err == nil:
					accepted.Add(1)
				case errors.Is(err, aggregate.ErrMailboxFull):
					refused.Add(1)
				}
			})
		}
		synctest.Wait()
		require.EqualValues(t, 19_998, refused.Load(), "none of these waits")
		release()
		wg.Wait()
		require.EqualValues(t, 2, accepted.Load())
		require.Len(t, logOf(t, s, id), 2)
	})
}

func TestWhoWaitsLongEnoughGetsThroughAFullMailbox(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := memory.New()
		root := newRoot(t, s, &aggregate.Options{MailboxSize: 2, MaxBatch: 3})
		id := newID(t, root)
		release := occupy(t, root, id)
		for range 50 {
			go evaluate(t, root, adds(id, 1))
		}
		synctest.Wait()
		live, _ := root.Whereis(id)
		require.Equal(t, 50, live.Depth)
		release()
		synctest.Wait()
		require.Len(t, logOf(t, s, id), 50)
	})
}

func TestRetriesAreBoundedAndCounted(t *testing.T) {
	t.Parallel()
	for attempts, o := range map[int]aggregate.Options{10: {}, 3: {MaxAttempts: 3}, 1: {MaxAttempts: 1}} {
		synctest.Test(t, func(t *testing.T) {
			s := newTap()
			there := newRoot(t, s.Store, nil)
			here := newRoot(t, s, &o)
			id := newID(t, here)
			s.commit = func(_ context.Context, _ store.Commit, next func() error) error {
				evaluate(t, there, adds(id, 1)) // always first
				return next()
			}
			evaluations := 0
			err := here.Evaluate(t.Context(), runs(id, func(context.Context, aggregate.Instance[tally]) ([]types.Uncommitted, error) {
				evaluations++
				return types.Events(types.NewEvent("noted", noted{"mine"})), nil
			}))
			require.ErrorIs(t, err, aggregate.ErrRetriesSpent)
			require.ErrorIs(t, err, store.ErrConflict)
			require.ErrorContains(t, err, fmt.Sprintf("nothing was stored in %d attempt", attempts))
			require.ErrorContains(t, err, id.String())
			require.Equal(t, attempts, evaluations, "each attempt is a decision")
			require.NotContains(t, typesOf(logOf(t, s, id)), "noted")

			s.set(func(s *tap) { s.commit = nil })
			evaluate(t, here, adds(id, 1))
			require.Equal(t, attempts+1, get(t, here, id).Total)
		})
	}
}

func TestTheEndOfTheContextEndsTheRetries(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newTap()
		s.commit = func(context.Context, store.Commit, func() error) error { return store.ErrConflict }
		root := newRoot(t, s, &aggregate.Options{MaxAttempts: 1_000_000})
		id := newID(t, root)
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		start := time.Now()
		require.ErrorIs(t, root.Evaluate(ctx, adds(id, 1)), context.DeadlineExceeded)
		require.Equal(t, time.Minute, time.Since(start))
		s.set(func(s *tap) { s.commit = nil })
		evaluate(t, root, adds(id, 1))
		require.Len(t, logOf(t, s, id), 1)
	})
}

func TestAHandlerThatNeverReturnsHoldsUpOnlyItsAggregate(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, j := memory.New(), new(journal)
		var stuck seen[aggregate.Stuck]
		root := newRoot(t, s, &aggregate.Options{Logger: j.logger(), Hooks: aggregate.Hooks{Stuck: stuck.hook}})
		id, other := newID(t, root), newID(t, root)
		end := make(chan struct{})
		ctx, cancel := context.WithTimeout(context.WithValue(t.Context(), ctxKey{}, "mine"), time.Second)
		defer cancel()
		start := time.Now()
		err := root.Evaluate(ctx, runs(id, neverReturns(end)))
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.Equal(t, time.Second, time.Since(start))

		list := stuck.all()
		require.Len(t, list, 1)
		require.Equal(t, "tally", list[0].Root)
		require.Equal(t, id, list[0].AggregateID)
		require.Equal(t, "run", list[0].Type)
		require.Equal(t, "mine", stuck.ctxs[0].Value(ctxKey{}))
		require.Len(t, j.lines("handler outlasts its caller"), 1)

		evaluate(t, root, adds(other, 1))
		for range 3 {
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			require.ErrorIs(t, root.Evaluate(ctx, adds(id, 1)), context.DeadlineExceeded)
			cancel()
		}
		require.Len(t, stuck.all(), 1, "those that wait in the mailbox are not stuck themselves")
		close(end)
		synctest.Wait()
		require.Empty(t, logOf(t, s, id), "its events came too late")
		evaluate(t, root, adds(id, 1))
		require.Len(t, logOf(t, s, id), 1)
	})
}

func neverReturns(end chan struct{}) plan {
	return func(context.Context, aggregate.Instance[tally]) ([]types.Uncommitted, error) {
		<-end
		return types.Events(types.NewEvent("added", added{100})), nil
	}
}

func TestTheStuckHookIsCalledAtMostOnceASecond(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var stuck seen[aggregate.Stuck]
		root := newRoot(t, memory.New(), &aggregate.Options{Hooks: aggregate.Hooks{Stuck: stuck.hook}})
		time.Sleep(time.Minute)
		end := make(chan struct{})
		for range 20 { // one every 100 ms, each on an aggregate of its own
			ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
			require.Error(t, root.Evaluate(ctx, runs(newID(t, root), neverReturns(end))))
			cancel()
		}
		require.Len(t, stuck.all(), 2)
		close(end)
	})
}

func TestAHandlerThatEndsItsGoroutineIsReportedAndTheOthersGoOn(t *testing.T) {
	t.Parallel()
	s := memory.New()
	root := newRoot(t, s, nil)
	id := newID(t, root)
	evaluate(t, root, notes(id, "a"))
	quit := runs(id, func(context.Context, aggregate.Instance[tally]) ([]types.Uncommitted, error) {
		runtime.Goexit()
		return nil, nil
	})
	var answered atomic.Int64
	errs := inOneBatch(t, root, id, 10, func(i int) error {
		defer answered.Add(1)
		if i == 5 {
			return root.Evaluate(t.Context(), quit)
		}
		return root.Evaluate(t.Context(), notes(id, "b"))
	})
	require.EqualValues(t, 10, answered.Load())
	var p *types.PanicError
	require.ErrorAs(t, errs[5], &p)
	require.ErrorContains(t, errs[5], "runtime.Goexit")
	stored := 1
	for _, err := range errs {
		if err == nil {
			stored++
		}
	}
	require.Len(t, logOf(t, s, id), stored, "who got an error is not in the log")
	require.Len(t, get(t, root, id).Notes, stored)

	err := root.Call(t.Context(), id, func(context.Context, aggregate.Instance[tally]) error { runtime.Goexit(); return nil })
	require.ErrorContains(t, err, "runtime.Goexit")
	err = root.Evaluate(t.Context(), emits(id, types.NewEvent("noted", noted{"never"}), types.NewEvent("bomb", bomb{"exit"})))
	require.ErrorContains(t, err, "runtime.Goexit")
	evaluate(t, root, notes(id, "c"))
	require.Len(t, get(t, root, id).Notes, stored+1)
	require.Equal(t, get(t, newRoot(t, s, nil), id), get(t, root, id))
}
