package memory_test

import (
	"context"
	"iter"
	"testing"
	"time"

	"github.com/eventmaestro/maestro/hlc"
	"github.com/eventmaestro/maestro/store"
	"github.com/eventmaestro/maestro/store/memory"
	"github.com/eventmaestro/maestro/types"
	"github.com/stretchr/testify/require"
)

func TestALoopGoesOnWithWhatWasThereWhenTheStoreGoesBack(t *testing.T) {
	t.Parallel()
	s := memory.New()
	id := now()
	require.NoError(t, s.Commit(t.Context(), commitOf(id, 1, 3))) // the list has room for one more
	require.NoError(t, s.Commit(t.Context(), commitOf(id, 4, 2)))
	goBack := s.Checkpoint()
	lost := commitOf(id, 6, 1)
	require.NoError(t, s.Commit(t.Context(), lost))
	next, stop := iter.Pull2(s.Events(t.Context(), id, store.Range{After: 4}))
	defer stop()
	_, err, _ := next()
	require.NoError(t, err)
	goBack()
	require.NoError(t, s.Commit(t.Context(), commitOf(id, 6, 1)))
	e, err, ok := next()
	require.True(t, ok)
	require.NoError(t, err)
	require.Equal(t, lost.Events[0].Timestamp, e.Timestamp)
}

func TestATransactionFromBeforeTheStoreWentBackIsLost(t *testing.T) {
	t.Parallel()
	s := memory.New()
	counts := memory.NewTable[hlc.Timestamp, int](s)
	id, other := now(), now()
	require.NoError(t, s.Commit(t.Context(), commitOf(id, 1, 1, counting(counts))))
	goBack := s.Checkpoint()
	require.NoError(t, s.Commit(t.Context(), commitOf(id, 2, 1, counting(counts))))
	tx := begin(t, s)
	require.NoError(t, tx.Commit(t.Context(), commitOf(other, 1, 1)))
	goBack()
	require.ErrorIs(t, tx.End(t.Context()), store.ErrUnavailable)
	require.Zero(t, length(t, s, other))
	require.Equal(t, 1, length(t, s, id))
	n, _ := counts.Get(id)
	require.Equal(t, 1, n, "tables go back too")
}

func TestWhatWasMadeAfterACheckpointGoesBackToItsBeginning(t *testing.T) {
	t.Parallel()
	s := memory.New()
	goBack := s.Checkpoint()
	counts := memory.NewTable[hlc.Timestamp, int](s)
	tail, err := memory.NewTail(s, &memory.TailOptions{Name: "a"})
	require.NoError(t, err)
	id := now()
	handedOut := func() (sequences []types.Sequence) {
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() {
			ended <- tail.Run(ctx, func(_ context.Context, _ *memory.ProjectionTx, events []types.Event) error {
				for _, e := range events {
					sequences = append(sequences, e.Sequence)
				}
				return nil
			})
		}()
		require.Eventually(t, func() bool {
			p, err := tail.Progress(t.Context())
			return err == nil && p.Events == 0
		}, time.Minute, time.Millisecond)
		stop()
		require.ErrorIs(t, <-ended, context.Canceled)
		return sequences
	}
	require.NoError(t, s.Commit(t.Context(), commitOf(id, 1, 2, counting(counts))))
	require.Equal(t, []types.Sequence{1, 2}, handedOut())
	goBack()
	require.Zero(t, counts.Len())
	require.NoError(t, s.Commit(t.Context(), commitOf(id, 1, 3)))
	require.Equal(t, []types.Sequence{1, 2, 3}, handedOut())
}
