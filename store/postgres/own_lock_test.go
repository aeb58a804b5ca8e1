package postgres_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/eventmaestro/maestro/hlc"
	"github.com/eventmaestro/maestro/internal/lab/pgtest"
	"github.com/eventmaestro/maestro/migrations"
	"github.com/eventmaestro/maestro/store"
	"github.com/eventmaestro/maestro/store/postgres"
	"github.com/eventmaestro/maestro/types"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"
)

func TestALockReadsWhatIsNewInTheRoundTripThatBegins(t *testing.T) {
	t.Parallel()
	s, _, _, w := tapped(t, true)
	lower, upper := inOrder()
	first := commit(upper, 1, 3)
	require.NoError(t, s.Commit(t.Context(), first))
	for range 2 {
		w.take()
		tx := begun(t, s)
		events, more, err := tx.Lock(t.Context(), lower, 1)
		require.NoError(t, err)
		require.Empty(t, events)
		require.False(t, more)
		events, more, err = tx.Lock(t.Context(), upper, 2)
		require.NoError(t, err)
		require.Equal(t, first.Events[1:], events)
		require.False(t, more)
		require.NoError(t, tx.End(t.Context()))
	}
	require.Equal(t, 3, w.take(), "two locks and the end")

	require.NoError(t, s.Commit(t.Context(), commit(upper, 4, 200)))
	tx := begun(t, s)
	events, more, err := tx.Lock(t.Context(), upper, 2)
	require.NoError(t, err)
	require.True(t, more)
	tx.Abort(t.Context())
	require.Equal(t, stored(t, s, upper)[1:1+len(events)], events)
}

func TestTheLineForAnAggregateIsKeptByTheServer(t *testing.T) {
	t.Parallel()
	s, pool := crowd(t, nil, func(c *pgxpool.Config) { c.MaxConns = 8 })
	other := pgtest.Store(t, pool, nil)
	id := stamp()
	var group sync.WaitGroup
	for i := range 6 {
		group.Go(func() {
			for range 5 {
				tx := begun(t, []*postgres.Store{s, other}[i%2])
				events, _, err := tx.Lock(t.Context(), id, 1)
				require.NoError(t, err)
				c := commit(id, types.Sequence(len(events)+1), 1)
				if len(events) > 0 {
					c.Predecessor = last(events).Timestamp
				}
				require.NoError(t, tx.Stage(c))
				require.NoError(t, tx.End(t.Context()))
			}
		})
	}
	group.Wait()
	require.Len(t, stored(t, s, id), 30)
}

func TestALockThatIsHeldForTooLongIsUnavailable(t *testing.T) {
	t.Parallel()
	s, pool := crowd(t, &postgres.Options{LockTimeout: 50 * time.Millisecond}, func(c *pgxpool.Config) { c.MaxConns = 2 })
	lower, upper := inOrder()
	holder := begun(t, s)
	_, _, err := holder.Lock(t.Context(), lower, 1)
	require.NoError(t, err)
	for _, before := range [][]hlc.Timestamp{nil, {upper}} {
		tx := begun(t, s)
		for _, id := range before {
			_, _, err := tx.Lock(t.Context(), id, 1)
			require.NoError(t, err)
		}
		_, _, err = tx.Lock(t.Context(), lower, 1)
		require.ErrorIs(t, err, store.ErrUnavailable)
		require.NotErrorIs(t, err, store.ErrDeadlock)
		require.ErrorIs(t, tx.End(t.Context()), store.ErrUnavailable, "it can only be aborted")
		require.EqualValues(t, 1, pool.Stat().AcquiredConns(), "its locks are gone with its connection")
	}
}

func TestALockOutOfOrderWaitsForWhoIsAboutToEnd(t *testing.T) {
	t.Parallel()
	s, pool := crowd(t, nil, func(c *pgxpool.Config) { c.MaxConns = 3 })
	lower, upper := inOrder()
	holder, tx := begun(t, s), begun(t, s)
	_, _, err := holder.Lock(t.Context(), lower, 1)
	require.NoError(t, err)
	_, _, err = tx.Lock(t.Context(), upper, 1)
	require.NoError(t, err)
	done := make(chan error, 1)
	go func() {
		_, _, err := tx.Lock(t.Context(), lower, 1)
		done <- err
	}()
	waitsInLine(t, pool)
	require.NoError(t, holder.Stage(commit(lower, 1, 1)))
	require.NoError(t, holder.End(t.Context()))
	require.NoError(t, <-done)
	require.NoError(t, tx.Stage(commit(lower, 2, 1)))
	require.NoError(t, tx.Stage(commit(upper, 1, 1)))
	require.NoError(t, tx.End(t.Context()))
}

func TestOfTwoThatWaitForEachOtherOneIsRefusedLongBeforeTheServerNotices(t *testing.T) {
	t.Parallel()
	s, pool := crowd(t, nil, func(c *pgxpool.Config) {
		c.MaxConns = 3
		c.ConnConfig.RuntimeParams["deadlock_timeout"] = "1h" // the user of the tests is a superuser
	})
	lower, upper := inOrder()
	a, b := begun(t, s), begun(t, s)
	_, _, err := a.Lock(t.Context(), lower, 1)
	require.NoError(t, err)
	_, _, err = b.Lock(t.Context(), upper, 1)
	require.NoError(t, err)
	done := make(chan error, 1)
	go func() {
		_, _, err := a.Lock(t.Context(), upper, 1)
		done <- err
	}()
	waitsInLine(t, pool)
	_, _, err = b.Lock(t.Context(), lower, 1)
	require.ErrorIs(t, err, store.ErrDeadlock)
	require.NoError(t, <-done, "the loser's locks are gone at once")
	require.NoError(t, a.End(t.Context()))
}

func TestARowOfAStrangerThatIsTakenOutOfOrderIsADeadlock(t *testing.T) {
	t.Parallel()
	s, pool := crowd(t, nil, func(c *pgxpool.Config) { c.MaxConns = 4 })
	lower, upper := inOrder()
	held := commit(lower, 1, 1)
	rollback, _ := foreign(t, pool, held)
	defer rollback()
	tx := begun(t, s)
	require.NoError(t, tx.Stage(commit(upper, 1, 1)))
	require.NoError(t, tx.Send(t.Context()))
	require.NoError(t, tx.Stage(commit(lower, 1, 1)))
	require.ErrorIs(t, tx.Send(t.Context()), store.ErrDeadlock)
	require.Empty(t, stored(t, s, upper))
}

// Whoever does not wait in the line is quicker than a turn there, again and again. Who has the lock
// alone is not robbed of its turn.
func TestWhoHasTheLockAloneIsFirst(t *testing.T) {
	t.Parallel()
	for name, m := range schemas {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			pool := pgtest.Open(t, pgtest.Database(t), func(c *pgxpool.Config) { c.MaxConns = 4 }) // who is alone, is so in a database
			require.NoError(t, migrations.Apply(t.Context(), pool, m))
			o := postgres.Options{Schema: m.Schema, Metadata: m.Metadata, Commands: m.Commands, LockTimeout: 5 * time.Minute}
			inLine, outside := open(t, pool, &o), open(t, pool, &o)
			for _, careful := range []bool{false, true} {
				id, last := stamp(), types.Sequence(1)
				require.NoError(t, outside.Commit(t.Context(), commit(id, 1, 1)))
				if careful {
					require.ErrorIs(t, outside.Commit(t.Context(), commit(id, 1, 1)), store.ErrConflict)
				}
				for _, n := range []int{1, 3} { // events of a commit
					late := make(chan error, 1)
					tx := begun(t, inLine)
					events, _, err := tx.(store.Excluder).LockAlone(t.Context(), id, 1)
					require.NoError(t, err)
					require.Len(t, events, int(last))
					go func() { late <- outside.Commit(context.WithoutCancel(t.Context()), commit(id, last+1, n)) }()
					waitsInLine(t, pool)
					require.NoError(t, tx.Stage(commit(id, last+1, n)))
					require.NoError(t, tx.End(t.Context()))
					require.ErrorIs(t, <-late, store.ErrConflict)
					last += types.Sequence(n)
				}
			}
		})
	}
}

// A commit that takes its time must not keep everybody waiting for the one who wants to be alone.
func TestWhoCanNotBeAloneSoonIsNot(t *testing.T) {
	t.Parallel()
	s, pool := projecting(t, func(c *pgxpool.Config) { c.MaxConns = 4 })
	id, slow := stamp(), make(chan struct{})
	require.NoError(t, s.Commit(t.Context(), commit(id, 1, 1)))
	inside, done := make(chan struct{}), make(chan error, 1)
	go func() {
		done <- s.Commit(context.WithoutCancel(t.Context()), projected(postgres.Projection(func(context.Context, pgx.Tx, types.Event) error {
			close(inside)
			<-slow
			return nil
		}), "slow"))
	}()
	<-inside
	tx := begun(t, open(t, pool, nil))
	events, _, err := tx.(store.Excluder).LockAlone(t.Context(), id, 1)
	require.NoError(t, err)
	require.Len(t, events, 1)
	require.NoError(t, tx.Stage(commit(id, 2, 1)))
	require.NoError(t, tx.End(t.Context()))
	close(slow)
	require.NoError(t, <-done)
}

// A process that freezes while it has the lock alone would keep everybody waiting.
func TestWhoFreezesWhileItIsAloneHoldsNobodyUp(t *testing.T) {
	t.Parallel()
	pool := pgtest.Open(t, pgtest.Database(t), func(c *pgxpool.Config) { c.MaxConns = 4 })
	require.NoError(t, migrations.Apply(t.Context(), pool, nil))
	frozen := begun(t, open(t, pool, &postgres.Options{LockTimeout: 200 * time.Millisecond}))
	id := stamp()
	_, _, err := frozen.(store.Excluder).LockAlone(t.Context(), id, 1)
	require.NoError(t, err)
	other := open(t, pool, &postgres.Options{LockTimeout: time.Minute})
	require.NoError(t, other.Commit(t.Context(), commit(stamp(), 1, 1)))
	require.NoError(t, frozen.Stage(commit(id, 1, 1)))
	require.Error(t, frozen.End(t.Context()))
	require.Empty(t, stored(t, other, id))
	require.NoError(t, other.Commit(t.Context(), commit(id, 1, 1)))
}

// The server does not take a session for idle that got a part of a request. If the rest is lost
// with the network, TCP has to notice that: else nobody could commit for two hours.
func TestWhoIsAloneIsEndedSoonAfterItsNetworkBreaks(t *testing.T) {
	t.Parallel()
	pool := pgtest.Open(t, pgtest.Database(t), oneConn)
	require.NoError(t, migrations.Apply(t.Context(), pool, nil))
	const probes = `SELECT current_setting('tcp_user_timeout') || ' ' || current_setting('tcp_keepalives_idle') || ' ' || current_setting('tcp_keepalives_interval')`
	asked := func(q interface {
		QueryRow(context.Context, string, ...any) pgx.Row
	},
	) (said string) {
		require.NoError(t, q.QueryRow(t.Context(), probes).Scan(&said))
		return said
	}
	before := asked(pool)
	tx := begun(t, open(t, pool, &postgres.Options{LockTimeout: 3 * time.Second}))
	_, _, err := tx.(store.Excluder).LockAlone(t.Context(), stamp(), 1)
	require.NoError(t, err)
	inside, err := postgres.TxOf(t.Context(), tx)
	require.NoError(t, err)
	require.Equal(t, "1500 1 1", asked(inside))
	tx.Abort(t.Context())
	require.Equal(t, before, asked(pool))
}
