package postgres_test

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/eventmaestro/maestro/internal/lab/pgbouncer"
	"github.com/eventmaestro/maestro/internal/lab/pgtest"
	"github.com/eventmaestro/maestro/migrations"
	"github.com/eventmaestro/maestro/store/postgres"
	"github.com/eventmaestro/maestro/types"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"
)

// never is a Poll that no test lives to see.
const never = 24 * time.Hour

// eager returns a tail that looks only when it is woken.
func eager(t testing.TB, pool *pgxpool.Pool, log *lines) *postgres.Tail {
	t.Helper()
	tail, err := postgres.NewTail(pool, &postgres.TailOptions{
		Name: "a", Poll: never, MaxBackoff: 10 * time.Millisecond, Logger: slog.New(slog.NewTextHandler(log, nil)),
	})
	require.NoError(t, err)
	return tail
}

// lines keeps what a logger writes.
type lines struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *lines) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// listener returns the process of the server that listens for the pool's tail, once there is one
// other than those.
func listener(t testing.TB, pool *pgxpool.Pool, others ...int) (process int) {
	t.Helper()
	require.Eventually(t, func() bool {
		err := pool.QueryRow(t.Context(), `SELECT pid FROM pg_stat_activity
WHERE application_name = $1 AND query = 'LISTEN maestro_tail' AND state = 'idle' AND ($2::int[] IS NULL OR pid <> ALL ($2::int[]))`, t.Name(), others).Scan(&process)
		return err == nil
	}, time.Minute, 3*time.Millisecond)
	return process
}

func called(t testing.TB) func(*pgxpool.Config) {
	t.Helper()
	return func(c *pgxpool.Config) {
		c.MaxConns = 6
		c.ConnConfig.RuntimeParams["application_name"] = t.Name()
	}
}

func TestATailThatListensIsWoken(t *testing.T) {
	t.Parallel()
	pool := pgtest.With(t, &migrations.Options{Tail: true}, called(t))
	_, err := pool.Exec(t.Context(), writtenTable)
	require.NoError(t, err)
	log := &lines{}
	runTail(t, eager(t, pool, log), copyAll)
	notify := func() {
		_, err := pool.Exec(t.Context(), "NOTIFY "+postgres.TailChannel)
		require.NoError(t, err)
	}
	process := listener(t, pool)
	id := stamp()
	for n := 1; n <= 3; n++ {
		append1(t, pool, id, 1, 1)
		id = stamp()
		notify()
		await(t, pool, n)
	}
	// The connection that listens breaks, and what is stored meanwhile is found when there is another.
	append1(t, pool, id, 1, 1)
	_, err = pool.Exec(t.Context(), "SELECT pg_terminate_backend($1)", process)
	require.NoError(t, err)
	await(t, pool, 4)
	listener(t, pool, process)
	append1(t, pool, stamp(), 1, 1)
	notify()
	await(t, pool, 5)
	require.Equal(t, 1, strings.Count(log.String(), "a tail can't listen"), "told once: %s", log)
}

func TestATailWithoutAConnectionToSpareSaysSoAndPolls(t *testing.T) {
	t.Parallel()
	pool := pgtest.With(t, &migrations.Options{Tail: true}, func(c *pgxpool.Config) { c.MaxConns = 2 })
	_, err := pool.Exec(t.Context(), writtenTable)
	require.NoError(t, err)
	log := &lines{}
	tail, err := postgres.NewTail(pool, &postgres.TailOptions{Name: "a", Poll: 3 * time.Millisecond, Logger: slog.New(slog.NewTextHandler(log, nil))})
	require.NoError(t, err)
	runTail(t, tail, copyAll)
	append1(t, pool, stamp(), 1, 2)
	await(t, pool, 2)
	require.Eventually(t, func() bool {
		return strings.Contains(log.String(), `msg="maestro: a tail can't listen and looks every Poll instead" tail=a poll=3ms `+
			`reason="the pool has no connection to spare: its MaxConns is 2, and it takes 3"`)
	}, time.Minute, 3*time.Millisecond)
}

// A proxy that gives each transaction another connection keeps no LISTEN. The tail leaves none
// there, says so, and works.
func TestATailWorksThroughATransactionPoolingProxy(t *testing.T) {
	t.Parallel()
	for name, mode := range proxyModes {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			proxy := pgbouncer.Start(t)
			direct, schema := pgtest.Schema(t)
			straight := pgtest.Open(t, direct)
			require.NoError(t, migrations.Apply(t.Context(), straight, &migrations.Options{Tail: true}))
			_, err := straight.Exec(t.Context(), writtenTable)
			require.NoError(t, err)
			pool := pgtest.Open(t, proxy.URL(t, direct), func(c *pgxpool.Config) {
				c.MaxConns, c.ConnConfig.DefaultQueryExecMode = 6, mode
			})
			log := &lines{}
			tail, err := postgres.NewTail(pool, &postgres.TailOptions{
				Name: "a", Of: 2, MaxBatch: 5, Schema: schema,
				Poll: 3 * time.Millisecond, MaxBackoff: 10 * time.Millisecond, Logger: slog.New(slog.NewTextHandler(log, nil)),
			})
			require.NoError(t, err)
			runTail(t, tail, func(ctx context.Context, tx pgx.Tx, events []types.Event) error {
				for _, e := range events {
					_, err := tx.Exec(ctx, "INSERT INTO "+schema+".written (aggregate_id, sequence, event) VALUES ($1, $2, $3)",
						e.AggregateID[:], int32(e.Sequence), `{"Sequence": 0}`)
					if err != nil {
						return err
					}
				}
				return nil
			})
			for range 4 {
				append1(t, straight, stamp(), 1, 12)
			}
			await(t, straight, 48)
			require.Eventually(t, func() bool {
				return strings.Contains(log.String(), `reason="a proxy is between the pool and the server"`)
			}, time.Minute, 3*time.Millisecond)
			require.Equal(t, 1, strings.Count(log.String(), "a tail can't listen"))
			require.NotContains(t, log.String(), "failed")
		})
	}
}

// What a transaction may still add is waited for; what has nothing to do with it is not.
func TestALargeTransactionDelaysOnlyWhatItMayStillAdd(t *testing.T) {
	t.Parallel()
	pool := tailed(t)
	large, err := pool.Begin(t.Context())
	require.NoError(t, err)
	defer func() { _ = large.Rollback(context.WithoutCancel(t.Context())) }()
	s := pgtest.Store(t, pool, nil)
	a := stamp()
	c := commit(a, 1, 50)
	require.NoError(t, s.Tx(large).Commit(t.Context(), c))
	foreign, err := pool.Begin(t.Context())
	require.NoError(t, err)
	defer func() { _ = foreign.Rollback(context.WithoutCancel(t.Context())) }()
	_, err = foreign.Exec(t.Context(), "CREATE TABLE nothing_of_ours ()")
	require.NoError(t, err)

	runTail(t, newTail(t, pool, &postgres.TailOptions{Name: "a", MaxBatch: 4}), copyAll)
	b := append1(t, pool, stamp(), 1, 9)
	require.ElementsMatch(t, b, await(t, pool, 9))
	require.NoError(t, large.Commit(t.Context()))
	require.Equal(t, c.Events, await(t, pool, 59)[9:])
	last := append1(t, pool, a, 51, 1)
	require.Equal(t, last, await(t, pool, 60)[59:], "while the foreign one is still open")
}

// A function that takes its own tail's place away has not written anything.
func TestATailWhosePlaceIsGoneKeepsNothing(t *testing.T) {
	t.Parallel()
	pool := tailed(t)
	append1(t, pool, stamp(), 1, 5)
	told := make(chan error, 1)
	log := &lines{}
	tail := newTail(t, pool, &postgres.TailOptions{
		Name: "a", MaxBatch: 2, Logger: slog.New(slog.NewTextHandler(log, nil)),
		Failed: func(err error, attempt int) {
			if attempt == 1 {
				told <- err
			}
		},
	})
	var calls atomic.Int32
	runTail(t, tail, func(ctx context.Context, tx pgx.Tx, events []types.Event) error {
		if calls.Add(1) == 2 {
			if _, err := tx.Exec(ctx, "DELETE FROM tails"); err != nil {
				return err
			}
		}
		return copyAll(ctx, tx, events)
	})
	require.ErrorContains(t, <-told, `tail a: batch: its row of "tails" is gone`)
	require.Contains(t, log.String(), `level=WARN msg="maestro: a batch of a tail failed and comes again" tail=a part=0 attempt=1 error=`)
	await(t, pool, 5)
}

func TestATailReadsAheadOnTheSameServerOnly(t *testing.T) {
	t.Parallel()
	pool := tailed(t)
	append1(t, pool, stamp(), 1, 5)
	tail := newTail(t, pool, &postgres.TailOptions{Name: "a"})
	var started, shown string
	require.NoError(t, pool.QueryRow(t.Context(), "SELECT pg_postmaster_start_time()::text, pg_current_snapshot()::text").Scan(&started, &shown))
	n, err := tail.ReadBeside(t.Context(), started, shown)
	require.NoError(t, err)
	require.Equal(t, 5, n)
	n, err = tail.ReadBeside(t.Context(), "another", shown)
	require.ErrorIs(t, err, postgres.ErrOtherServer)
	require.Zero(t, n)
}
