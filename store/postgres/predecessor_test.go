package postgres_test

import (
	"context"
	"fmt"
	"testing"

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

// waysIn are those in which a commit gets into the log.
func waysIn(t *testing.T, s *postgres.Store, pool *pgxpool.Pool) map[string]func(c store.Commit) error {
	t.Helper()
	with := func(projections ...store.Projection) func(store.Commit) error {
		return func(c store.Commit) error {
			c.Projections = projections
			return s.Commit(t.Context(), c)
		}
	}
	direct := postgres.Projection(func(context.Context, pgx.Tx, types.Event) error { return nil })
	return map[string]func(c store.Commit) error{
		"plain":              with(),
		"batched":            with(nothing),
		"direct":             with(direct),
		"batched and direct": with(nothing, direct),
		"with a command id": func(c store.Commit) error {
			c.Commands = []store.CommandRecord{{ID: stamp().String(), Last: 1}}
			return s.Commit(t.Context(), c)
		},
		"in a transaction": func(c store.Commit) error {
			return pgx.BeginFunc(t.Context(), pool, func(tx pgx.Tx) error { return s.Tx(tx).Commit(t.Context(), c) })
		},
	}
}

func TestACommitIsStoredOnlyBehindItsPredecessor(t *testing.T) {
	t.Parallel()
	for name, m := range schemas {
		for _, calm := range []bool{true, false} {
			t.Run(fmt.Sprint(name, " calm ", calm), func(t *testing.T) {
				t.Parallel()
				pool := pgtest.Open(t, pgtest.Database(t), small)
				require.NoError(t, migrations.Apply(t.Context(), pool, m))
				s := pgtest.Store(t, pool, &postgres.Options{Schema: m.Schema, Metadata: true, Commands: true})
				for way, send := range waysIn(t, s, pool) {
					for _, n := range []int{1, 3} {
						s.SetCalm(calm)
						missing := func(c store.Commit, err error) {
							t.Helper()
							var gone *store.PredecessorError
							require.ErrorAs(t, err, &gone, way)
							require.ErrorIs(t, err, store.ErrNoPredecessor)
							require.NotErrorIs(t, err, store.ErrConflict)
							require.Equal(t, store.PredecessorError{
								AggregateID: c.AggregateID, Sequence: c.Events[0].Sequence - 1, Timestamp: c.Predecessor,
							}, *gone)
						}
						// The first event of all has none.
						id := stamp()
						start := commit(id, 1, 2)
						require.NoError(t, send(start), way)

						// Behind a gap, whether or not the predecessor is named.
						gap := commit(id, 4, n)
						missing(gap, send(gap))
						gap.Predecessor = stamp()
						missing(gap, send(gap))
						unknown := commit(stamp(), 7, n)
						missing(unknown, send(unknown))

						// Behind another event than the one that it was decided on.
						other := commit(id, 3, n)
						other.Predecessor = stamp()
						missing(other, send(other))
						require.Equal(t, start.Events, stored(t, s, id), way)

						// A conflict comes first.
						late := commit(id, 2, n)
						late.Predecessor = stamp()
						require.ErrorIs(t, send(late), store.ErrConflict, way)

						// Behind the right one, named or not.
						named := commit(id, 3, n)
						named.Predecessor = start.Events[1].Timestamp
						require.NoError(t, send(named), way)
						unnamed := commit(id, 3+types.Sequence(n), 1)
						require.NoError(t, send(unnamed), way)
						require.Len(t, stored(t, s, id), 3+n, way)
					}
				}
			})
		}
	}
}

func TestInACrowdOnlyTheCommitWithoutItsPredecessorIsRefused(t *testing.T) {
	t.Parallel()
	for _, calm := range []bool{true, false} {
		for kind, projections := range map[string][]store.Projection{"plain": nil, "batched": {nothing}} {
			for _, n := range []int{1, 2} {
				t.Run(fmt.Sprint(kind, " calm ", calm, " ", n), func(t *testing.T) {
					t.Parallel()
					s, pool := crowd(t, nil)
					var ids []hlc.Timestamp
					var commits []store.Commit
					for range 10 {
						first := commit(stamp(), 1, 1)
						require.NoError(t, s.Commit(t.Context(), first))
						next := commit(first.AggregateID, 2, n)
						next.Predecessor, next.Projections = first.Events[0].Timestamp, projections
						ids, commits = append(ids, first.AggregateID), append(commits, next)
					}
					// The log goes back.
					_, err := pool.Exec(t.Context(), `DELETE FROM event_log WHERE aggregate_id = $1`, ids[4][:])
					require.NoError(t, err)
					s.SetCalm(calm)
					for i, err := range together(t, s, pool, commits...) {
						if i == 4 {
							require.ErrorIs(t, err, store.ErrNoPredecessor)
							require.Empty(t, stored(t, s, ids[i]))
							continue
						}
						require.NoError(t, err)
						require.Len(t, stored(t, s, ids[i]), 1+n)
					}
				})
			}
		}
	}
}

func TestARefusalBringsTheNews(t *testing.T) {
	t.Parallel()
	for _, calm := range []bool{true, false} {
		s, pool := crowd(t, nil, func(c *pgxpool.Config) { c.MaxConns = 2 })
		for way, send := range waysIn(t, s, pool) {
			if way == "with a command id" {
				continue // which the store doesn't take
			}
			id := stamp()
			first, rest := commit(id, 1, 3), commit(id, 4, 120)
			require.NoError(t, s.Commit(t.Context(), first))
			s.SetCalm(calm)
			var conflict *store.ConflictError
			late := commit(id, 3, 2)
			late.Predecessor = first.Events[1].Timestamp
			require.ErrorAs(t, send(late), &conflict, way)
			require.Equal(t, store.ConflictError{AggregateID: id, Events: first.Events[1:]}, *conflict, way)

			// From the first on where there is nothing before it.
			require.ErrorAs(t, send(commit(id, 1, 1)), &conflict, way)
			require.Equal(t, store.ConflictError{AggregateID: id, Events: first.Events}, *conflict, way)

			// Not more than some.
			require.NoError(t, s.Commit(t.Context(), rest))
			require.ErrorAs(t, send(commit(id, 2, 1)), &conflict, way)
			all := append(first.Events, rest.Events...)
			require.Equal(t, store.ConflictError{AggregateID: id, Events: all[:len(conflict.Events)], More: true}, *conflict, way)
			require.Greater(t, len(conflict.Events), 50)
		}
	}
}

func TestARefusalBringsTheNewsInItsOwnRoundTrip(t *testing.T) {
	t.Parallel()
	s, pool, tr, w := tapped(t, false)
	var late []store.Commit
	for range 20 {
		c := commit(stamp(), 1, 1)
		require.NoError(t, s.Commit(t.Context(), c))
		late = append(late, commit(c.AggregateID, 1, 1))
	}
	s.SetCalm(false)
	together(t, s, pool, commit(stamp(), 1, 1), commit(stamp(), 1, 1)) // so that the statement is prepared
	tr.take()
	w.take()
	for _, err := range together(t, s, pool, late...) {
		var conflict *store.ConflictError
		require.ErrorAs(t, err, &conflict)
		require.Len(t, conflict.Events, 1)
	}
	statements, _ := tr.take()
	require.Len(t, statements, 1)
	require.Equal(t, 1, w.take())
}
