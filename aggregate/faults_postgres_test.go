package aggregate_test

import (
	"context"
	"encoding/json"
	"errors"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/eventmaestro/maestro/aggregate"
	"github.com/eventmaestro/maestro/internal/lab/pgtest"
	"github.com/eventmaestro/maestro/store"
	"github.com/eventmaestro/maestro/types"
)

// Losers of a race get a raw 23505 or 40001 instead of a conflict; on a partitioned table a
// conflict has another constraint name, and is not retried.
func TestFaultLosersOfARaceGetAConflict(t *testing.T) {
	t.Parallel()
	onEveryStore(t, func(t *testing.T, open func() store.Adapter) {
		const writers = 16
		for round := range 10 {
			id := newIDOf(t)
			errs := make([]error, writers)
			begin := make(chan struct{})
			var all sync.WaitGroup
			for w := range writers {
				s, at := open(), newIDOf(t)
				all.Go(func() {
					<-begin
					c := store.Commit{AggregateID: id, Events: []types.Event{{Timestamp: at, AggregateID: id, Sequence: 1, Type: "added", Body: json.RawMessage(`{"By": 1}`)}}}
					if round%2 == 1 { // several rows go another way
						second := c.Events[0]
						second.Sequence, second.Timestamp = 2, at
						second.Timestamp[7]++
						c.Events = append(c.Events, second)
					}
					errs[w] = s.Commit(t.Context(), c)
				})
			}
			close(begin)
			all.Wait()
			won := 0
			for _, err := range errs {
				if err == nil {
					won++
					continue
				}
				var raw *pgconn.PgError
				require.ErrorIs(t, err, store.ErrConflict)
				require.False(t, errors.As(err, &raw), "%v", err)
			}
			require.Equal(t, 1, won)
			require.Len(t, logOf(t, open(), id), round%2+1)
		}
	})
}

// The same through aggregates: every loser decides again until it is stored.
func TestFaultRacingProcessesAllGetThrough(t *testing.T) {
	t.Parallel()
	onEveryStore(t, func(t *testing.T, open func() store.Adapter) {
		const processes, each = 8, 10
		id := newIDOf(t)
		var all sync.WaitGroup
		for range processes {
			root := newRoot(t, open(), &aggregate.Options{MaxAttempts: 1000})
			all.Go(func() {
				for range each {
					if err := root.Evaluate(t.Context(), adds(id, 1)); err != nil {
						t.Error(err)
					}
				}
			})
		}
		all.Wait()
		require.Len(t, logOf(t, open(), id), processes*each)
	})
}

// SERIALIZABLE aborts appends to different new aggregates.
func TestFaultAppendsToDifferentAggregatesDoNotMeet(t *testing.T) {
	t.Parallel()
	for _, level := range []string{"read committed", "serializable"} {
		t.Run(level, func(t *testing.T) {
			t.Parallel()
			pool := pgtest.Plain(t, func(c *pgxpool.Config) {
				c.MaxConns = 8
				c.ConnConfig.RuntimeParams["default_transaction_isolation"] = level
			})
			var all sync.WaitGroup
			for range 16 { // each with a store of its own, so that they don't share a statement
				root := newRoot(t, pgtest.Store(t, pool, nil), nil)
				all.Go(func() {
					for range 20 {
						id, err := root.NewID(t.Context())
						if err == nil {
							err = root.Evaluate(t.Context(), notes(id, "a", "b"))
						}
						if err != nil {
							t.Error(err)
						}
					}
				})
			}
			all.Wait()
			var n int
			require.NoError(t, pool.QueryRow(t.Context(), "SELECT count(*) FROM event_log").Scan(&n))
			require.Equal(t, 16*20*2, n)
		})
	}
}

// ON CONFLICT DO NOTHING without counting rows loses the events that were in the way and keeps the
// others.
func TestFaultACommitIsStoredWholeOrNotAtAll(t *testing.T) {
	t.Parallel()
	onEveryStore(t, func(t *testing.T, open func() store.Adapter) {
		s := open()
		id := newIDOf(t)
		event := func(n types.Sequence) types.Event {
			return types.Event{Timestamp: newIDOf(t), AggregateID: id, Sequence: n, Type: "added", Body: json.RawMessage(`{"By": 1}`)}
		}
		require.NoError(t, s.Commit(t.Context(), store.Commit{AggregateID: id, Events: []types.Event{event(1), event(2)}}))
		for _, first := range []types.Sequence{1, 2} {
			for n := range types.Sequence(4) {
				c := store.Commit{AggregateID: id}
				for i := range n + 1 {
					c.Events = append(c.Events, event(first+i))
				}
				require.ErrorIs(t, s.Commit(t.Context(), c), store.ErrConflict)
				require.Len(t, logOf(t, s, id), 2)
			}
		}

		here, there := newRoot(t, open(), nil), newRoot(t, open(), nil)
		get(t, here, id)
		evaluate(t, there, adds(id, 10))
		events, err := here.EvaluateEvents(t.Context(), notes(id, "a", "b", "c"))
		require.NoError(t, err)
		require.Equal(t, events, logOf(t, s, id)[3:])
	})
}

// The driver's "safe to retry" on a commit is true although the server committed. Here the answer
// to a commit, or the acknowledgement of its write, gets lost after the server did its work.
func TestFaultALostAnswerIsNotAFailure(t *testing.T) {
	t.Parallel()
	for name, arm := range map[string]func(*cutter){
		"answer": func(c *cutter) { c.loseAnswer.Store(true) },
		"write":  func(c *cutter) { c.loseWrite.Store(true) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := new(cutter)
			pool := pgtest.Plain(t, c.dial)
			s := pgtest.Store(t, pool, nil)
			root := newRoot(t, s, nil)
			id := newID(t, root)
			evaluate(t, root, adds(id, 1))
			for n := range 20 {
				cuts := c.cuts.Load()
				arm(c)
				events, err := root.EvaluateEvents(t.Context(), notes(id, "a"))
				require.NoError(t, err)
				require.Greater(t, c.cuts.Load(), cuts, "nothing was cut")
				require.Len(t, events, 1)
				require.Len(t, logOf(t, s, id), n+2, "once")
			}
		})
	}
}

// The same with a store that says it does not know, in both of the cases that can be behind that.
func TestFaultADoubtfulCommitIsSettled(t *testing.T) {
	t.Parallel()
	for name, storeFirst := range map[string]bool{"stored": true, "not stored": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newTap()
			root := newRoot(t, s, nil)
			id := newID(t, root)
			evaluate(t, root, adds(id, 1))
			var sent []store.Commit
			s.commit = func(_ context.Context, c store.Commit, next func() error) error {
				c.Events = append([]types.Event(nil), c.Events...)
				sent = append(sent, c)
				if len(sent) > 1 {
					return next()
				}
				if storeFirst {
					require.NoError(t, next())
				}
				return store.ErrOutcomeUnknown
			}
			evaluations := 0
			evaluate(t, root, runs(id, func(context.Context, aggregate.Instance[tally]) ([]types.Uncommitted, error) {
				evaluations++
				return types.Events(types.NewEvent("added", added{10})), nil
			}))
			require.Equal(t, 1, evaluations, "the same commit is sent again, not a new decision")
			require.Equal(t, sent[0].Events, sent[1].Events)
			require.Len(t, logOf(t, s, id), 2)
			require.Equal(t, 11, get(t, root, id).Total)
		})
	}
}
