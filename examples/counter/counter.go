package main

import (
	"context"

	"github.com/eventmaestro/maestro/aggregate"
	"github.com/eventmaestro/maestro/types"
)

// Counter is the state: what the events so far add up to.
type Counter struct {
	Value int `json:"value"`
}

// Increment is a command's data, CounterIncremented an event's body.
type (
	Increment          struct{ By int }
	CounterIncremented struct{ By int }
)

// CommandType is the command's type: what the handler is found by.
func (Increment) CommandType() string { return "increment_counter" }

// increment decides: it looks at the state and returns events, or refuses.
func increment(_ context.Context, c aggregate.Instance[Counter], cmd Increment) ([]types.Uncommitted, error) {
	if cmd.By < 1 {
		return nil, aggregate.Reject("increment by %d: must be at least 1", cmd.By)
	}
	if c.State.Value+cmd.By > 100 {
		return nil, aggregate.Reject("increment by %d: the counter is at %d and ends at 100", cmd.By, c.State.Value)
	}
	return types.Events(types.NewEvent("counter_incremented", CounterIncremented{By: cmd.By})), nil
}

// incremented applies: it can't refuse, for it has happened.
func incremented(c Counter, e CounterIncremented) Counter {
	c.Value += e.By
	return c
}

// definition is all there is to say about counters.
func definition() aggregate.Definition[Counter] {
	return aggregate.Definition[Counter]{
		Name:     "counter",
		Commands: aggregate.CommandsOf(aggregate.Handle(increment)),
		Events:   aggregate.Events[Counter]{"counter_incremented": aggregate.Event(incremented)},
	}
}
