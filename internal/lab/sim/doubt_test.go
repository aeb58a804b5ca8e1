package sim

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/eventmaestro/maestro/aggregate"
	"github.com/eventmaestro/maestro/hlc"
	"github.com/eventmaestro/maestro/store"
	"github.com/eventmaestro/maestro/store/memory"
	"github.com/eventmaestro/maestro/store/storetest"
	"github.com/eventmaestro/maestro/types"
)

// overtaken loses the first commit, and lets somebody else commit before the answer.
type overtaken struct {
	store.Adapter
	meanwhile func()
}

func (o *overtaken) Commit(ctx context.Context, c store.Commit) error {
	if f := o.meanwhile; f != nil {
		o.meanwhile = nil
		f()
		return store.ErrOutcomeUnknown
	}
	return o.Adapter.Commit(ctx, c)
}

type sum struct{ Value int }

// adder is a root of its own process. All adders have the same wall clock.
func adder(t *testing.T, a store.Adapter, node uint64) *aggregate.Root[sum] {
	t.Helper()
	clock := hlc.NewClock(&hlc.Options{Node: node, Now: func() time.Time { return epoch }})
	sup, err := aggregate.NewSupervisor(a, &aggregate.Options{Clock: clock})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, sup.Shutdown(background)) })
	root, err := aggregate.NewRoot(sup, aggregate.Definition[sum]{
		Commands: aggregate.Commands[sum]{"add": aggregate.Command(func(_ context.Context, _ aggregate.Instance[sum], by int) ([]types.Uncommitted, error) {
			return types.Events(types.NewEvent("added", by)), nil
		})},
		Events: aggregate.Events[sum]{"added": aggregate.Event(func(s sum, by int) sum { s.Value += by; return s })},
	})
	require.NoError(t, err)
	return root
}

// TestADoubtfulCommitIsNotMistakenForAnothers has another process store an event in the place of
// one that was lost, which looks like it but for one thing.
func TestADoubtfulCommitIsNotMistakenForAnothers(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		node uint64 // of the other process' clock; the first one's is 1
		by   int    // of the other command; the first one's is 1
	}{
		"but for the timestamp":                         {node: 2, by: 1},
		"but for the body, by a clock with the same id": {node: 1, by: 5},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			log := memory.New()
			lossy := &overtaken{Adapter: log}
			mine, other := adder(t, lossy, 1), adder(t, log, c.node)
			id := hlc.NewClock(nil).NowAfter(hlc.Timestamp{})
			add := func(root *aggregate.Root[sum], by int) error {
				return root.Evaluate(t.Context(), types.Command{AggregateID: id, Type: "add", Data: by})
			}
			lossy.meanwhile = func() { require.NoError(t, add(other, c.by)) }
			require.NoError(t, add(mine, 1))
			total, err := other.Fetch(t.Context(), id)
			require.NoError(t, err)
			require.Equal(t, 1+c.by, total.Value, "both were acknowledged")
		})
	}
}

// TestARecordedNoOpIsSettledToo loses the answer to a commit that has no events, but a command's
// ID.
func TestARecordedNoOpIsSettledToo(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		faults := storetest.NewFaults(memory.New(), 1, nil)
		faults.Next(storetest.OpCommit, storetest.FaultReplyLost)
		sup, err := aggregate.NewSupervisor(faults, nil)
		require.NoError(t, err)
		defer func() { require.NoError(t, sup.Shutdown(background)) }()
		evaluated := 0
		root, err := aggregate.NewRoot(sup, aggregate.Definition[sum]{
			Commands: aggregate.Commands[sum]{"nothing": aggregate.CommandFunc[sum](func(context.Context, aggregate.Instance[sum], types.Command) ([]types.Uncommitted, error) {
				evaluated++
				return nil, nil
			})},
			Events: aggregate.Events[sum]{"added": aggregate.Event(func(s sum, by int) sum { s.Value += by; return s })},
		})
		require.NoError(t, err)
		id := hlc.NewClock(nil).NowAfter(hlc.Timestamp{})
		require.NoError(t, root.Evaluate(background, types.Command{AggregateID: id, Type: "nothing", ID: "once"}))
		require.Equal(t, 1, evaluated)
	})
}
