package postgres_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"strings"
	"testing"
	"time"

	"github.com/eventmaestro/maestro/hlc"
	"github.com/eventmaestro/maestro/store"
	"github.com/eventmaestro/maestro/store/postgres"
	"github.com/eventmaestro/maestro/types"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/eventmaestro/maestro/internal/lab/pgtest"
	"github.com/eventmaestro/maestro/migrations"
)

// spoilt are the ways in which plans go stale, each as two statements to take turns.
var spoilt = map[string][2]string{
	"forgotten": {`DEALLOCATE ALL`, `DEALLOCATE ALL`},
	"of another type": {
		`ALTER TABLE event_log ALTER COLUMN type TYPE text`,
		`ALTER TABLE event_log ALTER COLUMN type TYPE varchar(256)`,
	},
}

// everything is what a store does beside plain commits, by name. Each may be called any number of
// times.
func everything(s *postgres.Store, pool *pgxpool.Pool, id hlc.Timestamp) map[string]func(context.Context) error {
	next := types.Sequence(100)
	inside := func(f func(context.Context, store.Tx) error) func(context.Context) error {
		return func(ctx context.Context) error {
			return pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) error {
				if err := f(ctx, s.Tx(tx)); err != nil {
					return err
				}
				_, err := tx.Exec(ctx, `SELECT 1`) // the transaction is well
				return err
			})
		}
	}
	return map[string]func(context.Context) error{
		"validate": s.Validate,
		"validate tables": func(ctx context.Context) error {
			return migrations.Validate(ctx, pool, &migrations.Options{Commands: true})
		},
		"load":   func(ctx context.Context) error { return drain(s.Load(ctx, id, store.Range{})) },
		"events": func(ctx context.Context) error { return drain(s.Events(ctx, id, store.Range{})) },
		"snapshot": func(ctx context.Context) error {
			_, err := s.LatestSnapshot(ctx, id, store.Range{})
			return err
		},
		"commit with a record": func(ctx context.Context) error {
			c := commit(stamp(), 1, 2)
			c.Commands = []store.CommandRecord{{ID: "c", Last: 2}}
			return s.Commit(ctx, c)
		},
		"follow": func(ctx context.Context) error {
			_, _, err := s.Follow(ctx, id, 1)
			return err
		},
		"commit snapshot": func(ctx context.Context) error {
			next++
			return s.CommitSnapshot(ctx, types.Snapshot{AggregateID: id, Sequence: next, Body: []byte(`1`)})
		},
		"redact": func(ctx context.Context) error {
			return s.Redact(ctx, store.Redaction{AggregateID: id, Events: []types.Event{{Sequence: 1, Body: []byte(`2`)}}})
		},
		"look up": func(ctx context.Context) error {
			_, err := s.LookupCommand(ctx, id, "a")
			return err
		},
		"prune": func(ctx context.Context) error {
			_, err := s.PruneCommands(ctx, time.Unix(0, 0))
			return err
		},
		"load in a transaction": inside(func(ctx context.Context, tx store.Tx) error {
			return drain(tx.Load(ctx, id, store.Range{}))
		}),
		"events in a transaction": inside(func(ctx context.Context, tx store.Tx) error {
			return drain(tx.Events(ctx, id, store.Range{}))
		}),
		"snapshot in a transaction": inside(func(ctx context.Context, tx store.Tx) error {
			_, err := tx.LatestSnapshot(ctx, id, store.Range{})
			return err
		}),
		"commit snapshot in a transaction": inside(func(ctx context.Context, tx store.Tx) error {
			next++
			return tx.CommitSnapshot(ctx, types.Snapshot{AggregateID: id, Sequence: next, Body: []byte(`1`)})
		}),
		"look up in a transaction": inside(func(ctx context.Context, tx store.Tx) error {
			_, err := tx.(store.CommandLog).LookupCommand(ctx, id, "a")
			return err
		}),
		"commit in a transaction": inside(func(ctx context.Context, tx store.Tx) error {
			return tx.Commit(ctx, commit(stamp(), 1, 2))
		}),
		"conflict in a transaction": inside(func(ctx context.Context, tx store.Tx) error {
			c := commit(id, 1, 2)
			c.Commands = []store.CommandRecord{{ID: "b", Last: 2}}
			return expect(tx.Commit(ctx, c), store.ErrConflict)
		}),
		"conflict": func(ctx context.Context) error { // looked for, as there may be two reasons
			c := commit(id, 1, 2)
			c.Commands = []store.CommandRecord{{ID: "b", Last: 2}}
			return expect(s.Commit(ctx, c), store.ErrConflict)
		},
		"used command": func(ctx context.Context) error {
			return expect(s.Commit(ctx, store.Commit{AggregateID: id, Commands: []store.CommandRecord{{ID: "a", Last: 0}}}), store.ErrDuplicateCommand)
		},
		"bad body": func(ctx context.Context) error {
			c := commit(stamp(), 1, 2)
			c.Events[1].Body = []byte(`"\u0000"`)
			return expect(s.Commit(ctx, c), store.ErrInvalidEvent)
		},
	}
}

// drain reads to the end and returns the error that ended it.
func drain[E any](seq iter.Seq2[E, error]) error {
	for _, err := range seq {
		if err != nil {
			return err
		}
	}
	return nil
}

// expect is nil if err is the wanted one.
func expect(err, want error) error {
	if errors.Is(err, want) {
		return nil
	}
	return fmt.Errorf("%w instead of %w", err, want)
}

// whole returns a store with all optional tables on one connection, and an aggregate of three
// events.
func whole(t *testing.T, configure ...func(*pgxpool.Config)) (*postgres.Store, *pgxpool.Pool, hlc.Timestamp) {
	t.Helper()
	pool := pgtest.With(t, &migrations.Options{Metadata: true, Commands: true}, append(configure, oneConn)...)
	s := pgtest.Store(t, pool, &postgres.Options{Metadata: true, Commands: true})
	id := stamp()
	c := commit(id, 1, 3)
	c.Commands = []store.CommandRecord{{ID: "a", Last: 3}}
	require.NoError(t, s.Commit(t.Context(), c))
	return s, pool, id
}

func TestAStalePlanIsMadeAgain(t *testing.T) {
	t.Parallel()
	for how, sqls := range spoilt {
		t.Run(how, func(t *testing.T) {
			t.Parallel()
			s, pool, id := whole(t)
			for name, do := range everything(s, pool, id) {
				if name == "validate tables" && how != "forgotten" {
					continue // it would rightly say that the type is another
				}
				for _, sql := range sqls { // also where a first call left the driver something to clean up
					require.NoError(t, do(t.Context()), name)
					_, err := pool.Exec(t.Context(), sql)
					require.NoError(t, err)
					require.NoError(t, do(t.Context()), name)
				}
			}
		})
	}
}

// A plan for any parameters is used only if it seems as cheap as one for those at hand. Else the
// server plans the statement each time, which may take longer than to run it.
func TestTheServerPlansAStatementAFewTimesOnly(t *testing.T) {
	t.Parallel()
	for _, calm := range []bool{true, false} {
		s, pool, id := whole(t)
		const often = 12 // more than the five times that the server tries
		for name, do := range everything(s, pool, id) {
			if name == "validate tables" || name == "bad body" {
				continue // they need not be quick
			}
			for range often {
				s.SetCalm(calm)
				require.NoError(t, do(t.Context()), name)
			}
		}
		rows, err := pool.Query(t.Context(), `SELECT statement FROM pg_prepared_statements WHERE custom_plans >= $1 AND statement NOT LIKE 'EXPLAIN%'`, often)
		require.NoError(t, err)
		again, err := pgx.CollectRows(rows, pgx.RowTo[string])
		require.NoError(t, err)
		require.Empty(t, again, "calm %v", calm)
		var known int
		require.NoError(t, pool.QueryRow(t.Context(), `SELECT count(*) FROM pg_prepared_statements WHERE generic_plans > 0`).Scan(&known))
		require.Greater(t, known, 7)
	}
}

// Such a plan is often made while the tables are empty, and kept until they are analyzed. It must
// not read what is then a whole table.
func TestAPlanThatWasMadeOfEmptyTablesReadsNoWholeTable(t *testing.T) {
	t.Parallel()
	for _, calm := range []bool{true, false} {
		s, pool, id := whole(t, func(c *pgxpool.Config) {
			c.ConnConfig.RuntimeParams["plan_cache_mode"] = "force_generic_plan"
		})
		for name, do := range everything(s, pool, id) {
			if name == "validate" || name == "validate tables" || name == "prune" {
				continue // they need not be quick
			}
			s.SetCalm(calm)
			require.NoError(t, do(t.Context()), name)
		}
		rows, err := pool.Query(t.Context(), `SELECT name, statement, cardinality(parameter_types) FROM pg_prepared_statements
WHERE statement ~ 'event_log|snapshots|commands' AND cardinality(parameter_types) > 0`)
		require.NoError(t, err)
		type prepared struct {
			Name, Statement string
			Parameters      int
		}
		list, err := pgx.CollectRows(rows, pgx.RowToStructByPos[prepared])
		require.NoError(t, err)
		require.Greater(t, len(list), 7)
		for _, p := range list {
			sql := fmt.Sprintf(`EXPLAIN EXECUTE %q (%s)`, p.Name, strings.TrimSuffix(strings.Repeat("NULL, ", p.Parameters), ", "))
			rows, err := pool.Query(t.Context(), sql, pgx.QueryExecModeSimpleProtocol)
			require.NoError(t, err)
			plan, err := pgx.CollectRows(rows, pgx.RowTo[string])
			require.NoError(t, err)
			require.NotContains(t, strings.Join(plan, "\n"), "Seq Scan", p.Statement)
		}
	}
}
