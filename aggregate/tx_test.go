package aggregate_test

import (
	"context"
	"errors"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/eventmaestro/maestro/aggregate"
	"github.com/eventmaestro/maestro/hlc"
	"github.com/eventmaestro/maestro/internal/lab/pgtest"
	"github.com/eventmaestro/maestro/migrations"
	"github.com/eventmaestro/maestro/store"
	"github.com/eventmaestro/maestro/store/memory"
	"github.com/eventmaestro/maestro/store/postgres"
	"github.com/eventmaestro/maestro/types"
)

// appTx is a transaction of the application, with the adapter in it.
type appTx struct {
	store.Tx
	own interface {
		Commit(ctx context.Context) error
		Rollback(ctx context.Context) error
	}
}

// inMemory is the end of a transaction in memory.
type inMemory struct{ store.OwnTx }

func (tx inMemory) Commit(ctx context.Context) error { return tx.End(ctx) }

func (tx inMemory) Rollback(ctx context.Context) error { tx.Abort(ctx); return nil }

// onEveryTx runs a test with transactions of memory and of Postgres, with command ids.
func onEveryTx(t *testing.T, test func(t *testing.T, s store.Adapter, begin func() appTx)) {
	t.Helper()
	t.Run("memory", func(t *testing.T) {
		t.Parallel()
		s := memory.New()
		test(t, s, func() appTx {
			tx, err := s.BeginTx(t.Context())
			require.NoError(t, err)
			return appTx{tx, inMemory{tx}}
		})
	})
	t.Run("postgres", func(t *testing.T) {
		t.Parallel()
		pool := pgtest.With(t, &migrations.Options{Commands: true, Metadata: true}, fewConnections)
		s := pgtest.Store(t, pool, &postgres.Options{Commands: true, Metadata: true})
		test(t, s, func() appTx {
			tx := beginTx(t, pool)
			return appTx{s.Tx(tx), tx}
		})
	})
}

func beginTx(t *testing.T, pool *pgxpool.Pool) pgx.Tx {
	t.Helper()
	tx, err := pool.Begin(t.Context())
	require.NoError(t, err)
	t.Cleanup(func() { _ = tx.Rollback(context.WithoutCancel(t.Context())) })
	return tx
}

func TestACommandInATransactionCommitsWithIt(t *testing.T) {
	t.Parallel()
	onEveryTx(t, func(t *testing.T, s store.Adapter, begin func() appTx) {
		root := newRoot(t, s, nil)
		id := newID(t, root)
		evaluate(t, root, notes(id, "a"))
		tx := begin()
		events, err := root.EvaluateTx(t.Context(), tx.Tx, notes(id, "b"))
		require.NoError(t, err)
		require.EqualValues(t, 2, events[0].Sequence)
		_, err = root.EvaluateTx(t.Context(), tx.Tx, runs(id, func(_ context.Context, c aggregate.Instance[tally]) ([]types.Uncommitted, error) {
			require.Equal(t, []string{"a", "b"}, c.State.Notes, "it sees what was done in the transaction")
			return types.Events(types.NewEvent("noted", noted{"c"})), nil
		}))
		require.NoError(t, err)
		require.Equal(t, []string{"a"}, fetch(t, root, id).Notes, "nobody else does")
		require.Len(t, logOf(t, s, id), 1)
		require.NoError(t, tx.own.Commit(t.Context()))
		require.Equal(t, []string{"a", "b", "c"}, fetch(t, root, id).Notes)
		evaluate(t, root, notes(id, "d"))
		require.Len(t, logOf(t, s, id), 4)
	})
}

func TestACommandInATransactionGoesWithIt(t *testing.T) {
	t.Parallel()
	onEveryTx(t, func(t *testing.T, s store.Adapter, begin func() appTx) {
		root := newRoot(t, s, nil)
		id, other := newID(t, root), newID(t, root)
		evaluate(t, root, notes(id, "a"))
		tx := begin()
		for _, c := range []types.Command{notes(id, "b"), withID(notes(id, "c"), "x"), notes(other, "z")} {
			_, err := root.EvaluateTx(t.Context(), tx.Tx, c)
			require.NoError(t, err)
		}
		require.NoError(t, tx.own.Rollback(t.Context()))
		require.Equal(t, tally{Notes: []string{"a"}, Marks: map[string]int{"a": 1}}, get(t, root, id), "the cache is never ahead of the database")
		require.Empty(t, get(t, root, other).Notes)
		evaluate(t, root, withID(notes(id, "c"), "x")) // its id was not used up
		require.Equal(t, []string{"a", "c"}, get(t, root, id).Notes)
		require.Len(t, logOf(t, s, id), 2)
	})
}

func TestATransactionStaysUsableAfterARefusedCommand(t *testing.T) {
	t.Parallel()
	onEveryTx(t, func(t *testing.T, s store.Adapter, begin func() appTx) {
		root := newRoot(t, s, nil)
		id := newID(t, root)
		evaluate(t, root, notes(id, "a"))
		tx := begin()
		for _, c := range []types.Command{
			adds(id, -1), runs(id, explode), emits(id, types.NewEvent("mystery", nil)),
			emits(id, types.NewEvent("noted", noted{"never"}), types.NewEvent("bomb", bomb{"panic"})),
			emits(id, types.NewEvent("noted", noted{"a\x00"})),
			{AggregateID: id, Type: "nonsense"},
			adds(hlc.Timestamp{}, 1),
		} {
			_, err := root.EvaluateTx(t.Context(), tx.Tx, c)
			require.Error(t, err)
		}
		_, err := root.EvaluateTx(t.Context(), tx.Tx, notes(id, "b"))
		require.NoError(t, err)
		require.NoError(t, tx.own.Commit(t.Context()))
		require.Equal(t, []string{"a", "b"}, fetch(t, root, id).Notes)
		require.Equal(t, []string{"a", "b"}, get(t, newRoot(t, s, nil), id).Notes)
	})
}

func TestACommandIDInATransactionIsUsedUpByIt(t *testing.T) {
	t.Parallel()
	onEveryTx(t, func(t *testing.T, s store.Adapter, begin func() appTx) {
		root := newRoot(t, s, nil)
		id := newID(t, root)
		tx := begin()
		first, err := root.EvaluateTx(t.Context(), tx.Tx, withID(notes(id, "a"), "x"))
		require.NoError(t, err)
		if _, ok := tx.Tx.(store.CommandLog); ok { // else what the transaction recorded can't be looked up in it
			again, err := root.EvaluateTx(t.Context(), tx.Tx, withID(notes(id, "a"), "x"))
			require.NoError(t, err)
			require.Equal(t, first, again)
			_, err = root.EvaluateTx(t.Context(), tx.Tx, withID(notes(id, "b"), "x"))
			require.ErrorIs(t, err, aggregate.ErrCommandReused)
		}
		require.NoError(t, tx.own.Commit(t.Context()))
		evaluate(t, root, withID(notes(id, "a"), "x"))
		require.Len(t, logOf(t, s, id), 1)
		tx = begin()
		later, err := root.EvaluateTx(t.Context(), tx.Tx, withID(notes(id, "a"), "x"))
		require.NoError(t, err)
		require.Equal(t, first, later)
	})
}

func TestATransactionOfAnotherStoreIsRefused(t *testing.T) {
	t.Parallel()
	s, other := memory.New(), memory.New()
	root := newRoot(t, s, nil)
	id := newID(t, root)
	tx, err := other.BeginTx(t.Context())
	require.NoError(t, err)
	defer tx.Abort(t.Context())
	_, err = root.EvaluateTx(t.Context(), tx, adds(id, 1))
	require.ErrorIs(t, err, aggregate.ErrOtherStore)
}

func TestAMemoryTransactionThatWasOvertakenLoses(t *testing.T) {
	t.Parallel()
	s := memory.New()
	root := newRoot(t, s, nil)
	id := newID(t, root)
	tx, err := s.BeginTx(t.Context())
	require.NoError(t, err)
	_, err = root.EvaluateTx(t.Context(), tx, notes(id, "mine"))
	require.NoError(t, err)
	evaluate(t, root, notes(id, "theirs"))
	require.ErrorIs(t, tx.End(t.Context()), store.ErrConflict)
	require.Equal(t, []string{"theirs"}, fetch(t, root, id).Notes)
}

func TestTheApplicationsRowsAndTheEventsCommitTogether(t *testing.T) {
	t.Parallel()
	pool := pgtest.Plain(t, fewConnections)
	_, err := pool.Exec(t.Context(), "CREATE TABLE orders (id bytea PRIMARY KEY)")
	require.NoError(t, err)
	s := pgtest.Store(t, pool, nil)
	root := newRoot(t, s, nil, func(d *aggregate.Definition[tally]) {
		d.Projections = []store.Projection{postgres.Projection(func(ctx context.Context, tx pgx.Tx, e types.Event) error {
			_, err := tx.Exec(ctx, "INSERT INTO orders VALUES ($1)", e.Timestamp[:])
			return err
		})}
	})
	id := newID(t, root)
	for _, keep := range []bool{false, true} {
		tx := beginTx(t, pool)
		_, err := tx.Exec(t.Context(), "INSERT INTO orders VALUES ($1)", id[:])
		require.NoError(t, err)
		_, err = root.EvaluateTx(t.Context(), s.Tx(tx), adds(id, 1))
		require.NoError(t, err)
		if keep {
			require.NoError(t, tx.Commit(t.Context()))
		} else {
			require.NoError(t, tx.Rollback(t.Context()))
		}
		var n int
		require.NoError(t, pool.QueryRow(t.Context(), "SELECT count(*) FROM orders").Scan(&n))
		require.Equal(t, map[bool]int{false: 0, true: 2}[keep], n)
		require.Len(t, logOf(t, s, id), n/2)
	}
}

func TestTheEndOfTheContextEndsATransactionsCommand(t *testing.T) {
	t.Parallel()
	onEveryTx(t, func(t *testing.T, s store.Adapter, begin func() appTx) {
		root := newRoot(t, s, nil)
		id := newID(t, root)
		tx := begin()
		ctx, cancel := context.WithCancel(t.Context())
		_, err := root.EvaluateTx(ctx, tx.Tx, runs(id, func(context.Context, aggregate.Instance[tally]) ([]types.Uncommitted, error) {
			cancel()
			return types.Events(types.NewEvent("added", added{1})), nil
		}))
		require.True(t, errors.Is(err, context.Canceled), "%v", err)
		require.NoError(t, tx.own.Rollback(t.Context()))
		require.Empty(t, logOf(t, s, id))
		evaluate(t, root, adds(id, 1))
	})
}
