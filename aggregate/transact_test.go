package aggregate_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

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

// onEveryTransactor runs a test with the library's transactions. open makes another adapter of the
// same store, as another process would.
func onEveryTransactor(t *testing.T, test func(t *testing.T, open func() store.Adapter)) {
	t.Helper()
	t.Run("memory", func(t *testing.T) {
		t.Parallel()
		s := memory.New()
		test(t, func() store.Adapter { return s })
	})
	t.Run("postgres", func(t *testing.T) {
		t.Parallel()
		pool := pgtest.With(t, &migrations.Options{Commands: true, Metadata: true}, fewConnections)
		test(t, func() store.Adapter { return pgtest.Store(t, pool, &postgres.Options{Commands: true, Metadata: true}) })
	})
}

// both evaluates a command of two aggregates.
func (p process) both(ctx context.Context, a, b types.Command) error {
	return p.sup.Transact(ctx, func(ctx context.Context, tx store.Tx) error {
		if _, err := p.root.EvaluateTx(ctx, tx, a); err != nil {
			return err
		}
		_, err := p.root.EvaluateTx(ctx, tx, b)
		return err
	})
}

func totalOf(t *testing.T, p process, id hlc.Timestamp) int {
	t.Helper()
	state, err := p.root.Fetch(t.Context(), id)
	require.NoError(t, err)
	return state.Total
}

func TestATransactionStoresCommandsOfSeveralAggregatesOrNone(t *testing.T) {
	t.Parallel()
	onEveryTransactor(t, func(t *testing.T, open func() store.Adapter) {
		p := newProcess(t, open(), nil)
		a, b := newID(t, p.root), newID(t, p.root)
		require.NoError(t, p.both(t.Context(), adds(a, 1), adds(b, 2)))
		require.NoError(t, p.both(t.Context(), adds(b, 2), adds(a, 1)), "in the other order")
		err := p.both(t.Context(), adds(a, 100), adds(b, -1))
		require.ErrorIs(t, err, aggregate.ErrRejected)
		fail := errors.New("no seat left")
		err = p.sup.Transact(t.Context(), func(ctx context.Context, tx store.Tx) error {
			_, err := p.root.EvaluateTx(ctx, tx, adds(a, 100))
			require.NoError(t, err)
			events, err := p.root.EvaluateTx(ctx, tx, notes(a, "seen"))
			require.NoError(t, err)
			require.EqualValues(t, 4, events[0].Sequence, "it sees what the transaction did")
			return fail
		})
		require.ErrorIs(t, err, fail)
		require.Panics(t, func() {
			_ = p.sup.Transact(t.Context(), func(ctx context.Context, tx store.Tx) error {
				_, err := p.root.EvaluateTx(ctx, tx, adds(a, 100))
				require.NoError(t, err)
				panic("boom")
			})
		})
		q := newProcess(t, open(), nil)
		require.Equal(t, 2, totalOf(t, q, a))
		require.Equal(t, 4, totalOf(t, q, b))
		require.Equal(t, 2, totalOf(t, p, a), "and the cache is not ahead")
	})
}

func TestACommandOfATransactionThatIsRefusedForAStaleStateIsDecidedAgain(t *testing.T) {
	t.Parallel()
	onEveryTransactor(t, func(t *testing.T, open func() store.Adapter) {
		p, other := newProcess(t, open(), nil), newProcess(t, open(), nil)
		a, b := newID(t, p.root), newID(t, p.root)
		require.NoError(t, p.both(t.Context(), adds(a, 1), adds(b, 1)))
		evaluate(t, other.root, adds(a, 10))
		refuse := func(ctx context.Context, c aggregate.Instance[tally]) ([]types.Uncommitted, error) {
			if c.State.Total < 11 {
				return nil, aggregate.Reject("too little: %d", c.State.Total)
			}
			return types.Events(types.NewEvent("added", added{1})), nil
		}
		require.NoError(t, p.both(t.Context(), adds(b, 1), types.Command{AggregateID: a, Type: "run", Data: plan(refuse)}))
		require.Equal(t, 12, totalOf(t, other, a))
		require.Equal(t, 2, totalOf(t, other, b))
	})
}

// The state in memory follows transactions, so that no command reads what it has seen, and
// snapshots are taken.
func TestATransactionMovesTheCacheAndTakesSnapshots(t *testing.T) {
	t.Parallel()
	onEveryTransactor(t, func(t *testing.T, open func() store.Adapter) {
		var commits, evaluations, loads, saved atomic.Int32
		o := &aggregate.Options{Hooks: aggregate.Hooks{
			Evaluate: func(context.Context, aggregate.Evaluation) { evaluations.Add(1) },
			Commit:   func(_ context.Context, c aggregate.Committed) { commits.Add(int32(c.Events)) },
			Load:     func(context.Context, aggregate.Loaded) { loads.Add(1) },
			Snapshot: func(aggregate.Saved) { saved.Add(1) },
		}}
		p := newProcess(t, open(), o, func(d *aggregate.Definition[tally]) { d.Snapshots.Every = 10 })
		a, b := newID(t, p.root), newID(t, p.root)
		for range 25 {
			require.NoError(t, p.both(t.Context(), adds(a, 1), adds(b, 1)))
		}
		live, ok := p.root.Whereis(a)
		require.True(t, ok)
		require.EqualValues(t, 25, live.Sequence)
		require.EqualValues(t, 2, loads.Load(), "each is read once")
		require.EqualValues(t, 50, commits.Load())
		require.EqualValues(t, 50, evaluations.Load())
		require.NoError(t, p.sup.Shutdown(t.Context()))
		require.GreaterOrEqual(t, saved.Load(), int32(4))
	})
}

// Transactions that take the same aggregates in every order, from two processes, all get through.
func TestTransactionsThatMeetAllGetThrough(t *testing.T) {
	t.Parallel()
	onEveryTransactor(t, func(t *testing.T, open func() store.Adapter) {
		processes := []process{newProcess(t, open(), nil), newProcess(t, open(), nil)}
		ids := []hlc.Timestamp{newID(t, processes[0].root), newID(t, processes[0].root), newID(t, processes[0].root)}
		const callers, times = 6, 8
		var wg sync.WaitGroup
		for i := range callers {
			wg.Go(func() {
				p := processes[i%2]
				for n := range times {
					from, to := ids[(i+n)%3], ids[(i+n+1+n%2)%3]
					if !assertNoError(t, p.both(t.Context(), adds(from, 1), adds(to, 1))) {
						return
					}
					if n%4 == 0 && !assertNoError(t, p.root.Evaluate(t.Context(), adds(from, 1))) {
						return
					}
				}
			})
		}
		wg.Wait()
		total := 0
		for _, id := range ids {
			total += totalOf(t, processes[0], id)
		}
		require.Equal(t, callers*(2*times+times/4), total, "each once")
	})
}

func assertNoError(t *testing.T, err error) bool {
	t.Helper()
	if err != nil {
		t.Errorf("%v", err)
	}
	return err == nil
}

func TestATransactionWithCommandIDsIsCarriedOutOnce(t *testing.T) {
	t.Parallel()
	onEveryTransactor(t, func(t *testing.T, open func() store.Adapter) {
		p := newProcess(t, open(), nil)
		a, b := newID(t, p.root), newID(t, p.root)
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				assertNoError(t, p.both(t.Context(), withID(adds(a, 1), "booking 1"), withID(adds(b, 1), "booking 1")))
			})
		}
		wg.Wait()
		require.Equal(t, 1, totalOf(t, p, a))
		require.Equal(t, 1, totalOf(t, p, b))
	})
}

// Transaction 1, transaction 2 and transaction 1 again on one aggregate: nobody waits for more than
// the row that transaction 1 holds.
func TestACommandOfATransactionDoesNotHoldTheMailbox(t *testing.T) {
	t.Parallel()
	pool := pgtest.Plain(t, fewConnections)
	s := pgtest.Store(t, pool, nil)
	p := newProcess(t, s, nil)
	id := newID(t, p.root)
	evaluate(t, p.root, adds(id, 1))
	first, second := beginTx(t, pool), beginTx(t, pool)
	_, err := p.root.EvaluateTx(t.Context(), s.Tx(first), adds(id, 1))
	require.NoError(t, err)
	inTx, plain := make(chan error, 1), make(chan error, 1)
	go func() { _, err := p.root.EvaluateTx(t.Context(), s.Tx(second), adds(id, 10)); inTx <- err }()
	requireBlocked(t, pool, 1)
	go func() { plain <- p.root.Evaluate(t.Context(), adds(id, 100)) }()
	requireBlocked(t, pool, 2)
	_, err = p.root.EvaluateTx(t.Context(), s.Tx(first), adds(id, 1))
	require.NoError(t, err, "while two others wait")
	require.NoError(t, first.Commit(t.Context()))
	require.NoError(t, <-inTx)
	require.NoError(t, second.Commit(t.Context()))
	require.NoError(t, <-plain)
	require.Equal(t, 113, totalOf(t, p, id))
}

// requireBlocked waits until so many sessions of the database wait for a lock.
func requireBlocked(t *testing.T, pool *pgxpool.Pool, sessions int) {
	t.Helper()
	require.Eventually(t, func() bool {
		var n int
		err := pool.QueryRow(t.Context(), `SELECT count(*) FROM pg_locks l WHERE NOT l.granted`).Scan(&n)
		return err == nil && n >= sessions
	}, time.Minute, 5*time.Millisecond)
}

// Several processes that all want one aggregate take turns: nobody spends its attempts.
func TestProcessesThatWantTheSameAggregateTakeTurns(t *testing.T) {
	t.Parallel()
	onEveryTransactor(t, func(t *testing.T, open func() store.Adapter) {
		const processes, callers, times = 4, 4, 10
		first := newProcess(t, open(), nil)
		id := newID(t, first.root)
		var wg sync.WaitGroup
		for i := range processes {
			p := first
			if i > 0 {
				p = newProcess(t, open(), nil)
			}
			for range callers {
				wg.Go(func() {
					for range times {
						if !assertNoError(t, p.root.Evaluate(t.Context(), adds(id, 1))) {
							return
						}
					}
				})
			}
		}
		wg.Wait()
		require.Equal(t, processes*callers*times, totalOf(t, first, id))
	})
}

// dressed is a store that somebody has dressed up, without a word of what is below.
type dressed struct{ *memory.Store }

func TestATransactionOfAStoreThatIsDressedUpIsTheSupervisorsOwn(t *testing.T) {
	t.Parallel()
	s := &dressed{memory.New()}
	p, other := newProcess(t, s, nil), newProcess(t, s, nil)
	id := newID(t, p.root)
	require.NoError(t, p.both(t.Context(), adds(id, 1), adds(id, 2)))
	require.Equal(t, 3, totalOf(t, p, id))
	require.ErrorIs(t, p.sup.Transact(t.Context(), func(ctx context.Context, tx store.Tx) error {
		_, err := other.root.EvaluateTx(ctx, tx, adds(id, 1))
		return err
	}), aggregate.ErrOtherStore)
}
