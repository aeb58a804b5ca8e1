package postgres_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/eventmaestro/maestro/hlc"
	"github.com/eventmaestro/maestro/internal/lab/pgtest"
	"github.com/eventmaestro/maestro/store"
	"github.com/eventmaestro/maestro/store/postgres"
	"github.com/eventmaestro/maestro/types"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"
)

var issued atomic.Uint64

// stamp returns a timestamp that no other call returns, and that is after all before.
func stamp() hlc.Timestamp {
	n := issued.Add(1)
	t, err := hlc.New(1_700_000_000_000+int64(n), 0, 7)
	if err != nil {
		panic(err)
	}
	return t
}

func event(id hlc.Timestamp, s types.Sequence) types.Event {
	return types.Event{Timestamp: stamp(), AggregateID: id, Sequence: s, Type: "happened", Body: json.RawMessage(`{"n": 1}`)}
}

// commit is one of n events from sequence first on.
func commit(id hlc.Timestamp, first types.Sequence, n int) store.Commit {
	c := store.Commit{AggregateID: id}
	for i := range n {
		c.Events = append(c.Events, event(id, first+types.Sequence(i)))
	}
	return c
}

func stored(t testing.TB, s store.Adapter, id hlc.Timestamp) []types.Event {
	t.Helper()
	var events []types.Event
	for e, err := range s.Events(context.WithoutCancel(t.Context()), id, store.Range{}) {
		require.NoError(t, err)
		events = append(events, e)
	}
	return events
}

// hold takes all connections of a pool, until it is told to give them back.
func hold(t testing.TB, pool *pgxpool.Pool) (release func()) {
	t.Helper()
	var conns []*pgxpool.Conn
	for range pool.Config().MaxConns {
		conn, err := pool.Acquire(t.Context())
		require.NoError(t, err)
		conns = append(conns, conn)
	}
	return func() {
		for _, conn := range conns {
			conn.Release()
		}
	}
}

// together makes all commits travel in one statement, and returns their errors. The pool has one
// connection.
func together(t testing.TB, s *postgres.Store, pool *pgxpool.Pool, commits ...store.Commit) []error {
	t.Helper()
	// One committer leads and waits for the connection. The others wait for it.
	return gathered(t, s, pool, len(commits)-1, commits...)
}

// gathered is together for commits of which only so many wait for a committer.
func gathered(t testing.TB, s *postgres.Store, pool *pgxpool.Pool, waiting int, commits ...store.Commit) []error {
	t.Helper()
	release := hold(t, pool)
	errs := make([]error, len(commits))
	var group sync.WaitGroup
	for i, c := range commits {
		group.Go(func() { errs[i] = s.Commit(context.WithoutCancel(t.Context()), c) })
	}
	deadline := time.Now().Add(10 * time.Second)
	for s.Waiting() != waiting && time.Now().Before(deadline) {
		runtime.Gosched()
	}
	release()
	group.Wait()
	require.True(t, time.Now().Before(deadline), "the commits did not gather")
	return errs
}

func oneConn(c *pgxpool.Config) { c.MaxConns = 1 }

// crowd is a store whose commits can be made to travel together.
func crowd(t testing.TB, o *postgres.Options, configure ...func(*pgxpool.Config)) (*postgres.Store, *pgxpool.Pool) {
	t.Helper()
	pool := pgtest.Plain(t, append([]func(*pgxpool.Config){oneConn}, configure...)...)
	copied := postgres.Options{}
	if o != nil {
		copied = *o
	}
	copied.Committers = 1
	return pgtest.Store(t, pool, &copied), pool
}

// tracer counts what a pool sends.
type tracer struct {
	mu         sync.Mutex
	statements []string
	batches    int
}

func traced(tr *tracer) func(*pgxpool.Config) {
	return func(c *pgxpool.Config) { c.ConnConfig.Tracer = tr }
}

func (tr *tracer) add(sql string) {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	tr.statements = append(tr.statements, sql)
}

// take returns what was sent since the last call.
func (tr *tracer) take() (statements []string, batches int) {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	statements, batches = tr.statements, tr.batches
	tr.statements, tr.batches = nil, 0
	return statements, batches
}

func (tr *tracer) TraceQueryStart(ctx context.Context, _ *pgx.Conn, d pgx.TraceQueryStartData) context.Context {
	tr.add(d.SQL)
	return ctx
}

func (*tracer) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {}

func (tr *tracer) TraceBatchStart(ctx context.Context, _ *pgx.Conn, _ pgx.TraceBatchStartData) context.Context {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	tr.batches++
	return ctx
}

func (tr *tracer) TraceBatchQuery(_ context.Context, _ *pgx.Conn, d pgx.TraceBatchQueryData) {
	tr.add(d.SQL)
}

func (*tracer) TraceBatchEnd(context.Context, *pgx.Conn, pgx.TraceBatchEndData) {}

// noDriver checks that an error is the store's own, without one of the driver's inside.
func noDriver(t testing.TB, err error) {
	t.Helper()
	var pgErr *pgconn.PgError
	require.NotErrorAs(t, err, &pgErr)
}

func isOneOf(err error, targets ...error) bool {
	return slices.ContainsFunc(targets, func(target error) bool { return errors.Is(err, target) })
}

func textLogger(w io.Writer) *slog.Logger { return slog.New(slog.NewTextHandler(w, nil)) }
