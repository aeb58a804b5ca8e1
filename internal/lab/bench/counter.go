package main

import (
	"context"
	"encoding/json"

	"github.com/eventmaestro/maestro/aggregate"
	"github.com/eventmaestro/maestro/hlc"
	"github.com/eventmaestro/maestro/types"
)

// The aggregate of all cases is the counter of the README: what is measured is what the library
// adds to it.
type counter struct{ Value int }

type (
	increment   struct{ By int }
	incremented struct{ By int }
)

// body is what an increment by one leaves in the log.
const body = `{"By": 1}`

// refused is a body that no store takes: jsonb has no NUL.
const refused = `{"By": 1, "note": "\u0000"}`

const (
	incrementType   = "increment_counter"
	incrementedType = "counter_incremented"
	spoilType       = "spoil_counter"
)

func definition() aggregate.Definition[counter] {
	return aggregate.Definition[counter]{
		Commands: aggregate.Commands[counter]{
			incrementType: aggregate.Command(func(_ context.Context, _ aggregate.Instance[counter], cmd increment) ([]types.Uncommitted, error) {
				if cmd.By < 1 {
					return nil, aggregate.Reject("increment by %d: must be at least 1", cmd.By)
				}
				return types.Events(types.NewEvent(incrementedType, incremented(cmd))), nil
			}),
			spoilType: aggregate.Command(func(context.Context, aggregate.Instance[counter], struct{}) ([]types.Uncommitted, error) {
				return types.Events(types.NewEvent(incrementedType, json.RawMessage(refused))), nil
			}),
		},
		Events: aggregate.Events[counter]{
			incrementedType: aggregate.Event(func(c counter, e incremented) counter { c.Value += e.By; return c }),
		},
	}
}

// newIDs returns the ids of n aggregates that nobody has used.
func newIDs(clock *hlc.Clock, n int) []hlc.Timestamp {
	ids := make([]hlc.Timestamp, n)
	for i := range ids {
		ids[i] = clock.NowAfter(hlc.Timestamp{})
	}
	return ids
}

// incrementer returns the operation of one caller of one aggregate.
func incrementer(ctx context.Context, root *aggregate.Root[counter], id hlc.Timestamp) func() error {
	return func() error {
		return root.Evaluate(ctx, types.Command{AggregateID: id, Type: incrementType, Data: increment{By: 1}})
	}
}
