package postgres_test

import (
	"context"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/eventmaestro/maestro/internal/lab/pgtest"
	"github.com/eventmaestro/maestro/store"
	"github.com/eventmaestro/maestro/store/postgres"
	"github.com/eventmaestro/maestro/types"
)

// kinds are the ways in which a commit travels.
var kinds = map[string][]store.Projection{
	"alone":              nil,
	"batched projection": {nothing},
	"direct projection":  {postgres.Projection(func(context.Context, pgx.Tx, types.Event) error { return nil })},
}

func TestALostAnswerIsAnUnknownOutcomeThatTheSameCommitSettles(t *testing.T) {
	t.Parallel()
	for kind, projections := range kinds {
		for f, stays := range map[fault]bool{cutFirst: false, cutAfter: true} {
			t.Run(fmt.Sprintf("%s, reached the server: %v", kind, stays), func(t *testing.T) {
				t.Parallel()
				w := &wire{}
				s, pool := crowd(t, nil, w.tap)
				c := commit(stamp(), 1, 2)
				c.Projections = projections
				warm := commit(stamp(), 1, 2)
				warm.Projections = projections
				require.NoError(t, s.Commit(t.Context(), warm))

				if kind == "direct projection" {
					// What ends the transaction is the last write, after the one that begins it.
					c.Projections = []store.Projection{postgres.Projection(func(context.Context, pgx.Tx, types.Event) error {
						w.breakNext(f)
						return nil
					})}
				} else {
					w.breakNext(f)
				}
				err := s.Commit(t.Context(), c)
				require.ErrorIs(t, err, store.ErrOutcomeUnknown)
				require.NotErrorIs(t, err, store.ErrUnavailable)
				require.NotErrorIs(t, err, store.ErrConflict)
				if !stays {
					require.Empty(t, stored(t, s, c.AggregateID))
				}

				c.Projections = projections
				err = s.Commit(t.Context(), c)
				if stays {
					require.ErrorIs(t, err, store.ErrConflict)
				} else {
					require.NoError(t, err)
				}
				require.Equal(t, c.Events, stored(t, s, c.AggregateID))
				require.Zero(t, pool.Stat().AcquiredConns())
			})
		}
	}
}

func TestAConnectionThatBreaksBeforeCommitIsADefiniteError(t *testing.T) {
	t.Parallel()
	for _, f := range []fault{cutFirst, cutAfter} {
		w := &wire{}
		s, _ := crowd(t, nil, w.tap)
		warm := commit(stamp(), 1, 1)
		warm.Projections = kinds["direct projection"]
		require.NoError(t, s.Commit(t.Context(), warm))

		c := commit(stamp(), 1, 1)
		c.Projections = kinds["direct projection"]
		w.breakNext(f)
		err := s.Commit(t.Context(), c)
		require.ErrorIs(t, err, store.ErrUnavailable, "the server can't commit what it was not asked to")
		require.NotErrorIs(t, err, store.ErrOutcomeUnknown)
		require.Empty(t, stored(t, s, c.AggregateID))
		require.NoError(t, s.Commit(t.Context(), c))
	}
}

func TestASessionThatTheServerEndsLeavesTheOutcomeUnknown(t *testing.T) {
	t.Parallel()
	for kind, projections := range kinds {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			s, pool := crowd(t, nil, func(c *pgxpool.Config) { c.MaxConns = 2 })
			c := commit(stamp(), 1, 1)
			c.Projections = projections
			rollback, _ := foreign(t, pool, c)
			done := make(chan error, 1)
			go func() { done <- s.Commit(context.WithoutCancel(t.Context()), c) }()
			// The session may have given up one wait and not begun the next: it is looked for until it is
			// hit.
			require.Eventually(t, func() bool {
				tag, err := pool.Exec(t.Context(), `SELECT pg_terminate_backend(pid) FROM pg_locks l JOIN pg_stat_activity a USING (pid)
WHERE NOT l.granted AND l.locktype = 'transactionid' AND a.pid IN (SELECT pid FROM pg_locks WHERE relation = to_regclass('event_log'))`)
				return err == nil && tag.RowsAffected() > 0
			}, time.Minute, 5*time.Millisecond)
			err := <-done
			if kind == "direct projection" {
				require.ErrorIs(t, err, store.ErrUnavailable)
			} else {
				require.ErrorIs(t, err, store.ErrOutcomeUnknown)
				var pgErr *pgconn.PgError
				require.ErrorAs(t, err, &pgErr, "what the server said stays within reach")
			}
			rollback()
			require.NoError(t, s.Commit(t.Context(), c))
		})
	}
}

func TestACrowdWhoseAnswerIsLostIsNotSentAgain(t *testing.T) {
	t.Parallel()
	for kind := range kinds {
		if kind == "direct projection" {
			continue // it is never in a crowd
		}
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			w, tr := &wire{}, &tracer{}
			s, pool := crowd(t, nil, w.tap, traced(tr), func(c *pgxpool.Config) {
				c.ShouldPing = func(context.Context, pgxpool.ShouldPingParams) bool { return false }
			})
			crowded := func() []store.Commit {
				var commits []store.Commit
				for range 5 {
					c := commit(stamp(), 1, 1)
					c.Projections = kinds[kind]
					commits = append(commits, c)
				}
				return commits
			}
			for _, err := range together(t, s, pool, crowded()...) {
				require.NoError(t, err)
			}
			commits := crowded()
			tr.take()
			w.breakNext(cutAfter)
			for _, err := range together(t, s, pool, commits...) {
				require.ErrorIs(t, err, store.ErrOutcomeUnknown)
				var panicked *types.PanicError
				require.NotErrorAs(t, err, &panicked)
			}
			statements, batches := tr.take()
			if batches == 0 {
				require.Len(t, statements, 1)
			} else {
				require.Equal(t, 1, batches)
			}
			for _, c := range commits {
				require.ErrorIs(t, s.Commit(t.Context(), c), store.ErrConflict)
				require.Equal(t, c.Events, stored(t, s, c.AggregateID))
			}
		})
	}
}

func TestASessionThatEndsWhileItCommitsLeavesTheOutcomeUnknown(t *testing.T) {
	t.Parallel()
	for kind, projections := range kinds {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			s, pool := crowd(t, nil)
			_, err := pool.Exec(t.Context(), `
CREATE FUNCTION die() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NULL; END $$;
CREATE CONSTRAINT TRIGGER die AFTER INSERT ON event_log DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION die()`)
			require.NoError(t, err)
			c := commit(stamp(), 1, 1)
			c.Projections = projections
			require.ErrorIs(t, s.Commit(t.Context(), c), store.ErrOutcomeUnknown)
		})
	}
}

func TestAStatementThatIsCancelledIsNotStored(t *testing.T) {
	t.Parallel()
	s, pool := crowd(t, nil, func(c *pgxpool.Config) { c.MaxConns = 2 })
	c := commit(stamp(), 1, 1)
	rollback, _ := foreign(t, pool, c)
	done := make(chan error, 1)
	go func() { done <- s.Commit(context.WithoutCancel(t.Context()), c) }()
	waitsForLock(t, pool)
	_, err := pool.Exec(t.Context(), `SELECT pg_cancel_backend(pid) FROM pg_locks l JOIN pg_stat_activity a USING (pid)
WHERE NOT l.granted AND l.locktype = 'transactionid' AND a.pid IN (SELECT pid FROM pg_locks WHERE relation = to_regclass('event_log'))`)
	require.NoError(t, err)
	err = <-done
	require.ErrorIs(t, err, store.ErrUnavailable)
	require.NotErrorIs(t, err, store.ErrOutcomeUnknown)
	rollback()
	require.NoError(t, s.Commit(t.Context(), c))
}

func TestAnAnswerThatStaysAwayIsGivenUp(t *testing.T) {
	t.Parallel()
	for kind, projections := range kinds {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			silent := &silence{}
			s, pool := crowd(t, &postgres.Options{CommitTimeout: 300 * time.Millisecond, LockTimeout: 200 * time.Millisecond}, silent.tap)
			warm := commit(stamp(), 1, 1)
			warm.Projections = projections
			require.NoError(t, s.Commit(t.Context(), warm))
			silent.fall()
			start := time.Now()
			c := commit(stamp(), 1, 1)
			c.Projections = projections
			err := s.Commit(t.Context(), c)
			require.Less(t, time.Since(start), 5*time.Second)
			if kind == "direct projection" {
				require.ErrorIs(t, err, store.ErrUnavailable)
			} else {
				require.ErrorIs(t, err, store.ErrOutcomeUnknown)
			}
			require.Eventually(t, func() bool { return pool.Stat().AcquiredConns() == 0 }, time.Minute, time.Millisecond)
			err = s.Commit(t.Context(), c)
			if err != nil {
				require.ErrorIs(t, err, store.ErrConflict)
			}
			require.Equal(t, c.Events, stored(t, s, c.AggregateID))
		})
	}
}

func TestAnEndOfTheCallersContextAfterSendingStoresTheEvents(t *testing.T) {
	t.Parallel()
	for kind, projections := range kinds {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			s, pool := crowd(t, nil, func(c *pgxpool.Config) { c.MaxConns = 2 })
			c := commit(stamp(), 1, 1)
			c.Projections = projections
			rollback, _ := foreign(t, pool, c)
			ctx, cancel := context.WithCancel(t.Context())
			done := make(chan error, 1)
			go func() { done <- s.Commit(ctx, c) }()
			waitsForLock(t, pool)
			cancel()
			rollback()
			require.NoError(t, <-done)
			require.Equal(t, c.Events, stored(t, s, c.AggregateID))
		})
	}
}

func TestOneCallersContextDoesNotEndTheCommitsOfOthers(t *testing.T) {
	t.Parallel()
	pool := pgtest.Plain(t, oneConn)
	s := pgtest.Store(t, pool, &postgres.Options{Committers: 1})
	release := hold(t, pool)
	ctx, cancel := context.WithCancel(t.Context())
	errs := make(chan error, 2)
	go func() { errs <- s.Commit(ctx, commit(stamp(), 1, 1)) }()
	require.Eventually(t, s.Leading, time.Minute, time.Millisecond)
	go func() { errs <- s.Commit(context.WithoutCancel(t.Context()), commit(stamp(), 1, 1)) }()
	require.Eventually(t, func() bool { return s.Waiting() == 1 }, time.Minute, time.Millisecond)
	cancel()
	require.ErrorIs(t, <-errs, context.Canceled)
	release()
	require.NoError(t, <-errs)
}

// failing is a tracer that does what it is told at the next statement.
type failing struct {
	tracer
	next atomic.Pointer[func()]
}

func (f *failing) TraceQueryStart(ctx context.Context, _ *pgx.Conn, _ pgx.TraceQueryStartData) context.Context {
	if do := f.next.Swap(nil); do != nil {
		(*do)()
	}
	return ctx
}

func TestATracerThatEndsTheGoroutineOfACrowdIsNoAnswerToIt(t *testing.T) {
	t.Parallel()
	for how, do := range map[string]func(){"panic": func() { panic("tracer") }, "exit": runtime.Goexit} {
		t.Run(how, func(t *testing.T) {
			t.Parallel()
			f := &failing{}
			s, pool := crowd(t, nil, func(c *pgxpool.Config) { c.ConnConfig.Tracer = f })
			for range 2 { // that a committer's place is not lost with it
				const commits = 5
				release := hold(t, pool)
				answers := make(chan error, commits)
				var group sync.WaitGroup
				for range commits {
					group.Go(func() { answers <- s.Commit(context.WithoutCancel(t.Context()), commit(stamp(), 1, 1)) })
				}
				require.Eventually(t, func() bool { return s.Waiting() == commits-1 }, time.Minute, time.Millisecond)
				f.next.Store(&do)
				release()
				group.Wait()
				close(answers)
				if how == "exit" {
					require.Len(t, answers, commits-1, "the leader's goroutine is gone")
				}
				for err := range answers {
					var panicked *types.PanicError
					require.ErrorIs(t, err, store.ErrOutcomeUnknown)
					require.ErrorAs(t, err, &panicked)
				}
			}
			require.NoError(t, s.Commit(t.Context(), commit(stamp(), 1, 1)))
		})
	}
}
