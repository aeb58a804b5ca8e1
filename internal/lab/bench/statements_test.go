package main

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/eventmaestro/maestro/aggregate"
	"github.com/eventmaestro/maestro/internal/lab/pgtest"
	"github.com/eventmaestro/maestro/store"
	"github.com/eventmaestro/maestro/types"
)

const (
	// warmth is how many commands go first, so that statements are prepared and the store has
	// seen no conflict for a while.
	warmth = 300

	eventually = 10 * time.Second
	tick       = time.Millisecond
)

func rootOn(t *testing.T, s store.Adapter, d aggregate.Definition[counter]) (*aggregate.Root[counter], *aggregate.Supervisor) {
	t.Helper()
	root, sup, err := counters(s, nil, d)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, sup.Shutdown(context.WithoutCancel(t.Context()))) })
	return root, sup
}

func repeat(t *testing.T, n int, do func() error) {
	t.Helper()
	for range n {
		require.NoError(t, do())
	}
}

func TestWarmCommandIsOneStatementAndOneRoundTrip(t *testing.T) {
	t.Parallel()
	pool, w := tapped(t)
	root, sup := rootOn(t, pgtest.Store(t, pool, nil), definition())
	do := incrementer(t.Context(), root, newIDs(sup.Clock(), 1)[0])
	repeat(t, warmth, do)
	w.reset()
	repeat(t, 50, do)
	require.EqualValues(t, 50, w.statements.Load())
	require.EqualValues(t, 50, w.turns.Load())
}

func TestColdStartIsOneStatementAndOneRoundTripWithAndWithoutASnapshot(t *testing.T) {
	t.Parallel()
	pool, w := tapped(t)
	s := pgtest.Store(t, pool, nil)
	root, sup := rootOn(t, s, definition())
	ids := newIDs(sup.Clock(), 3)
	for _, id := range ids {
		repeat(t, 5, incrementer(t.Context(), root, id))
	}
	require.NoError(t, root.Snapshot(t.Context(), ids[1]))
	repeat(t, 5, incrementer(t.Context(), root, ids[1]))

	again, _ := rootOn(t, s, definition())
	_, err := again.Get(t.Context(), ids[2]) // prepares the statement
	require.NoError(t, err)
	for i, want := range []int{5, 10} {
		w.reset()
		state, err := again.Get(t.Context(), ids[i])
		require.NoError(t, err)
		require.Equal(t, want, state.Value)
		require.EqualValues(t, 1, w.statements.Load())
		require.EqualValues(t, 1, w.turns.Load())
	}
}

func TestColdCommandIsOneReadAndOneWrite(t *testing.T) {
	t.Parallel()
	pool, w := tapped(t)
	root, sup := rootOn(t, pgtest.Store(t, pool, nil), definition())
	ids := newIDs(sup.Clock(), 2)
	repeat(t, warmth, incrementer(t.Context(), root, ids[0]))
	w.reset()
	require.NoError(t, incrementer(t.Context(), root, ids[1])())
	require.EqualValues(t, 2, w.statements.Load())
	require.EqualValues(t, 2, w.turns.Load())
}

func TestRefusedCommandIsOneRead(t *testing.T) {
	t.Parallel()
	pool, w := tapped(t)
	root, sup := rootOn(t, pgtest.Store(t, pool, nil), definition())
	id := newIDs(sup.Clock(), 1)[0]
	refuse := func() {
		err := root.Evaluate(t.Context(), types.Command{AggregateID: id, Type: incrementType, Data: increment{By: -1}})
		require.ErrorContains(t, err, "must be at least 1")
	}
	repeat(t, 5, incrementer(t.Context(), root, id))
	refuse()
	w.reset()
	refuse()
	require.EqualValues(t, 1, w.statements.Load())
	require.EqualValues(t, 1, w.turns.Load())
}

func TestBatchedProjectionTravelsWithItsEventInOneRoundTrip(t *testing.T) {
	t.Parallel()
	pool, w := tapped(t)
	_, err := pool.Exec(t.Context(), `CREATE TABLE projected (aggregate_id bytea, sequence int)`)
	require.NoError(t, err)
	root, sup := rootOn(t, pgtest.Store(t, pool, nil), projected(projectSQL))
	do := incrementer(t.Context(), root, newIDs(sup.Clock(), 1)[0])
	repeat(t, warmth, do)
	w.reset()
	repeat(t, 20, do)
	require.EqualValues(t, 20, w.turns.Load())
	require.EqualValues(t, 4*20, w.statements.Load(), "begin, event, projection, commit")
}

// The handler of the first command holds the aggregate until all others wait.
func TestCommandsThatWaitForOneAggregateShareAStatement(t *testing.T) {
	t.Parallel()
	pool, w := tapped(t)
	d := definition()
	entered, held := make(chan struct{}), make(chan struct{})
	d.Commands["hold"] = aggregate.Command(func(context.Context, aggregate.Instance[counter], struct{}) ([]types.Uncommitted, error) {
		entered <- struct{}{}
		<-held
		return types.Events(types.NewEvent(incrementedType, incremented{By: 1})), nil
	})
	root, sup := rootOn(t, pgtest.Store(t, pool, nil), d)
	id := newIDs(sup.Clock(), 1)[0]
	repeat(t, warmth, incrementer(t.Context(), root, id))

	const crowd = 64
	for range 2 { // the first prepares the statement of a crowd
		w.reset()
		var wg sync.WaitGroup
		errs := make(chan error, crowd+1)
		wg.Go(func() {
			errs <- root.Evaluate(t.Context(), types.Command{AggregateID: id, Type: "hold", Data: struct{}{}})
		})
		<-entered
		for range crowd {
			wg.Go(func() { errs <- incrementer(t.Context(), root, id)() })
		}
		require.Eventually(t, func() bool { l, _ := root.Whereis(id); return l.Depth == crowd }, eventually, tick)
		held <- struct{}{}
		wg.Wait()
		for range crowd + 1 {
			require.NoError(t, <-errs)
		}
	}
	require.EqualValues(t, 2, w.statements.Load(), "one for the command that held the aggregate, one for %d others", crowd)
	require.EqualValues(t, 2, w.turns.Load())
}
