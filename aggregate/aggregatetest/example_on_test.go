package aggregatetest_test

import (
	"context"

	"github.com/eventmaestro/maestro/aggregate/aggregatetest"
	"github.com/eventmaestro/maestro/hlc"
	"github.com/eventmaestro/maestro/store"
	"github.com/eventmaestro/maestro/store/memory"
	"github.com/eventmaestro/maestro/types"
)

func ExampleCase_On() {
	s := memory.New()
	steps := memory.NewTable[hlc.Timestamp, int](s)
	d := counter()
	d.Projections = []store.Projection{memory.Projection(func(_ context.Context, tx *memory.ProjectionTx, e types.Event) error {
		rows := steps.In(tx)
		n, _ := rows.Get(e.AggregateID)
		if n < 1 { // what comes later is forgotten
			rows.Put(e.AggregateID, n+1)
		}
		return nil
	})}
	aggregatetest.New(printing{}, d).On(s).
		Given(types.NewEvent("counter_incremented", CounterIncremented{By: 1})).
		When("increment", Increment{By: 2}).
		ThenProjected(2, func(_ context.Context, id hlc.Timestamp) (any, error) {
			n, _ := steps.Get(id)
			return n, nil
		})
	// Output:
	// aggregatetest: what was projected is another
	//     projected: got 1, want 2
}
