package aggregatetest_test

import (
	"context"
	"fmt"

	"github.com/eventmaestro/maestro/aggregate"
	"github.com/eventmaestro/maestro/aggregate/aggregatetest"
	"github.com/eventmaestro/maestro/types"
)

type (
	Counter            struct{ Value int }
	Increment          struct{ By int }
	CounterIncremented struct{ By int }
)

func increment(_ context.Context, c aggregate.Instance[Counter], cmd Increment) ([]types.Uncommitted, error) {
	if cmd.By < 1 {
		return nil, aggregate.Reject("increment by %d: must be at least 1", cmd.By)
	}
	return types.Events(types.NewEvent("counter_incremented", CounterIncremented{By: cmd.By})), nil
}

func counter() aggregate.Definition[Counter] {
	return aggregate.Definition[Counter]{
		Commands: aggregate.Commands[Counter]{"increment": aggregate.Command(increment)},
		Events: aggregate.Events[Counter]{
			"counter_incremented": aggregate.Event(func(c Counter, e CounterIncremented) Counter { c.Value += e.By; return c }),
		},
	}
}

// printing stands for the *testing.T of a test, to show what a failure says.
type printing struct{}

func (printing) Helper()                           {}
func (printing) Errorf(format string, args ...any) { fmt.Printf(format+"\n", args...) }
func (printing) Fatalf(format string, args ...any) { fmt.Printf(format+"\n", args...) }

func Example() {
	t := printing{} // func TestCounter(t *testing.T)

	aggregatetest.New(t, counter()).
		Given(types.NewEvent("counter_incremented", CounterIncremented{By: 2})).
		When("increment", Increment{By: 3}).
		Then(types.NewEvent("counter_incremented", CounterIncremented{By: 3})).
		ThenState(Counter{Value: 5}).
		When("increment", Increment{By: 0}).
		ThenRejected("must be at least 1")

	fmt.Println("so far so good")
	aggregatetest.New(t, counter()).
		When("increment", Increment{By: 3}).
		Then(types.NewEvent("counter_incremented", CounterIncremented{By: 4})).
		ThenState(Counter{Value: 7})
	// Output:
	// so far so good
	// aggregatetest: command "increment": event 1 of 1 is another (counter_incremented)
	//     body.By: got 3, want 4
	// aggregatetest: the state is another
	//     state.Value: got 3, want 7
}

func ExampleCase_GivenState() {
	aggregatetest.New(printing{}, counter()).
		GivenState(Counter{Value: 1_000_000}).
		When("increment", Increment{By: 1}).
		ThenState(Counter{Value: 1_000_001})
	// Output:
}

func ExampleCase_WhenCommand() {
	aggregatetest.New(printing{}, counter()).
		Given(types.NewEvent("counter_incremented", CounterIncremented{By: 2})).
		WhenCommand(types.Command{Type: "increment", Data: Increment{By: 1}, Expected: types.At(0)}).
		ThenError(aggregate.ErrUnexpectedSequence).
		WhenCommand(types.Command{Type: "increment", Data: Increment{By: 1}, Expected: types.At(1)}).
		ThenState(Counter{Value: 3})
	// Output:
}
