package postgres_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/eventmaestro/maestro/internal/lab/pgtest"
	"github.com/eventmaestro/maestro/store"
	"github.com/eventmaestro/maestro/store/postgres"
	"github.com/eventmaestro/maestro/types"
)

// projecting returns a crowd with a table for projections: unique names, and a check that its name
// is not "bad".
func projecting(t testing.TB, configure ...func(*pgxpool.Config)) (*postgres.Store, *pgxpool.Pool) {
	t.Helper()
	s, pool := crowd(t, nil, configure...)
	_, err := pool.Exec(t.Context(), `CREATE TABLE names (name text PRIMARY KEY CHECK (name <> 'bad'), sequence int,
	CONSTRAINT later UNIQUE (sequence) DEFERRABLE INITIALLY DEFERRED)`)
	require.NoError(t, err)
	return s, pool
}

const insertName = `INSERT INTO names (name) VALUES ($1)`

var (
	batchedNames = postgres.BatchProjection(func(b *pgx.Batch, e types.Event) error {
		b.Queue(insertName, e.Type)
		return nil
	})
	directNames = postgres.Projection(func(ctx context.Context, tx pgx.Tx, e types.Event) error {
		_, err := tx.Exec(ctx, insertName, e.Type)
		return err
	})
)

func named(names ...string) store.Commit {
	c := commit(stamp(), 1, len(names))
	for i, name := range names {
		c.Events[i].Type = name
	}
	return c
}

func projected(p store.Projection, names ...string) store.Commit {
	c := named(names...)
	c.Projections = []store.Projection{p}
	return c
}

func names(t testing.TB, pool *pgxpool.Pool) []string {
	t.Helper()
	rows, err := pool.Query(t.Context(), `SELECT name FROM names ORDER BY name`)
	require.NoError(t, err)
	list, err := pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(t, err)
	return list
}

func TestAProjectionThatFailsRefusesItsCommitAndNamesTheEvent(t *testing.T) {
	t.Parallel()
	for form, p := range map[string]store.Projection{"batched": batchedNames, "direct": directNames} {
		t.Run(form, func(t *testing.T) {
			t.Parallel()
			s, pool := projecting(t)
			c := projected(p, "a", "b", "bad", "c")
			err := s.Commit(t.Context(), c)
			var refused *store.ProjectionError
			require.ErrorAs(t, err, &refused)
			require.Equal(t, c.Events[2], refused.Event)
			var pgErr *pgconn.PgError
			require.ErrorAs(t, err, &pgErr)
			require.Equal(t, "23514", pgErr.Code)
			require.NotErrorIs(t, err, store.ErrOutcomeUnknown)
			require.Empty(t, stored(t, s, c.AggregateID))
			require.Empty(t, names(t, pool))
		})
	}
}

func TestInACrowdOnlyTheCommitWhoseProjectionFailsIsRefused(t *testing.T) {
	t.Parallel()
	for _, calm := range []bool{true, false} {
		t.Run(fmt.Sprint("calm ", calm), func(t *testing.T) {
			t.Parallel()
			s, pool := projecting(t)
			s.SetCalm(calm)
			var commits []store.Commit
			want := 0
			for i := range 30 {
				name := fmt.Sprint("name ", i)
				if i%7 == 3 {
					name = "bad"
				} else {
					want++
				}
				commits = append(commits, projected(batchedNames, name))
			}
			for i, err := range together(t, s, pool, commits...) {
				if i%7 != 3 {
					require.NoError(t, err)
					continue
				}
				var refused *store.ProjectionError
				require.ErrorAs(t, err, &refused)
				require.Equal(t, commits[i].Events[0], refused.Event)
			}
			require.Len(t, names(t, pool), want)
		})
	}
}

func TestInACrowdAConflictOrABadBodyIsOnlyItsOwn(t *testing.T) {
	t.Parallel()
	for _, calm := range []bool{true, false} {
		t.Run(fmt.Sprint("calm ", calm), func(t *testing.T) {
			t.Parallel()
			s, pool := projecting(t)
			s.SetCalm(calm)
			var commits []store.Commit
			for i := range 20 {
				c := projected(batchedNames, fmt.Sprint("name ", i))
				switch i {
				case 4, 11:
					require.NoError(t, s.Commit(t.Context(), commit(c.AggregateID, 1, 1)))
				case 8, 15:
					c.Events[0].Body = []byte(`nonsense`)
				}
				commits = append(commits, c)
			}
			s.SetCalm(calm)
			for i, err := range together(t, s, pool, commits...) {
				switch i {
				case 4, 11:
					require.ErrorIs(t, err, store.ErrConflict)
				case 8, 15:
					require.ErrorIs(t, err, store.ErrInvalidEvent)
				default:
					require.NoError(t, err)
				}
			}
			require.Len(t, names(t, pool), 16)
		})
	}
}

func TestACommitIsNotRefusedForTheProjectionRowOfAnother(t *testing.T) {
	t.Parallel()
	s, pool := projecting(t)
	// Both want the same name. One commit gets it, whichever; and were that one refused, the other
	// would.
	twin, other := projected(batchedNames, "same"), projected(batchedNames, "same", "bad")
	errs := together(t, s, pool, other, twin, projected(batchedNames, "else"))
	require.Error(t, errs[0])
	require.NoError(t, errs[1])
	require.NoError(t, errs[2])
	require.Equal(t, []string{"else", "same"}, names(t, pool))
}

func TestAConstraintThatIsCheckedAtTheEndRefusesTheCommit(t *testing.T) {
	t.Parallel()
	const sql = `INSERT INTO names (name, sequence) VALUES ($1, $2)`
	for form, p := range map[string]store.Projection{
		"batched": postgres.BatchProjection(func(b *pgx.Batch, e types.Event) error {
			b.Queue(sql, e.Type, len(e.Type))
			return nil
		}),
		"direct": postgres.Projection(func(ctx context.Context, tx pgx.Tx, e types.Event) error {
			_, err := tx.Exec(ctx, sql, e.Type, len(e.Type))
			return err
		}),
	} {
		t.Run(form, func(t *testing.T) {
			t.Parallel()
			s, pool := projecting(t)
			require.NoError(t, s.Commit(t.Context(), projected(p, "five5")))
			waiting := map[string]int{"batched": 2, "direct": 0}[form]
			errs := gathered(t, s, pool, waiting, projected(p, "six666"), projected(p, "fünf"), projected(p, "7seven7"))
			var refused *store.ProjectionError
			require.NoError(t, errs[0])
			require.ErrorAs(t, errs[1], &refused)
			require.Equal(t, "fünf", refused.Event.Type)
			require.NoError(t, errs[2])
			require.Len(t, names(t, pool), 3)
		})
	}
}

func TestProjectionsSeeTheEventAndRunInOrder(t *testing.T) {
	t.Parallel()
	s, pool := projecting(t)
	var seen []string
	c := projected(postgres.Projection(func(ctx context.Context, tx pgx.Tx, e types.Event) error {
		var n int
		seen = append(seen, e.Type)
		require.Equal(t, "here", ctx.Value(key{}), "the values of the caller's context")
		require.NoError(t, tx.QueryRow(ctx, `SELECT count(*) FROM event_log WHERE "timestamp" = $1`, e.Timestamp).Scan(&n))
		require.Equal(t, 1, n)
		return nil
	}), "a", "b", "c")
	c.Projections = append(c.Projections, batchedNames)
	require.NoError(t, s.Commit(context.WithValue(t.Context(), key{}, "here"), c))
	require.Equal(t, []string{"a", "b", "c"}, seen)
	require.Equal(t, []string{"a", "b", "c"}, names(t, pool), "both forms mix")
}

type key struct{}

// misbehaving are projections that would break what others rely on.
var misbehaving = map[string]store.Projection{
	"an error": postgres.Projection(func(context.Context, pgx.Tx, types.Event) error { return errors.New("no") }),
	"a panic":  postgres.Projection(func(context.Context, pgx.Tx, types.Event) error { panic("no") }),
	"rows left open": postgres.Projection(func(ctx context.Context, tx pgx.Tx, _ types.Event) error {
		_, err := tx.Query(ctx, `SELECT generate_series(1, 100000)`)
		return err
	}),
	"an ignored error": postgres.Projection(func(ctx context.Context, tx pgx.Tx, _ types.Event) error {
		_, _ = tx.Exec(ctx, `SELECT 1/0`)
		return nil
	}),
	"commit": postgres.Projection(func(ctx context.Context, tx pgx.Tx, _ types.Event) error { return tx.Commit(ctx) }),
	"rollback": postgres.Projection(func(ctx context.Context, tx pgx.Tx, _ types.Event) error {
		return tx.Rollback(ctx)
	}),
	"an error while queueing":   postgres.BatchProjection(func(*pgx.Batch, types.Event) error { return errors.New("no") }),
	"a panic while queueing":    postgres.BatchProjection(func(*pgx.Batch, types.Event) error { panic("no") }),
	"a queued commit":           queues("COMMIT"),
	"a queued rollback":         queues(" rollback;"),
	"nonsense":                  queues("SELEKT 1"),
	"a table that is not there": queues("INSERT INTO nowhere VALUES (1)"),
	"an argument that can't be encoded": postgres.BatchProjection(func(b *pgx.Batch, _ types.Event) error {
		b.Queue(insertName, make(chan int))
		return nil
	}),
	"a callback's error": postgres.BatchProjection(func(b *pgx.Batch, _ types.Event) error {
		b.Queue(`SELECT 1`).QueryRow(func(pgx.Row) error { return errors.New("no") })
		return nil
	}),
	"the error of another store": postgres.Projection(func(context.Context, pgx.Tx, types.Event) error {
		return errors.Join(store.ErrOutcomeUnknown, store.ErrUnavailable, store.ErrConflict)
	}),
}

// sharing are those of them that get as far as a shared transaction.
var sharing = map[string]bool{"nonsense": true, "a table that is not there": true, "an argument that can't be encoded": true}

func queues(sql string) store.Projection {
	return postgres.BatchProjection(func(b *pgx.Batch, _ types.Event) error {
		b.Queue(sql)
		return nil
	})
}

func TestAProjectionThatMisbehavesRefusesItsCommitAlone(t *testing.T) {
	t.Parallel()
	for _, mode := range []pgx.QueryExecMode{pgx.QueryExecModeCacheStatement, pgx.QueryExecModeExec} {
		for name, p := range misbehaving {
			t.Run(fmt.Sprint(name, ", ", mode), func(t *testing.T) {
				t.Parallel()
				s, pool := projecting(t, func(c *pgxpool.Config) { c.ConnConfig.DefaultQueryExecMode = mode })
				c := projected(p, "x")
				waiting := 1
				if sharing[name] {
					waiting = 2
				}
				errs := gathered(t, s, pool, waiting, projected(batchedNames, "a"), c, projected(batchedNames, "b"))
				require.NoError(t, errs[0])
				require.NoError(t, errs[2])
				var refused *store.ProjectionError
				require.ErrorAs(t, errs[1], &refused)
				require.Equal(t, c.Events[0], refused.Event)
				require.NotErrorIs(t, errs[1], store.ErrOutcomeUnknown)
				require.NotErrorIs(t, errs[1], store.ErrConflict)
				require.Empty(t, stored(t, s, c.AggregateID))
				require.Equal(t, []string{"a", "b"}, names(t, pool))
				require.Zero(t, pool.Stat().AcquiredConns())
			})
		}
	}
}

func TestWhoQueuedTheSameStatementIsNotBlamedForAnArgument(t *testing.T) {
	t.Parallel()
	for _, mode := range []pgx.QueryExecMode{
		pgx.QueryExecModeCacheStatement, pgx.QueryExecModeCacheDescribe, pgx.QueryExecModeDescribeExec,
		pgx.QueryExecModeExec, pgx.QueryExecModeSimpleProtocol,
	} {
		t.Run(mode.String(), func(t *testing.T) {
			t.Parallel()
			s, pool := projecting(t, func(c *pgxpool.Config) { c.ConnConfig.DefaultQueryExecMode = mode })
			// In the order of their aggregates, so that the culprit comes last in the transaction.
			a, b := projected(batchedNames, "a"), projected(batchedNames, "b")
			c := projected(misbehaving["an argument that can't be encoded"], "x")
			errs := gathered(t, s, pool, 2, a, b, c)
			require.NoError(t, errs[0])
			require.NoError(t, errs[1])
			var refused *store.ProjectionError
			require.ErrorAs(t, errs[2], &refused)
			require.Equal(t, c.Events[0], refused.Event)
			require.Equal(t, []string{"a", "b"}, names(t, pool))
		})
	}
}

func TestABatchedProjectionDoesNotEndTheTransactionThatItSharesWithADirectOne(t *testing.T) {
	t.Parallel()
	s, _ := projecting(t)
	c := projected(misbehaving["a queued commit"], "x")
	c.Projections = append(c.Projections, misbehaving["an error"])
	var refused *store.ProjectionError
	require.ErrorAs(t, s.Commit(t.Context(), c), &refused)
	require.Empty(t, stored(t, s, c.AggregateID))
}

func TestAProjectionThatRefusesDoesNotCostAConnection(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"an error", "a panic", "an ignored error", "commit", "nonsense", "a callback's error"} {
		s, pool := projecting(t)
		require.Error(t, s.Commit(t.Context(), projected(misbehaving[name], "x")))
		require.Error(t, s.Commit(t.Context(), projected(batchedNames, "bad")))
		require.EqualValues(t, 1, pool.Stat().NewConnsCount(), name)
	}
}

func TestAPanicKeepsItsValueAndStack(t *testing.T) {
	t.Parallel()
	s, _ := crowd(t, nil)
	cause := errors.New("cause")
	for _, p := range []store.Projection{
		postgres.Projection(func(context.Context, pgx.Tx, types.Event) error { panic(cause) }),
		postgres.BatchProjection(func(*pgx.Batch, types.Event) error { panic(cause) }),
	} {
		err := s.Commit(t.Context(), projected(p, "x"))
		var panicked *types.PanicError
		require.ErrorAs(t, err, &panicked)
		require.ErrorIs(t, err, cause)
		require.Contains(t, string(panicked.Stack), "projection_test.go")
		require.EqualError(t, panicked, "panic: cause")
	}
}

func TestAConflictComesBeforeAProjectionsError(t *testing.T) {
	t.Parallel()
	for name, p := range misbehaving {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, _ := projecting(t)
			c := projected(p, "x")
			require.NoError(t, s.Commit(t.Context(), commit(c.AggregateID, 1, 1)))
			require.ErrorIs(t, s.Commit(t.Context(), c), store.ErrConflict)
		})
	}
}

type otherKind struct{}

func (otherKind) StoreKind() string { return "other" }

func TestProjectionsOfAnotherKindAreSkipped(t *testing.T) {
	t.Parallel()
	tr := &tracer{}
	s := pgtest.Store(t, pgtest.Plain(t, traced(tr)), nil)
	tr.take()
	require.NoError(t, s.Commit(t.Context(), projected(otherKind{}, "x")))
	statements, _ := tr.take()
	require.Len(t, statements, 1)
	require.Equal(t, postgres.Kind, batchedNames.StoreKind())
}

func TestACallbackGetsTheResultOfItsStatement(t *testing.T) {
	t.Parallel()
	s, pool := projecting(t)
	var got string
	p := postgres.BatchProjection(func(b *pgx.Batch, e types.Event) error {
		b.Queue(`INSERT INTO names (name) VALUES ($1) RETURNING upper(name)`, e.Type).QueryRow(func(row pgx.Row) error { return row.Scan(&got) })
		return nil
	})
	require.NoError(t, s.Commit(t.Context(), projected(p, "x")))
	require.Equal(t, "X", got)
	require.Equal(t, []string{"x"}, names(t, pool))
}
