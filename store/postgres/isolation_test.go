package postgres_test

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/eventmaestro/maestro/internal/lab/pgtest"
	"github.com/eventmaestro/maestro/store"
	"github.com/eventmaestro/maestro/store/postgres"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"
)

func TestABadBodyCostsOnlyItsCommit(t *testing.T) {
	t.Parallel()
	for i, bad := range []string{`{"a": "\u0000"}`, `nonsense`, `{"a": "\uD800"}`, "\"\xff\"", `1e200000`} {
		for _, calm := range []bool{true, false} {
			t.Run(fmt.Sprintf("%q calm %v", bad, calm), func(t *testing.T) {
				t.Parallel()
				s, pool := crowd(t, nil)
				s.SetCalm(calm)
				var commits []store.Commit
				for range 30 {
					commits = append(commits, commit(stamp(), 1, 1+i%2))
				}
				for _, at := range []int{3, 17} {
					e := commits[at].Events
					e[len(e)-1].Body = json.RawMessage(bad)
				}
				for at, err := range together(t, s, pool, commits...) {
					if at != 3 && at != 17 {
						require.NoError(t, err)
						require.Len(t, stored(t, s, commits[at].AggregateID), 1+i%2)
						continue
					}
					var invalid *store.InvalidEventError
					require.ErrorAs(t, err, &invalid)
					require.Equal(t, "body", invalid.Field)
					require.Equal(t, last(commits[at].Events).Sequence, invalid.Sequence)
					require.Equal(t, commits[at].AggregateID, invalid.AggregateID)
					var pgErr *pgconn.PgError
					require.ErrorAs(t, err, &pgErr, "the driver's error stays within reach")
					require.Empty(t, stored(t, s, commits[at].AggregateID))
				}
			})
		}
	}
}

func TestWhatATriggerRefusesCostsOnlyItsCommit(t *testing.T) {
	t.Parallel()
	s, pool := crowd(t, nil)
	_, err := pool.Exec(t.Context(), `
CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  IF new.type = 'refused' THEN RAISE EXCEPTION 'not this one'; END IF;
  RETURN new; END $$;
CREATE TRIGGER refuse BEFORE INSERT ON event_log FOR EACH ROW EXECUTE FUNCTION refuse()`)
	require.NoError(t, err)
	var commits []store.Commit
	for i := range 20 {
		commits = append(commits, commit(stamp(), 1, 1))
		if i == 7 || i == 8 {
			commits[i].Events[0].Type = "refused"
		}
	}
	for i, err := range together(t, s, pool, commits...) {
		if i == 7 || i == 8 {
			require.ErrorIs(t, err, store.ErrInvalidEvent)
			require.ErrorContains(t, err, "not this one")
			continue
		}
		require.NoError(t, err)
	}
}

// foreign holds the row of a sequence in an open transaction of somebody else.
func foreign(t testing.TB, pool *pgxpool.Pool, c store.Commit) (rollback, commit func()) {
	t.Helper()
	conn, err := pgxpool.NewWithConfig(t.Context(), pool.Config())
	require.NoError(t, err)
	t.Cleanup(conn.Close)
	tx, err := conn.Begin(t.Context())
	require.NoError(t, err)
	require.NoError(t, pgtest.Store(t, conn, nil).Tx(tx).Commit(t.Context(), c))
	end := context.WithoutCancel(t.Context())
	t.Cleanup(func() { _ = tx.Rollback(end) })
	return func() { require.NoError(t, tx.Rollback(end)) }, func() { require.NoError(t, tx.Commit(end)) }
}

func TestARowThatIsHeldCostsOnlyItsCommit(t *testing.T) {
	t.Parallel()
	for _, calm := range []bool{true, false} {
		t.Run(fmt.Sprint("calm ", calm), func(t *testing.T) {
			t.Parallel()
			s, pool := crowd(t, &postgres.Options{LockTimeout: 1500 * time.Millisecond}, func(c *pgxpool.Config) { c.MaxConns = 3 })
			s.SetCalm(calm)
			held := stamp()
			foreign(t, pool, commit(held, 1, 1))

			var group sync.WaitGroup
			group.Go(func() {
				start := time.Now()
				err := s.Commit(t.Context(), commit(held, 1, 1))
				require.ErrorIs(t, err, store.ErrUnavailable)
				require.NotErrorIs(t, err, store.ErrOutcomeUnknown)
				require.Greater(t, time.Since(start), 1500*time.Millisecond)
			})
			var slowest time.Duration
			for begin := time.Now(); time.Since(begin) < time.Second; {
				start := time.Now()
				require.NoError(t, s.Commit(t.Context(), commit(stamp(), 1, 1)))
				slowest = max(slowest, time.Since(start))
			}
			group.Wait()
			require.Less(t, slowest, 700*time.Millisecond)
			require.Empty(t, stored(t, s, held))
		})
	}
}

func TestAHeldRowDecidesBetweenSuccessAndConflict(t *testing.T) {
	t.Parallel()
	for _, kept := range []bool{true, false} {
		t.Run(fmt.Sprint("kept ", kept), func(t *testing.T) {
			t.Parallel()
			s, pool := crowd(t, nil, small)
			c := commit(stamp(), 1, 2)
			rollback, keep := foreign(t, pool, c)
			done := make(chan error, 1)
			// The very same events again, as after an unknown outcome.
			go func() { done <- s.Commit(context.WithoutCancel(t.Context()), c) }()
			waitsForLock(t, pool)
			if kept {
				keep()
				require.ErrorIs(t, <-done, store.ErrConflict)
			} else {
				rollback()
				require.NoError(t, <-done)
			}
			require.Equal(t, c.Events, stored(t, s, c.AggregateID))
		})
	}
}

// waitsForLock waits until a session of the pool's schema waits for a transaction to end.
func waitsForLock(t testing.TB, pool *pgxpool.Pool) {
	t.Helper()
	watcher, err := pgxpool.NewWithConfig(t.Context(), pool.Config())
	require.NoError(t, err)
	defer watcher.Close()
	require.Eventually(t, func() bool {
		var n int
		err := watcher.QueryRow(t.Context(), `SELECT count(*) FROM pg_locks l JOIN pg_stat_activity a USING (pid)
WHERE NOT l.granted AND l.locktype = 'transactionid' AND a.pid IN (SELECT pid FROM pg_locks WHERE relation = to_regclass('event_log'))`).Scan(&n)
		return err == nil && n > 0
	}, time.Minute, 5*time.Millisecond)
}

func TestWithoutAConnectionNothingIsSent(t *testing.T) {
	t.Parallel()
	pool := pgtest.Plain(t, oneConn)
	config := pool.Config()
	config.ConnConfig.Port = 1 // nobody listens there
	config.ConnConfig.Fallbacks = nil
	away, err := pgxpool.NewWithConfig(t.Context(), config)
	require.NoError(t, err)
	defer away.Close()
	s := pgtest.Store(t, away, nil)
	c := commit(stamp(), 1, 1)
	for range 3 {
		err = s.Commit(t.Context(), c)
		require.ErrorIs(t, err, store.ErrUnavailable)
		require.NotErrorIs(t, err, store.ErrOutcomeUnknown)
		var dial *pgconn.ConnectError
		require.ErrorAs(t, err, &dial, "the driver's error stays within reach")
	}
	for _, err := range s.Load(t.Context(), c.AggregateID, store.Range{}) {
		require.ErrorIs(t, err, store.ErrUnavailable)
	}
}

func TestACallerWhoseContextEndsInTheQueueStoresNothing(t *testing.T) {
	t.Parallel()
	s, pool := crowd(t, nil)
	release := hold(t, pool)
	var group sync.WaitGroup
	first, second, third := commit(stamp(), 1, 1), commit(stamp(), 1, 1), commit(stamp(), 1, 1)

	leader, cancelLeader := context.WithCancel(t.Context())
	group.Go(func() { require.ErrorIs(t, s.Commit(leader, first), context.Canceled) })
	require.Eventually(t, s.Leading, time.Minute, time.Millisecond)
	follower, cancelFollower := context.WithCancel(t.Context())
	group.Go(func() { require.ErrorIs(t, s.Commit(follower, second), context.Canceled) })
	group.Go(func() { require.NoError(t, s.Commit(t.Context(), third)) })
	require.Eventually(t, func() bool { return s.Waiting() == 2 }, time.Minute, time.Millisecond)

	cancelFollower()
	require.Eventually(t, func() bool { return s.Waiting() == 1 }, time.Minute, time.Millisecond)
	cancelLeader()
	release()
	group.Wait()
	require.Empty(t, stored(t, s, first.AggregateID))
	require.Empty(t, stored(t, s, second.AggregateID))
	require.Len(t, stored(t, s, third.AggregateID), 1)
}
