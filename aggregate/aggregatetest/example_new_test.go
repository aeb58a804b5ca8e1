package aggregatetest_test

import (
	"github.com/eventmaestro/maestro/aggregate"
	"github.com/eventmaestro/maestro/aggregate/aggregatetest"
	"github.com/eventmaestro/maestro/types"
)

// A case can go on: what a command led to is given to the next.
func ExampleNew() {
	t := printing{} // func TestCounter(t *testing.T)

	aggregatetest.New(t, counter()).
		When("increment", Increment{By: 2}).
		Then(types.NewEvent("counter_incremented", CounterIncremented{By: 2})).
		When("increment", Increment{By: 3}).
		ThenState(Counter{Value: 5}).
		When("decrement", nil).
		ThenError(aggregate.ErrUnknownCommand)
	// Output:
}
