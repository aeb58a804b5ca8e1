package aggregate_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/eventmaestro/maestro/aggregate"
	"github.com/eventmaestro/maestro/store"
	"github.com/eventmaestro/maestro/store/memory"
	"github.com/eventmaestro/maestro/types"
)

// seen collects what a hook was told.
type seen[E any] struct {
	mu   sync.Mutex
	list []E
	ctxs []context.Context
}

func (s *seen[E]) hook(ctx context.Context, e E) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.list, s.ctxs = append(s.list, e), append(s.ctxs, ctx)
}

func (s *seen[E]) plain(e E) { s.hook(context.Background(), e) }

func (s *seen[E]) all() []E {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]E(nil), s.list...)
}

type ctxKey struct{}

func TestTheEvaluateHookIsCalledForEveryAnswer(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var got seen[aggregate.Evaluation]
		root := newRoot(t, memory.New(), &aggregate.Options{Hooks: aggregate.Hooks{Evaluate: got.hook}})
		id := newID(t, root)
		start := time.Now()
		ctx := context.WithValue(t.Context(), ctxKey{}, "mine")
		require.NoError(t, root.Evaluate(ctx, runs(id, func(context.Context, aggregate.Instance[tally]) ([]types.Uncommitted, error) {
			time.Sleep(time.Second)
			return nil, nil
		})))
		require.Error(t, root.Evaluate(ctx, adds(id, -1)))
		require.Error(t, root.Evaluate(ctx, types.Command{AggregateID: id, Type: "nonsense"}))

		list := got.all()
		require.Equal(t, aggregate.Evaluation{Root: "tally", AggregateID: id, Type: "run", Start: start, Duration: time.Second, Attempts: 1}, list[0])
		require.ErrorIs(t, list[1].Err, aggregate.ErrRejected)
		require.Equal(t, 1, list[1].Attempts)
		require.ErrorIs(t, list[2].Err, aggregate.ErrUnknownCommand)
		require.Zero(t, list[2].Attempts)
		require.Len(t, list, 3)
		require.Equal(t, "mine", got.ctxs[0].Value(ctxKey{}))
	})
}

func TestCommitAndConflictHooksTellOfEveryAttempt(t *testing.T) {
	t.Parallel()
	s := memory.New()
	var commits seen[aggregate.Committed]
	var conflicts seen[aggregate.Conflict]
	var evaluations seen[aggregate.Evaluation]
	here := newRoot(t, s, &aggregate.Options{Hooks: aggregate.Hooks{Commit: commits.hook, Conflict: conflicts.hook, Evaluate: evaluations.hook}})
	there := newRoot(t, s, nil)
	id := newID(t, here)
	get(t, here, id)
	evaluate(t, there, adds(id, 1))
	ctx := context.WithValue(t.Context(), ctxKey{}, "mine")
	require.NoError(t, here.Evaluate(ctx, notes(id, "a", "b")))

	list := commits.all()
	require.Len(t, list, 2)
	for i := range list {
		require.Equal(t, "tally", list[i].Root)
		require.Equal(t, id, list[i].AggregateID)
		require.Equal(t, 1, list[i].Commands)
		require.Equal(t, 2, list[i].Events)
		require.False(t, list[i].Start.IsZero())
		require.Equal(t, "mine", commits.ctxs[i].Value(ctxKey{}))
	}
	require.ErrorIs(t, list[0].Err, store.ErrConflict)
	require.NoError(t, list[1].Err)
	require.Equal(t, []aggregate.Conflict{{Root: "tally", AggregateID: id, Sequence: 0, Commands: 1, Attempt: 1}}, conflicts.all())
	require.Equal(t, 2, evaluations.all()[0].Attempts)
}

func TestTheLoadHookTellsWhatWasReadOrWhyNot(t *testing.T) {
	t.Parallel()
	s, oops := newTap(), errors.New("oops")
	var loads seen[aggregate.Loaded]
	root := newRoot(t, s, &aggregate.Options{Hooks: aggregate.Hooks{Load: loads.hook}})
	id := newID(t, root)
	evaluate(t, root, notes(id, "a", "b"))
	require.Zero(t, loads.all()[0].Sequence)

	cold := newRoot(t, s, &aggregate.Options{Hooks: aggregate.Hooks{Load: loads.hook}})
	s.set(func(s *tap) { s.load = failLoad(oops) })
	_, err := cold.Get(t.Context(), id)
	require.ErrorIs(t, err, oops)
	s.set(func(s *tap) { s.load = nil })
	get(t, cold, id)
	list := loads.all()
	require.Len(t, list, 3)
	require.ErrorIs(t, list[1].Err, oops)
	require.EqualValues(t, 2, list[2].Sequence)
	require.Equal(t, 2, list[2].Events)
	require.NoError(t, list[2].Err)
}

func TestTheSnapshotHookTellsOfEveryAttempt(t *testing.T) {
	t.Parallel()
	s, oops := newTap(), errors.New("oops")
	var saves seen[aggregate.Saved]
	root := newRoot(t, s, &aggregate.Options{Hooks: aggregate.Hooks{Snapshot: saves.plain}})
	id := newID(t, root)
	evaluate(t, root, adds(id, 1))
	require.NoError(t, root.Snapshot(t.Context(), id))
	s.set(func(s *tap) {
		s.commitSnapshot = func(context.Context, types.Snapshot, func() error) error { return oops }
	})
	evaluate(t, root, adds(id, 1))
	require.Error(t, root.Snapshot(t.Context(), id))
	list := saves.all()
	require.Greater(t, list[0].Bytes, len(`{"total": 1}`))
	list[0].Bytes = 0
	require.Equal(t, aggregate.Saved{Root: "tally", AggregateID: id, Sequence: 1}, list[0])
	require.ErrorIs(t, list[1].Err, oops)
}

func TestThePanicHookGetsTheValueAndTheStack(t *testing.T) {
	t.Parallel()
	var panics seen[aggregate.Panicked]
	j := new(journal)
	root := newRoot(t, memory.New(), &aggregate.Options{Logger: j.logger(), Hooks: aggregate.Hooks{Panic: panics.hook}})
	id := newID(t, root)
	require.Error(t, root.Evaluate(t.Context(), runs(id, explode)))
	require.Error(t, root.Call(t.Context(), id, func(context.Context, aggregate.Instance[tally]) error { panic("call") }))
	list := panics.all()
	require.Len(t, list, 2)
	require.Equal(t, "tally", list[0].Root)
	require.Equal(t, id, list[0].AggregateID)
	require.Equal(t, "run", list[0].Type)
	require.Equal(t, "boom", list[0].Err.Value)
	require.Contains(t, string(list[0].Err.Stack), "explode")
	require.Equal(t, "call", list[1].Err.Value)
	require.Empty(t, list[1].Type)
	require.Len(t, j.lines("level=ERROR"), 2)
}

func explode(context.Context, aggregate.Instance[tally]) ([]types.Uncommitted, error) { panic("boom") }

func TestLifecycleHooksNameTheAggregate(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var starts, sleeps, exits seen[aggregate.Lifecycle]
		root := newRoot(t, memory.New(), &aggregate.Options{Hooks: aggregate.Hooks{
			Start: starts.plain, Hibernate: sleeps.plain, Exit: exits.plain,
		}})
		id := newID(t, root)
		get(t, root, id)
		time.Sleep(20 * time.Minute)
		want := []aggregate.Lifecycle{{Root: "tally", AggregateID: id}}
		require.Equal(t, want, starts.all())
		require.Equal(t, want, sleeps.all())
		require.Equal(t, want, exits.all())
	})
}

func TestWithoutALoggerNothingIsLogged(t *testing.T) {
	t.Parallel()
	root, id := tallyOf(t)
	require.Error(t, root.Evaluate(t.Context(), runs(id, explode)))
}

func TestASupervisorShowsWhatItWasMadeWith(t *testing.T) {
	t.Parallel()
	s := memory.New()
	sup := newSupervisor(t, s, nil)
	require.Same(t, s, sup.Store())
	require.NotNil(t, sup.Clock())
}
