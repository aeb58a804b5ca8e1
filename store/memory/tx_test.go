package memory_test

import (
	"context"
	"sync"
	"testing"

	"github.com/eventmaestro/maestro/hlc"
	"github.com/eventmaestro/maestro/store"
	"github.com/eventmaestro/maestro/store/memory"
	"github.com/eventmaestro/maestro/types"
	"github.com/stretchr/testify/require"
)

func TestATransactionThatSomebodyOvertookLoses(t *testing.T) {
	t.Parallel()
	s := memory.New()
	a, b := now(), now()
	tx := begin(t, s)
	require.NoError(t, tx.Commit(t.Context(), commitOf(a, 1, 2)))
	require.NoError(t, tx.Commit(t.Context(), commitOf(b, 1, 1)))
	require.NoError(t, s.Commit(t.Context(), commitOf(a, 1, 1)))
	require.ErrorIs(t, tx.Commit(t.Context(), commitOf(a, 3, 1)), store.ErrConflict)
	require.Equal(t, 2, length(t, tx, a), "it sees its own events")
	require.ErrorIs(t, tx.End(t.Context()), store.ErrConflict)
	require.Equal(t, 1, length(t, s, a))
	require.Zero(t, length(t, s, b), "all of it or nothing")
}

func TestATransactionLosesWithATimestampOrACommandIDThatWasTaken(t *testing.T) {
	t.Parallel()
	s := memory.New()
	a, b := now(), now()
	c := commitOf(a, 1, 1)
	stamped := begin(t, s)
	require.NoError(t, stamped.Commit(t.Context(), c))
	other := commitOf(b, 1, 1)
	other.Events[0].Timestamp = c.Events[0].Timestamp
	used := begin(t, s)
	id := store.Commit{AggregateID: b, Commands: []store.CommandRecord{{ID: "a"}}}
	require.NoError(t, used.Commit(t.Context(), id))
	require.NoError(t, s.Commit(t.Context(), other))
	require.NoError(t, s.Commit(t.Context(), id))
	require.ErrorIs(t, stamped.End(t.Context()), store.ErrDuplicateTimestamp)
	require.ErrorIs(t, used.End(t.Context()), store.ErrDuplicateCommand)
	require.Zero(t, length(t, s, a))
}

func TestATransactionOfSeveralAggregatesLooksForAConflictFirst(t *testing.T) {
	t.Parallel()
	for range 20 { // the order of the aggregates is left to chance
		s := memory.New()
		a, b := now(), now()
		tx := begin(t, s)
		id := store.Commit{AggregateID: b, Commands: []store.CommandRecord{{ID: "a"}}}
		require.NoError(t, tx.Commit(t.Context(), commitOf(a, 1, 1)))
		require.NoError(t, tx.Commit(t.Context(), id))
		require.NoError(t, s.Commit(t.Context(), commitOf(a, 1, 1)))
		require.NoError(t, s.Commit(t.Context(), id))
		require.ErrorIs(t, tx.End(t.Context()), store.ErrConflict)
	}
}

func TestATransactionThatHasEndedSaysSo(t *testing.T) {
	t.Parallel()
	s := memory.New()
	tx := begin(t, s)
	require.NoError(t, tx.End(t.Context()))
	ctx, id := t.Context(), now()
	tx.Abort(ctx)
	require.ErrorIs(t, tx.End(ctx), memory.ErrTxDone)
	require.ErrorIs(t, tx.Commit(ctx, commitOf(id, 1, 1)), memory.ErrTxDone)
	require.ErrorIs(t, tx.CommitSnapshot(ctx, types.Snapshot{AggregateID: id, Sequence: 1, Body: []byte("1")}), memory.ErrTxDone)
	_, err := tx.LatestSnapshot(ctx, id, store.Range{})
	require.ErrorIs(t, err, memory.ErrTxDone)
	_, err = tx.(store.CommandLog).LookupCommand(ctx, id, "a")
	require.ErrorIs(t, err, memory.ErrTxDone)
	for _, err := range tx.Events(ctx, id, store.Range{}) {
		require.ErrorIs(t, err, memory.ErrTxDone)
	}
	for _, err := range tx.Load(ctx, id, store.Range{}) {
		require.ErrorIs(t, err, memory.ErrTxDone)
	}
	_, err = tx.(store.CommandLog).PruneCommands(ctx, now().Time())
	require.ErrorIs(t, err, store.ErrUnsupported)
}

func TestATransactionWhoseContextHasEndedIsRolledBack(t *testing.T) {
	t.Parallel()
	s := memory.New()
	counts := memory.NewTable[hlc.Timestamp, int](s)
	id := now()
	tx := begin(t, s)
	require.NoError(t, tx.Commit(t.Context(), commitOf(id, 1, 1, counting(counts))))
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorIs(t, tx.End(ended), context.Canceled)
	require.Zero(t, length(t, s, id))
	require.NoError(t, s.Commit(t.Context(), commitOf(id, 1, 1, counting(counts))), "nobody waits for it")
	n, _ := counts.Get(id)
	require.Equal(t, 1, n)
}

func TestATransactionsOlderSnapshotDoesNotReplaceANewerOne(t *testing.T) {
	t.Parallel()
	s := memory.New()
	sn := types.Snapshot{AggregateID: now(), Sequence: 2, Body: []byte(`2`)}
	tx := begin(t, s)
	require.NoError(t, tx.CommitSnapshot(t.Context(), sn))
	sn.Sequence, sn.Body = 3, []byte(`3`)
	require.NoError(t, s.CommitSnapshot(t.Context(), sn))
	seen, err := tx.LatestSnapshot(t.Context(), sn.AggregateID, store.Range{})
	require.NoError(t, err)
	require.Equal(t, sn, *seen)
	require.NoError(t, tx.End(t.Context()))
	kept, err := s.LatestSnapshot(t.Context(), sn.AggregateID, store.Range{})
	require.NoError(t, err)
	require.Equal(t, sn, *kept)
}

// TestTransactionsOfTheSameAggregatesNeverDeadlock lets transactions touch all of ten aggregates,
// each in an order of its own, and compares what they were told with what is stored.
func TestTransactionsOfTheSameAggregatesNeverDeadlock(t *testing.T) {
	t.Parallel()
	s := memory.New()
	ids := make([]hlc.Timestamp, 10)
	for i := range ids {
		ids[i] = now()
	}
	var mu sync.Mutex
	committed := 0
	var writers sync.WaitGroup
	for w := range 8 {
		writers.Go(func() {
			for range 50 {
				tx := begin(t, s)
				for i := range ids {
					id := ids[(i*3+w)%len(ids)]
					next := types.Sequence(1)
					for _, err := range tx.Events(t.Context(), id, store.Range{}) {
						if err == nil {
							next++
						}
					}
					_ = tx.Commit(t.Context(), commitOf(id, next, 1)) // a conflict is all right
				}
				if tx.End(t.Context()) == nil {
					mu.Lock()
					committed++
					mu.Unlock()
				}
			}
		})
	}
	writers.Wait()
	require.Positive(t, committed)
	total := 0
	for _, id := range ids {
		total += length(t, s, id)
	}
	require.LessOrEqual(t, total, committed*len(ids))
	require.GreaterOrEqual(t, total, committed)
}
