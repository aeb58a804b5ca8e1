package postgres_test

import (
	"context"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/eventmaestro/maestro/internal/lab/pgtest"
	"github.com/eventmaestro/maestro/store"
	"github.com/eventmaestro/maestro/store/postgres"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"
)

func TestAPoolThatIsInUseIsNotWaitedForWithoutEnd(t *testing.T) {
	t.Parallel()
	for kind, projections := range kinds {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			tr := &tracer{}
			s, pool := crowd(t, &postgres.Options{CommitTimeout: 50 * time.Millisecond, LockTimeout: 20 * time.Millisecond}, traced(tr))
			release := hold(t, pool)
			defer release()
			tr.take()
			c := commit(stamp(), 1, 1)
			c.Projections = projections
			err := s.Commit(t.Context(), c)
			require.ErrorIs(t, err, store.ErrUnavailable)
			require.NotErrorIs(t, err, store.ErrOutcomeUnknown)
			require.NotErrorIs(t, err, context.DeadlineExceeded, "the bound is not the caller's")
			statements, _ := tr.take()
			require.Empty(t, statements)
		})
	}
}

func TestWhoseContextEndsWhileItWaitsForAConnectionHearsThatNothingWasSent(t *testing.T) {
	t.Parallel()
	for kind, projections := range kinds {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			s, pool := crowd(t, nil)
			release := hold(t, pool)
			c := commit(stamp(), 1, 1)
			c.Projections = projections
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
			defer cancel()
			err := s.Commit(ctx, c)
			require.ErrorIs(t, err, context.DeadlineExceeded)
			require.NotErrorIs(t, err, store.ErrOutcomeUnknown)
			release()
			require.Empty(t, stored(t, s, c.AggregateID))
		})
	}
}

// lockWaits adds up how long the statements of a pool may have waited for locks.
type lockWaits struct {
	tracer
	mu    sync.Mutex
	total time.Duration
}

func (w *lockWaits) TraceQueryStart(ctx context.Context, conn *pgx.Conn, d pgx.TraceQueryStartData) context.Context {
	if len(d.Args) > 5 {
		if bound, ok := d.Args[0].(string); ok {
			n, _ := strconv.Atoi(bound)
			w.mu.Lock()
			w.total += time.Duration(n) * time.Millisecond
			w.mu.Unlock()
		}
	}
	return w.tracer.TraceQueryStart(ctx, conn, d)
}

func TestACrowdThatIsBlockedAsAWholeIsAnsweredWithinTwiceTheBound(t *testing.T) {
	t.Parallel()
	const lockTimeout = 2 * time.Second
	w := &lockWaits{}
	s, pool := crowd(t, &postgres.Options{LockTimeout: lockTimeout}, func(c *pgxpool.Config) { c.ConnConfig.Tracer = w })
	holder, err := pgxpool.NewWithConfig(t.Context(), func() *pgxpool.Config { c := pool.Config(); c.ConnConfig.Tracer = nil; return c }())
	require.NoError(t, err)
	defer holder.Close()
	tx, err := holder.Begin(t.Context())
	require.NoError(t, err)
	var commits []store.Commit
	for range 128 {
		c := commit(stamp(), 1, 1)
		require.NoError(t, pgtest.Store(t, holder, nil).Tx(tx).Commit(t.Context(), c))
		commits = append(commits, commit(c.AggregateID, 1, 1))
	}
	for _, err := range together(t, s, pool, commits...) {
		require.ErrorIs(t, err, store.ErrUnavailable)
	}
	// There is one connection, so its waits come one after the other.
	require.LessOrEqual(t, w.total, 2*lockTimeout)
	require.NoError(t, tx.Rollback(t.Context()))
	for _, c := range commits[:3] {
		require.NoError(t, s.Commit(t.Context(), c))
	}
}
