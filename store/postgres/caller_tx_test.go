package postgres_test

import (
	"context"
	"errors"
	"testing"

	"github.com/eventmaestro/maestro/internal/lab/pgtest"
	"github.com/eventmaestro/maestro/migrations"
	"github.com/eventmaestro/maestro/store"
	"github.com/eventmaestro/maestro/store/postgres"
	"github.com/eventmaestro/maestro/types"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"
)

// transaction begins one on a store with tables for projections.
func transaction(t testing.TB, o pgx.TxOptions) (*postgres.Store, *pgxpool.Pool, pgx.Tx) {
	t.Helper()
	pool := pgtest.With(t, &migrations.Options{Metadata: true, Commands: true}, small)
	_, err := pool.Exec(t.Context(), `CREATE TABLE names (name text PRIMARY KEY CHECK (name <> 'bad'))`)
	require.NoError(t, err)
	tx, err := pool.BeginTx(t.Context(), o)
	require.NoError(t, err)
	end := context.WithoutCancel(t.Context())
	t.Cleanup(func() { _ = tx.Rollback(end) })
	return pgtest.Store(t, pool, &postgres.Options{Metadata: true, Commands: true}), pool, tx
}

func TestARefusedCommitLeavesTheTransactionUsable(t *testing.T) {
	t.Parallel()
	s, pool, tx := transaction(t, pgx.TxOptions{})
	taken := commit(stamp(), 1, 1)
	require.NoError(t, s.Commit(t.Context(), taken))
	used := commit(stamp(), 1, 1)
	used.Commands = []store.CommandRecord{{ID: "used", Last: 1}}
	require.NoError(t, s.Commit(t.Context(), used))

	inside := s.Tx(tx)
	again := commit(used.AggregateID, 2, 1)
	again.Commands = used.Commands
	stampTaken := commit(stamp(), 1, 1)
	stampTaken.Events[0].Timestamp = taken.Events[0].Timestamp
	badBody := commit(stamp(), 1, 3)
	badBody.Events[2].Body = []byte(`{"a":"\u0000"}`)
	for want, c := range map[error]store.Commit{
		store.ErrConflict: commit(taken.AggregateID, 1, 2), store.ErrDuplicateCommand: again,
		store.ErrDuplicateTimestamp: stampTaken, store.ErrInvalidEvent: badBody,
	} {
		require.ErrorIs(t, inside.Commit(t.Context(), c), want)
	}
	for _, p := range []store.Projection{batchedNames, directNames, misbehaving["a panic"], misbehaving["an ignored error"]} {
		var refused *store.ProjectionError
		require.ErrorAs(t, inside.Commit(t.Context(), projected(p, "bad")), &refused)
	}
	require.ErrorIs(t, inside.CommitSnapshot(t.Context(), types.Snapshot{AggregateID: stamp(), Sequence: 1, Body: []byte(`]`)}), store.ErrInvalidEvent)

	good := projected(batchedNames, "good", "too")
	require.NoError(t, inside.Commit(t.Context(), good))
	require.Equal(t, good.Events, stored(t, inside, good.AggregateID))
	require.Empty(t, stored(t, s, good.AggregateID), "outside")
	require.NoError(t, tx.Commit(t.Context()))
	require.Equal(t, good.Events, stored(t, s, good.AggregateID))
	require.Equal(t, []string{"good", "too"}, names(t, pool))
	require.Same(t, s, inside.Base())
}

func TestATransactionThatRollsBackTakesEverythingWithIt(t *testing.T) {
	t.Parallel()
	s, pool, tx := transaction(t, pgx.TxOptions{})
	inside := s.Tx(tx)
	c := projected(directNames, "a", "b")
	c.Commands = []store.CommandRecord{{ID: "id", Last: 2}}
	require.NoError(t, inside.Commit(t.Context(), c))
	require.NoError(t, inside.CommitSnapshot(t.Context(), types.Snapshot{AggregateID: c.AggregateID, Sequence: 2, Body: []byte(`{}`)}))
	snapshot, err := inside.LatestSnapshot(t.Context(), c.AggregateID, store.Range{})
	require.NoError(t, err)
	require.NotNil(t, snapshot)
	require.NoError(t, tx.Rollback(t.Context()))
	require.Empty(t, stored(t, s, c.AggregateID))
	require.Empty(t, names(t, pool))
	record, err := s.LookupCommand(t.Context(), c.AggregateID, "id")
	require.NoError(t, err)
	require.Nil(t, record)
	require.NoError(t, s.Commit(t.Context(), c))
}

func TestInsideASnapshotIsolatedTransactionWhatOthersCommittedIsAConflict(t *testing.T) {
	t.Parallel()
	for _, level := range []pgx.TxIsoLevel{pgx.RepeatableRead, pgx.Serializable} {
		s, _, tx := transaction(t, pgx.TxOptions{IsoLevel: level})
		inside := s.Tx(tx)
		id := stamp()
		require.Empty(t, stored(t, inside, id))
		require.NoError(t, s.Commit(t.Context(), commit(id, 1, 1)))
		require.ErrorIs(t, inside.Commit(t.Context(), commit(id, 1, 1)), store.ErrConflict)
		_, err := tx.Exec(t.Context(), `SELECT 1`)
		require.NoError(t, err, "the transaction is usable")
	}
}

func TestATransactionsOwnLockTimeoutHoldsInsideOfIt(t *testing.T) {
	t.Parallel()
	s, pool, tx := transaction(t, pgx.TxOptions{})
	c := commit(stamp(), 1, 1)
	foreign(t, pool, c)
	_, err := tx.Exec(t.Context(), `SET LOCAL lock_timeout = '30ms'`)
	require.NoError(t, err)
	require.ErrorIs(t, s.Tx(tx).Commit(t.Context(), c), store.ErrUnavailable)
	var timeout string
	require.NoError(t, tx.QueryRow(t.Context(), `SHOW lock_timeout`).Scan(&timeout))
	require.Equal(t, "30ms", timeout)
}

func TestALostConnectionLosesTheTransactionForCertain(t *testing.T) {
	t.Parallel()
	s, pool, tx := transaction(t, pgx.TxOptions{})
	_, err := pool.Exec(t.Context(), `SELECT pg_terminate_backend($1)`, tx.Conn().PgConn().PID())
	require.NoError(t, err)
	err = s.Tx(tx).Commit(t.Context(), commit(stamp(), 1, 1))
	require.ErrorIs(t, err, store.ErrUnavailable)
	require.NotErrorIs(t, err, store.ErrOutcomeUnknown)
}

func TestATransactionThatHasEndedIsNotSaidToBeUnavailable(t *testing.T) {
	t.Parallel()
	s, _, tx := transaction(t, pgx.TxOptions{})
	require.NoError(t, tx.Rollback(t.Context()))
	err := s.Tx(tx).Commit(t.Context(), commit(stamp(), 1, 1))
	require.ErrorIs(t, err, pgx.ErrTxClosed)
	require.NotErrorIs(t, err, store.ErrUnavailable, "to try again never helps")
	require.ErrorContains(t, err, "the application's transaction has ended")
}

func TestAContextThatEndsInAProjectionLeavesNothingBehindInTheTransaction(t *testing.T) {
	t.Parallel()
	for name, answer := range map[string]error{"refuses": errors.New("no"), "goes on": nil} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, _, tx := transaction(t, pgx.TxOptions{})
			ctx, cancel := context.WithCancel(t.Context())
			c := projected(postgres.Projection(func(context.Context, pgx.Tx, types.Event) error {
				cancel()
				return answer
			}), "x")
			err := s.Tx(tx).Commit(ctx, c)
			require.NoError(t, tx.Commit(t.Context()), "the transaction is usable")
			if answer == nil {
				require.NoError(t, err, "what was sent is seen through")
				require.Equal(t, c.Events, stored(t, s, c.AggregateID))
			} else {
				require.ErrorIs(t, err, context.Canceled)
				require.Empty(t, stored(t, s, c.AggregateID))
			}
		})
	}
}

func TestABatchedProjectionDoesNotEndTheTransactionOfTheApplication(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"a queued commit", "a queued rollback"} {
		s, _, tx := transaction(t, pgx.TxOptions{})
		c := projected(misbehaving[name], "x")
		var refused *store.ProjectionError
		require.ErrorAs(t, s.Tx(tx).Commit(t.Context(), c), &refused)
		_, err := tx.Exec(t.Context(), `SELECT 1`)
		require.NoError(t, err, "the transaction is usable")
		require.NoError(t, tx.Commit(t.Context()), "it is still the application's to end")
		require.Empty(t, stored(t, s, c.AggregateID))
	}
}

func TestAContextThatEndedSendsNothing(t *testing.T) {
	t.Parallel()
	s, _, tx := transaction(t, pgx.TxOptions{})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, adapter := range []store.Adapter{s, s.Tx(tx)} {
		err := adapter.Commit(ctx, commit(stamp(), 1, 1))
		require.ErrorIs(t, err, context.Canceled)
		require.False(t, errors.Is(err, store.ErrUnavailable) || errors.Is(err, store.ErrOutcomeUnknown))
	}
	_, err := tx.Exec(t.Context(), `SELECT 1`)
	require.NoError(t, err)
}
