package router_test

import (
	"context"
	"errors"
	"iter"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/eventmaestro/maestro/hlc"
	"github.com/eventmaestro/maestro/internal/lab/pgtest"
	"github.com/eventmaestro/maestro/migrations"
	"github.com/eventmaestro/maestro/store"
	"github.com/eventmaestro/maestro/store/memory"
	"github.com/eventmaestro/maestro/store/postgres"
	"github.com/eventmaestro/maestro/store/router"
	"github.com/eventmaestro/maestro/store/storetest"
	"github.com/eventmaestro/maestro/types"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(pgtest.WithServer(m)) }

func routed(t testing.TB, stores ...store.Adapter) *router.Store {
	t.Helper()
	s, err := router.New(router.Deal(16, stores...), nil)
	require.NoError(t, err)
	return s
}

// oneStoreOnly are the features that a router has for the aggregates of one store only, which has
// them tested.
var oneStoreOnly = []storetest.Feature{
	storetest.FeatureOwnTransactions, storetest.FeatureLine, storetest.FeatureConnections, storetest.FeatureCheckpoint,
}

func TestARouterOverThreeStoresInMemoryKeepsTheContract(t *testing.T) {
	t.Parallel()
	storetest.Run(t, storetest.Harness{
		New: func(t testing.TB) store.Adapter {
			t.Helper()
			return routed(t, memory.New(), memory.New(), memory.New())
		},
		Lacks: slices.Concat(oneStoreOnly, []storetest.Feature{storetest.FeatureProcesses, storetest.FeatureGlobalTimestamps}),
		Projection: func(f func(context.Context, types.Event) error) store.Projection {
			return memory.Projection(func(ctx context.Context, _ *memory.ProjectionTx, e types.Event) error { return f(ctx, e) })
		},
		Recorder: memoryRecorder,
		Begin: func(t testing.TB, a store.Adapter) storetest.Transaction {
			t.Helper()
			return beginAll(t, a, func(a store.Adapter) (store.Tx, ender) {
				s := a.(*memory.Store)
				tx, err := s.BeginTx(t.Context())
				require.NoError(t, err)
				return tx, inMemory{tx}
			})
		},
	})
}

// inMemory is the end of a transaction in memory.
type inMemory struct{ store.OwnTx }

func (tx inMemory) Commit(ctx context.Context) error { return tx.End(ctx) }

func (tx inMemory) Rollback(ctx context.Context) error { tx.Abort(ctx); return nil }

// memoryRecorder has a table in each store: the one of the event's aggregate is found by trying.
func memoryRecorder(_ testing.TB, a store.Adapter) storetest.Recorder {
	s := a.(*router.Store)
	tables := map[store.Adapter]*memory.Table[hlc.Timestamp, types.Sequence]{}
	for _, a := range s.Table() {
		if tables[a] == nil {
			tables[a] = memory.NewTable[hlc.Timestamp, types.Sequence](a.(*memory.Store))
		}
	}
	return storetest.Recorder{
		Projection: memory.Projection(func(_ context.Context, tx *memory.ProjectionTx, e types.Event) error {
			return tables[s.For(e.AggregateID)].In(tx).Insert(e.Timestamp, e.Sequence)
		}),
		Rows: func(context.Context) (rows []hlc.Timestamp, err error) {
			for _, table := range tables {
				for at := range table.All() {
					rows = append(rows, at)
				}
			}
			return rows, nil
		},
	}
}

func TestARouterOverThreePostgresKeepsTheContract(t *testing.T) {
	t.Parallel()
	var pools sync.Map // from *postgres.Store to its pool
	options := &postgres.Options{Metadata: true, Commands: true}
	open := func(t testing.TB, from ...*pgxpool.Pool) store.Adapter {
		t.Helper()
		var stores []store.Adapter
		for _, pool := range from {
			s := pgtest.Store(t, pool, options)
			pools.Store(s, pool)
			stores = append(stores, s)
		}
		return routed(t, stores...)
	}
	poolOf := func(a store.Adapter) *pgxpool.Pool {
		pool, _ := pools.Load(a)
		return pool.(*pgxpool.Pool)
	}
	small := func(c *pgxpool.Config) { c.MaxConns = 2 }
	storetest.Run(t, storetest.Harness{
		Lacks: slices.Concat(oneStoreOnly, []storetest.Feature{storetest.FeatureGlobalTimestamps}),
		New: func(t testing.TB) store.Adapter {
			t.Helper()
			m := &migrations.Options{Metadata: true, Commands: true}
			return open(t, pgtest.With(t, m, small), pgtest.With(t, m, small), pgtest.With(t, m, small))
		},
		Other: func(t testing.TB, a store.Adapter) store.Adapter {
			t.Helper()
			var again []*pgxpool.Pool
			for _, a := range a.(*router.Store).Table()[:3] {
				pool, err := pgxpool.NewWithConfig(t.Context(), poolOf(a).Config())
				require.NoError(t, err)
				t.Cleanup(pool.Close)
				again = append(again, pool)
			}
			return open(t, again...)
		},
		Projection: func(f func(context.Context, types.Event) error) store.Projection {
			return postgres.Projection(func(ctx context.Context, _ pgx.Tx, e types.Event) error { return f(ctx, e) })
		},
		Recorder: func(t testing.TB, a store.Adapter) storetest.Recorder {
			t.Helper()
			stores := a.(*router.Store).Table()[:3]
			for _, a := range stores {
				_, err := poolOf(a).Exec(t.Context(), `CREATE TABLE recorded ("timestamp" bytea)`)
				require.NoError(t, err)
			}
			return storetest.Recorder{
				Projection: postgres.BatchProjection(func(b *pgx.Batch, e types.Event) error {
					b.Queue(`INSERT INTO recorded VALUES ($1)`, e.Timestamp)
					return nil
				}),
				Rows: func(ctx context.Context) (all []hlc.Timestamp, err error) {
					for _, a := range stores {
						rows, err := poolOf(a).Query(ctx, `SELECT "timestamp" FROM recorded`)
						if err != nil {
							return nil, err
						}
						some, err := pgx.CollectRows(rows, pgx.RowTo[hlc.Timestamp])
						if err != nil {
							return nil, err
						}
						all = append(all, some...)
					}
					return all, nil
				},
			}
		},
		Begin: func(t testing.TB, a store.Adapter) storetest.Transaction {
			t.Helper()
			return beginAll(t, a, func(a store.Adapter) (store.Tx, ender) {
				tx, err := poolOf(a).Begin(t.Context())
				require.NoError(t, err)
				return a.(*postgres.Store).Tx(tx), tx
			})
		},
	})
}

// ender is what a pgx.Tx and a *memory.Tx have in common.
type ender interface {
	Commit(ctx context.Context) error
	Rollback(ctx context.Context) error
}

// everyTx is a transaction on every store of a router. It has no two-phase commit, which is why it
// is a matter of this test and not of the package: the suite's transactions are about one aggregate
// mostly, and on none does a commit fail halfway.
type everyTx struct {
	s  *router.Store
	in map[store.Adapter]store.Tx
}

func beginAll(t testing.TB, a store.Adapter, begin func(store.Adapter) (store.Tx, ender)) storetest.Transaction {
	t.Helper()
	tx := everyTx{a.(*router.Store), map[store.Adapter]store.Tx{}}
	var all []ender
	for _, a := range tx.s.Table() {
		if tx.in[a] == nil {
			inner, end := begin(a)
			tx.in[a] = inner
			all = append(all, end)
		}
	}
	end := func(ctx context.Context, one func(ender, context.Context) error) (err error) {
		for _, e := range all {
			err = errors.Join(err, one(e, ctx))
		}
		return err
	}
	ended := context.WithoutCancel(t.Context())
	t.Cleanup(func() { _ = end(ended, ender.Rollback) })
	return storetest.Transaction{
		Adapter:  tx,
		Commit:   func(ctx context.Context) error { return end(ctx, ender.Commit) },
		Rollback: func(ctx context.Context) error { return end(ctx, ender.Rollback) },
	}
}

func (tx everyTx) of(id hlc.Timestamp) store.Tx { return tx.in[tx.s.For(id)] }

func (tx everyTx) Base() store.Adapter { return tx.s }

func (tx everyTx) Commit(ctx context.Context, c store.Commit) error {
	return tx.of(c.AggregateID).Commit(ctx, c)
}

func (tx everyTx) Load(ctx context.Context, id hlc.Timestamp, r store.Range) iter.Seq2[store.Entry, error] {
	return tx.of(id).Load(ctx, id, r)
}

func (tx everyTx) Events(ctx context.Context, id hlc.Timestamp, r store.Range) iter.Seq2[types.Event, error] {
	return tx.of(id).Events(ctx, id, r)
}

func (tx everyTx) LatestSnapshot(ctx context.Context, id hlc.Timestamp, r store.Range) (*types.Snapshot, error) {
	return tx.of(id).LatestSnapshot(ctx, id, r)
}

func (tx everyTx) CommitSnapshot(ctx context.Context, sn types.Snapshot) error {
	return tx.of(sn.AggregateID).CommitSnapshot(ctx, sn)
}

func (tx everyTx) LookupCommand(ctx context.Context, id hlc.Timestamp, command string) (*store.CommandRecord, error) {
	return tx.of(id).(store.CommandLog).LookupCommand(ctx, id, command)
}

func (tx everyTx) PruneCommands(context.Context, time.Time) (int64, error) {
	return 0, errors.ErrUnsupported
}
