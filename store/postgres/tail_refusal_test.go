package postgres_test

import (
	"context"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/eventmaestro/maestro/hlc"
	"github.com/eventmaestro/maestro/internal/lab/pgserver"
	"github.com/eventmaestro/maestro/internal/lab/pgtest"
	"github.com/eventmaestro/maestro/migrations"
	"github.com/eventmaestro/maestro/store"
	"github.com/eventmaestro/maestro/store/postgres"
	"github.com/eventmaestro/maestro/types"
)

// tailed is a pool on fresh tables with those of tails, and one that tails write into.
func tailed(t testing.TB) *pgxpool.Pool {
	t.Helper()
	pool := pgtest.With(t, &migrations.Options{Tail: true}, func(c *pgxpool.Config) { c.MaxConns = 12 })
	_, err := pool.Exec(t.Context(), writtenTable)
	require.NoError(t, err)
	return pool
}

// refused checks what every method says to a database that a tail can't work on.
func refused(t testing.TB, tail *postgres.Tail, reason store.TailRefusal, text string) {
	t.Helper()
	for what, err := range map[string]error{
		"run":    tail.Run(t.Context(), copyAll),
		"rewind": tail.Rewind(t.Context(), time.Time{}, nil),
		"adopt":  tail.Adopt(t.Context()),
	} {
		var refused *store.TailError
		require.ErrorAs(t, err, &refused, what)
		require.Equal(t, reason, refused.Reason, what)
		require.ErrorContains(t, err, text, what)
	}
}

func TestATailRefusesADatabaseWithoutItsTables(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ sql, text string }{
		"no column":         {"ALTER TABLE event_log DROP COLUMN transaction_id", `tail a: "event_log" has no column transaction_id that the server fills in: add it with maestro-migrations -extend -tail`},
		"nobody fills it":   {"ALTER TABLE event_log ALTER transaction_id DROP DEFAULT", `has no column transaction_id that the server fills in`},
		"no table of tails": {"DROP TABLE tails", `tail a: there is no table "tails": make it with maestro-migrations -extend -tail`},
		"no log":            {"DROP TABLE event_log", `tail a: there is no table "event_log": make it with maestro-migrations -tail, or name its schema in TailOptions.Schema`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			pool := tailed(t)
			_, err := pool.Exec(t.Context(), test.sql)
			require.NoError(t, err)
			refused(t, newTail(t, pool, &postgres.TailOptions{Name: "a"}), store.TailNoTables, test.text)
		})
	}
}

func TestATailRefusesADistributedLog(t *testing.T) {
	t.Parallel()
	pool := pgtest.Open(t, pgtest.Database(t))
	require.NoError(t, migrations.Apply(t.Context(), pool, &migrations.Options{Tail: true, Sharded: true}))
	// What Citus knows its tables by.
	conn, err := pool.Acquire(t.Context())
	require.NoError(t, err)
	_, err = conn.Exec(t.Context(), `SET allow_system_table_mods = on`)
	require.NoError(t, err)
	_, err = conn.Exec(t.Context(), `CREATE TABLE pg_catalog.pg_dist_partition (logicalrelid regclass)`)
	conn.Release()
	require.NoError(t, err)
	tail := newTail(t, pool, &postgres.TailOptions{Name: "a"})
	require.NoError(t, tail.Rewind(t.Context(), time.Time{}, nil), "a log that is not spread")
	_, err = pool.Exec(t.Context(), `INSERT INTO pg_catalog.pg_dist_partition VALUES ('event_log')`)
	require.NoError(t, err)
	refused(t, tail, store.TailDistributed, "tail a: the event log is spread over several servers, whose transactions have no order in common: "+
		"let a projection fill a table that a program of yours reads, or keep the log on one server")
}

func TestATailRefusesAReplica(t *testing.T) {
	t.Parallel()
	pgtest.Program(t, "pg_basebackup")
	primary, err := pgserver.Start(t.Context(), &pgserver.Config{})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, primary.Close()) })
	pool := pgtest.Open(t, primary.URL("postgres"))
	require.NoError(t, migrations.Apply(t.Context(), pool, &migrations.Options{Tail: true}))
	standby, err := primary.Standby(t.Context(), "standby")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, standby.Close()) })
	tail := newTail(t, pgtest.Open(t, standby.URL("postgres")), &postgres.TailOptions{Name: "a"})
	refused(t, tail, store.TailOnReplica, "tail a: the server is a replica, where its place can't be saved: use a pool on the primary (target_session_attrs=read-write)")
	progress, err := tail.Progress(t.Context())
	require.NoError(t, err, "who only looks may look there")
	require.Zero(t, progress.Events)
}

func TestATailOptionThatCanNotBeMeantIsRefused(t *testing.T) {
	t.Parallel()
	pool := tailed(t)
	for text, o := range map[string]*postgres.TailOptions{
		"postgres: TailOptions.Name is 0 bytes long: use 1 to 256":                                nil,
		"postgres: TailOptions.Types holds an empty type: leave it out":                           {Name: "a", Types: []string{"a", ""}},
		"postgres: TailOptions.Of is 65: use 1 to 64, or 0 for 1":                                 {Name: "a", Of: 65},
		"postgres: TailOptions.MaxBatch is -1: use 1 or more, or 0 for the default":               {Name: "a", MaxBatch: -1},
		"postgres: TailOptions.Poll is -1ns: use a positive duration, or 0 for the default":       {Name: "a", Poll: -1},
		"postgres: TailOptions.MaxBackoff is -1ns: use a positive duration, or 0 for the default": {Name: "a", MaxBackoff: -1},
		"postgres: TailOptions.Schema holds a NUL: use 1 to 63 bytes of UTF-8, none of them NUL":  {Name: "a", Schema: "a\x00"},
	} {
		_, err := postgres.NewTail(pool, o)
		require.EqualError(t, err, text)
		require.ErrorAs(t, err, new(*types.OptionsError))
	}
	_, err := postgres.NewTail(nil, &postgres.TailOptions{Name: "a"})
	require.ErrorContains(t, err, "the pool is nil")
}

func TestAnOlderRunOfOtherPartsEndsOnceTheyAreDealtAnew(t *testing.T) {
	t.Parallel()
	pool := tailed(t)
	append1(t, pool, stamp(), 1, 3)
	ended := make(chan error, 1)
	go func() { ended <- newTail(t, pool, &postgres.TailOptions{Name: "a", Of: 2}).Run(t.Context(), copyAll) }()
	await(t, pool, 3)
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	other := make(chan error, 1)
	go func() { other <- newTail(t, pool, &postgres.TailOptions{Name: "a", Of: 3}).Run(ctx, copyAll) }()
	err := <-ended
	var refused *store.TailError
	require.ErrorAs(t, err, &refused)
	require.Equal(t, store.TailOtherParts, refused.Reason)
	require.EqualError(t, err, "tail a: another process has dealt it out to 3 parts, not 2: start this one with the same TailOptions.Of")
	append1(t, pool, stamp(), 1, 3)
	await(t, pool, 6)
	stop()
	require.ErrorIs(t, <-other, context.Canceled)
}

// append1 stores n events of an aggregate in one commit.
func append1(t testing.TB, pool *pgxpool.Pool, id hlc.Timestamp, first types.Sequence, n int) []types.Event {
	t.Helper()
	c := commit(id, first, n)
	require.NoError(t, pgtest.Store(t, pool, nil).Commit(t.Context(), c))
	return c.Events
}

// await waits until so many events are written.
func await(t testing.TB, pool *pgxpool.Pool, n int) []types.Event {
	t.Helper()
	require.Eventually(t, func() bool { return len(written(t, pool)) >= n }, time.Minute, 3*time.Millisecond)
	all := written(t, pool)
	require.Len(t, all, n)
	return all
}

// runTail runs a tail until the test ends, or until stop is called.
func runTail(t testing.TB, tail *postgres.Tail, f postgres.TailFunc) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- tail.Run(ctx, f) }()
	done := false
	stop = func() {
		if !done {
			done = true
			cancel()
			require.ErrorIs(t, <-ended, context.Canceled)
		}
	}
	t.Cleanup(stop)
	return stop
}

// A database that is restored from a dump into another cluster has that one's numbers, and the
// place that goes with them.
func TestATailRefusesAPlaceOfAnotherClusterAndAdoptsIt(t *testing.T) {
	t.Parallel()
	pool := tailed(t)
	a, b, c := stamp(), stamp(), stamp()
	events := append1(t, pool, a, 1, 3)
	o := &postgres.TailOptions{Name: "a"}
	stop := runTail(t, newTail(t, pool, o), copyAll)
	await(t, pool, 3)
	stop()
	// As it was there: another identity, and numbers that this server comes to much later. One event
	// of each is not handed out yet.
	_, err := pool.Exec(t.Context(), `UPDATE tails SET cluster = '42', seen = '900000000000:900000000000:'`)
	require.NoError(t, err)
	more := append(append1(t, pool, a, 4, 2), append1(t, pool, b, 1, 2)...)
	_, err = pool.Exec(t.Context(), `UPDATE event_log SET transaction_id = ((transaction_id::text::bigint) + 900000000000)::text::xid8`)
	require.NoError(t, err)
	more = append(more, append1(t, pool, c, 1, 1)...) // and one of here

	var known []hlc.Timestamp
	o.Known = func(ctx context.Context, tx pgx.Tx, ids []hlc.Timestamp) (map[hlc.Timestamp]types.Sequence, error) {
		known = append(known, ids...)
		return knownWritten(ctx, tx, ids)
	}
	tail := newTail(t, pool, o)
	err = tail.Run(t.Context(), copyAll)
	var refused *store.TailError
	require.ErrorAs(t, err, &refused)
	require.Equal(t, store.TailOtherServer, refused.Reason)
	require.ErrorContains(t, err, "tail a: its place is one of another database cluster, 42, from which this one, ")
	require.ErrorContains(t, err, "call Adopt, which goes through the log from the beginning and leaves out what TailOptions.Known says the consumer has; "+
		`after pg_upgrade, which keeps the numbers of transactions, it is enough to set the column cluster of "tails" to NULL`)
	err = newTail(t, pool, &postgres.TailOptions{Name: "new"}).Run(t.Context(), copyAll)
	require.EqualError(t, err, "tail new: the event log has transactions that this server has not had yet, as it was restored from another cluster: "+
		"call Adopt, which takes their numbers for unknown")

	require.NoError(t, tail.Adopt(t.Context()))
	runTail(t, tail, copyAll)
	all := await(t, pool, 8)
	require.ElementsMatch(t, append(events, more...), all)
	require.ElementsMatch(t, []hlc.Timestamp{a, b, c}, known)
	last := append1(t, pool, b, 3, 1)
	require.Equal(t, last, await(t, pool, 9)[8:])
}
