package aggregate_test

import (
	"context"
	"net"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/eventmaestro/maestro/hlc"
	"github.com/eventmaestro/maestro/internal/lab/pgtest"
	"github.com/eventmaestro/maestro/store"
	"github.com/eventmaestro/maestro/store/memory"
	"github.com/eventmaestro/maestro/types"
)

// onEveryStore runs a test on memory, on the plain tables and on partitioned ones. open makes
// another adapter of the same store, as another process would.
func onEveryStore(t *testing.T, test func(t *testing.T, open func() store.Adapter)) {
	t.Helper()
	t.Run("memory", func(t *testing.T) {
		t.Parallel()
		s := memory.New()
		test(t, func() store.Adapter { return s })
	})
	t.Run("postgres", func(t *testing.T) {
		t.Parallel()
		pool := pgtest.Plain(t, fewConnections)
		test(t, func() store.Adapter { return pgtest.Store(t, pool, nil) })
	})
	t.Run("partitioned", func(t *testing.T) {
		t.Parallel()
		pool := pgtest.Partitioned(t, 7, fewConnections)
		test(t, func() store.Adapter { return pgtest.Store(t, pool, nil) })
	})
}

func fewConnections(c *pgxpool.Config) { c.MaxConns = 6 }

// insertRow puts an event into the table as another program might.
func insertRow(t testing.TB, pool *pgxpool.Pool, e types.Event) {
	t.Helper()
	_, err := pool.Exec(t.Context(), `INSERT INTO event_log ("timestamp", aggregate_id, sequence, type, body) VALUES ($1, $2, $3, $4, $5)`,
		e.Timestamp[:], e.AggregateID[:], int32(e.Sequence), e.Type, string(e.Body))
	require.NoError(t, err)
}

func stampAt(t testing.TB, ms int64, node uint64) hlc.Timestamp {
	t.Helper()
	at, err := hlc.New(ms, 0, node)
	require.NoError(t, err)
	return at
}

// cutter makes connections whose next answer, or next acknowledgement of a write, gets lost.
type cutter struct {
	loseAnswer atomic.Bool // the server's answer is read and thrown away with the connection
	loseWrite  atomic.Bool // what was written is said not to have been, although it was
	cuts       atomic.Int64
}

func (c *cutter) dial(config *pgxpool.Config) {
	fewConnections(config)
	config.ConnConfig.DialFunc = func(ctx context.Context, network, addr string) (net.Conn, error) {
		conn, err := new(net.Dialer).DialContext(ctx, network, addr)
		if err != nil {
			return nil, err
		}
		return &cutConn{Conn: conn, c: c}, nil
	}
}

type cutConn struct {
	net.Conn
	c *cutter
}

func (c *cutConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if err == nil && c.c.loseAnswer.CompareAndSwap(true, false) {
		return 0, c.cut()
	}
	return n, err
}

func (c *cutConn) Write(p []byte) (int, error) {
	if !c.c.loseWrite.CompareAndSwap(true, false) {
		return c.Conn.Write(p)
	}
	if _, err := c.Conn.Write(p); err != nil {
		return 0, err
	}
	_, _ = c.Conn.Read(make([]byte, 4096)) // the server answers, so it has done it
	return 0, c.cut()
}

func (c *cutConn) cut() error {
	c.c.cuts.Add(1)
	_ = c.Conn.Close()
	return net.ErrClosed
}
