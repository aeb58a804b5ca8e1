package postgres_test

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/eventmaestro/maestro/store"
	"github.com/eventmaestro/maestro/store/postgres"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
)

var checkpoints atomic.Int64

// checkpoint copies the tables of a, and returns what puts the copies back.
func checkpoint(t testing.TB, a store.Adapter) (goBack func()) {
	t.Helper()
	o := under(a)
	tables := []string{"event_log", "snapshots"}
	if o.o.Commands {
		tables = append(tables, "commands")
	}
	n := checkpoints.Add(1)
	name := func(table string) string {
		if o.o.Schema == "" {
			return pgx.Identifier{table}.Sanitize()
		}
		return pgx.Identifier{o.o.Schema, table}.Sanitize()
	}
	var save, restore strings.Builder
	for _, table := range tables {
		saved := name(fmt.Sprintf("saved_%d_%s", n, table))
		fmt.Fprintf(&save, "CREATE TABLE %s AS TABLE %s;\n", saved, name(table))
		fmt.Fprintf(&restore, "DELETE FROM %s; INSERT INTO %s TABLE %s;\n", name(table), name(table), saved)
	}
	run := func(sql string) {
		t.Helper()
		require.NoError(t, pgx.BeginFunc(context.WithoutCancel(t.Context()), o.pool, func(tx pgx.Tx) error {
			_, err := tx.Conn().PgConn().Exec(t.Context(), sql).ReadAll()
			return err
		}))
	}
	run(save.String())
	return func() { run(restore.String()) }
}

// waiting counts the connections of a, and of other processes on its database, that wait for a lock
// of a transaction.
func waiting(t testing.TB, a store.Adapter) (n int) {
	t.Helper()
	err := under(a).pool.QueryRow(t.Context(), `SELECT count(*) FROM pg_stat_activity
		WHERE wait_event = 'advisory' AND application_name = current_setting('application_name')`).Scan(&n)
	require.NoError(t, err)
	return n
}

// sever ends the server's process of a transaction.
func sever(t testing.TB, a store.Adapter, tx store.OwnTx) {
	t.Helper()
	own, err := postgres.TxOf(t.Context(), tx)
	require.NoError(t, err)
	var pid int32 // as the server knows it: a proxy gives its clients other ones
	require.NoError(t, own.QueryRow(t.Context(), "SELECT pg_backend_pid()").Scan(&pid))
	var gone bool
	err = under(a).pool.QueryRow(t.Context(), "SELECT pg_terminate_backend($1, 60000)", pid).Scan(&gone)
	require.NoError(t, err)
	require.True(t, gone)
}
