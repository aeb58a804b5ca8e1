package aggregate_test

import (
	"context"
	"fmt"
	"os/exec"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/eventmaestro/maestro/aggregate"
	"github.com/eventmaestro/maestro/hlc"
	"github.com/eventmaestro/maestro/store"
	"github.com/eventmaestro/maestro/store/memory"
	"github.com/eventmaestro/maestro/types"
)

// The tests in the files faults_*.go each stand for a fault that was seen in a library of this
// kind, or in the original. docs/lab/faults.md has the list, and how each was put in to see its
// test fail.

// A retry that repeats the save instead of the decision stores what was decided on an old state, or
// nothing at all.
func TestFaultARetryRepeatsTheDecision(t *testing.T) {
	t.Parallel()
	onEveryStore(t, func(t *testing.T, open func() store.Adapter) {
		here, there := newRoot(t, open(), nil), newRoot(t, open(), nil)
		id := newID(t, here)
		get(t, here, id)
		evaluate(t, there, adds(id, 7))
		evaluate(t, here, runs(id, func(_ context.Context, c aggregate.Instance[tally]) ([]types.Uncommitted, error) {
			return types.Events(types.NewEvent("noted", noted{fmt.Sprint(c.State.Total)})), nil
		}))
		log := logOf(t, open(), id)
		require.Len(t, log, 2)
		require.JSONEq(t, `{"Text": "7"}`, string(log[1].Body), "decided on the state that the winner left")

		evaluate(t, there, notes(id, "theirs"))
		err := here.Evaluate(t.Context(), runs(id, func(_ context.Context, c aggregate.Instance[tally]) ([]types.Uncommitted, error) {
			if len(c.State.Notes) > 1 {
				return nil, aggregate.Reject("too late")
			}
			return types.Events(types.NewEvent("noted", noted{"mine"})), nil
		}))
		require.ErrorIs(t, err, aggregate.ErrRejected, "not a success that stored nothing")
		require.Len(t, logOf(t, open(), id), 3)
	})
}

// One mutable state handed to two callers lets each change the other's, and the aggregate's.
func TestFaultNoStateIsHandedOutTwice(t *testing.T) {
	t.Parallel()
	root, id := tallyOf(t)
	evaluate(t, root, notes(id, "a"))
	first, second := get(t, root, id), get(t, root, id)
	first.Notes[0], first.Marks["a"] = "spoilt", 99
	require.Equal(t, tally{Notes: []string{"a"}, Marks: map[string]int{"a": 1}}, second)
	evaluate(t, root, notes(id, "b"))
	require.Equal(t, tally{Notes: []string{"a", "b"}, Marks: map[string]int{"a": 1, "b": 1}}, get(t, root, id))
}

// Test helpers, Docker clients or a driver come along with the library.
func TestFaultProductionLinksNoTestHelpers(t *testing.T) {
	t.Parallel()
	out, err := exec.CommandContext(t.Context(), "go", "list", "-deps", "../aggregate", "../store", "../store/memory", "../types", "../hlc").Output()
	require.NoError(t, err)
	deps := strings.Fields(string(out))
	require.Contains(t, deps, "github.com/eventmaestro/maestro/aggregate")
	for _, d := range deps {
		for _, bad := range []string{"testing", "jackc/pgx", "testify", "rapid", "docker", "testcontainers", "storetest", "aggregatetest", "pgtest"} {
			require.NotContains(t, d, bad)
		}
	}
	out, err = exec.CommandContext(t.Context(), "go", "list", "-deps", "../store/postgres").Output()
	require.NoError(t, err)
	for _, d := range strings.Fields(string(out)) {
		for _, bad := range []string{"testing", "testify", "docker", "storetest", "pgtest"} {
			require.False(t, d == bad || strings.Contains(d, "/"+bad), d)
		}
	}
}

// An event without a handler is committed, its caller is told an error, and the aggregate is dead.
func TestFaultAnEventWithoutAHandlerIsNotCommitted(t *testing.T) {
	t.Parallel()
	onEveryStore(t, func(t *testing.T, open func() store.Adapter) {
		root := newRoot(t, open(), nil)
		id := newID(t, root)
		evaluate(t, root, adds(id, 1))
		err := root.Evaluate(t.Context(), emits(id, types.NewEvent("added", added{1}), types.NewEvent("mystery", nil)))
		require.ErrorIs(t, err, aggregate.ErrUnknownEvent)
		require.Len(t, logOf(t, open(), id), 1)
		evaluate(t, root, adds(id, 1))
		require.Equal(t, 2, get(t, newRoot(t, open(), nil), id).Total)
	})
}

// A handler that takes over five seconds commits after its caller was told that it failed.
func TestFaultWhoWasToldOfAFailureIsNotInTheLog(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := memory.New()
		root := newRoot(t, s, nil)
		id := newID(t, root)
		slow := runs(id, func(context.Context, aggregate.Instance[tally]) ([]types.Uncommitted, error) {
			time.Sleep(6 * time.Second)
			return types.Events(types.NewEvent("added", added{1})), nil
		})
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		require.ErrorIs(t, root.Evaluate(ctx, slow), context.DeadlineExceeded)
		time.Sleep(time.Minute)
		synctest.Wait()
		require.Empty(t, logOf(t, s, id))
		require.NoError(t, root.Evaluate(t.Context(), slow), "who waits gets the answer")
		require.Len(t, logOf(t, s, id), 1)
	})
}

// A handler that throws takes the process down.
func TestFaultAPanicStaysInItsCommand(t *testing.T) {
	t.Parallel()
	root, id := tallyOf(t)
	other := newID(t, root)
	var p *types.PanicError
	require.ErrorAs(t, root.Evaluate(t.Context(), runs(id, explode)), &p)
	evaluate(t, root, adds(id, 1), adds(other, 1))
}

// A request that meets an exiting aggregate fails: that is
// TestCommandsAtTheInstantOfAnExitAreNotLost.

// The clock fails outright at 65,536 timestamps in a millisecond.
func TestFaultAMillisecondHasRoomForManyEvents(t *testing.T) {
	t.Parallel()
	const n = 70_000
	frozen := time.Now()
	s := memory.New()
	root := newRoot(t, s, &aggregate.Options{Clock: hlc.NewClock(&hlc.Options{Now: func() time.Time { return frozen }})})
	id := newID(t, root)
	events := make([]types.Uncommitted, n)
	for i := range events {
		events[i] = types.NewEvent("added", added{1})
	}
	evaluate(t, root, emits(id, events...))
	require.Equal(t, n, get(t, root, id).Total)
	require.Len(t, logOf(t, s, id), n)
}

// Two roots asked for the same id get each other's state.
func TestFaultAnIDBelongsToOneRoot(t *testing.T) {
	t.Parallel()
	s := memory.New()
	sup := newSupervisor(t, s, nil)
	holder, err := aggregate.NewRoot(sup, tallies())
	require.NoError(t, err)
	asked, err := aggregate.NewRoot(sup, tallies(func(d *aggregate.Definition[tally]) { d.Name = "other" }))
	require.NoError(t, err)
	id := newID(t, holder)
	evaluate(t, holder, adds(id, 1))

	_, err = asked.Get(t.Context(), id)
	require.ErrorIs(t, err, aggregate.ErrOtherRoot)
	require.EqualError(t, err, "aggregate: "+id.String()+` belongs to root "tally", asked for through "other"`)
	require.ErrorIs(t, asked.Evaluate(t.Context(), adds(id, 1)), aggregate.ErrOtherRoot)
	require.Len(t, logOf(t, s, id), 1)
}
