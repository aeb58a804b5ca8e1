package postgres

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/eventmaestro/maestro/hlc"
	"github.com/eventmaestro/maestro/store"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

// errStandby and errReadOnly are why a server is not asked, or what it said.
var (
	errStandby  = errors.New("the server is a hot standby, which takes no writes and is behind its primary: connect with target_session_attrs=read-write")
	errReadOnly = errors.New("the server takes no writes: it is a standby, or default_transaction_read_only is on")
)

// connection gets a connection of the pool to a server that knows the latest state, as far as the
// server has said. If writing, the server also takes writes. Other connections leave the pool,
// because they would spoil one call after the other. The error is the driver's or one of those
// above.
func (s *Store) connection(ctx context.Context, writing bool) (*pgxpool.Conn, error) {
	for passed := int32(0); ; passed++ {
		conn, err := s.pool.Acquire(ctx)
		if err != nil {
			return nil, err
		}
		err = unfit(conn, writing)
		if err == nil {
			return conn, nil
		}
		discard(conn)
		conn.Release()
		// The other idle connections may be as old. One that was made just now tells what new ones are
		// like.
		if s.pool.Stat().IdleConns() == 0 || passed > s.pool.Config().MaxConns {
			return nil, err
		}
	}
}

// unfit sends nothing: a server of version 14 or newer reports these two settings whenever they
// change. A proxy may not pass them on. Then the server's refusal is the first that is heard.
func unfit(conn *pgxpool.Conn, writing bool) error {
	pg := conn.Conn().PgConn()
	switch {
	case pg.ParameterStatus("in_hot_standby") == "on":
		return errStandby
	case writing && pg.ParameterStatus("default_transaction_read_only") == "on":
		return errReadOnly
	}
	return nil
}

// heard is called after each statement that stores something. It returns err, or what the server
// said in a notice. If the server takes no writes, all connections leave the pool, because the
// others may lead to the same server.
func (s *Store) heard(conn *pgxpool.Conn, err error) error {
	cancelled := waitOf(conn).take()
	switch pgErr := pgError(err); {
	case err == nil && cancelled:
		return fmt.Errorf("%w: the wait for a synchronous standby was cancelled", store.ErrOutcomeUnknown)
	case pgErr != nil && pgErr.Code == codeReadOnly:
		s.pool.Reset()
		discard(conn)
	}
	return err
}

// WatchStandbys makes the connections of a pool notice when a commit's wait for a synchronous
// standby is cancelled, by pg_cancel_backend or a statement_timeout. The server then reports
// success, with a warning that the commit may not be on the standby, and the driver shows warnings
// only to the application. With WatchStandbys the commit is store.ErrOutcomeUnknown, which the
// library settles. If synchronous_standby_names is set, call it on the config before
// pgxpool.NewWithConfig; [Store.Validate] logs a warning if it was forgotten. It keeps handlers
// that the config already has.
func WatchStandbys(config *pgxpool.Config) {
	c := &config.ConnConfig.Config
	connected, noticed := c.AfterConnect, c.OnNotice
	c.AfterConnect = func(ctx context.Context, conn *pgconn.PgConn) error {
		conn.CustomData()[waitKey] = &standbyWait{}
		if connected == nil {
			return nil
		}
		return connected(ctx, conn)
	}
	c.OnNotice = func(conn *pgconn.PgConn, notice *pgconn.Notice) {
		if w, ok := conn.CustomData()[waitKey].(*standbyWait); ok && cancelsWait(notice) {
			w.cancelled = true
		}
		if noticed != nil {
			noticed(conn, notice)
		}
	}
}

// waitKey is where a connection keeps its standbyWait.
const waitKey = "maestro.standby_wait"

// standbyWait belongs to whoever uses the connection, who also runs its handlers.
type standbyWait struct{ cancelled bool }

// waitOf returns nil where WatchStandbys was not called.
func waitOf(conn *pgxpool.Conn) *standbyWait {
	w, _ := conn.Conn().PgConn().CustomData()[waitKey].(*standbyWait)
	return w
}

// take reports whether a wait was cancelled since the last call.
func (w *standbyWait) take() bool {
	if w == nil || !w.cancelled {
		return false
	}
	w.cancelled = false
	return true
}

// cancelsWait looks at the server's function, because the message may be in any language.
func cancelsWait(n *pgconn.Notice) bool {
	return n.Routine == "SyncRepWaitForLSN" || n.Code == "01000" && strings.Contains(n.Message, "synchronous replication")
}

// Flush waits until all that is visible is as durable as a commit that is acknowledged now; see
// store.Flusher. If commits wait for a standby, Flush is a commit of its own that writes only a
// short message to the server's log. Otherwise what is visible is on disk, and Flush is a statement
// that reads a setting. Options.CommitTimeout bounds it.
func (s *Store) Flush(ctx context.Context, _ hlc.Timestamp) error {
	conn, err := s.acquire(ctx)
	if err != nil {
		return err
	}
	defer conn.Release()
	bound, cancel := context.WithTimeout(ctx, s.o.CommitTimeout)
	defer cancel()
	_, err = conn.Exec(bound, flushSQL)
	if waitOf(conn).take() && err == nil {
		err = errors.New("the wait for a synchronous standby was cancelled")
	}
	switch {
	case err == nil:
		return nil
	case ctx.Err() == nil && bound.Err() != nil:
		return fmt.Errorf("%w: flush: no answer within %v (Options.CommitTimeout): is the synchronous standby there?", store.ErrUnavailable, s.o.CommitTimeout)
	case ctx.Err() == nil && pgError(err) != nil && refuses(pgError(err)):
		return plainError("flush", err)
	}
	return notSent(ctx, "flush", err)
}

// flushSQL commits something only if commits wait for a standby. It has no arguments, so it is
// never prepared.
const flushSQL = `SELECT CASE WHEN current_setting('synchronous_standby_names') <> ''
AND current_setting('synchronous_commit') NOT IN ('off', 'local')
THEN pg_catalog.pg_logical_emit_message(true, 'maestro', '') END`

// standbys says in the log what an operator of a server with standbys should know.
func (s *Store) standbys(ctx context.Context, conn *pgxpool.Conn) error {
	var recovering, readOnly bool
	var names string
	err := s.planned(ctx, conn, func(q querier) error {
		return q.QueryRow(ctx, `SELECT pg_catalog.pg_is_in_recovery(), current_setting('default_transaction_read_only')::bool,
current_setting('synchronous_standby_names')`).Scan(&recovering, &readOnly, &names)
	})
	switch {
	case err != nil:
		return readError(ctx, "validate: ask for the server's role", err)
	case recovering:
		return notSent(ctx, "validate", errStandby)
	case readOnly:
		return notSent(ctx, "validate", errReadOnly)
	}
	if names != "" && waitOf(conn) == nil {
		s.o.Logger.Warn("commits wait for a synchronous standby, and the pool does not notice when such a wait is cancelled: "+
			"call postgres.WatchStandbys on its config", "synchronous_standby_names", names)
	}
	return nil
}
