package aggregate_test

import (
	"context"
	"errors"
	"iter"
	"testing"
	"testing/synctest"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/eventmaestro/maestro/aggregate"
	"github.com/eventmaestro/maestro/internal/lab/pgserver"
	"github.com/eventmaestro/maestro/internal/lab/pgtest"
	"github.com/eventmaestro/maestro/migrations"
	"github.com/eventmaestro/maestro/store"
	"github.com/eventmaestro/maestro/store/memory"
	"github.com/eventmaestro/maestro/types"
)

func TestAContextThatEndedBeforeTheCallStoresNothing(t *testing.T) {
	t.Parallel()
	onEveryStore(t, func(t *testing.T, open func() store.Adapter) {
		s := open()
		root := newRoot(t, s, nil)
		id := newID(t, root)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		err := root.Evaluate(ctx, adds(id, 1))
		require.ErrorIs(t, err, context.Canceled)
		require.EqualError(t, err, "aggregate: before the mailbox: context canceled")
		_, err = root.Get(ctx, id)
		require.ErrorIs(t, err, context.Canceled)
		_, live := root.Whereis(id)
		require.False(t, live)
		require.Empty(t, logOf(t, s, id))
	})
}

func TestAContextThatEndsInTheMailboxStoresNothing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := memory.New()
		root := newRoot(t, s, nil)
		id := newID(t, root)
		release := occupy(t, root, id)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		called := false
		require.EqualError(t, root.Evaluate(ctx, runs(id, func(context.Context, aggregate.Instance[tally]) ([]types.Uncommitted, error) {
			called = true
			return nil, nil
		})), "aggregate: waiting in the mailbox: context deadline exceeded")
		require.ErrorIs(t, root.Call(ctx, id, func(context.Context, aggregate.Instance[tally]) error { called = true; return nil }), context.DeadlineExceeded)
		release()
		synctest.Wait()
		require.False(t, called, "the handler is not run")
		require.Empty(t, logOf(t, s, id))
	})
}

func TestAContextThatEndsInTheHandlerStoresNothing(t *testing.T) {
	t.Parallel()
	onEveryStore(t, func(t *testing.T, open func() store.Adapter) {
		s := open()
		root := newRoot(t, s, nil)
		id := newID(t, root)
		ctx, cancel := context.WithCancel(t.Context())
		err := root.Evaluate(ctx, runs(id, func(context.Context, aggregate.Instance[tally]) ([]types.Uncommitted, error) {
			cancel()
			return types.Events(types.NewEvent("added", added{1})), nil
		}))
		require.ErrorIs(t, err, context.Canceled)
		evaluate(t, root, notes(id, "after")) // the next in line: what was before is over
		require.Equal(t, []string{"noted"}, typesOf(logOf(t, s, id)))
	})
}

func TestAContextThatEndsDuringTheLoadStoresNothing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newTap()
		s.load = func(_ context.Context, next iter.Seq2[store.Entry, error]) iter.Seq2[store.Entry, error] {
			time.Sleep(10 * time.Second)
			return next
		}
		root := newRoot(t, s, nil)
		id := newID(t, root)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		require.ErrorIs(t, root.Evaluate(ctx, adds(id, 1)), context.DeadlineExceeded)
		evaluate(t, root, adds(id, 10)) // it has the load's outcome
		require.EqualValues(t, 1, s.loads.Load(), "what others wait for as well goes on")
		require.Len(t, logOf(t, s, id), 1)
	})
}

func TestAContextThatEndsDuringTheCommitLeavesTheOutcomeOpenAndItIsSeenThrough(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newTap()
		root := newRoot(t, s, nil)
		id := newID(t, root)
		evaluate(t, root, adds(id, 1))
		s.set(func(s *tap) {
			s.commit = func(ctx context.Context, _ store.Commit, next func() error) error {
				time.Sleep(10 * time.Second)
				require.NoError(t, ctx.Err(), "the caller's end is not the commit's")
				return next()
			}
		})
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		err := root.Evaluate(ctx, notes(id, "a", "b"))
		var unknown *aggregate.OutcomeUnknownError
		require.ErrorAs(t, err, &unknown)
		require.ErrorIs(t, err, store.ErrOutcomeUnknown)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.Equal(t, id, unknown.AggregateID)
		require.Len(t, unknown.Timestamps, 2)
		found, err := root.Lookup(t.Context(), id, unknown.Timestamps)
		require.NoError(t, err)
		require.Empty(t, found, "not so far")
		time.Sleep(time.Minute)
		found, err = root.Lookup(t.Context(), id, unknown.Timestamps)
		require.NoError(t, err)
		require.Equal(t, logOf(t, s, id)[1:], found)
		require.Equal(t, []string{"a", "b"}, get(t, root, id).Notes)
	})
}

func TestADatabaseThatStaysAwayLeavesTheOutcomeOpen(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newTap()
		root := newRoot(t, s, &aggregate.Options{SettleTimeout: 7 * time.Second})
		id := newID(t, root)
		evaluate(t, root, adds(id, 1))
		lost := errors.New("connection lost")
		s.set(func(s *tap) {
			s.commit = func(_ context.Context, _ store.Commit, next func() error) error {
				_ = next() // it was stored
				return errors.Join(store.ErrOutcomeUnknown, lost)
			}
			s.events = failEvents(store.ErrUnavailable)
		})
		start := time.Now()
		err := root.Evaluate(t.Context(), notes(id, "a"))
		require.InDelta(t, 7, time.Since(start).Seconds(), 1)
		var unknown *aggregate.OutcomeUnknownError
		require.ErrorAs(t, err, &unknown)
		require.ErrorIs(t, err, store.ErrOutcomeUnknown)
		require.ErrorIs(t, err, lost)
		s.set(func(s *tap) { s.commit, s.events = nil, nil })
		require.Equal(t, []string{"a"}, get(t, root, id).Notes, "the state was dropped and is read again")
		found, err := root.Lookup(t.Context(), id, unknown.Timestamps)
		require.NoError(t, err)
		require.Len(t, found, 1)
	})
}

func TestADatabaseThatNobodyAnswersForIsUnavailable(t *testing.T) {
	t.Parallel()
	config, err := pgxpool.ParseConfig("postgres://nobody@127.0.0.1:1/none?sslmode=disable&connect_timeout=1")
	require.NoError(t, err)
	pool, err := pgxpool.NewWithConfig(t.Context(), config)
	require.NoError(t, err)
	t.Cleanup(pool.Close)
	root := newRoot(t, pgtest.Store(t, pool, nil), nil)
	require.ErrorIs(t, root.Evaluate(t.Context(), adds(newID(t, root), 1)), store.ErrUnavailable)
	_, err = root.Get(t.Context(), newID(t, root))
	require.ErrorIs(t, err, store.ErrUnavailable)
}

func TestADatabaseThatGoesAwayAndComesBack(t *testing.T) {
	t.Parallel()
	pgtest.Program(t, "initdb")
	server, err := pgserver.Start(t.Context(), nil)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, server.Close()) })
	pool := pgtest.Open(t, server.URL("postgres"), fewConnections)
	require.NoError(t, migrations.Apply(t.Context(), pool, nil))
	s := pgtest.Store(t, pool, nil)
	root := newRoot(t, s, &aggregate.Options{SettleTimeout: 300 * time.Millisecond})
	id := newID(t, root)
	evaluate(t, root, notes(id, "a"))

	require.NoError(t, server.Stop(t.Context(), pgserver.Immediate))
	for range 3 {
		err := root.Evaluate(t.Context(), notes(id, "b"))
		require.True(t, errors.Is(err, store.ErrUnavailable) || errors.Is(err, store.ErrOutcomeUnknown), "%v", err)
	}
	require.NoError(t, server.Start(t.Context()))
	require.Eventually(t, func() bool { return root.Evaluate(t.Context(), notes(id, "c")) == nil }, time.Minute, 50*time.Millisecond)
	log := logOf(t, s, id)
	require.JSONEq(t, `{"Text": "a"}`, string(log[0].Body))
	require.Len(t, log, 2, "nothing of what was refused")
	require.Equal(t, []string{"a", "c"}, get(t, root, id).Notes)
}
