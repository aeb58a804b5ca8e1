package postgres_test

import (
	"bytes"
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/eventmaestro/maestro/aggregate"
	"github.com/eventmaestro/maestro/hlc"
	"github.com/eventmaestro/maestro/internal/lab/pgserver"
	"github.com/eventmaestro/maestro/internal/lab/pgtest"
	"github.com/eventmaestro/maestro/migrations"
	"github.com/eventmaestro/maestro/store"
	"github.com/eventmaestro/maestro/store/postgres"
	"github.com/eventmaestro/maestro/types"
)

// counted is a root that counts its events.
func counted(t testing.TB, a store.Adapter) *aggregate.Root[int] {
	t.Helper()
	sup, err := aggregate.NewSupervisor(a, nil)
	require.NoError(t, err)
	ended := context.WithoutCancel(t.Context())
	t.Cleanup(func() { require.NoError(t, sup.Shutdown(ended)) })
	root, err := aggregate.NewRoot(sup, aggregate.Definition[int]{
		Name: "counter",
		Commands: aggregate.Commands[int]{"count": aggregate.Command(func(context.Context, aggregate.Instance[int], struct{}) ([]types.Uncommitted, error) {
			return types.Events(types.NewEvent("happened", nil)), nil
		})},
		Events: aggregate.Events[int]{"happened": aggregate.Event(func(n int, _ struct{}) int { return n + 1 })},
	})
	require.NoError(t, err)
	return root
}

// pause stops a standby's replay, and lets it go on.
func pause(t testing.TB, standby *pgserver.Server) (goOn func()) {
	t.Helper()
	admin := pgtest.Open(t, standby.URL("postgres"))
	_, err := admin.Exec(t.Context(), "SELECT pg_wal_replay_pause()")
	require.NoError(t, err)
	return func() {
		_, err := admin.Exec(t.Context(), "SELECT pg_wal_replay_resume()")
		require.NoError(t, err)
	}
}

func TestThePastIsReadOnAReplicaAndIsNoLaterForIt(t *testing.T) {
	t.Parallel()
	primary, standby := pair(t)
	var asked, replicas tracer
	var log bytes.Buffer
	pool := pgtest.Open(t, primary.URL("postgres"), traced(&asked))
	s := pgtest.Store(t, pool, &postgres.Options{
		Commands: true, Replica: pgtest.Open(t, standby.URL("postgres"), traced(&replicas)), Logger: textLogger(&log),
	})
	require.NoError(t, s.Validate(t.Context()))
	root := counted(t, s)
	id, err := root.NewID(t.Context())
	require.NoError(t, err)
	count := func(n int) {
		for range n {
			require.NoError(t, root.Evaluate(t.Context(), types.Command{AggregateID: id, Type: "count"}))
		}
	}
	read := func(in store.Range) (sequences []types.Sequence) {
		for e, err := range root.History(t.Context(), id, in) {
			require.NoError(t, err)
			sequences = append(sequences, e.Sequence)
		}
		return sequences
	}
	replicas.take()
	count(5)
	n, err := root.Fetch(t.Context(), id)
	require.NoError(t, err)
	require.Equal(t, 5, n)
	onReplica, _ := replicas.take()
	require.Empty(t, onReplica, "what decides, and what is promised as of now")
	all := func(what string) {
		require.Equal(t, []types.Sequence{1, 2, 3, 4, 5, 6, 7, 8}, read(store.Range{}), what)
		require.Equal(t, []types.Sequence{3, 4}, read(store.Range{After: 2, Max: 4}), what)
		require.Equal(t, []types.Sequence{7, 8}, read(store.Range{After: 6}), what)
		for at := range types.Sequence(9) {
			n, err := root.Replay(t.Context(), id, at)
			require.NoError(t, err)
			require.EqualValues(t, at, n, what)
		}
		n, err := root.ReplayAt(t.Context(), id, time.Now().Add(time.Hour))
		require.NoError(t, err)
		require.Equal(t, 8, n, what)
		in, err := root.Inspect(t.Context(), id)
		require.NoError(t, err)
		require.True(t, in.OK(), in)
		require.Equal(t, 8, in.Rows, what)
	}
	require.NoError(t, primary.CaughtUp(t.Context(), standby))
	goOn := pause(t, standby)
	count(3)
	all("a replica that is behind")
	onReplica, _ = replicas.take()
	require.Len(t, onReplica, 3+8+1+1, "each of them was asked there, but the state at 0")

	goOn()
	require.NoError(t, root.Snapshot(t.Context(), id))
	require.NoError(t, primary.CaughtUp(t.Context(), standby))
	all("one that has a snapshot")
	require.Empty(t, log.String())
	require.NoError(t, standby.Stop(t.Context(), pgserver.Fast))
	all("one that is down")
	require.Contains(t, log.String(), "a replica could not be read")
}

func TestAReplicaThatFollowsAnotherServerIsRefused(t *testing.T) {
	t.Parallel()
	primary, standby := pair(t)
	pool := pgtest.Open(t, primary.URL("postgres"))
	s := pgtest.Store(t, pool, &postgres.Options{Replica: pgtest.Open(t, standby.URL("postgres"))})
	id := stamp()
	require.NoError(t, s.Commit(t.Context(), commit(id, 1, 3)))
	require.NoError(t, primary.CaughtUp(t.Context(), standby))
	require.NoError(t, standby.Detach(t.Context()))
	require.NoError(t, standby.Promote(t.Context()))
	require.NoError(t, pgtest.Store(t, pgtest.Open(t, standby.URL("postgres")), nil).Commit(t.Context(), commit(id, 4, 1)))
	root := counted(t, s)
	fails := func(what string) {
		err := drain(root.History(t.Context(), id, store.Range{}))
		require.ErrorIs(t, err, store.ErrUnavailable, what)
		require.ErrorContains(t, err, "follows another server", what)
		_, err = root.Replay(t.Context(), id, 4)
		require.ErrorIs(t, err, store.ErrUnavailable, what)
	}
	fails("it has an event more")
	require.NoError(t, s.Commit(t.Context(), commit(id, 4, 2)))
	fails("it has another event")

	other, err := pgserver.Start(t.Context(), nil)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, other.Close()) })
	err = pgtest.Store(t, pool, &postgres.Options{Replica: pgtest.Open(t, other.URL("postgres"))}).Validate(t.Context())
	var refused *types.OptionsError
	require.ErrorAs(t, err, &refused)
	require.Equal(t, "Options.Replica", refused.Field)
}

func TestATailReadsOnAReplicaWhatThatHas(t *testing.T) {
	t.Parallel()
	primary, standby := pair(t)
	pool := pgtest.Open(t, primary.URL("postgres"), func(c *pgxpool.Config) { c.MaxConns = 8 })
	_, err := pool.Exec(t.Context(), writtenTable)
	require.NoError(t, err)
	var asked tracer
	var log bytes.Buffer
	wait := true
	calls := 0
	begin := func() (stop func()) {
		tail := newTail(t, pgtest.Open(t, primary.URL("postgres"), small, traced(&asked)), &postgres.TailOptions{
			Name: "a", MaxBatch: 10, Poll: 5 * time.Millisecond, Replica: pgtest.Open(t, standby.URL("postgres")),
			Logger: textLogger(&log),
		})
		return runTail(t, tail, func(ctx context.Context, tx pgx.Tx, events []types.Event) error {
			calls++
			if wait { // for what the batch before has written
				if err := primary.CaughtUp(ctx, standby); err != nil {
					return err
				}
			}
			return copyAll(ctx, tx, events)
		})
	}
	reads := func(tr *tracer) (n int) {
		statements, _ := tr.take()
		for _, sql := range statements {
			if strings.Contains(sql, "e.body END") {
				n++
			}
		}
		return n
	}
	var ids []hlc.Timestamp
	for range 30 {
		ids = append(ids, stamp())
		append1(t, pool, ids[len(ids)-1], 1, 4)
	}
	require.NoError(t, primary.CaughtUp(t.Context(), standby))
	stop := begin()
	await(t, pool, 120)
	stop()
	require.GreaterOrEqual(t, calls, 12)
	require.Less(t, reads(&asked), 6, "the first, of which the standby has not heard, and what looks for more at the end")

	goOn := pause(t, standby)
	wait = false
	for i, id := range ids {
		append1(t, pool, id, 5, 1+i%3)
	}
	stop = begin()
	all := await(t, pool, 180)
	stop()
	require.Positive(t, reads(&asked), "the newest are read on the primary")
	for _, id := range ids {
		events := of(id, all)
		require.True(t, slices.IsSortedFunc(events, func(a, b types.Event) int { return int(a.Sequence - b.Sequence) }))
		require.EqualValues(t, len(events), events[len(events)-1].Sequence)
	}
	goOn()
	require.NoError(t, primary.CaughtUp(t.Context(), standby))
	require.NoError(t, standby.Detach(t.Context()))
	require.NoError(t, standby.Promote(t.Context()))
	for _, s := range []*pgserver.Server{primary, standby} { // each has transactions of the same numbers
		append1(t, pgtest.Open(t, s.URL("postgres")), stamp(), 1, 25)
	}
	stop = begin()
	await(t, pool, 205)
	stop()
	require.NotContains(t, log.String(), "can't read")
	require.NoError(t, standby.Stop(t.Context(), pgserver.Fast))
	append1(t, pool, stamp(), 1, 25)
	stop = begin()
	await(t, pool, 230)
	stop()
	require.Equal(t, 1, strings.Count(log.String(), "can't read on its replica"))
}

func TestATailOfAReplicaOfAnotherClusterReadsOnThePrimary(t *testing.T) {
	t.Parallel()
	pool := tailed(t)
	other, err := pgserver.Start(t.Context(), nil)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, other.Close()) })
	elsewhere := pgtest.Open(t, other.URL("postgres"))
	require.NoError(t, migrations.Apply(t.Context(), elsewhere, &migrations.Options{Tail: true}))
	append1(t, elsewhere, stamp(), 1, 30)
	append1(t, pool, stamp(), 1, 25)
	runTail(t, newTail(t, pool, &postgres.TailOptions{Name: "a", MaxBatch: 4, Replica: elsewhere}), copyAll)
	await(t, pool, 25)
}
