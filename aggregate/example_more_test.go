package aggregate_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/eventmaestro/maestro/aggregate"
	"github.com/eventmaestro/maestro/hlc"
	"github.com/eventmaestro/maestro/store"
	"github.com/eventmaestro/maestro/store/memory"
	"github.com/eventmaestro/maestro/types"
)

func ExampleRoot_Call() {
	example(func(ctx context.Context, root *aggregate.Root[Counter], id hlc.Timestamp) error {
		return root.Call(ctx, id, func(_ context.Context, c aggregate.Instance[Counter]) error {
			// No command of this process is evaluated while this runs.
			fmt.Println(c.Sequence, c.State.Value)
			return nil
		})
	})
	// Output: 3 6
}

func ExampleRoot_Snapshot() {
	example(func(ctx context.Context, root *aggregate.Root[Counter], id hlc.Timestamp) error {
		fmt.Println(root.Snapshot(ctx, id)) // from now on a cold start reads it and no events before
		return nil
	})
	// Output: <nil>
}

func ExampleRoot_Whereis() {
	example(func(ctx context.Context, root *aggregate.Root[Counter], id hlc.Timestamp) error {
		live, there := root.Whereis(id)
		fmt.Println(there, live.Root, live.Sequence, live.Depth)
		other, err := root.NewID(ctx)
		_, there = root.Whereis(other)
		fmt.Println(there)
		return err
	})
	// Output:
	// true counter 3 0
	// false
}

// Lookup answers the question that an *OutcomeUnknownError leaves, by its timestamps.
func ExampleRoot_Lookup() {
	example(func(ctx context.Context, root *aggregate.Root[Counter], id hlc.Timestamp) error {
		events, err := root.EvaluateEvents(ctx, by(id, 4))
		if err != nil {
			return err
		}
		never, err := root.NewID(ctx)
		if err != nil {
			return err
		}
		stored, err := root.Lookup(ctx, id, []hlc.Timestamp{events[0].Timestamp})
		fmt.Println(len(stored), err)
		stored, err = root.Lookup(ctx, id, []hlc.Timestamp{never})
		fmt.Println(len(stored), err)
		return nil
	})
	// Output:
	// 1 <nil>
	// 0 <nil>
}

func ExampleRoot_Inspect() {
	example(func(ctx context.Context, root *aggregate.Root[Counter], id hlc.Timestamp) error {
		found, err := root.Inspect(ctx, id)
		if err != nil {
			return err
		}
		fmt.Println(found.OK())
		return nil
	})
	// Output: true
}

func ExampleRoot_Redact() {
	example(func(ctx context.Context, root *aggregate.Root[Counter], id hlc.Timestamp) error {
		if err := root.Redact(ctx, id, 3, CounterIncremented{By: 0}); err != nil {
			return err
		}
		state, err := root.Get(ctx, id)
		fmt.Println(state.Value)
		return err
	})
	// Output: 3
}

func ExampleRoot_EvaluateTx() {
	ctx, s := context.Background(), memory.New()
	sup, _ := aggregate.NewSupervisor(s, nil)
	defer sup.Shutdown(ctx)
	root, _ := counters(sup)
	id, _ := root.NewID(ctx)

	tx, _ := s.BeginTx(ctx) // with Postgres: tx of pool.Begin(ctx), and s.Tx(tx)
	defer tx.Abort(ctx)
	_, err := root.EvaluateTx(ctx, tx, by(id, 5))
	before, _ := root.Fetch(ctx, id)
	fmt.Println(err, before.Value)
	err = tx.End(ctx)
	after, _ := root.Fetch(ctx, id)
	fmt.Println(err, after.Value)
	// Output:
	// <nil> 0
	// <nil> 5
}

// Two counters move together, or neither does. Against Postgres, postgres.TxOf(ctx, tx) is the
// driver's transaction, for statements of your own.
func ExampleSupervisor_Transact() {
	ctx := context.Background()
	sup, _ := aggregate.NewSupervisor(memory.New(), nil)
	defer sup.Shutdown(ctx)
	root, _ := counters(sup)
	from, _ := root.NewID(ctx)
	to, _ := root.NewID(ctx)
	move := func(ctx context.Context, tx store.Tx) error {
		if _, err := root.EvaluateTx(ctx, tx, by(from, 3)); err != nil {
			return err
		}
		_, err := root.EvaluateTx(ctx, tx, by(to, 5))
		return err
	}
	fmt.Println(sup.Transact(ctx, move))
	a, _ := root.Fetch(ctx, from)
	b, _ := root.Fetch(ctx, to)
	fmt.Println(a.Value, b.Value)
	// Output:
	// <nil>
	// 3 5
}

func ExampleSupervisor_Aggregates() {
	ctx := context.Background()
	sup, _ := aggregate.NewSupervisor(memory.New(), nil)
	defer sup.Shutdown(ctx)
	root, _ := counters(sup)
	id, _ := root.NewID(ctx)
	_ = root.Evaluate(ctx, by(id, 5))
	for live := range sup.Aggregates() {
		fmt.Println(live.Root, live.AggregateID == id, live.Sequence)
	}
	// Output: counter true 1
}

func ExampleSupervisor_Shutdown() {
	ctx := context.Background()
	sup, _ := aggregate.NewSupervisor(memory.New(), nil)
	root, _ := counters(sup)
	id, _ := root.NewID(ctx)

	ending, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	fmt.Println(sup.Shutdown(ending))
	fmt.Println(root.Evaluate(ctx, by(id, 5)))
	// Output:
	// <nil>
	// aggregate: supervisor is shut down
}

func ExampleReject() {
	err := aggregate.Reject("only %d left", 3)
	fmt.Println(err, errors.Is(err, aggregate.ErrRejected))
	// Output: only 3 left true
}

// The handlers below the typed ones take command and event as they are.
func ExampleCommandFunc() {
	handler := aggregate.CommandFunc[Counter](func(_ context.Context, c aggregate.Instance[Counter], cmd types.Command) ([]types.Uncommitted, error) {
		return types.Events(types.NewEvent("counter_incremented", CounterIncremented{By: c.State.Value})), nil
	})
	events, err := handler.Eval(context.Background(), aggregate.Instance[Counter]{State: Counter{Value: 7}}, types.Command{Type: "double"})
	fmt.Println(events, err)
	// Output: [{counter_incremented {7}}] <nil>
}

func ExampleEventFunc() {
	handler := aggregate.EventFunc[Counter](func(c Counter, e types.Event) (Counter, error) {
		c.Value++
		return c, nil
	})
	state, err := handler.Apply(Counter{Value: 7}, types.Event{Type: "counter_incremented"})
	fmt.Println(state, err)
	// Output: {8} <nil>
}

func ExampleCommand() {
	handler := aggregate.Command(incrementCounter)
	fmt.Println(handler.Eval(context.Background(), aggregate.Instance[Counter]{}, types.Command{Data: json.RawMessage(`{"By": 2}`)}))
	_, err := handler.Eval(context.Background(), aggregate.Instance[Counter]{}, types.Command{Data: "two"})
	fmt.Println(errors.Is(err, aggregate.ErrInvalidData))
	// Output:
	// [{counter_incremented {2}}] <nil>
	// true
}

func ExampleEvent() {
	handler := aggregate.Event(counterIncremented)
	fmt.Println(handler.Apply(Counter{Value: 1}, types.Event{Body: json.RawMessage(`{"By": 2}`)}))
	// Output: {3} <nil>
}

func ExampleUpcasts() {
	upcasts := aggregate.Upcasts{
		"incremented": aggregate.Rename("counter_incremented"),
		"plus_one": aggregate.Rewrite("counter_incremented", func(json.RawMessage) (json.RawMessage, error) {
			return json.RawMessage(`{"By": 1}`), nil
		}),
		"counter_looked_at": aggregate.Drop(),
	}
	sup, err := aggregate.NewSupervisor(memory.New(), nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer sup.Shutdown(context.Background())
	_, err = aggregate.NewRoot(sup, aggregate.Definition[Counter]{
		Commands: aggregate.Commands[Counter]{"increment": aggregate.Command(incrementCounter)},
		Events:   aggregate.Events[Counter]{"counter_incremented": aggregate.Event(counterIncremented)},
		Upcasts:  upcasts,
	})
	fmt.Println(err)
	// Output: <nil>
}

func ExampleRoot_NewID() {
	example(func(ctx context.Context, root *aggregate.Root[Counter], before hlc.Timestamp) error {
		id, err := root.NewID(ctx)
		fmt.Println(id.After(before))
		return err
	})
	// Output: true
}

func ExampleHooks() {
	ctx := context.Background()
	sup, _ := aggregate.NewSupervisor(memory.New(), &aggregate.Options{Hooks: aggregate.Hooks{
		Evaluate: func(_ context.Context, e aggregate.Evaluation) { fmt.Println(e.Root, e.Type, e.Attempts, e.Err) },
	}})
	defer sup.Shutdown(ctx)
	root, _ := counters(sup)
	id, _ := root.NewID(ctx)
	_ = root.Evaluate(ctx, by(id, 5))
	// Output: counter increment 1 <nil>
}
