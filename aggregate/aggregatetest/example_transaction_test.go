package aggregatetest_test

import (
	"context"
	"fmt"

	"github.com/eventmaestro/maestro/aggregate"
	"github.com/eventmaestro/maestro/aggregate/aggregatetest"
	"github.com/eventmaestro/maestro/hlc"
	"github.com/eventmaestro/maestro/store"
	"github.com/eventmaestro/maestro/types"
)

// raiseBoth is a function under test: it increments two counters or none.
func raiseBoth(counters *aggregate.Root[Counter], a, b hlc.Timestamp, by int) func(context.Context, store.Tx) error {
	return func(ctx context.Context, tx store.Tx) error {
		for _, id := range []hlc.Timestamp{a, b} {
			c := types.Command{AggregateID: id, Type: "increment", Data: Increment{By: by}}
			if _, err := counters.EvaluateTx(ctx, tx, c); err != nil {
				return err
			}
		}
		return nil
	}
}

func ExampleNewTransaction() {
	x := aggregatetest.NewTransaction(printing{}) // func TestRaiseBoth(t *testing.T)
	defer x.Supervisor().Shutdown(context.Background())
	counters := aggregatetest.RootOf(x, counter())
	a, b := x.ID(), x.ID()

	x.Given(a, types.NewEvent("counter_incremented", CounterIncremented{By: 2})).
		When(raiseBoth(counters, a, b, 3)).
		Then(a, types.NewEvent("counter_incremented", CounterIncremented{By: 3})).
		Then(b, types.NewEvent("counter_incremented", CounterIncremented{By: 3})).
		ThenNothingElse().
		When(raiseBoth(counters, a, b, 0)).
		ThenRejected("must be at least 1")

	x.When(raiseBoth(counters, a, b, 1)).
		Then(a, types.NewEvent("counter_incremented", CounterIncremented{By: 9})).
		ThenNothingElse()
	// Output:
	// aggregatetest: aggregate 1: event 1 of 1 is another (counter_incremented)
	//     body.By: got 1, want 9
	// aggregatetest: aggregate 2 got events as well: counter_incremented
}

func ExampleTransaction_WhenCalled() {
	x := aggregatetest.NewTransaction(printing{})
	defer x.Supervisor().Shutdown(context.Background())
	counters := aggregatetest.RootOf(x, counter())
	a, b := x.ID(), x.ID()
	x.WhenCalled(func(ctx context.Context) error {
		return x.Supervisor().Transact(ctx, raiseBoth(counters, a, b, 1))
	}).ThenNothingElse()
	// Output:
	// aggregatetest: aggregate 1 got events as well: counter_incremented
	// aggregatetest: aggregate 2 got events as well: counter_incremented
}

// A function may run more than once, so it must have no effect but what it does with tx.
func ExampleTransaction_Once() {
	x := aggregatetest.NewTransaction(printing{})
	defer x.Supervisor().Shutdown(context.Background())
	counters := aggregatetest.RootOf(x, counter())
	a, runs := x.ID(), 0
	counts := func(ctx context.Context, tx store.Tx) error {
		runs++
		_, err := counters.EvaluateTx(ctx, tx, types.Command{AggregateID: a, Type: "increment", Data: Increment{By: runs}})
		return err
	}
	x.When(counts)
	x.Once().When(counts)
	fmt.Println(runs, "runs")
	// Output:
	// aggregatetest: event 1 is another when the function is run again, as after a conflict (counter_incremented)
	//     body.By: got 2, want 1
	// 3 runs
}

func ExampleRootOf() {
	x := aggregatetest.NewTransaction(printing{})
	defer x.Supervisor().Shutdown(context.Background())
	counters := aggregatetest.RootOf(x, counter())
	id := x.ID()
	x.Given(id, types.NewEvent("counter_incremented", CounterIncremented{By: 2}))
	now, err := counters.Get(context.Background(), id)
	fmt.Println(now.Value, err)
	// Output:
	// 2 <nil>
}
