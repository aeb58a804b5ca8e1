package migrations

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/eventmaestro/maestro/internal/pgname"
)

// Problem is one object that a database lacks or has in another shape.
type Problem struct {
	Object string // what it is about: "column event_log.metadata"
	Reason string // what is wrong with it: "is missing"
	DDL    string // what makes it right, to be read before it is run; "" if nothing general does
}

// ValidateError is returned by Validate and Apply for a database that lacks what the store needs.
// Its text names every problem and the DDL that fixes it.
type ValidateError struct {
	Problems []Problem // at least one, in the order of the tables
}

func (e *ValidateError) Error() string {
	var b strings.Builder
	problems := "problems"
	if len(e.Problems) == 1 {
		problems = "problem"
	}
	fmt.Fprintf(&b, "migrations: the tables are not as the store needs them, %d %s:", len(e.Problems), problems)
	for _, p := range e.Problems {
		fmt.Fprintf(&b, "\n%s %s", p.Object, p.Reason)
		if p.DDL != "" {
			b.WriteString(":\n    " + strings.ReplaceAll(strings.TrimSpace(p.DDL), "\n", "\n    "))
		}
	}
	return b.String()
}

// Validate compares the tables of a database with what the store needs and returns a
// *[ValidateError] that lists every object that is missing or wrong: tables, columns with type and
// nullability, primary and unique keys, checks, and the partitions where o asks for them. Names of
// indexes and constraints do not matter; more tables, indexes and nullable columns do no harm. It
// only reads. For a server that takes no writes, such as a hot standby, it returns another error,
// whatever the tables are. Other errors are those of [Up] and of the database.
//
// It is for deployments and tests. postgres.Store.Validate is for the start of a program: it takes
// the store's own options, lets the server plan the store's statements with the rights of the
// program's user, which Validate does not check, and stops at the first statement that fails.
func Validate(ctx context.Context, db DB, o *Options) error {
	names, _, err := plan(o)
	if err != nil {
		return err
	}
	if err := writable(ctx, db); err != nil {
		return err
	}
	options := o.orDefault()
	var problems []Problem
	for _, w := range wants(options) {
		name, _ := names.object(w.part)
		found, err := lookUp(ctx, db, name)
		switch {
		case errors.Is(err, errNoTable):
			ddl, err := missingTable(names, w.part, options)
			if err != nil {
				return err
			}
			problems = append(problems, Problem{"table " + name, "is missing", ddl})
			continue
		case err != nil:
			return err
		}
		problems = append(problems, w.compare(name, found)...)
		if w.part == partEventLog && options.Partitions > 0 && found.partitions != options.Partitions {
			problems = append(problems, Problem{Object: "table " + name, Reason: fmt.Sprintf(
				"is not split into %d hash partitions by aggregate_id, and a table can't become so", options.Partitions)})
		}
	}
	if len(problems) > 0 {
		return &ValidateError{Problems: problems}
	}
	return nil
}

// writable says where a server takes no writes, which its tables don't show.
func writable(ctx context.Context, db DB) error {
	var standby, readOnly bool
	row := db.QueryRow(ctx, "SELECT pg_catalog.pg_is_in_recovery(), current_setting('default_transaction_read_only')::bool", unprepared)
	switch err := row.Scan(&standby, &readOnly); {
	case err != nil:
		return fmt.Errorf("migrations: ask whether the server takes writes: %w", err)
	case standby:
		return errors.New("migrations: the server is a hot standby, which takes no writes: connect to its primary, with target_session_attrs=read-write")
	case readOnly:
		return errors.New("migrations: the server takes no writes: default_transaction_read_only is on")
	}
	return nil
}

// missingTable returns the DDL of a table with all its optional columns.
func missingTable(n *names, p part, o Options) (string, error) {
	parts := []part{p}
	if p == partEventLog && o.Metadata {
		parts = append(parts, partMetadata)
	}
	if p == partEventLog && o.Tail {
		parts = append(parts, partTransactionID)
	}
	return render(n, parts, "up")
}

// compare returns what is wrong with a table. name stands for it in DDL.
func (w want) compare(name string, found *table) []Problem {
	problems := w.compareColumns(name, found)
	for _, c := range w.checks {
		if !slices.Contains(found.checks, c.printed) {
			problems = append(problems, Problem{
				"check of " + name, "is missing: " + c.expression,
				fmt.Sprintf("ALTER TABLE %s ADD CONSTRAINT %s CHECK (%s);", name, c.name, c.expression),
			})
		}
	}
	for _, k := range w.keys {
		if !k.metBy(found.indexes) {
			problems = append(problems, k.problem(name))
		}
	}
	return problems
}

// problem describes the key's absence.
func (k wantKey) problem(name string) Problem {
	columns := "(" + strings.Join(quoteAll(k.columns), ", ") + ")"
	switch {
	case k.primary:
		return Problem{
			"primary key of " + name, "is missing or another: must be " + columns,
			fmt.Sprintf("ALTER TABLE %s ADD CONSTRAINT %s PRIMARY KEY %s;", name, k.name, columns),
		}
	case k.unique:
		return Problem{
			"unique key of " + name, "is missing or another: must be " + columns,
			fmt.Sprintf("CREATE UNIQUE INDEX %s ON %s %s;", k.name, name, columns),
		}
	default:
		return Problem{
			"index of " + name, "is missing: on " + columns,
			fmt.Sprintf("CREATE INDEX %s ON %s %s;", k.name, name, columns),
		}
	}
}

// compareColumns returns what is wrong with a table's columns.
func (w want) compareColumns(name string, found *table) []Problem {
	var problems []Problem
	report := func(column, reason, ddl string, args ...any) {
		problems = append(problems, Problem{
			fmt.Sprintf("column %s.%s", name, column), reason,
			fmt.Sprintf("ALTER TABLE %s "+ddl+";", append([]any{name}, args...)...),
		})
	}
	known := map[string]bool{}
	for _, c := range w.columns {
		known[c.name] = true
		quoted := quote(c.name)
		is, there := found.columns[c.name]
		if !there {
			if c.nullable && c.fillsIn != "" {
				// Not a part of ADD COLUMN: the rows that are there stay NULL.
				report(c.name, "is missing", "ADD COLUMN %s %s, ALTER COLUMN %[2]s SET DEFAULT %[4]s", quoted, c.typ, c.fillsIn)
				continue
			}
			report(c.name, "is missing", "ADD COLUMN %s %s", quoted, c.definition())
			continue
		}
		if is.Type != c.typ {
			report(c.name, "is "+is.Type+": must be "+c.typ, "ALTER COLUMN %s TYPE %s", quoted, c.typ)
		}
		if c.nullable && is.NotNull {
			report(c.name, "is NOT NULL: must accept NULL", "ALTER COLUMN %s DROP NOT NULL", quoted)
		}
		if !c.nullable && !is.NotNull {
			report(c.name, "accepts NULL: must be NOT NULL", "ALTER COLUMN %s SET NOT NULL", quoted)
		}
		if c.fillsIn != "" && !is.FillsIn {
			report(c.name, "has no default: must have "+c.fillsIn, "ALTER COLUMN %s SET DEFAULT %s", quoted, c.fillsIn)
		}
	}
	for _, extra := range slices.Sorted(maps.Keys(found.columns)) {
		if is := found.columns[extra]; !known[extra] && is.NotNull && !is.FillsIn {
			report(extra, "is NOT NULL without a default: the store does not fill it in",
				"ALTER COLUMN %s DROP NOT NULL", quote(extra))
		}
	}
	return problems
}

// definition returns the column's type and constraints as DDL.
func (c wantColumn) definition() string {
	def := c.typ
	if c.fillsIn != "" {
		def += " DEFAULT " + c.fillsIn
	}
	if !c.nullable {
		def += " NOT NULL"
	}
	return def
}

func quoteAll(columns []string) []string {
	quoted := make([]string, len(columns))
	for i, c := range columns {
		quoted[i] = quote(c)
	}
	return quoted
}

// quote returns a column's name for DDL.
func quote(column string) string {
	// The catalog's names are legal, and so are ours.
	quoted, _ := pgname.Quote(column)
	return quoted
}
