package aggregate_test

import (
	"errors"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/eventmaestro/maestro/aggregate"
	"github.com/eventmaestro/maestro/hlc"
	"github.com/eventmaestro/maestro/internal/lab/pgtest"
	"github.com/eventmaestro/maestro/migrations"
)

const (
	loadPartitions = 64
	loadAggregates = 400
	loadClients    = 16 // of each of two processes
	loadCommands   = 150
)

// Two processes work on the same aggregates in 64 partitions: every command is there once, every
// log is without gap or repeat, and a read of one aggregate looks at one partition.
func TestSixtyFourPartitionsUnderLoad(t *testing.T) {
	t.Parallel()
	pool := pgtest.With(t, &migrations.Options{Partitions: loadPartitions}, func(c *pgxpool.Config) { c.MaxConns = 8 })
	first := newRoot(t, pgtest.Store(t, pool, nil), nil)
	second := newRoot(t, pgtest.Store(t, pool, nil), nil)
	ids := make([]hlc.Timestamp, loadAggregates)
	for i := range ids {
		ids[i] = newID(t, first)
	}
	var clients sync.WaitGroup
	failed := make([]error, 2*loadClients)
	for i := range failed {
		root := []*aggregate.Root[tally]{first, second}[i%2]
		clients.Go(func() {
			for range loadCommands {
				failed[i] = errors.Join(failed[i], root.Evaluate(t.Context(), adds(ids[rand.N(len(ids))], 1)))
			}
		})
	}
	clients.Wait()
	require.NoError(t, errors.Join(failed...))

	var events, torn, stamps, partitions int
	require.NoError(t, pool.QueryRow(t.Context(), `SELECT count(*), count(DISTINCT "timestamp"), count(DISTINCT tableoid),
		(SELECT count(*) FROM (SELECT aggregate_id FROM event_log GROUP BY aggregate_id HAVING count(*) <> max(sequence)) t)
		FROM event_log`).Scan(&events, &stamps, &partitions, &torn))
	require.Equal(t, 2*loadClients*loadCommands, events)
	require.Equal(t, events, stamps)
	require.Zero(t, torn)
	require.Greater(t, partitions, loadPartitions*9/10)

	total := 0
	for _, id := range ids {
		total += fetch(t, second, id).Total
	}
	require.Equal(t, events, total)
	require.Equal(t, 1, strings.Count(planOf(t, pool, ids[0]), " on event_log"), "partitions that a read looks at")
}

// planOf is how the server reads the log of one aggregate.
func planOf(t *testing.T, pool *pgxpool.Pool, id hlc.Timestamp) string {
	t.Helper()
	rows, err := pool.Query(t.Context(), `EXPLAIN SELECT * FROM event_log WHERE aggregate_id = $1 AND sequence > 0 ORDER BY sequence`,
		pgx.QueryExecModeSimpleProtocol, id[:])
	require.NoError(t, err)
	lines, err := pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(t, err)
	return strings.Join(lines, "\n")
}
