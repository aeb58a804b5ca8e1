package postgres

import (
	"context"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

// planned carries out f, one statement outside of the commit path, on one connection. The plan that
// the connection has for it may be stale: the server has forgotten it after a proxy's reset, or it
// was made for a column's former type. The server says so before it does anything, and the driver
// then makes a new plan. So f is called once more. That is on the same connection, because the plan
// of another one may be as stale.
//
// The error is the driver's. Where q is the pool, f has a connection of it for as long as it runs.
func (s *Store) planned(ctx context.Context, q querier, f func(q querier) error) error {
	switch q := q.(type) {
	case pgx.Tx:
		return f(unplanned(q))
	case *pgxpool.Pool:
		conn, err := s.connection(ctx, false)
		if err != nil {
			return err
		}
		defer conn.Release()
		return again(conn, f)
	case *pgxpool.Conn:
		return s.heard(q, again(q, f))
	}
	return again(q, f)
}

func again(q querier, f func(q querier) error) error {
	err := f(q)
	if err != nil && fateOf(err) == fateStale {
		err = f(q)
	}
	return err
}

// unplanned is tx for statements that must not meet a stale plan, because after one error the
// application's transaction is lost. What is planned with every call can't be stale, and costs less
// than the round trips of a savepoint.
func unplanned(tx pgx.Tx) querier {
	if tx.Conn() == nil || tx.Conn().Config().DefaultQueryExecMode != pgx.QueryExecModeCacheStatement {
		return tx
	}
	return unplannedTx{tx}
}

type unplannedTx struct{ pgx.Tx }

func (t unplannedTx) Exec(ctx context.Context, sql string, args ...any) (pgconn.CommandTag, error) {
	return t.Tx.Exec(ctx, sql, unprepared(args)...)
}

func (t unplannedTx) Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error) {
	return t.Tx.Query(ctx, sql, unprepared(args)...)
}

func (t unplannedTx) QueryRow(ctx context.Context, sql string, args ...any) pgx.Row {
	return t.Tx.QueryRow(ctx, sql, unprepared(args)...)
}

func unprepared(args []any) []any {
	return append([]any{pgx.QueryExecModeExec}, args...)
}
