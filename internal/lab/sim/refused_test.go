package sim

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/eventmaestro/maestro/aggregate"
	"github.com/eventmaestro/maestro/hlc"
	"github.com/eventmaestro/maestro/store/memory"
	"github.com/eventmaestro/maestro/types"
)

// TestARefusedCommandLeavesNothingToTheNextOfItsBatch refuses a command at its second event, after
// the first was applied, to a state that is copied by assignment.
func TestARefusedCommandLeavesNothingToTheNextOfItsBatch(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		sup, err := aggregate.NewSupervisor(memory.New(), nil)
		require.NoError(t, err)
		defer func() { require.NoError(t, sup.Shutdown(background)) }()
		begin := make(chan struct{})
		add := types.NewEvent("added", 1)
		root, err := aggregate.NewRoot(sup, aggregate.Definition[sum]{
			Commands: aggregate.Commands[sum]{
				"wait": aggregate.Command(func(context.Context, aggregate.Instance[sum], struct{}) ([]types.Uncommitted, error) {
					<-begin
					return nil, nil
				}),
				"spoil": aggregate.Command(func(context.Context, aggregate.Instance[sum], struct{}) ([]types.Uncommitted, error) {
					return types.Events(add, types.NewEvent("cursed", 0)), nil
				}),
				"add": aggregate.Command(func(context.Context, aggregate.Instance[sum], struct{}) ([]types.Uncommitted, error) {
					return types.Events(add), nil
				}),
			},
			Events: aggregate.Events[sum]{
				"added":  aggregate.Event(func(s sum, by int) sum { s.Value += by; return s }),
				"cursed": aggregate.EventFunc[sum](func(s sum, _ types.Event) (sum, error) { return s, errors.New("cursed") }),
			},
		})
		require.NoError(t, err)
		id := hlc.NewClock(nil).NowAfter(hlc.Timestamp{})
		var answers [3]error
		var states [3]sum
		for i, kind := range []string{"wait", "spoil", "add"} {
			go func() {
				states[i], answers[i] = root.EvaluateState(background, types.Command{AggregateID: id, Type: kind})
			}()
			synctest.Wait()
		}
		close(begin)
		synctest.Wait()
		require.NoError(t, answers[0])
		var refused *aggregate.EventError
		require.ErrorAs(t, answers[1], &refused)
		require.NoError(t, answers[2])
		require.Equal(t, sum{Value: 1}, states[2])
	})
}
