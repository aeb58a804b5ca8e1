package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// errProxy is why a tail does not listen behind a proxy: it may be given another connection to the
// server for each transaction, and what listens there would be somebody else's connection next.
var errProxy = errors.New("a proxy is between the pool and the server")

// listen wakes the workers when somebody notifies TailChannel. Where that can't be, they poll, and
// the logger is told why.
func (t *Tail) listen(ctx context.Context, wake []chan struct{}) {
	told := false
	for ctx.Err() == nil {
		err := t.hear(ctx, wake)
		if !told && ctx.Err() == nil {
			t.o.Logger.Info("maestro: a tail can't listen and looks every Poll instead", "tail", t.o.Name, "poll", t.o.Poll, "reason", err)
			told = true
		}
		if errors.Is(err, errProxy) || errors.Is(err, errNoSpare) {
			return
		}
		pause := time.NewTimer(t.o.MaxBackoff)
		select {
		case <-ctx.Done():
		case <-pause.C:
		}
		pause.Stop()
	}
}

var errNoSpare = errors.New("the pool has no connection to spare")

// hear listens on one connection for as long as that lasts.
func (t *Tail) hear(ctx context.Context, wake []chan struct{}) error {
	if has, takes := int(t.pool.Config().MaxConns), t.o.Of+2; has < takes {
		return fmt.Errorf("%w: its MaxConns is %d, and it takes %d", errNoSpare, has, takes)
	}
	conn, err := t.pool.Acquire(ctx)
	if err != nil {
		return err
	}
	defer conn.Release()
	var process uint32
	if err := conn.QueryRow(ctx, "SELECT pg_backend_pid()").Scan(&process); err != nil {
		return err
	}
	if process != conn.Conn().PgConn().PID() {
		return errProxy
	}
	defer func() { _ = conn.Conn().Close(context.WithoutCancel(ctx)) }() // so that nobody gets one that listens
	if _, err := conn.Exec(ctx, "LISTEN "+TailChannel); err != nil {
		return err
	}
	for {
		for _, w := range wake { // at first for what was said while nobody listened
			select {
			case w <- struct{}{}:
			default:
			}
		}
		if _, err := conn.Conn().WaitForNotification(ctx); err != nil {
			return err
		}
	}
}
