package memory_test

import (
	"context"
	"errors"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/eventmaestro/maestro/hlc"
	"github.com/eventmaestro/maestro/store"
	"github.com/eventmaestro/maestro/store/memory"
	"github.com/eventmaestro/maestro/types"
)

var errRefused = errors.New("refused by the test")

func TestLaterEventsAndProjectionsSeeWhatEarlierOnesWrote(t *testing.T) {
	t.Parallel()
	s := memory.New()
	counts := memory.NewTable[hlc.Timestamp, int](s)
	seen := memory.NewTable[types.Sequence, int](s)
	watching := memory.Projection(func(_ context.Context, tx *memory.ProjectionTx, e types.Event) error {
		n, _ := counts.In(tx).Get(e.AggregateID)
		return seen.In(tx).Insert(e.Sequence, n)
	})
	require.NoError(t, s.Commit(t.Context(), commitOf(now(), 1, 3, counting(counts), watching)))
	for i := range types.Sequence(3) {
		n, ok := seen.Get(i + 1)
		require.True(t, ok)
		require.Equal(t, int(i)+1, n)
	}
}

func TestReadersSeeRowsWithTheCommitAndNotBefore(t *testing.T) {
	t.Parallel()
	s := memory.New()
	counts := memory.NewTable[hlc.Timestamp, int](s)
	id := now()
	looking := memory.Projection(func(_ context.Context, tx *memory.ProjectionTx, e types.Event) error {
		require.Zero(t, counts.Len())
		_, ok := counts.Get(id)
		require.False(t, ok)
		require.Zero(t, length(t, s, id), "nor do they see the events")
		return nil
	})
	require.NoError(t, s.Commit(t.Context(), commitOf(id, 1, 2, counting(counts), looking)))
	n, ok := counts.Get(id)
	require.True(t, ok)
	require.Equal(t, 2, n)
}

func TestAPanicOfAProjectionRefusesTheCommitAndLeavesTheStoreWell(t *testing.T) {
	t.Parallel()
	for name, value := range map[string]any{"an error": errRefused, "text": "no good"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := memory.New()
			counts := memory.NewTable[hlc.Timestamp, int](s)
			id := now()
			panicking := memory.Projection(func(_ context.Context, _ *memory.ProjectionTx, e types.Event) error {
				if e.Sequence == 2 {
					panic(value)
				}
				return nil
			})
			err := s.Commit(t.Context(), commitOf(id, 1, 3, counting(counts), panicking))
			var refusal *store.ProjectionError
			require.ErrorAs(t, err, &refusal)
			require.Equal(t, types.Sequence(2), refusal.Event.Sequence)
			var panicked *types.PanicError
			require.ErrorAs(t, err, &panicked)
			require.Equal(t, value, panicked.Value)
			require.Contains(t, string(panicked.Stack), "projection_test.go")
			if cause, ok := value.(error); ok {
				require.ErrorIs(t, err, cause)
			}
			require.Zero(t, counts.Len())
			require.Zero(t, length(t, s, id))
			require.NoError(t, s.Commit(t.Context(), commitOf(id, 1, 1, counting(counts))))
		})
	}
}

func TestAProjectionThatEndsItsGoroutineLeavesTheStoreWell(t *testing.T) {
	t.Parallel()
	s := memory.New()
	id := now()
	var ended sync.WaitGroup
	ended.Go(func() {
		_ = s.Commit(t.Context(), commitOf(id, 1, 1, memory.Projection(
			func(context.Context, *memory.ProjectionTx, types.Event) error { runtime.Goexit(); return nil },
		)))
	})
	ended.Wait()
	require.Zero(t, length(t, s, id))
	require.NoError(t, s.Commit(t.Context(), commitOf(id, 1, 1)))
	require.NoError(t, s.Commit(t.Context(), commitOf(id, 2, 1, counting(memory.NewTable[hlc.Timestamp, int](s)))))
}

func TestCommitsWithProjectionsRunOneAfterTheOther(t *testing.T) {
	t.Parallel()
	s := memory.New()
	total := memory.NewTable[string, int](s)
	adding := memory.Projection(func(_ context.Context, tx *memory.ProjectionTx, _ types.Event) error {
		rows := total.In(tx)
		n, _ := rows.Get("all")
		runtime.Gosched()
		rows.Put("all", n+1)
		return nil
	})
	var writers sync.WaitGroup
	for range 8 {
		writers.Go(func() {
			id := now()
			for i := range types.Sequence(50) {
				if err := s.Commit(t.Context(), commitOf(id, i+1, 1, adding)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	writers.Wait()
	n, _ := total.Get("all")
	require.Equal(t, 400, n)
}

// TestACommitThatIsOvertakenWhileItsProjectionsRunConflictsAndLeavesNoRows lets a plain commit of
// the same aggregate come while the projection runs.
func TestACommitThatIsOvertakenWhileItsProjectionsRunConflictsAndLeavesNoRows(t *testing.T) {
	t.Parallel()
	s := memory.New()
	id := now()
	counts := memory.NewTable[hlc.Timestamp, int](s)
	first := commitOf(id, 1, 1)
	overtaking := memory.Projection(func(context.Context, *memory.ProjectionTx, types.Event) error {
		return s.Commit(t.Context(), first)
	})
	require.ErrorIs(t, s.Commit(t.Context(), commitOf(id, 1, 2, counting(counts), overtaking)), store.ErrConflict)
	require.Equal(t, 1, length(t, s, id))
	require.Zero(t, counts.Len())
	require.NoError(t, s.Commit(t.Context(), commitOf(id, 2, 1, counting(counts))))
}

func TestAContextEndsTheWaitForOtherProjections(t *testing.T) {
	t.Parallel()
	s := memory.New()
	counts := memory.NewTable[hlc.Timestamp, int](s)
	tx := begin(t, s)
	defer tx.Abort(t.Context())
	require.NoError(t, tx.Commit(t.Context(), commitOf(now(), 1, 1, counting(counts))))
	ctx, cancel := context.WithCancel(t.Context())
	go cancel()
	id := now()
	require.ErrorIs(t, s.Commit(ctx, commitOf(id, 1, 1, counting(counts))), context.Canceled)
	require.Zero(t, length(t, s, id))
}

func TestAProjectionHasAContextThatDoesNotEndAndAnEventOfItsOwn(t *testing.T) {
	t.Parallel()
	s := memory.New()
	ctx, cancel := context.WithCancel(types.WithMetadata(t.Context(), types.Metadata{Actor: "someone"}))
	c := commitOf(now(), 1, 1, memory.Projection(func(ctx context.Context, _ *memory.ProjectionTx, e types.Event) error {
		cancel()
		require.NoError(t, ctx.Err())
		require.Equal(t, "someone", types.MetadataFrom(ctx).Actor)
		e.Body[0] = 'x'
		return nil
	}))
	require.NoError(t, s.Commit(ctx, c))
	require.JSONEq(t, `{"by": 1}`, string(c.Events[0].Body))
	require.Equal(t, 1, length(t, s, c.AggregateID))
}

func TestMisuseOfAProjectionPanics(t *testing.T) {
	t.Parallel()
	s := memory.New()
	require.Nil(t, memory.Projection(nil), "which aggregate.NewRoot refuses")
	own, foreign := memory.NewTable[int, int](s), memory.NewTable[int, int](memory.New())
	var kept *memory.ProjectionTx
	var rows *memory.Rows[int, int]
	require.NoError(t, s.Commit(t.Context(), commitOf(now(), 1, 1, memory.Projection(
		func(_ context.Context, tx *memory.ProjectionTx, _ types.Event) error {
			kept, rows = tx, own.In(tx)
			return nil
		},
	))))
	require.Panics(t, func() { own.In(kept) }, "after its commit")
	require.Panics(t, func() { rows.Put(1, 1) }, "after its commit")
	require.Panics(t, func() { rows.Delete(1) }, "after its commit")
	err := s.Commit(t.Context(), commitOf(now(), 1, 1, memory.Projection(
		func(_ context.Context, tx *memory.ProjectionTx, _ types.Event) error {
			foreign.In(tx).Put(1, 1)
			return nil
		},
	)))
	require.ErrorContains(t, err, "another store")
	require.True(t, strings.HasPrefix(err.Error(), "store: projection of"), err)
}
