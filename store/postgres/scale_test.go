package postgres_test

import (
	"context"
	"testing"

	"github.com/eventmaestro/maestro/hlc"
	"github.com/eventmaestro/maestro/internal/lab/pgbouncer"
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

// The schemas and the ways to a server that docs/scaling.md recommends keep the whole contract,
// too.

func TestStoreKeepsTheContractOnShardedTables(t *testing.T) {
	t.Parallel()
	h := harness(&migrations.Options{Sharded: true, Metadata: true, Commands: true}, nil)
	h.Lacks = append(h.Lacks, storetest.FeatureGlobalTimestamps)
	storetest.Run(t, h)
}

// proxyModes are the modes of pgx that prepare no statements: a proxy that pools transactions gives
// every statement another connection.
var proxyModes = map[string]pgx.QueryExecMode{
	"exec":            pgx.QueryExecModeExec,
	"simple protocol": pgx.QueryExecModeSimpleProtocol,
	"cache describe":  pgx.QueryExecModeCacheDescribe,
}

func TestStoreKeepsTheContractThroughATransactionPoolingProxy(t *testing.T) {
	t.Parallel()
	for name, mode := range proxyModes {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			storetest.Run(t, proxied(pgbouncer.Start(t), mode))
		})
	}
}

// proxied is the harness for stores behind a proxy. The schema is named in the store's options: the
// proxy keeps no search_path.
func proxied(proxy *pgbouncer.Proxy, mode pgx.QueryExecMode) storetest.Harness {
	h := harness(&migrations.Options{Metadata: true, Commands: true}, nil)
	h.New = func(t testing.TB) store.Adapter {
		t.Helper()
		direct, schema := pgtest.Schema(t)
		pool := pgtest.Open(t, proxy.URL(t, direct), small, func(c *pgxpool.Config) { c.ConnConfig.DefaultQueryExecMode = mode })
		require.NoError(t, migrations.Apply(t.Context(), pool, &migrations.Options{Schema: schema, Metadata: true, Commands: true}))
		return open(t, pool, &postgres.Options{Schema: schema, Metadata: true, Commands: true})
	}
	h.Recorder = func(t testing.TB, a store.Adapter) storetest.Recorder {
		t.Helper()
		table := under(a).o.Schema + ".recorded"
		_, err := under(a).pool.Exec(t.Context(), `CREATE TABLE `+table+` ("timestamp" bytea)`)
		require.NoError(t, err)
		return storetest.Recorder{
			Projection: postgres.BatchProjection(func(b *pgx.Batch, e types.Event) error {
				b.Queue(`INSERT INTO `+table+` VALUES ($1)`, e.Timestamp)
				return nil
			}),
			Rows: func(ctx context.Context) ([]hlc.Timestamp, error) {
				rows, err := under(a).pool.Query(ctx, `SELECT "timestamp" FROM `+table)
				if err != nil {
					return nil, err
				}
				return pgx.CollectRows(rows, pgx.RowTo[hlc.Timestamp])
			},
		}
	}
	return h
}
