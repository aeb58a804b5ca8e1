package main

import (
	"context"
	"encoding/json"

	"github.com/jackc/pgx/v5"

	"github.com/eventmaestro/maestro/aggregate"
	"github.com/eventmaestro/maestro/hlc"
	"github.com/eventmaestro/maestro/store"
	"github.com/eventmaestro/maestro/store/postgres"
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

// projected is the definition with a batched projection: a statement for each event, with the
// aggregate's id and the event's sequence.
func projected(sql string) aggregate.Definition[counter] {
	d := definition()
	d.Projections = []store.Projection{postgres.BatchProjection(func(b *pgx.Batch, e types.Event) error {
		b.Queue(sql, e.AggregateID[:], int32(e.Sequence))
		return nil
	})}
	return d
}

// counters returns a root on a store, and its supervisor.
func counters(a store.Adapter, o *aggregate.Options, d aggregate.Definition[counter]) (*aggregate.Root[counter], *aggregate.Supervisor, error) {
	sup, err := aggregate.NewSupervisor(a, o)
	if err != nil {
		return nil, nil, err
	}
	root, err := aggregate.NewRoot(sup, d)
	return root, sup, err
}

// newIDs returns the ids of n aggregates that nobody has used.
func newIDs(clock *hlc.Clock, n int) []hlc.Timestamp {
	ids := make([]hlc.Timestamp, n)
	for i := range ids {
		ids[i] = clock.NowAfter(hlc.Timestamp{})
	}
	return ids
}

func byOne(id hlc.Timestamp) types.Command {
	return types.Command{AggregateID: id, Type: incrementType, Data: increment{By: 1}}
}

// incrementer returns the operation of one caller of one aggregate.
func incrementer(ctx context.Context, root *aggregate.Root[counter], id hlc.Timestamp) func() error {
	return func() error { return root.Evaluate(ctx, byOne(id)) }
}
