package postgres_test

import (
	"context"
	"crypto/rand"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/eventmaestro/maestro/hlc"
	"github.com/eventmaestro/maestro/internal/lab/pgtest"
	"github.com/eventmaestro/maestro/migrations"
	"github.com/eventmaestro/maestro/store"
	"github.com/eventmaestro/maestro/store/postgres"
	"github.com/eventmaestro/maestro/store/storetest"
	"github.com/eventmaestro/maestro/types"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"
)

// opened remembers what a store was made from, for the suite's own rows.
type opened struct {
	pool *pgxpool.Pool
	o    *postgres.Options
}

var stores sync.Map // of *postgres.Store to opened

// open makes a store that waits for a busy machine.
func open(t testing.TB, pool *pgxpool.Pool, o *postgres.Options) *postgres.Store {
	t.Helper()
	patient := postgres.Options{}
	if o != nil {
		patient = *o
	}
	if patient.CommitTimeout == 0 {
		patient.CommitTimeout = 5 * time.Minute
	}
	s := pgtest.Store(t, pool, &patient)
	stores.Store(s, opened{pool, &patient})
	return s
}

func under(a store.Adapter) opened {
	o, _ := stores.Load(a)
	return o.(opened)
}

func TestStoreKeepsTheContract(t *testing.T) {
	t.Parallel()
	for name, m := range map[string]*migrations.Options{
		"plain":         {Metadata: true, Commands: true},
		"7 partitions":  {Partitions: 7, Metadata: true, Commands: true},
		"64 partitions": {Partitions: 64, Metadata: true, Commands: true},
		"no metadata":   {Commands: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			storetest.Run(t, harness(m, nil))
		})
	}
}

func TestStoreKeepsTheContractInAnySchema(t *testing.T) {
	t.Parallel()
	h := harness(&migrations.Options{Metadata: true, Commands: true}, nil)
	h.New = func(t testing.TB) store.Adapter {
		t.Helper()
		pool := pgtest.Pool(t, small)
		name := `A "quoted"; name ` + rand.Text()
		require.NoError(t, migrations.Apply(t.Context(), pool, &migrations.Options{Schema: name, Metadata: true, Commands: true}))
		end := context.WithoutCancel(t.Context())
		t.Cleanup(func() {
			_, err := pool.Exec(end, "DROP SCHEMA "+pgx.Identifier{name}.Sanitize()+" CASCADE")
			require.NoError(t, err)
		})
		return open(t, pool, &postgres.Options{Schema: name, Metadata: true, Commands: true})
	}
	storetest.Run(t, h)
}

func TestStoreKeepsTheContractHoweverThePoolSendsQueries(t *testing.T) {
	t.Parallel()
	// This is one that prepares nothing; the others are those of the tests through a proxy.
	storetest.Run(t, harness(&migrations.Options{Metadata: true, Commands: true}, nil, func(c *pgxpool.Config) {
		c.ConnConfig.DefaultQueryExecMode = pgx.QueryExecModeDescribeExec
	}))
}

func TestStoreKeepsTheContractWithoutSharing(t *testing.T) {
	t.Parallel()
	storetest.Run(t, harness(&migrations.Options{Metadata: true, Commands: true}, &postgres.Options{Committers: 1, MaxBatch: 1}))
}

func TestStoreKeepsTheContractOnADistributedDatabase(t *testing.T) {
	t.Parallel()
	for name, configure := range map[string]func(*pgxpool.Config){
		"prepared":   small,
		"unprepared": func(c *pgxpool.Config) { c.ConnConfig.DefaultQueryExecMode = pgx.QueryExecModeExec },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := &migrations.Options{Sharded: true, Metadata: true, Commands: true}
			h := harness(m, &postgres.Options{Distributed: true, CommitTimeout: time.Minute}, configure)
			h.Lacks = append(h.Lacks, storetest.FeatureGlobalTimestamps)
			storetest.Run(t, h)
		})
	}
}

func TestStoreKeepsTheContractOnTablesThatMaestroMade(t *testing.T) {
	t.Parallel()
	for _, dump := range []string{"schema.sql", "schema-partitioned.sql"} {
		t.Run(dump, func(t *testing.T) {
			t.Parallel()
			sql, err := os.ReadFile(filepath.Join("..", "..", "migrations", "testdata", dump))
			require.NoError(t, err)
			m := &migrations.Options{Metadata: true, Commands: true}
			if dump != "schema.sql" {
				m.Partitions = 7
			}
			h := harness(m, nil)
			h.New = func(t testing.TB) store.Adapter {
				t.Helper()
				url, schema := pgtest.Schema(t)
				conn, err := pgx.Connect(t.Context(), url) // which the dump leaves without a search_path
				require.NoError(t, err)
				_, err = conn.Exec(t.Context(), strings.ReplaceAll(string(sql), "public.", schema+"."))
				require.NoError(t, err)
				require.NoError(t, conn.Close(t.Context()))
				pool := pgtest.Open(t, url, small)
				require.NoError(t, migrations.Apply(t.Context(), pool, m))
				return open(t, pool, &postgres.Options{Metadata: true, Commands: true})
			}
			storetest.Run(t, h)
		})
	}
}

func harness(m *migrations.Options, o *postgres.Options, configure ...func(*pgxpool.Config)) storetest.Harness {
	var lacks []storetest.Feature
	if m.Partitions > 0 {
		lacks = append(lacks, storetest.FeatureGlobalTimestamps)
	}
	if o == nil {
		o = &postgres.Options{}
	}
	copied := *o
	o = &copied
	o.Schema, o.Metadata, o.Commands = m.Schema, m.Metadata, m.Commands
	if !o.Metadata {
		lacks = append(lacks, storetest.FeatureMetadata)
	}
	return storetest.Harness{
		Lacks: lacks,
		New: func(t testing.TB) store.Adapter {
			t.Helper()
			pool := pgtest.With(t, m, append([]func(*pgxpool.Config){small}, configure...)...)
			return open(t, pool, o)
		},
		Other: func(t testing.TB, a store.Adapter) store.Adapter {
			t.Helper()
			pool, err := pgxpool.NewWithConfig(t.Context(), under(a).pool.Config())
			require.NoError(t, err)
			t.Cleanup(pool.Close)
			return open(t, pool, under(a).o)
		},
		Projection: func(f func(context.Context, types.Event) error) store.Projection {
			return postgres.Projection(func(ctx context.Context, _ pgx.Tx, e types.Event) error { return f(ctx, e) })
		},
		Recorder: recorder,
		Begin:    begin,

		Waiting:    waiting,
		Sever:      sever,
		Checkpoint: checkpoint,
	}
}

// small keeps the parallel tests of a package together below the server's limit of connections, and
// tells those of a test from those of others.
func small(c *pgxpool.Config) {
	c.MaxConns = 4
	c.ConnConfig.RuntimeParams["application_name"] = rand.Text()
}

func recorder(t testing.TB, a store.Adapter) storetest.Recorder {
	t.Helper()
	pool := under(a).pool
	_, err := pool.Exec(t.Context(), `CREATE TABLE recorded ("timestamp" bytea)`)
	require.NoError(t, err)
	return storetest.Recorder{
		Projection: postgres.BatchProjection(func(b *pgx.Batch, e types.Event) error {
			b.Queue(`INSERT INTO recorded VALUES ($1)`, e.Timestamp)
			return nil
		}),
		Rows: func(ctx context.Context) ([]hlc.Timestamp, error) {
			rows, err := pool.Query(ctx, `SELECT "timestamp" FROM recorded`)
			if err != nil {
				return nil, err
			}
			return pgx.CollectRows(rows, pgx.RowTo[hlc.Timestamp])
		},
	}
}

func begin(t testing.TB, a store.Adapter) storetest.Transaction {
	t.Helper()
	tx, err := under(a).pool.Begin(t.Context())
	require.NoError(t, err)
	t.Cleanup(func() { _ = tx.Rollback(context.WithoutCancel(t.Context())) })
	return storetest.Transaction{Adapter: a.(*postgres.Store).Tx(tx), Commit: tx.Commit, Rollback: tx.Rollback}
}
