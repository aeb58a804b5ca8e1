package editor_test

import (
	"fmt"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/eventmaestro/maestro/aggregate"
	"github.com/eventmaestro/maestro/examples/graph/editor"
	"github.com/eventmaestro/maestro/hlc"
	"github.com/eventmaestro/maestro/internal/lab/pgtest"
	"github.com/eventmaestro/maestro/migrations"
	"github.com/eventmaestro/maestro/store"
	"github.com/eventmaestro/maestro/store/memory"
	"github.com/eventmaestro/maestro/store/postgres"
	"github.com/eventmaestro/maestro/types"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

// pair is a test with two processes on one store.
type pair struct {
	*testing.T
	graphs, other *aggregate.Root[editor.Graph]
	names         editor.Names
}

// onBoth runs a test on both stores.
func onBoth(t *testing.T, test func(pair)) {
	t.Helper()
	t.Run("memory", func(t *testing.T) {
		t.Parallel()
		s := memory.New()
		names := editor.NewMemoryNames(s)
		test(pair{t, open(t, s, names), open(t, s, names), names})
	})
	t.Run("postgres", func(t *testing.T) {
		t.Parallel()
		pool := pgtest.With(t, &migrations.Options{Metadata: true, Commands: true})
		names, err := editor.NewPostgresNames(t.Context(), pool)
		require.NoError(t, err)
		process := func() store.Adapter {
			return pgtest.Store(t, pool, &postgres.Options{Metadata: true, Commands: true})
		}
		test(pair{t, open(t, process(), names), open(t, process(), names), names})
	})
}

func create(t *testing.T, graphs *aggregate.Root[editor.Graph], name string) (hlc.Timestamp, error) {
	t.Helper()
	id, err := graphs.NewID(t.Context())
	require.NoError(t, err)
	return id, graphs.Evaluate(t.Context(), types.Command{AggregateID: id, Type: "create_graph", Data: editor.CreateGraph{Name: name}})
}

func rename(t *testing.T, graphs *aggregate.Root[editor.Graph], id hlc.Timestamp, name string) error {
	t.Helper()
	return graphs.Evaluate(t.Context(), types.Command{AggregateID: id, Type: "rename_graph", Data: editor.RenameGraph{Name: name}})
}

func TestANameIsTakenOnce(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t pair) {
		rail, err := create(t.T, t.graphs, "Rail")
		require.NoError(t, err)
		id, err := create(t.T, t.other, " Rail ")
		require.True(t, editor.IsNameTaken(err), "%v", err)
		g, err := t.graphs.FetchInstance(t.Context(), id)
		require.NoError(t, err)
		require.Zero(t, g.Sequence, "nothing of a refused graph is stored")

		road, err := create(t.T, t.graphs, "Road")
		require.NoError(t, err)
		require.True(t, editor.IsNameTaken(rename(t.T, t.other, road, "Rail")))
		require.NoError(t, rename(t.T, t.graphs, rail, "Rail"), "its own name is not taken")

		all, err := t.names.All(t.Context())
		require.NoError(t, err)
		require.Equal(t, []editor.Named{{road, "Road"}, {rail, "Rail"}}, all, "the newest first")
	})
}

func TestARenamedGraphLeavesItsNameToOthers(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t pair) {
		first, err := create(t.T, t.graphs, "A")
		require.NoError(t, err)
		require.NoError(t, rename(t.T, t.graphs, first, "B"))
		second, err := create(t.T, t.other, "A")
		require.NoError(t, err)

		// To go back to the time of the first name is to ask for a name that is taken.
		back, err := editor.Revert(t.Context(), t.graphs, first, 1, 2)
		require.NoError(t, err)
		require.True(t, editor.IsNameTaken(t.graphs.Evaluate(t.Context(), back)))

		all, err := t.names.All(t.Context())
		require.NoError(t, err)
		require.ElementsMatch(t, []editor.Named{{second, "A"}, {first, "B"}}, all)
	})
}

func TestOfManyWhoWantANameAtOnceOneGetsIt(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t pair) {
		var wg sync.WaitGroup
		errs := make([]error, 20)
		for i := range errs {
			wg.Go(func() {
				process := []*aggregate.Root[editor.Graph]{t.graphs, t.other}[i%2]
				_, errs[i] = create(t.T, process, fmt.Sprint("name ", i/10))
			})
		}
		wg.Wait()
		won := 0
		for _, err := range errs {
			if err == nil {
				won++
			} else {
				require.True(t, editor.IsNameTaken(err), "%v", err)
			}
		}
		require.Equal(t, 2, won)
		all, err := t.names.All(t.Context())
		require.NoError(t, err)
		require.Len(t, all, 2)
	})
}

func TestTheTableOfNamesIsMadeOnce(t *testing.T) {
	t.Parallel()
	pool := pgtest.Pool(t)
	var wg sync.WaitGroup
	errs := make([]error, 8)
	for i := range errs {
		wg.Go(func() { _, errs[i] = editor.NewPostgresNames(t.Context(), pool) })
	}
	wg.Wait()
	for _, err := range errs {
		require.NoError(t, err)
	}
}

func TestOtherErrorsAreNoTakenNames(t *testing.T) {
	t.Parallel()
	require.False(t, editor.IsNameTaken(nil))
	require.False(t, editor.IsNameTaken(store.ErrUnavailable))
	require.False(t, editor.IsNameTaken(&store.ProjectionError{Err: store.ErrUnavailable}))
}
