package aggregate_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/eventmaestro/maestro/aggregate"
	"github.com/eventmaestro/maestro/store"
	"github.com/eventmaestro/maestro/store/memory"
	"github.com/eventmaestro/maestro/types"
)

// A client creates with a key of its own, and repeats itself: one aggregate comes of it.
func ExampleRoot_IDFor() {
	ctx := context.Background()
	sup, err := aggregate.NewSupervisor(memory.New(), nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer sup.Shutdown(ctx)
	root, err := aggregate.NewRoot(sup, orders())
	if err != nil {
		fmt.Println(err)
		return
	}
	const key = "8e03978e-40d5-43e8-bc93-6894a57f9324" // of an Idempotency-Key header
	for range 2 {
		err := root.Evaluate(ctx, types.Command{AggregateID: root.IDFor(key), Type: "place", Data: placeOrder{"tea"}, ID: key})
		fmt.Println(err)
	}
	placed, err := root.FetchExisting(ctx, root.IDFor(key))
	fmt.Println(placed.State.Item, placed.Sequence, err)
	_, err = root.FetchExisting(ctx, root.IDFor("another"))
	fmt.Println(aggregate.ClientText(err))
	// Output:
	// <nil>
	// <nil>
	// tea 1 <nil>
	// there is none with this id
}

// The text of an error is for the log; ClientText is for whoever sent the command.
func ExampleClientText() {
	ctx := context.Background()
	sup, err := aggregate.NewSupervisor(memory.New(), nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer sup.Shutdown(ctx)
	root, err := aggregate.NewRoot(sup, orders())
	if err != nil {
		fmt.Println(err)
		return
	}
	err = root.Evaluate(ctx, types.Command{AggregateID: root.IDFor("a"), Type: "pay", Data: json.RawMessage(`{"Cent": 1}`)})
	fmt.Println(err)
	fmt.Println(aggregate.ClientText(err))
	// Output:
	// aggregate: command "pay" of order: data is a json.RawMessage, want aggregate_test.payOrder: json: unknown field "Cent"
	// unknown field "Cent"
}

// Get has the state in memory where there is one, also of an aggregate that nobody has written to.
func ExampleRoot_GetExisting() {
	ctx := context.Background()
	sup, _ := aggregate.NewSupervisor(memory.New(), nil)
	defer sup.Shutdown(ctx)
	root, _ := counters(sup)
	id, _ := root.NewID(ctx)
	_, err := root.GetExisting(ctx, id)
	fmt.Println(errors.Is(err, aggregate.ErrNoAggregate))
	_ = root.Evaluate(ctx, by(id, 5))
	counter, err := root.GetExisting(ctx, id)
	fmt.Println(counter.State.Value, err)
	// Output:
	// true
	// 5 <nil>
}

func ExampleRoot_Exists() {
	ctx := context.Background()
	sup, _ := aggregate.NewSupervisor(memory.New(), nil)
	defer sup.Shutdown(ctx)
	root, _ := counters(sup)
	id, _ := root.NewID(ctx)
	before, _ := root.Exists(ctx, id)
	_ = root.Evaluate(ctx, by(id, 5))
	after, _ := root.Exists(ctx, id)
	fmt.Println(before, after)
	// Output: false true
}

func ExampleRoot_FetchExisting() {
	ctx := context.Background()
	sup, _ := aggregate.NewSupervisor(memory.New(), nil)
	defer sup.Shutdown(ctx)
	root, _ := counters(sup)
	id, _ := root.NewID(ctx)
	_, err := root.FetchExisting(ctx, id)
	fmt.Println(errors.Is(err, aggregate.ErrNoAggregate))
	// Output: true
}

// A page of an audit shows what old events say today.
func ExampleRoot_HistoryUpcast() {
	ctx := context.Background()
	sup, _ := aggregate.NewSupervisor(memory.New(), nil)
	defer sup.Shutdown(ctx)
	root, _ := counters(sup)
	id, _ := root.NewID(ctx)
	_ = root.Evaluate(ctx, by(id, 5))
	for e, err := range root.HistoryUpcast(ctx, id, store.Range{}) {
		fmt.Println(e.Sequence, e.Type, err)
	}
	// Output: 1 counter_incremented <nil>
}

// All that a handler of HTTP answers with, in one call.
func ExampleRoot_Do() {
	ctx := context.Background()
	sup, _ := aggregate.NewSupervisor(memory.New(), nil)
	defer sup.Shutdown(ctx)
	root, _ := counters(sup)
	id, _ := root.NewID(ctx)
	result, err := root.Do(ctx, by(id, 5))
	fmt.Println(result.State.Value, result.Sequence, len(result.Events), result.Repeat, err)
	// Output: 5 1 1 false <nil>
}

// What a person wrote is taken out of every event that has it.
func ExampleRoot_Erase() {
	ctx := context.Background()
	sup, _ := aggregate.NewSupervisor(memory.New(), nil)
	defer sup.Shutdown(ctx)
	root, _ := counters(sup)
	id, _ := root.NewID(ctx)
	_ = root.Evaluate(ctx, by(id, 5))
	err := root.Erase(ctx, id, func(e types.Event) types.Event {
		e.Body = json.RawMessage(`{"By": 1}`)
		return e
	})
	counter, _ := root.Fetch(ctx, id)
	fmt.Println(counter.Value, err)
	// Output: 1 <nil>
}
