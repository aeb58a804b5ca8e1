package memory_test

import (
	"iter"
	"testing"

	"github.com/eventmaestro/maestro/hlc"
	"github.com/eventmaestro/maestro/store"
	"github.com/eventmaestro/maestro/store/memory"
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
