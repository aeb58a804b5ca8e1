package postgres_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/eventmaestro/maestro/hlc"
	"github.com/eventmaestro/maestro/internal/lab/pgtest"
	"github.com/eventmaestro/maestro/migrations"
	"github.com/eventmaestro/maestro/store"
	"github.com/eventmaestro/maestro/store/postgres"
	"github.com/eventmaestro/maestro/types"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"
)

var schemas = map[string]*migrations.Options{
	"plain":          {Metadata: true, Commands: true},
	"7 partitions":   {Partitions: 7, Metadata: true, Commands: true},
	"64 partitions":  {Partitions: 64, Metadata: true, Commands: true},
	"sharded":        {Sharded: true, Metadata: true, Commands: true},
	"another schema": {Schema: `A "quoted"; name`, Metadata: true, Commands: true},
}

// onEach runs a test on every schema, with several stores on the same tables: each stands for a
// process.
func onEach(t *testing.T, processes int, o postgres.Options, test func(t *testing.T, stores []*postgres.Store)) {
	t.Helper()
	for name, m := range schemas {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			url := pgtest.Database(t)
			require.NoError(t, migrations.Apply(t.Context(), pgtest.Open(t, url, oneConn), m))
			o := o
			o.Schema, o.Metadata, o.Commands = m.Schema, m.Metadata, m.Commands
			var stores []*postgres.Store
			for range processes {
				stores = append(stores, pgtest.Store(t, pgtest.Open(t, url, func(c *pgxpool.Config) { c.MaxConns = 2 }), &o))
			}
			test(t, stores)
		})
	}
}

// race commits all at once, the i-th by process i.
func race(t testing.TB, stores []*postgres.Store, commits []store.Commit) []error {
	t.Helper()
	errs := make([]error, len(commits))
	start := make(chan struct{})
	var group sync.WaitGroup
	for i, c := range commits {
		group.Go(func() {
			<-start
			errs[i] = stores[i%len(stores)].Commit(context.WithoutCancel(t.Context()), c)
		})
	}
	close(start)
	group.Wait()
	return errs
}

func TestOfWritersRacingForASequenceOneWinsAndTheOthersHearOfAConflict(t *testing.T) {
	t.Parallel()
	onEach(t, 4, postgres.Options{}, func(t *testing.T, stores []*postgres.Store) {
		id := stamp()
		for s := types.Sequence(1); s <= 20; s++ {
			for _, each := range stores {
				each.SetCalm(s%2 == 0)
			}
			var commits []store.Commit
			for range 16 {
				commits = append(commits, commit(id, s, 1))
			}
			winner := one(t, race(t, stores, commits))
			require.Equal(t, commits[winner].Events[0], last(stored(t, stores[0], id)))
		}
		require.Len(t, stored(t, stores[0], id), 20)
	})
}

// one checks that one of the errors is nil and the others are conflicts, and returns its index.
func one(t testing.TB, errs []error) int {
	t.Helper()
	winner := -1
	for i, err := range errs {
		if err == nil {
			require.Negative(t, winner, "two won")
			winner = i
			continue
		}
		require.ErrorIs(t, err, store.ErrConflict)
		noDriver(t, err)
	}
	require.GreaterOrEqual(t, winner, 0, "nobody won: %v", errors.Join(errs...))
	return winner
}

func last(events []types.Event) types.Event { return events[len(events)-1] }

func TestNoCommitIsEverTorn(t *testing.T) {
	t.Parallel()
	onEach(t, 4, postgres.Options{}, func(t *testing.T, stores []*postgres.Store) {
		ids := []hlc.Timestamp{stamp(), stamp(), stamp()}
		acknowledged := map[hlc.Timestamp][]types.Event{}
		for round := range 15 {
			for _, each := range stores {
				each.SetCalm(round%2 == 0)
			}
			var commits []store.Commit
			for i := range 24 {
				id := ids[i%len(ids)]
				commits = append(commits, commit(id, types.Sequence(len(acknowledged[id])+1), 1+i%5))
			}
			for i, err := range race(t, stores, commits) {
				if err == nil {
					acknowledged[commits[i].AggregateID] = append(acknowledged[commits[i].AggregateID], commits[i].Events...)
				} else {
					require.ErrorIs(t, err, store.ErrConflict)
				}
			}
			for _, id := range ids {
				require.Equal(t, acknowledged[id], stored(t, stores[0], id), "round %d", round)
			}
		}
	})
}

func TestACommitThatOverlapsFromBelowIsAConflict(t *testing.T) {
	t.Parallel()
	for _, calm := range []bool{true, false} {
		s, pool := crowd(t, nil)
		s.SetCalm(calm)
		id := stamp()
		// A gap that somebody else made; what is behind it must still not be torn.
		require.NoError(t, s.Commit(t.Context(), commit(id, 1, 3)))
		_, err := pool.Exec(t.Context(), `DELETE FROM event_log WHERE aggregate_id = $1 AND sequence < 3`, id[:])
		require.NoError(t, err)
		require.ErrorIs(t, s.Commit(t.Context(), commit(id, 2, 3)), store.ErrConflict)
		require.Len(t, stored(t, s, id), 1)
	}
}

func TestATimestampThatIsTakenInvalidatesOnlyItsCommit(t *testing.T) {
	t.Parallel()
	for _, calm := range []bool{true, false} {
		t.Run(fmt.Sprint("calm ", calm), func(t *testing.T) {
			t.Parallel()
			s, pool := crowd(t, nil)
			s.SetCalm(calm)
			taken := commit(stamp(), 1, 1)
			require.NoError(t, s.Commit(t.Context(), taken))
			var commits []store.Commit
			for i := range 10 {
				c := commit(stamp(), 1, 1)
				if i == 4 {
					c.Events[0].Timestamp = taken.Events[0].Timestamp
				}
				commits = append(commits, c)
			}
			for i, err := range together(t, s, pool, commits...) {
				if i == 4 {
					require.ErrorIs(t, err, store.ErrDuplicateTimestamp)
					continue
				}
				require.NoError(t, err)
			}
		})
	}
}

func TestAtRepeatableReadAndSerializableARaceIsStillAConflict(t *testing.T) {
	t.Parallel()
	for _, level := range []string{"repeatable read", "serializable"} {
		t.Run(level, func(t *testing.T) {
			t.Parallel()
			url, _ := pgtest.Schema(t)
			require.NoError(t, migrations.Apply(t.Context(), pgtest.Open(t, url, oneConn), nil))
			var stores []*postgres.Store
			for range 2 {
				stores = append(stores, pgtest.Store(t, pgtest.Open(t, url, small, func(c *pgxpool.Config) {
					c.ConnConfig.RuntimeParams["default_transaction_isolation"] = level
				}), nil))
			}
			id := stamp()
			for s := types.Sequence(1); s <= 20; s++ {
				for _, each := range stores {
					each.SetCalm(s%2 == 0)
				}
				var commits []store.Commit
				for range 8 {
					commits = append(commits, commit(id, s, 1), commit(stamp(), 1, 2))
				}
				errs := race(t, stores, commits)
				var same []error
				for i := range errs {
					if commits[i].AggregateID == id {
						same = append(same, errs[i])
					} else {
						require.NoError(t, errs[i])
					}
				}
				one(t, same)
			}
		})
	}
}

func TestManyProcessesWithProjectionsNeitherDeadlockNorLoseAny(t *testing.T) {
	t.Parallel()
	url, _ := pgtest.Schema(t)
	setup := pgtest.Open(t, url, oneConn)
	require.NoError(t, migrations.Apply(t.Context(), setup, nil))
	_, err := setup.Exec(t.Context(), `CREATE TABLE totals (name text PRIMARY KEY, n int NOT NULL); INSERT INTO totals SELECT i, 0 FROM generate_series(0, 4) i`)
	require.NoError(t, err)
	count := postgres.BatchProjection(func(b *pgx.Batch, e types.Event) error {
		b.Queue(`UPDATE totals SET n = n + 1 WHERE name = $1`, fmt.Sprint(e.Timestamp.Milliseconds()%5))
		return nil
	})
	var stores []*postgres.Store
	for range 3 {
		stores = append(stores, pgtest.Store(t, pgtest.Open(t, url, small), nil))
	}
	var commits []store.Commit
	for range 300 {
		c := commit(stamp(), 1, 2)
		c.Projections = []store.Projection{count}
		commits = append(commits, c)
	}
	for _, err := range race(t, stores, commits) {
		require.NoError(t, err)
	}
	var n int
	require.NoError(t, setup.QueryRow(t.Context(), `SELECT sum(n) FROM totals`).Scan(&n))
	require.Equal(t, 600, n)
}

// The server ends the transaction that has waited longest, so that commits which are sent again at
// once may be each other's deadlock until none has an attempt left.
func TestThoseThatLostToADeadlockAreSentAgainOneAfterTheOther(t *testing.T) {
	t.Parallel()
	const all = 8
	pool := pgtest.Plain(t, func(c *pgxpool.Config) { c.MaxConns = all })
	var first sync.WaitGroup
	first.Add(all)
	var calls, inside atomic.Int32
	quarrelsome := postgres.Projection(func(ctx context.Context, tx pgx.Tx, _ types.Event) error {
		defer inside.Add(-1)
		inside.Add(1)
		if calls.Add(1) <= all {
			first.Done()
			first.Wait()
		} else if inside.Load() == 1 {
			if _, err := tx.Exec(ctx, `SELECT pg_sleep(0.02)`); err != nil {
				return err
			}
		}
		if inside.Load() > 1 {
			return &pgconn.PgError{Severity: "ERROR", SeverityUnlocalized: "ERROR", Code: "40P01", Message: "deadlock detected"}
		}
		return nil
	})
	var commits []store.Commit
	for range all {
		commits = append(commits, projected(quarrelsome, "quarrel"))
	}
	for _, err := range race(t, []*postgres.Store{pgtest.Store(t, pool, nil)}, commits) {
		require.NoError(t, err)
	}
}
