package aggregate_test

import (
	"context"
	"fmt"

	"github.com/eventmaestro/maestro/aggregate"
	"github.com/eventmaestro/maestro/store/memory"
	"github.com/eventmaestro/maestro/types"
)

// A counter, whole: its state, a command, an event, and what an application does with it.
func Example() {
	type (
		Counter            struct{ Value int } // the state
		Increment          struct{ By int }    // a command's data
		CounterIncremented struct{ By int }    // an event's body
	)
	// The command handler decides: it returns events, or refuses.
	increment := func(_ context.Context, c aggregate.Instance[Counter], cmd Increment) ([]types.Uncommitted, error) {
		if c.State.Value+cmd.By > 100 {
			return nil, aggregate.Reject("increment by %d: the counter is at %d and ends at 100", cmd.By, c.State.Value)
		}
		return types.Events(types.NewEvent("counter_incremented", CounterIncremented(cmd))), nil
	}
	// The event handler applies: it has happened.
	incremented := func(c Counter, e CounterIncremented) Counter { c.Value += e.By; return c }

	ctx := context.Background()
	sup, err := aggregate.NewSupervisor(memory.New(), nil) // or on a *postgres.Store
	if err != nil {
		fmt.Println(err)
		return
	}
	defer sup.Shutdown(ctx)
	counters, err := aggregate.NewRoot(sup, aggregate.Definition[Counter]{
		Name:     "counter",
		Commands: aggregate.Commands[Counter]{"increment_counter": aggregate.Command(increment)},
		Events:   aggregate.Events[Counter]{"counter_incremented": aggregate.Event(incremented)},
	})
	if err != nil {
		fmt.Println(err)
		return
	}

	id, err := counters.NewID(ctx)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, by := range []int{1, 41, 60} {
		err := counters.Evaluate(ctx, types.Command{AggregateID: id, Type: "increment_counter", Data: Increment{By: by}})
		fmt.Println(by, err)
	}
	now, err := counters.Get(ctx, id)
	fmt.Println(now.Value, err)
	// Output:
	// 1 <nil>
	// 41 <nil>
	// 60 increment by 60: the counter is at 42 and ends at 100
	// 42 <nil>
}
