package pgbouncer_test

import (
	"context"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/eventmaestro/maestro/internal/lab/pgbouncer"
	"github.com/eventmaestro/maestro/internal/lab/pgtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(pgtest.WithServer(m)) }

func TestTransactionsAreWhatIsPooled(t *testing.T) {
	t.Parallel()
	p := pgbouncer.Start(t)
	direct := pgtest.Database(t)
	conn, err := pgx.Connect(t.Context(), p.URL(t, direct))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, conn.Close(context.WithoutCancel(t.Context()))) })

	// A second client, in a transaction, makes the proxy open a second connection to the server.
	other, err := pgx.Connect(t.Context(), p.URL(t, direct))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, other.Close(context.WithoutCancel(t.Context()))) })
	held, err := other.Begin(t.Context())
	require.NoError(t, err)
	first := process(t, conn)
	require.NotEqual(t, first, process(t, held))
	require.NoError(t, held.Rollback(t.Context()))

	seen := map[int]bool{}
	for range 10 {
		seen[process(t, conn)] = true
	}
	require.Len(t, seen, 2, "the statements of one client go to the connections in turn")

	tx, err := conn.Begin(t.Context())
	require.NoError(t, err)
	within := process(t, tx)
	for range 10 {
		require.Equal(t, within, process(t, tx), "a transaction stays on its connection")
	}
	require.NoError(t, tx.Rollback(t.Context()))
}

func TestItEndsWithTheTest(t *testing.T) {
	t.Parallel()
	var url string
	t.Run("a test", func(t *testing.T) { url = pgbouncer.Start(t).URL(t, pgtest.URL(t)) })
	_, err := pgx.Connect(t.Context(), url)
	require.Error(t, err)
}

// querier is a connection or a transaction.
type querier interface {
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}

func process(t *testing.T, q querier) (pid int) {
	t.Helper()
	require.NoError(t, q.QueryRow(t.Context(), "SELECT pg_backend_pid()", pgx.QueryExecModeExec).Scan(&pid))
	return pid
}
