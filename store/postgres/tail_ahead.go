package postgres

import (
	"context"

	"github.com/jackc/pgx/v5"
)

// tailAhead is the next window, read on a connection of its own while the function works on one and
// while that is committed. No lock is needed to read: what the limit shows is committed, and does
// not change.
type tailAhead struct {
	giveUp context.CancelFunc // ends the wait for a connection
	done   chan struct{}
	into   *tailRows
	read   bool // of this server, without an error
}

// readsAhead reports whether the pool has a second connection for each part, and two more, or there
// is a replica.
func (t *Tail) readsAhead() bool {
	return t.o.Replica != nil || int(t.pool.Config().MaxConns) >= 2*t.o.Of+2
}

// readAhead begins to read what comes after a place.
func (s *tailStep) readAhead(ctx context.Context, p place) *tailAhead {
	waiting, giveUp := context.WithCancel(ctx)
	a := &tailAhead{giveUp: giveUp, done: make(chan struct{}), into: &s.spare}
	sql, args := s.question(p, s.limit)
	cluster := p.cluster
	go func() {
		defer close(a.done)
		a.read = s.readBeside(ctx, waiting, cluster, a.into, sql, args) == nil
	}()
	return a
}

// end waits until the reading has ended, and returns the rows if they were read. If there is still
// no connection, end does not wait for one.
func (a *tailAhead) end() *[]*tailRow {
	if a == nil {
		return nil
	}
	a.giveUp()
	<-a.done
	if !a.read {
		return nil
	}
	rows := a.into.all // into is used for something else next
	return &rows
}

// readBeside reads on the replica or on another connection. That one must lead to the same server:
// if a pool knows several servers, another one may lack what this one shows.
func (s *tailStep) readBeside(ctx, waiting context.Context, cluster string, into *tailRows, sql string, args []any) error {
	if s.onReplica(ctx, waiting, cluster, into, sql, args) == nil {
		return nil
	}
	conn, err := s.t.pool.Acquire(waiting)
	if err != nil {
		return err
	}
	defer conn.Release()
	b := &pgx.Batch{}
	b.Queue("SELECT " + startedSQL)
	b.Queue(sql, args...)
	results := conn.SendBatch(ctx, b)
	defer func() { _ = results.Close() }()
	var started string
	if err := results.QueryRow().Scan(&started); err != nil {
		return err
	}
	if started != s.started {
		return errOtherServer
	}
	rows, err := results.Query()
	if err != nil {
		return err
	}
	return s.decode(rows, into)
}
