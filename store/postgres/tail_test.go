package postgres_test

import (
	"context"
	"encoding/json"
	"testing"
	"time"

	"github.com/eventmaestro/maestro/hlc"
	"github.com/eventmaestro/maestro/internal/lab/pgtest"
	"github.com/eventmaestro/maestro/migrations"
	"github.com/eventmaestro/maestro/store/postgres"
	"github.com/eventmaestro/maestro/store/storetest"
	"github.com/eventmaestro/maestro/types"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"
)

const writtenTable = `CREATE TABLE written (n bigserial, aggregate_id bytea, sequence int, event jsonb)`

func TestTailKeepsItsPromises(t *testing.T) {
	t.Parallel()
	for name, m := range map[string]*migrations.Options{
		"plain":       {Tail: true, Metadata: true},
		"partitioned": {Tail: true, Metadata: true, Partitions: 3},
		"sharded":     {Tail: true, Metadata: true, Sharded: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			storetest.RunTail(t, tailHarness(m))
		})
	}
}

func TestTailKeepsItsPromisesHoweverThePoolSendsQueries(t *testing.T) {
	t.Parallel()
	for _, mode := range []pgx.QueryExecMode{pgx.QueryExecModeSimpleProtocol, pgx.QueryExecModeExec} {
		t.Run(mode.String(), func(t *testing.T) {
			t.Parallel()
			storetest.RunTail(t, tailHarness(&migrations.Options{Tail: true, Metadata: true}, func(c *pgxpool.Config) {
				c.ConnConfig.DefaultQueryExecMode = mode
			}))
		})
	}
}

// A pool without connections to spare: nobody listens, and nothing is read ahead on a second one.
func TestTailKeepsItsPromisesWithFewConnections(t *testing.T) {
	t.Parallel()
	storetest.RunTail(t, tailHarnessOn(func(t testing.TB, pool *pgxpool.Pool) *pgxpool.Pool {
		t.Helper()
		config := pool.Config()
		config.MaxConns = 2
		few, err := pgxpool.NewWithConfig(t.Context(), config)
		require.NoError(t, err)
		t.Cleanup(few.Close)
		return few
	}, &migrations.Options{Tail: true}))
}

func tailHarness(m *migrations.Options, configure ...func(*pgxpool.Config)) storetest.TailHarness {
	return tailHarnessOn(func(_ testing.TB, pool *pgxpool.Pool) *pgxpool.Pool { return pool }, m, configure...)
}

// tailHarnessOn is a harness whose tails have pools of their own.
func tailHarnessOn(poolOf func(testing.TB, *pgxpool.Pool) *pgxpool.Pool, m *migrations.Options, configure ...func(*pgxpool.Config)) storetest.TailHarness {
	return storetest.TailHarness{New: func(t testing.TB) storetest.TailStore {
		t.Helper()
		configure := append(configure, func(c *pgxpool.Config) { c.MaxConns = 12 })
		pool := pgtest.With(t, m, configure...)
		_, err := pool.Exec(t.Context(), writtenTable)
		require.NoError(t, err)
		s := pgtest.Store(t, pool, &postgres.Options{Metadata: m.Metadata})
		return storetest.TailStore{
			Adapter: s,
			Begin: func(t testing.TB) storetest.Transaction {
				t.Helper()
				tx, err := pool.Begin(context.WithoutCancel(t.Context()))
				require.NoError(t, err)
				return storetest.Transaction{Adapter: s.Tx(tx), Commit: tx.Commit, Rollback: tx.Rollback}
			},
			Tail: func(t testing.TB, o storetest.TailSetting) storetest.Tail {
				t.Helper()
				return suiteTail(newTail(t, poolOf(t, pool), &postgres.TailOptions{
					Name: o.Name, Types: o.Types, Of: o.Of, MaxBatch: o.MaxBatch, Failed: o.Failed, Metadata: m.Metadata,
				}))
			},
			Written: func(t testing.TB) []types.Event {
				t.Helper()
				return written(t, pool)
			},
		}
	}}
}

// newTail returns a tail that does not make a test wait.
func newTail(t testing.TB, pool *pgxpool.Pool, o *postgres.TailOptions) *postgres.Tail {
	t.Helper()
	o.Poll, o.MaxBackoff = 3*time.Millisecond, 10*time.Millisecond
	tail, err := postgres.NewTail(pool, o)
	require.NoError(t, err)
	return tail
}

func suiteTail(tail *postgres.Tail) storetest.Tail {
	return storetest.Tail{
		Run: func(ctx context.Context, f storetest.TailFunc) error {
			if f == nil {
				return tail.Run(ctx, nil)
			}
			return tail.Run(ctx, func(ctx context.Context, tx pgx.Tx, events []types.Event) error {
				return f(ctx, func(e types.Event) error { return write(ctx, tx, e) }, events)
			})
		},
		Progress: tail.Progress,
		Rewind: func(ctx context.Context, to time.Time) error {
			return tail.Rewind(ctx, to, nil)
		},
	}
}

// write keeps an event in the test's table.
func write(ctx context.Context, tx pgx.Tx, e types.Event) error {
	text, err := json.Marshal(e)
	if err != nil {
		return err
	}
	_, err = tx.Exec(ctx, "INSERT INTO written (aggregate_id, sequence, event) VALUES ($1, $2, $3)", e.AggregateID[:], int32(e.Sequence), string(text))
	return err
}

// copyAll is the function of a tail that writes everything.
func copyAll(ctx context.Context, tx pgx.Tx, events []types.Event) error {
	b := &pgx.Batch{}
	for _, e := range events {
		text, err := json.Marshal(e)
		if err != nil {
			return err
		}
		b.Queue("INSERT INTO written (aggregate_id, sequence, event) VALUES ($1, $2, $3)", e.AggregateID[:], int32(e.Sequence), string(text))
	}
	return tx.SendBatch(ctx, b).Close()
}

// written are the events in the test's table, in the order in which they were written.
func written(t testing.TB, pool *pgxpool.Pool) []types.Event {
	t.Helper()
	rows, err := pool.Query(context.WithoutCancel(t.Context()), "SELECT event FROM written ORDER BY n")
	require.NoError(t, err)
	events, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (e types.Event, err error) {
		var text []byte
		if err := row.Scan(&text); err != nil {
			return e, err
		}
		return e, json.Unmarshal(text, &e)
	})
	require.NoError(t, err)
	return events
}

var _ = hlc.Timestamp{}
