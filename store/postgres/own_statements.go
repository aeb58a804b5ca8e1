package postgres

import (
	"context"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// appTx is a transaction of the library in the hands of the application: what is staged goes before
// each statement.
type appTx struct {
	borrowedTx
	own *ownTx
}

func (t *appTx) Begin(ctx context.Context) (pgx.Tx, error) {
	if err := t.own.Send(ctx); err != nil {
		return nil, err
	}
	return t.Tx.Begin(ctx)
}

func (t *appTx) Exec(ctx context.Context, sql string, args ...any) (pgconn.CommandTag, error) {
	if err := t.own.Send(ctx); err != nil {
		return pgconn.CommandTag{}, err
	}
	return t.Tx.Exec(ctx, sql, args...)
}

func (t *appTx) Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error) {
	if err := t.own.Send(ctx); err != nil {
		return failedRow{err: err}, err
	}
	return t.Tx.Query(ctx, sql, args...)
}

func (t *appTx) QueryRow(ctx context.Context, sql string, args ...any) pgx.Row {
	if err := t.own.Send(ctx); err != nil {
		return failedRow{err: err}
	}
	return t.Tx.QueryRow(ctx, sql, args...)
}

func (t *appTx) SendBatch(ctx context.Context, b *pgx.Batch) pgx.BatchResults {
	if err := t.own.Send(ctx); err != nil {
		return failedBatch{err}
	}
	return t.Tx.SendBatch(ctx, b)
}

func (t *appTx) CopyFrom(ctx context.Context, table pgx.Identifier, columns []string, rows pgx.CopyFromSource) (int64, error) {
	if err := t.own.Send(ctx); err != nil {
		return 0, err
	}
	return t.Tx.CopyFrom(ctx, table, columns, rows)
}

// failedRow is the answer to a query that could not be sent.
type failedRow struct {
	pgx.Rows
	err error
}

func (r failedRow) Scan(...any) error { return r.err }
func (r failedRow) Err() error        { return r.err }
func (r failedRow) Next() bool        { return false }
func (r failedRow) Close()            {}

// failedBatch is the answer to a batch that could not be sent.
type failedBatch struct{ err error }

func (b failedBatch) Exec() (pgconn.CommandTag, error) { return pgconn.CommandTag{}, b.err }
func (b failedBatch) Query() (pgx.Rows, error)         { return failedRow{err: b.err}, b.err }
func (b failedBatch) QueryRow() pgx.Row                { return failedRow{err: b.err} }
func (b failedBatch) Close() error                     { return b.err }
func (b failedBatch) Tx() pgx.Tx                       { return nil }
