package postgres_test

import (
	"bytes"
	"context"
	"os/exec"
	"testing"

	"github.com/eventmaestro/maestro/hlc"
	"github.com/eventmaestro/maestro/internal/lab/pgserver"
	"github.com/eventmaestro/maestro/internal/lab/pgtest"
	"github.com/eventmaestro/maestro/migrations"
	"github.com/eventmaestro/maestro/store"
	"github.com/eventmaestro/maestro/store/postgres"
	"github.com/eventmaestro/maestro/types"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"
)

func TestATailBeginsWithWhatIsFromBeforeItsColumn(t *testing.T) {
	t.Parallel()
	for name, o := range map[string]*migrations.Options{"plain": {}, "partitioned": {Partitions: 3}, "sharded": {Sharded: true}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			pool := pgtest.With(t, o)
			_, err := pool.Exec(t.Context(), writtenTable)
			require.NoError(t, err)
			a, b := stamp(), stamp()
			events := append(append1(t, pool, a, 1, 5), append1(t, pool, b, 1, 4)...)
			var before, after int64
			const file = `SELECT sum(pg_relation_filenode(oid)::bigint)::bigint FROM pg_class WHERE relkind = 'r'
AND (oid = 'event_log'::regclass OR oid IN (SELECT inhrelid FROM pg_inherits WHERE inhparent = 'event_log'::regclass))`
			require.NoError(t, pool.QueryRow(t.Context(), file).Scan(&before))
			require.NoError(t, migrations.Apply(t.Context(), pool, &migrations.Options{Tail: true, Sharded: o.Sharded}))
			require.NoError(t, pool.QueryRow(t.Context(), file).Scan(&after))
			require.Equal(t, before, after, "the table was rewritten")
			late := append1(t, pool, a, 6, 3)
			runTail(t, newTail(t, pool, &postgres.TailOptions{Name: "a", MaxBatch: 2}), copyAll)
			all := await(t, pool, 12)
			require.ElementsMatch(t, events, all[:9])
			require.Equal(t, late, all[9:])
			require.Equal(t, append(events[:5:5], late...), of(a, all))
			require.Equal(t, events[5:], of(b, all))
		})
	}
}

// of are the events of an aggregate.
func of(id hlc.Timestamp, all []types.Event) (some []types.Event) {
	for _, e := range all {
		if e.AggregateID == id {
			some = append(some, e)
		}
	}
	return some
}

// knownWritten looks up what the consumer has.
func knownWritten(ctx context.Context, tx pgx.Tx, ids []hlc.Timestamp) (map[hlc.Timestamp]types.Sequence, error) {
	last := map[hlc.Timestamp]types.Sequence{}
	for _, id := range ids {
		var sequence int32
		if err := tx.QueryRow(ctx, "SELECT coalesce(max(sequence), 0) FROM written WHERE aggregate_id = $1", id[:]).Scan(&sequence); err != nil {
			return nil, err
		}
		last[id] = types.Sequence(sequence)
	}
	return last, nil
}

// A dump brings place, log and what the consumer wrote into a cluster that counts its transactions
// anew.
func TestATailGoesOnAfterADumpWasRestoredIntoAnotherCluster(t *testing.T) {
	t.Parallel()
	pgDump, psql := pgtest.Program(t, "pg_dump"), pgtest.Program(t, "psql")
	cluster := func() (*pgxpool.Pool, string) {
		s, err := pgserver.Start(t.Context(), &pgserver.Config{})
		require.NoError(t, err)
		t.Cleanup(func() { require.NoError(t, s.Close()) })
		return pgtest.Open(t, s.URL("postgres")), s.URL("postgres")
	}
	from, source := cluster()
	to, target := cluster()
	require.NoError(t, migrations.Apply(t.Context(), from, &migrations.Options{Tail: true}))
	_, err := from.Exec(t.Context(), writtenTable)
	require.NoError(t, err)
	for range 200 { // the other cluster is ahead
		_, err := from.Exec(t.Context(), "SELECT pg_current_xact_id()")
		require.NoError(t, err)
	}
	a, b := stamp(), stamp()
	events := append1(t, from, a, 1, 4)
	stop := runTail(t, newTail(t, from, &postgres.TailOptions{Name: "a"}), copyAll)
	await(t, from, 4)
	stop()
	events = append(events, append1(t, from, a, 5, 2)...)
	events = append(events, append1(t, from, b, 1, 3)...)

	dump, err := exec.CommandContext(t.Context(), pgDump, "--dbname", source).Output()
	require.NoError(t, err)
	restore := exec.CommandContext(t.Context(), psql, "--dbname", target, "-v", "ON_ERROR_STOP=1", "-q")
	restore.Stdin = bytes.NewReader(dump)
	out, err := restore.CombinedOutput()
	require.NoError(t, err, "%s", out)

	events = append(events, append1(t, to, b, 4, 1)...) // writers go on before anybody thinks of the tail
	tail := newTail(t, to, &postgres.TailOptions{Name: "a", MaxBatch: 2, Known: knownWritten})
	refused := tail.Run(t.Context(), copyAll)
	var reason *store.TailError
	require.ErrorAs(t, refused, &reason)
	require.Equal(t, store.TailOtherServer, reason.Reason)
	require.ErrorContains(t, refused, "call Adopt, which goes through the log from the beginning and leaves out what TailOptions.Known says the consumer has")
	require.NoError(t, tail.Adopt(t.Context()))
	runTail(t, tail, copyAll)
	all := await(t, to, 10)
	require.Equal(t, events[:6], of(a, all))
	require.Equal(t, events[6:], of(b, all))
	last := append1(t, to, a, 7, 2)
	require.Equal(t, last, await(t, to, 12)[10:])
}

// What can't be cut into batches, as a transaction took its number before others that it follows,
// is swept; and no more than that.
func TestATailSweepsNoMoreThanItHasTo(t *testing.T) {
	t.Parallel()
	pool := tailed(t)
	s := pgtest.Store(t, pool, nil)
	stop := runTail(t, newTail(t, pool, &postgres.TailOptions{Name: "a", MaxBatch: 4}), copyAll)
	events := append1(t, pool, stamp(), 1, 1)
	await(t, pool, 1)
	stop() // and what follows is behind
	early, err := pool.Begin(t.Context())
	require.NoError(t, err)
	defer func() { _ = early.Rollback(context.WithoutCancel(t.Context())) }()
	_, err = early.Exec(t.Context(), "SELECT pg_current_xact_id()")
	require.NoError(t, err)
	a := stamp()
	for i := range 10 {
		events = append(events, append1(t, pool, a, types.Sequence(2*i+1), 2)...)
	}
	c := commit(a, 21, 9)
	require.NoError(t, s.Tx(early).Commit(t.Context(), c))
	require.NoError(t, early.Commit(t.Context()))
	events = append(events, c.Events...)
	events = append(events, append1(t, pool, a, 30, 1)...)
	for range 100 {
		events = append(events, append1(t, pool, stamp(), 1, 2)...)
	}
	var newest, furthest int64
	require.NoError(t, pool.QueryRow(t.Context(), "SELECT max(transaction_id::text::bigint) FROM event_log").Scan(&newest))
	runTail(t, newTail(t, pool, &postgres.TailOptions{Name: "a", MaxBatch: 4}), func(ctx context.Context, tx pgx.Tx, events []types.Event) error {
		var until int64
		err := tx.QueryRow(ctx, "SELECT coalesce(pg_snapshot_xmax(until)::text::bigint, 0) FROM tails").Scan(&until)
		furthest = max(furthest, until)
		if err != nil {
			return err
		}
		return copyAll(ctx, tx, events)
	})
	all := await(t, pool, len(events))
	require.Equal(t, of(a, events), of(a, all))
	require.Positive(t, furthest, "nothing was swept")
	require.Less(t, furthest, newest-50, "all was swept")
}
