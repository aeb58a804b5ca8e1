package migrations

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// DB is what Apply and Validate need of a database. *pgxpool.Pool, *pgx.Conn and
// pgx.Tx all meet it.
type DB interface {
	Begin(ctx context.Context) (pgx.Tx, error)
	Exec(ctx context.Context, sql string, args ...any) (pgconn.CommandTag, error)
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}

// lockKey is the advisory lock that two Applies meet at; any number will do that
// nobody else is likely to use.
const lockKey int64 = 0x6d61657374726f // "maestro"

// Apply makes missing tables in one transaction and leaves existing tables alone. So a small
// program can call it at every start, even while others do. It is not a migration tool: if
// something exists and differs from what o asks, the error is a *[ValidateError], and nothing is
// changed. Other errors are those of [Up] and of the database. In a pgx.Tx the tables come and go
// with the transaction.
func Apply(ctx context.Context, db DB, o *Options) error {
	names, parts, err := plan(o)
	if err != nil {
		return err
	}
	if err := writable(ctx, db); err != nil {
		return err
	}
	return pgx.BeginFunc(ctx, db, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, "SELECT pg_advisory_xact_lock($1)", unprepared, lockKey); err != nil {
			return fmt.Errorf("migrations: lock: %w", err)
		}
		if err := createSchema(ctx, tx, o, names); err != nil {
			return err
		}
		for _, p := range parts {
			if err := create(ctx, tx, names, p); err != nil {
				return err
			}
		}
		return Validate(ctx, tx, o)
	})
}

// createSchema makes the schema if it is missing. It looks first: IF NOT EXISTS
// alone asks for the right to make one even if there is nothing to make.
func createSchema(ctx context.Context, tx pgx.Tx, o *Options, n *names) error {
	if n.Schema == "" {
		return nil
	}
	var there bool
	row := tx.QueryRow(ctx, "SELECT EXISTS (SELECT FROM pg_catalog.pg_namespace WHERE nspname = $1)", unprepared, o.Schema)
	if err := row.Scan(&there); err != nil {
		return fmt.Errorf("migrations: look for schema %s: %w", n.Schema, err)
	}
	if there {
		return nil
	}
	return run(ctx, tx, n, partSchema)
}

// create makes a part that is not there.
func create(ctx context.Context, tx pgx.Tx, n *names, p part) error {
	table, column := n.object(p)
	found, err := lookUp(ctx, tx, table)
	if errors.Is(err, errNoTable) {
		if column != "" {
			return nil // left to Validate, which says that the table is missing
		}
		return run(ctx, tx, n, p)
	}
	if err != nil {
		return err
	}
	if _, there := found.columns[column]; column == "" || there {
		return nil
	}
	return run(ctx, tx, n, p)
}

// object returns the table that a part is about, and the column if it is one.
func (n *names) object(p part) (table, column string) {
	switch p {
	case partSnapshots:
		return n.Snapshots, ""
	case partCommands:
		return n.Commands, ""
	case partTails:
		return n.Tails, ""
	case partMetadata, partTransactionID:
		return n.EventLog, string(p)
	default:
		return n.EventLog, ""
	}
}

// run executes the SQL that makes a part.
func run(ctx context.Context, tx pgx.Tx, n *names, p part) error {
	sql, err := render(n, []part{p}, "up")
	if err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, sql); err != nil {
		return fmt.Errorf("migrations: create %s: %w", p, err)
	}
	return nil
}
