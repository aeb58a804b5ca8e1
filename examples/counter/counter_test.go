package main

import (
	"testing"

	"github.com/eventmaestro/maestro/aggregate/aggregatetest"
	"github.com/eventmaestro/maestro/types"
)

func TestACounterCountsUp(t *testing.T) {
	aggregatetest.New(t, definition()).
		Given(types.NewEvent("counter_incremented", CounterIncremented{By: 40})).
		WhenSent(Increment{By: 2}).
		Then(types.NewEvent("counter_incremented", CounterIncremented{By: 2})).
		ThenState(Counter{Value: 42})
}

func TestACounterEndsAtAHundred(t *testing.T) {
	aggregatetest.New(t, definition()).
		Given(types.NewEvent("counter_incremented", CounterIncremented{By: 99})).
		WhenSent(Increment{By: 2}).
		ThenRejected("increment by 2: the counter is at 99 and ends at 100")
}

func TestAnIncrementIsAtLeastOne(t *testing.T) {
	aggregatetest.New(t, definition()).
		WhenSent(Increment{By: 0}).
		ThenRejected("must be at least 1")
}
