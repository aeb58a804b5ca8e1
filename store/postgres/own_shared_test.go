package postgres_test

import (
	"context"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/eventmaestro/maestro/store"
	"github.com/eventmaestro/maestro/store/postgres"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"
)

// endTogether ends transactions, one for each list of commits, at one moment, and returns their
// errors. The pool has one connection.
func endTogether(t testing.TB, s *postgres.Store, pool *pgxpool.Pool, transactions ...[]store.Commit) []error {
	t.Helper()
	release := hold(t, pool)
	errs := make([]error, len(transactions))
	var group sync.WaitGroup
	for i, commits := range transactions {
		tx := begun(t, s)
		for _, c := range commits {
			require.NoError(t, tx.Stage(c))
		}
		group.Go(func() { errs[i] = tx.End(context.WithoutCancel(t.Context())) })
	}
	deadline := time.Now().Add(10 * time.Second)
	for s.Waiting() != len(transactions)-1 && time.Now().Before(deadline) {
		runtime.Gosched()
	}
	release()
	group.Wait()
	require.True(t, time.Now().Before(deadline), "the transactions did not gather")
	return errs
}

func TestTransactionsThatEndAtOneMomentShareOne(t *testing.T) {
	t.Parallel()
	tr, w := &tracer{}, &wire{}
	s, pool := crowd(t, nil, traced(tr), w.tap)
	for range 2 { // the first prepares the statement
		var all [][]store.Commit
		for range 5 {
			all = append(all, []store.Commit{commit(stamp(), 1, 2), commit(stamp(), 1, 1)})
		}
		tr.take()
		w.take()
		for _, err := range endTogether(t, s, pool, all...) {
			require.NoError(t, err)
		}
		if statements, batches := tr.take(); batches == 1 {
			require.Len(t, statements, 3, "BEGIN, INSERT and COMMIT")
		}
		for _, commits := range all {
			for _, c := range commits {
				require.Equal(t, c.Events, stored(t, s, c.AggregateID))
			}
		}
	}
	tr.take()
	w.take()
	for _, err := range endTogether(t, s, pool, []store.Commit{commit(stamp(), 1, 1)}, []store.Commit{commit(stamp(), 1, 1)}) {
		require.NoError(t, err)
	}
	_, batches := tr.take()
	require.Equal(t, 1, batches)
	require.Equal(t, 1, w.take(), "round trips")
}

// Whatever is wrong with one of the transactions in a statement, it is stored in none of its parts,
// and the others are not affected.
func TestATransactionThatIsRefusedLeavesTheOthersInItsStatementAlone(t *testing.T) {
	t.Parallel()
	s, pool := projecting(t)
	there := commit(stamp(), 1, 2)
	require.NoError(t, s.Commit(t.Context(), there))
	badBody, twin := commit(stamp(), 1, 1), commit(stamp(), 1, 1)
	badBody.Events[0].Body = []byte(`"\u0000"`)
	twin.Events[0].Timestamp = there.Events[0].Timestamp
	gone := commit(there.AggregateID, 3, 1)
	gone.Predecessor = stamp()
	refused := map[string]store.Commit{
		"conflict": commit(there.AggregateID, 2, 1), "predecessor": gone, "body": badBody, "timestamp": twin,
		"projection": projected(batchedNames, "bad"),
	}
	want := map[string]error{
		"conflict": store.ErrConflict, "predecessor": store.ErrNoPredecessor, "body": store.ErrInvalidEvent,
		"timestamp": store.ErrDuplicateTimestamp,
	}
	for name, c := range refused {
		for _, place := range []int{0, 1, 2} {
			all := make([][]store.Commit, 3)
			for i := range all {
				all[i] = []store.Commit{commit(stamp(), 1, 1), commit(stamp(), 1, 1)}
			}
			all[place] = []store.Commit{all[place][0], c, all[place][1]}
			for i, err := range endTogether(t, s, pool, all...) {
				if i == place {
					require.Error(t, err, name)
					require.Empty(t, stored(t, s, all[i][0].AggregateID), name)
					require.Empty(t, stored(t, s, all[i][2].AggregateID), name)
				}
				switch target := want[name]; {
				case i != place:
					require.NoError(t, err, name)
					require.NotEmpty(t, stored(t, s, all[i][0].AggregateID))
					require.NotEmpty(t, stored(t, s, all[i][1].AggregateID))
				case target == nil:
					var refusal *store.ProjectionError
					require.ErrorAs(t, err, &refusal)
				default:
					require.ErrorIs(t, err, target)
				}
			}
		}
	}
	require.Len(t, stored(t, s, there.AggregateID), 2)
	require.Zero(t, pool.Stat().AcquiredConns())
}

// Transactions of one aggregate are not sent together: one would stand in the way of the other.
func TestTransactionsOfOneAggregateFollowEachOther(t *testing.T) {
	t.Parallel()
	s, pool := crowd(t, nil)
	id := stamp()
	first, second := commit(id, 1, 1), commit(id, 2, 1)
	second.Predecessor = first.Events[0].Timestamp
	release := hold(t, pool)
	var ends [2]chan error
	for i, c := range []store.Commit{first, second} {
		tx := begun(t, s)
		require.NoError(t, tx.Stage(commit(stamp(), 1, 1)))
		require.NoError(t, tx.Stage(c))
		ends[i] = make(chan error, 1)
		go func() { ends[i] <- tx.End(context.WithoutCancel(t.Context())) }()
		require.Eventually(t, func() bool { return s.Leading() && s.Waiting() == i }, time.Minute, time.Millisecond)
	}
	release()
	require.NoError(t, <-ends[0])
	require.NoError(t, <-ends[1])
}

func TestALostAnswerToSeveralTransactionsIsUnknownToEach(t *testing.T) {
	t.Parallel()
	for f, stays := range map[fault]bool{cutFirst: false, cutAfter: true} {
		w := &wire{}
		s, pool := warmed(t, w)
		all := [][]store.Commit{{commit(stamp(), 1, 1), commit(stamp(), 1, 1)}, {commit(stamp(), 1, 1), commit(stamp(), 1, 1)}}
		w.breakNext(f)
		for _, err := range endTogether(t, s, pool, all...) {
			require.ErrorIs(t, err, store.ErrOutcomeUnknown)
		}
		for _, commits := range all {
			for _, c := range commits {
				require.Equal(t, stays, len(stored(t, s, c.AggregateID)) > 0)
			}
		}
	}
}

// A cold aggregate in the middle of a transaction is no reason to begin it: the rows of the one
// before would be taken early, and out of order.
func TestAReadOfAnotherAggregateSendsNothingThatIsStaged(t *testing.T) {
	t.Parallel()
	tr := &tracer{}
	s, pool := crowd(t, nil, traced(tr))
	other := commit(stamp(), 1, 2)
	require.NoError(t, s.Commit(t.Context(), other))
	tx := begun(t, s)
	own := commit(stamp(), 1, 2)
	require.NoError(t, tx.Stage(own))
	tr.take()
	require.Equal(t, other.Events, stored(t, tx, other.AggregateID))
	for entry, err := range tx.Load(t.Context(), other.AggregateID, store.Range{}) {
		require.NoError(t, err)
		require.Equal(t, other.AggregateID, entry.Event.AggregateID)
	}
	require.Zero(t, pool.Stat().AcquiredConns())
	statements, _ := tr.take()
	require.Len(t, statements, 2)
	require.Equal(t, own.Events, stored(t, tx, own.AggregateID), "what is staged is seen")
	require.EqualValues(t, 1, pool.Stat().AcquiredConns(), "and has been sent")
	require.NoError(t, tx.End(t.Context()))
}
