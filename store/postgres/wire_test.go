package postgres_test

import (
	"context"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/eventmaestro/maestro/internal/lab/pgtest"
	"github.com/eventmaestro/maestro/store/postgres"
	"github.com/eventmaestro/maestro/types"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"
)

// wire counts the round trips of a pool's connections and can break them.
type wire struct {
	mu     sync.Mutex
	trips  int
	broken fault // what happens to the next write of a statement
}

type fault int

const (
	healthy  fault = iota
	cutFirst       // the statement doesn't reach the server
	cutAfter       // its answer doesn't come back
)

func (w *wire) tap(c *pgxpool.Config) {
	dial := c.ConnConfig.DialFunc
	c.ConnConfig.DialFunc = func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := dial(ctx, network, address)
		if err != nil {
			return nil, err
		}
		return &tappedConn{Conn: conn, wire: w}, nil
	}
}

// take returns the round trips since the last call.
func (w *wire) take() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	n := w.trips
	w.trips = 0
	return n
}

// breakNext lets the next write fail.
func (w *wire) breakNext(f fault) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.broken = f
}

// tappedConn counts a round trip where a write follows a read.
type tappedConn struct {
	net.Conn
	wire *wire

	mu   sync.Mutex
	sent bool // since the last read
	dead bool // nothing comes back any more
}

func (c *tappedConn) Write(b []byte) (int, error) {
	c.wire.mu.Lock()
	f := c.wire.broken
	c.wire.broken = healthy
	c.mu.Lock()
	if !c.sent {
		c.wire.trips++
	}
	c.sent, c.dead = true, c.dead || f == cutAfter
	c.mu.Unlock()
	c.wire.mu.Unlock()
	if f == cutFirst {
		_ = c.Close()
	}
	return c.Conn.Write(b)
}

func (c *tappedConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.sent = false
	if c.dead && n > 0 {
		// The server has answered, so it is done; nobody hears of it.
		_ = c.Conn.Close()
		return 0, net.ErrClosed
	}
	return n, err
}

// explainLoad returns the plan of a cold load on a log of some size.
func explainLoad(t *testing.T, pool *pgxpool.Pool, mode string) string {
	t.Helper()
	conn, err := pool.Acquire(t.Context())
	require.NoError(t, err)
	defer conn.Release()
	s := pgtest.Store(t, pool, &postgres.Options{CommitTimeout: time.Minute}) // on a busy machine
	id := stamp()
	require.NoError(t, s.Commit(t.Context(), commit(id, 1, 10_000)))
	require.NoError(t, s.CommitSnapshot(t.Context(), types.Snapshot{AggregateID: stamp(), Sequence: 1, Body: []byte(`1`)}))
	_, err = conn.Exec(t.Context(), `ANALYZE event_log; ANALYZE snapshots; SET plan_cache_mode = `+mode)
	require.NoError(t, err)
	rows, err := conn.Query(t.Context(), "EXPLAIN "+s.LoadSQL(), id[:], int32(0), int32(types.MaxSequence))
	require.NoError(t, err)
	lines, err := pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(t, err)
	return strings.Join(lines, "\n")
}

// silence swallows what is sent, and nothing is ever answered, as where a network drops packets. It
// befalls the connections that are there when it falls.
type silence struct {
	dialled atomic.Int64
	fell    atomic.Int64 // on the connections up to this one
}

func (s *silence) fall() { s.fell.Store(s.dialled.Load()) }

func (s *silence) tap(c *pgxpool.Config) {
	dial := c.ConnConfig.DialFunc
	c.ConnConfig.DialFunc = func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := dial(ctx, network, address)
		return &silentConn{conn, s, s.dialled.Add(1)}, err
	}
}

type silentConn struct {
	net.Conn
	silence *silence
	number  int64
}

func (c *silentConn) Write(b []byte) (int, error) {
	if c.number <= c.silence.fell.Load() {
		return len(b), nil
	}
	return c.Conn.Write(b)
}
