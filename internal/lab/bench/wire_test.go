package main

import (
	"context"
	"net"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/eventmaestro/maestro/internal/lab/pgtest"
)

// wire counts what goes over the connections of a pool, from two sides: the statements that the
// driver reports, and how often the client spoke after it had listened.
type wire struct{ statements, turns atomic.Int64 }

// reset forgets what was counted.
func (w *wire) reset() { w.statements.Store(0); w.turns.Store(0) }

// attach makes a pool's connections count.
func (w *wire) attach(c *pgxpool.Config) {
	c.MaxConns = 1 // so that one connection knows all statements after the first round
	c.ConnConfig.Tracer = w
	dial := c.ConnConfig.DialFunc
	c.ConnConfig.DialFunc = func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := dial(ctx, network, address)
		return &listener{Conn: conn, wire: w}, err
	}
}

// TraceQueryStart counts a statement.
func (w *wire) TraceQueryStart(ctx context.Context, _ *pgx.Conn, _ pgx.TraceQueryStartData) context.Context {
	w.statements.Add(1)
	return ctx
}

// TraceQueryEnd is for pgx.QueryTracer.
func (w *wire) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {}

// TraceBatchStart is for pgx.BatchTracer.
func (w *wire) TraceBatchStart(ctx context.Context, _ *pgx.Conn, _ pgx.TraceBatchStartData) context.Context {
	return ctx
}

// TraceBatchQuery counts a statement of a batch.
func (w *wire) TraceBatchQuery(context.Context, *pgx.Conn, pgx.TraceBatchQueryData) {
	w.statements.Add(1)
}

// TraceBatchEnd is for pgx.BatchTracer.
func (w *wire) TraceBatchEnd(context.Context, *pgx.Conn, pgx.TraceBatchEndData) {}

// listener is a connection that notices when the client speaks again after it has listened.
type listener struct {
	net.Conn
	wire     *wire
	speaking atomic.Bool
}

func (l *listener) Write(b []byte) (int, error) {
	if !l.speaking.Swap(true) {
		l.wire.turns.Add(1)
	}
	return l.Conn.Write(b)
}

func (l *listener) Read(b []byte) (int, error) {
	n, err := l.Conn.Read(b)
	l.speaking.Store(false)
	return n, err
}

// tapped returns a pool on empty tables and what counts its traffic.
func tapped(t *testing.T) (*pgxpool.Pool, *wire) {
	t.Helper()
	w := new(wire)
	return pgtest.With(t, nil, w.attach), w
}
