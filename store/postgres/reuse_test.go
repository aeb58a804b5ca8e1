package postgres_test

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/eventmaestro/maestro/store"
	"github.com/eventmaestro/maestro/types"
)

// bomb is a tracer that panics in place of one statement.
type bomb struct{ fuse atomic.Int64 }

func (b *bomb) TraceQueryStart(ctx context.Context, _ *pgx.Conn, _ pgx.TraceQueryStartData) context.Context {
	if b.fuse.Add(-1) == 0 {
		panic("bomb")
	}
	return ctx
}

func (*bomb) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {}

// TestWhatBefellACommitIsNoAnswerToAnother takes a crowd apart, has one of it refused and the
// other's tracer panic, so that both are told that the outcome is unknown, and goes on with commits
// that are sent alone.
func TestWhatBefellACommitIsNoAnswerToAnother(t *testing.T) {
	t.Parallel()
	b := &bomb{}
	s, pool := crowd(t, nil, func(c *pgxpool.Config) { c.ConnConfig.Tracer = b })
	_, err := pool.Exec(t.Context(), fmt.Sprintf(triggerSQL, `IF nextval('tries') <= 2 THEN RAISE EXCEPTION 'no'; END IF;`))
	require.NoError(t, err)
	b.fuse.Store(3)
	for _, err := range together(t, s, pool, commit(stamp(), 1, 1), commit(stamp(), 1, 1)) {
		var panicked *types.PanicError
		require.ErrorAs(t, err, &panicked)
		require.ErrorIs(t, err, store.ErrOutcomeUnknown)
	}
	var all sync.WaitGroup
	for range 16 { // on all processors, so that some come by what was left
		all.Go(func() {
			c := commit(stamp(), 1, 1)
			c.Events[0].Body = json.RawMessage(`"\ud83d\ude00"`)
			if err := s.Commit(t.Context(), c); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	var n int
	require.NoError(t, pool.QueryRow(t.Context(), "SELECT count(*) FROM event_log").Scan(&n))
	require.Equal(t, 16, n)
}
