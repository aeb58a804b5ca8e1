package migrations

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// errNoTable is returned by lookUp for a name that is no table's.
var errNoTable = errors.New("no such table")

// table is what the catalog says of one table.
type table struct {
	columns    map[string]column
	indexes    []index
	checks     []string // as pg_get_constraintdef prints them
	partitions int      // -1 for a table that is not hash-partitioned by aggregate_id alone
}

type column struct {
	Type    string // as format_type prints it
	NotNull bool
	FillsIn bool // has a default, is an identity or is generated
}

// index is one that holds all rows and can be relied on.
type index struct {
	Unique, Primary bool
	Columns         []string // the key columns in order
}

const (
	// Relation kinds r and p: tables and partitioned tables, not views.
	tableSQL = `SELECT c.oid, CASE WHEN p.partstrat = 'h' AND p.partattrs::text = a.attnum::text
		THEN (SELECT count(*) FROM pg_catalog.pg_inherits WHERE inhparent = c.oid) ELSE -1 END
	FROM pg_catalog.pg_class c
	LEFT JOIN pg_catalog.pg_partitioned_table p ON p.partrelid = c.oid
	LEFT JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attname = 'aggregate_id'
	WHERE c.oid = to_regclass($1) AND c.relkind IN ('r', 'p')`

	columnsSQL = `SELECT attname, pg_catalog.format_type(atttypid, atttypmod), attnotnull,
		atthasdef OR attidentity <> '' OR attgenerated <> ''
	FROM pg_catalog.pg_attribute WHERE attrelid = $1 AND attnum > 0 AND NOT attisdropped`

	indexesSQL = `SELECT indisunique AND indimmediate, indisprimary, ARRAY(
		SELECT a.attname::text FROM unnest(indkey::int2[]) WITH ORDINALITY AS k (attnum, n)
		JOIN pg_catalog.pg_attribute a ON a.attrelid = indrelid AND a.attnum = k.attnum
		WHERE k.n <= indnkeyatts ORDER BY k.n)
	FROM pg_catalog.pg_index
	WHERE indrelid = $1 AND indisvalid AND indpred IS NULL AND indexprs IS NULL`

	checksSQL = `SELECT pg_catalog.pg_get_constraintdef(oid)
	FROM pg_catalog.pg_constraint WHERE conrelid = $1 AND contype = 'c' AND convalidated`
)

// unprepared is how the catalog is asked: a statement that the driver had prepared once fails where
// the server has forgotten it, and nobody looks at the catalog so often that preparing would pay.
const unprepared = pgx.QueryExecModeExec

// lookUp reads a table from the catalog by its name as it stands in SQL text. The
// error is errNoTable if nothing, or something else than a table, has the name.
func lookUp(ctx context.Context, db DB, name string) (*table, error) {
	t := &table{columns: map[string]column{}}
	var oid uint32
	err := db.QueryRow(ctx, tableSQL, unprepared, name).Scan(&oid, &t.partitions)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, errNoTable
	}
	if err != nil {
		return nil, fmt.Errorf("migrations: look for %s: %w", name, err)
	}
	var (
		columnName, check string
		c                 column
		i                 index
	)
	err = errors.Join(
		each(ctx, db, columnsSQL, oid, []any{&columnName, &c.Type, &c.NotNull, &c.FillsIn}, func() {
			t.columns[columnName] = c
		}),
		each(ctx, db, indexesSQL, oid, []any{&i.Unique, &i.Primary, &i.Columns}, func() {
			t.indexes = append(t.indexes, i)
			i.Columns = nil // the next row must not be scanned into the same array
		}),
		each(ctx, db, checksSQL, oid, []any{&check}, func() { t.checks = append(t.checks, check) }),
	)
	if err != nil {
		return nil, fmt.Errorf("migrations: look at %s: %w", name, err)
	}
	return t, nil
}

// each runs a query about a table and calls visit after each row's scan.
func each(ctx context.Context, db DB, sql string, oid uint32, into []any, visit func()) error {
	rows, err := db.Query(ctx, sql, unprepared, oid)
	if err != nil {
		return err
	}
	_, err = pgx.ForEachRow(rows, into, func() error {
		visit()
		return nil
	})
	return err
}
