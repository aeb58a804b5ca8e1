package postgres_test

import (
	"context"
	"testing"
	"time"

	"github.com/eventmaestro/maestro/hlc"
	"github.com/eventmaestro/maestro/store"
	"github.com/eventmaestro/maestro/store/postgres"
	"github.com/eventmaestro/maestro/types"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"
)

func begun(t testing.TB, s *postgres.Store) store.OwnTx {
	t.Helper()
	tx, err := s.BeginTx(t.Context())
	require.NoError(t, err)
	t.Cleanup(func() { tx.Abort(context.WithoutCancel(t.Context())) })
	return tx
}

// inOrder are ids in the order in which locks are to be taken.
func inOrder() (lower, upper hlc.Timestamp) { return stamp(), stamp() }

// waitsInLine waits until a session waits for an aggregate's lock.
func waitsInLine(t testing.TB, pool *pgxpool.Pool) {
	t.Helper()
	watcher, err := pgxpool.NewWithConfig(t.Context(), pool.Config())
	require.NoError(t, err)
	defer watcher.Close()
	require.Eventually(t, func() bool {
		var waits bool
		err := watcher.QueryRow(t.Context(), `SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted AND locktype = 'advisory'
AND database = (SELECT oid FROM pg_database WHERE datname = current_database()))`).Scan(&waits)
		return err == nil && waits
	}, time.Minute, time.Millisecond)
}

func TestTwoAggregatesAreStoredInOneRoundTrip(t *testing.T) {
	t.Parallel()
	s, _, tr, w := tapped(t, true)
	transact := func(projections ...store.Projection) (a, b store.Commit) {
		tx := begun(t, s)
		a, b = commit(stamp(), 1, 1), commit(stamp(), 1, 2)
		a.Projections, b.Projections = projections, projections
		require.NoError(t, tx.Stage(b))
		require.NoError(t, tx.Stage(a))
		require.NoError(t, tx.End(t.Context()))
		return a, b
	}
	transact(nothing)
	transact()
	for _, projections := range [][]store.Projection{nil, {nothing}} {
		tr.take()
		w.take()
		a, b := transact(projections...)
		_, batches := tr.take()
		require.Equal(t, 1, batches)
		require.Equal(t, 1, w.take())
		require.Equal(t, a.Events, stored(t, s, a.AggregateID))
		require.Equal(t, b.Events, stored(t, s, b.AggregateID))
	}
}

func TestWhatIsRefusedInATransactionOfTheLibrarySaysWhy(t *testing.T) {
	t.Parallel()
	s, pool := crowd(t, nil, func(c *pgxpool.Config) { c.MaxConns = 2 })
	there := commit(stamp(), 1, 2)
	require.NoError(t, s.Commit(t.Context(), there))
	bad := commit(stamp(), 1, 1)
	bad.Events[0].Body = []byte(`"\u0000"`)
	twin := commit(stamp(), 1, 1)
	twin.Events[0].Timestamp = there.Events[0].Timestamp
	gone := commit(there.AggregateID, 3, 1)
	gone.Predecessor = stamp()
	for want, c := range map[error]store.Commit{
		store.ErrConflict: commit(there.AggregateID, 2, 1), store.ErrNoPredecessor: gone,
		store.ErrInvalidEvent: bad, store.ErrDuplicateTimestamp: twin,
	} {
		for _, end := range []bool{true, false} {
			tx := begun(t, s)
			good := commit(stamp(), 1, 1)
			require.NoError(t, tx.Stage(good))
			require.NoError(t, tx.Stage(c))
			var err error
			if end {
				err = tx.End(t.Context())
			} else {
				err = tx.Send(t.Context())
				require.ErrorIs(t, tx.End(t.Context()), want, "it can only be aborted")
			}
			require.ErrorIs(t, err, want)
			var conflict *store.ConflictError
			if want == store.ErrConflict { //nolint:errorlint // a key of the map
				require.ErrorAs(t, err, &conflict)
				require.Equal(t, there.Events, conflict.Events)
			}
			require.Empty(t, stored(t, s, good.AggregateID))
			require.Zero(t, pool.Stat().AcquiredConns())
		}
	}
}

// warmed is a store over a wire on which a transaction has ended already.
func warmed(t *testing.T, w *wire) (*postgres.Store, *pgxpool.Pool) {
	t.Helper()
	s, pool := crowd(t, nil, w.tap)
	tx := begun(t, s)
	require.NoError(t, tx.Stage(commit(stamp(), 1, 2)))
	require.NoError(t, tx.End(t.Context()))
	return s, pool
}

func TestALostAnswerToTheEndIsAnUnknownOutcome(t *testing.T) {
	t.Parallel()
	for f, stays := range map[fault]bool{cutFirst: false, cutAfter: true} {
		w := &wire{}
		s, pool := warmed(t, w)
		c := commit(stamp(), 1, 2)
		tx := begun(t, s)
		require.NoError(t, tx.Stage(c))
		w.breakNext(f)
		require.ErrorIs(t, tx.End(t.Context()), store.ErrOutcomeUnknown)
		require.Equal(t, stays, len(stored(t, s, c.AggregateID)) > 0)
		require.Zero(t, pool.Stat().AcquiredConns())

		// Before the end it is certain.
		c = commit(stamp(), 1, 2)
		tx = begun(t, s)
		require.NoError(t, tx.Stage(c))
		w.breakNext(f)
		err := tx.Send(t.Context())
		require.ErrorIs(t, err, store.ErrUnavailable)
		require.NotErrorIs(t, err, store.ErrOutcomeUnknown)
		tx.Abort(t.Context())
		require.Empty(t, stored(t, s, c.AggregateID))
	}
}

func TestStagedCommitsOfOneAggregateFollowEachOther(t *testing.T) {
	t.Parallel()
	s, pool := projecting(t)
	id := stamp()
	tx := begun(t, s)
	a, b := commit(id, 1, 2), commit(id, 3, 1)
	b.Predecessor = a.Events[1].Timestamp
	a.Projections, b.Projections = []store.Projection{batchedNames}, []store.Projection{batchedNames}
	a.Events[0].Type, a.Events[1].Type, b.Events[0].Type = "a", "b", "c"
	require.NoError(t, tx.Stage(a))
	require.NoError(t, tx.Stage(b))
	require.ErrorIs(t, tx.Stage(commit(id, 3, 1)), store.ErrConflict)
	require.ErrorIs(t, tx.Stage(commit(id, 5, 1)), store.ErrNoPredecessor)
	other := commit(id, 4, 1)
	other.Predecessor = stamp()
	require.ErrorIs(t, tx.Stage(other), store.ErrNoPredecessor)
	require.NoError(t, tx.End(t.Context()))
	require.Equal(t, append(a.Events, b.Events...), stored(t, s, id))
	require.Equal(t, []string{"a", "b", "c"}, names(t, pool))
}

func TestTheApplicationsStatementsSeeWhatIsStaged(t *testing.T) {
	t.Parallel()
	s, pool := projecting(t, func(c *pgxpool.Config) { c.MaxConns = 2 })
	count := func(q interface {
		QueryRow(context.Context, string, ...any) pgx.Row
	},
	) (n int) {
		require.NoError(t, q.QueryRow(t.Context(), `SELECT count(*) FROM event_log`).Scan(&n))
		return n
	}
	tx := begun(t, s)
	require.NoError(t, tx.Stage(commit(stamp(), 1, 1)))
	own, err := postgres.TxOf(t.Context(), tx)
	require.NoError(t, err)
	require.Equal(t, 1, count(own))
	direct := named("a", "b")
	direct.Projections = []store.Projection{postgres.Projection(func(ctx context.Context, tx pgx.Tx, e types.Event) error {
		_, err := tx.Exec(ctx, `INSERT INTO names VALUES ($1, $2)`, e.Type, int(e.Sequence))
		return err
	})}
	require.NoError(t, tx.Stage(direct))
	require.Equal(t, 3, count(own))
	require.Error(t, own.Commit(t.Context()))
	require.Error(t, own.Rollback(t.Context()))
	require.Equal(t, 0, count(pool))
	require.NoError(t, tx.Stage(commit(direct.AggregateID, 3, 1)))
	require.NoError(t, tx.End(t.Context()))
	require.Equal(t, 4, count(pool))
	require.Zero(t, pool.Stat().AcquiredConns())
}

func TestAnAbortedTransactionLeavesNoTrace(t *testing.T) {
	t.Parallel()
	s, pool := crowd(t, nil)
	id := stamp()
	tx := begun(t, s)
	require.NoError(t, tx.Stage(commit(id, 1, 1)))
	tx.Abort(t.Context())
	require.Error(t, tx.End(t.Context()))
	tx = begun(t, s)
	require.NoError(t, tx.Commit(t.Context(), commit(id, 1, 1)))
	require.Len(t, stored(t, tx, id), 1)
	tx.Abort(t.Context())
	require.Error(t, tx.Send(t.Context()))
	require.Empty(t, stored(t, s, id))
	require.Zero(t, pool.Stat().AcquiredConns())
	require.NoError(t, begun(t, s).End(t.Context()), "one that was asked for nothing")
}
