package postgres_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/eventmaestro/maestro/internal/lab/pgtest"
	"github.com/eventmaestro/maestro/migrations"
	"github.com/eventmaestro/maestro/store"
	"github.com/eventmaestro/maestro/store/postgres"
	"github.com/eventmaestro/maestro/types"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"
)

// tapped returns a store that has sent every kind of statement once, with a tracer and a count of
// its round trips.
func tapped(t *testing.T, calm bool) (*postgres.Store, *pgxpool.Pool, *tracer, *wire) {
	t.Helper()
	tr, w := &tracer{}, &wire{}
	s, pool := crowd(t, nil, traced(tr), w.tap)
	s.SetCalm(calm)
	id := stamp()
	require.NoError(t, s.Commit(t.Context(), commit(id, 1, 1)))
	require.NoError(t, s.Commit(t.Context(), commit(id, 2, 3)))
	batched := commit(id, 5, 1)
	batched.Projections = []store.Projection{nothing}
	require.NoError(t, s.Commit(t.Context(), batched))
	require.NoError(t, s.CommitSnapshot(t.Context(), types.Snapshot{AggregateID: id, Sequence: 2, Body: []byte(`1`)}))
	for _, err := range together(t, s, pool, commit(stamp(), 1, 1), commit(stamp(), 1, 1)) {
		require.NoError(t, err)
	}
	for _, err := range s.Load(t.Context(), id, store.Range{}) {
		require.NoError(t, err)
	}
	tr.take()
	w.take()
	return s, pool, tr, w
}

// nothing is a batched projection without effect.
var nothing = postgres.BatchProjection(func(b *pgx.Batch, _ types.Event) error {
	b.Queue(`SELECT 1`)
	return nil
})

func TestACommitIsOneStatementInOneRoundTrip(t *testing.T) {
	t.Parallel()
	for _, calm := range []bool{true, false} {
		for _, n := range []int{1, 2, 64, 1000} {
			t.Run(fmt.Sprintf("%d events, calm %v", n, calm), func(t *testing.T) {
				t.Parallel()
				s, _, tr, w := tapped(t, calm)
				require.NoError(t, s.Commit(t.Context(), commit(stamp(), 1, n)))
				statements, _ := tr.take()
				require.Len(t, statements, 1)
				require.Equal(t, 1, w.take())
			})
		}
	}
}

func TestCommitsThatWaitShareAStatement(t *testing.T) {
	t.Parallel()
	for _, calm := range []bool{true, false} {
		t.Run(fmt.Sprint("calm ", calm), func(t *testing.T) {
			t.Parallel()
			s, pool, tr, w := tapped(t, calm)
			var commits []store.Commit
			for range 50 {
				commits = append(commits, commit(stamp(), 1, 1))
			}
			for _, err := range together(t, s, pool, commits...) {
				require.NoError(t, err)
			}
			statements, _ := tr.take()
			require.Len(t, statements, 1)
			require.Equal(t, 1, w.take())
			for _, c := range commits {
				require.Equal(t, c.Events, stored(t, s, c.AggregateID))
			}
		})
	}
}

func TestAConflictCostsAStatementMoreOnlyOnce(t *testing.T) {
	t.Parallel()
	s, _, tr, _ := tapped(t, true)
	id := stamp()
	require.NoError(t, s.Commit(t.Context(), commit(id, 1, 1)))
	tr.take()
	for _, want := range []int{2, 1, 1} {
		require.ErrorIs(t, s.Commit(t.Context(), commit(id, 1, 1)), store.ErrConflict)
		statements, _ := tr.take()
		require.Len(t, statements, want, "plain and then careful; from then on careful")
	}
}

func TestCommitsWithBatchedProjectionsAreOneRoundTrip(t *testing.T) {
	t.Parallel()
	for _, calm := range []bool{true, false} {
		t.Run(fmt.Sprint("calm ", calm), func(t *testing.T) {
			t.Parallel()
			s, pool, tr, w := tapped(t, calm)
			var commits []store.Commit
			for range 20 {
				c := commit(stamp(), 1, 1)
				c.Projections = []store.Projection{nothing}
				commits = append(commits, c)
			}
			for _, err := range together(t, s, pool, commits...) {
				require.NoError(t, err)
			}
			statements, batches := tr.take()
			require.Equal(t, 1, batches)
			require.Len(t, statements, 20+3, "begin, insert, one each, commit")
			// Together they are another statement than alone, which the server had to learn first.
			require.LessOrEqual(t, w.take(), 2)

			require.NoError(t, s.Commit(t.Context(), store.Commit{
				AggregateID: commits[0].AggregateID, Events: []types.Event{event(commits[0].AggregateID, 2)},
				Projections: []store.Projection{nothing},
			}))
			require.Equal(t, 1, w.take())
		})
	}
}

func TestAColdLoadIsOneStatementInOneRoundTrip(t *testing.T) {
	t.Parallel()
	s, _, tr, w := tapped(t, true)
	id := stamp()
	require.NoError(t, s.Commit(t.Context(), commit(id, 1, 100)))
	require.NoError(t, s.CommitSnapshot(t.Context(), types.Snapshot{AggregateID: id, Sequence: 50, Body: []byte(`{}`)}))
	tr.take()
	w.take()
	n := 0
	for _, err := range s.Load(t.Context(), id, store.Range{}) {
		require.NoError(t, err)
		n++
	}
	require.Equal(t, 1+51, n)
	statements, _ := tr.take()
	require.Len(t, statements, 1)
	require.Equal(t, 1, w.take())
}

func TestACommitOf70000EventsIsOneStatement(t *testing.T) {
	t.Parallel()
	for _, calm := range []bool{true, false} {
		tr := &tracer{}
		s, _ := crowd(t, nil, traced(tr))
		s.SetCalm(calm)
		tr.take()
		c := commit(stamp(), 1, 70_000)
		require.NoError(t, s.Commit(t.Context(), c))
		require.Len(t, stored(t, s, c.AggregateID), 70_000)
		statements, _ := tr.take()
		require.Len(t, statements, 1+1, "the commit and the read")
	}
}

func TestALoadUsesTheIndexAndSortsNothing(t *testing.T) {
	t.Parallel()
	for name, pool := range map[string]*pgxpool.Pool{"plain": pgtest.Plain(t, small), "64 partitions": pgtest.Partitioned(t, 64, small)} {
		for _, mode := range []string{"force_custom_plan", "force_generic_plan"} {
			t.Run(name+" "+mode, func(t *testing.T) {
				plan := explainLoad(t, pool, mode)
				require.NotContains(t, plan, "Sort  ")
				require.NotContains(t, plan, "Seq Scan on event_log")
				require.Contains(t, plan, "Index Scan using")
			})
		}
	}
}

func TestACarefulStatementLeavesOutWhatIsInConflictAndNothingElse(t *testing.T) {
	t.Parallel()
	tr := &tracer{}
	pool := pgtest.With(t, &migrations.Options{Commands: true}, oneConn, traced(tr))
	s := pgtest.Store(t, pool, &postgres.Options{Commands: true, Committers: 1})
	first := commit(stamp(), 1, 2)
	first.Commands = []store.CommandRecord{{ID: "used", Last: 2}}
	bare := store.Commit{AggregateID: stamp(), Commands: []store.CommandRecord{{ID: "used"}}}
	for _, c := range []store.Commit{first, bare} {
		require.NoError(t, s.Commit(t.Context(), c))
	}
	late := commit(first.AggregateID, 2, 3) // the others of its sequences are free
	repeated := commit(first.AggregateID, 3, 2)
	repeated.Commands = first.Commands
	for want, refused := range map[error]store.Commit{store.ErrConflict: late, store.ErrDuplicateCommand: repeated} {
		commits := []store.Commit{refused}
		for range 10 {
			commits = append(commits, commit(stamp(), 1, 2))
		}
		if len(refused.Commands) > 0 {
			commits = append(commits, bare)
		}
		s.SetCalm(false)
		tr.take()
		for i, err := range together(t, s, pool, commits...) {
			if i == 0 || i == 11 {
				require.ErrorIs(t, err, want)
			} else {
				require.NoError(t, err)
			}
		}
		statements, _ := tr.take()
		inserts := slices.DeleteFunc(statements, func(sql string) bool { return !strings.Contains(sql, "INSERT") })
		require.Len(t, inserts, 1, "nothing had to be sent again")
	}
}
