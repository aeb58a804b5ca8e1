package aggregate_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/eventmaestro/maestro/aggregate"
	"github.com/eventmaestro/maestro/hlc"
	"github.com/eventmaestro/maestro/store"
	"github.com/eventmaestro/maestro/store/memory"
	"github.com/eventmaestro/maestro/types"
)

// Counter is the state, Increment a command's data, CounterIncremented an event's body.
type (
	Counter            struct{ Value int }
	Increment          struct{ By int }
	CounterIncremented struct{ By int }
)

func incrementCounter(_ context.Context, _ aggregate.Instance[Counter], cmd Increment) ([]types.Uncommitted, error) {
	if cmd.By < 1 {
		return nil, aggregate.Reject("increment by %d: must be at least 1", cmd.By)
	}
	return types.Events(types.NewEvent("counter_incremented", CounterIncremented(cmd))), nil
}

func counterIncremented(c Counter, e CounterIncremented) Counter { c.Value += e.By; return c }

func counters(sup *aggregate.Supervisor) (*aggregate.Root[Counter], error) {
	return aggregate.NewRoot(sup, aggregate.Definition[Counter]{
		Name:     "counter",
		Commands: aggregate.Commands[Counter]{"increment": aggregate.Command(incrementCounter)},
		Events:   aggregate.Events[Counter]{"counter_incremented": aggregate.Event(counterIncremented)},
	})
}

// example runs f with a counter that was incremented by 1, 2 and 3.
func example(f func(ctx context.Context, root *aggregate.Root[Counter], id hlc.Timestamp) error) {
	ctx := context.Background()
	sup, _ := aggregate.NewSupervisor(memory.New(), nil)
	defer sup.Shutdown(ctx)
	root, err := counters(sup)
	if err != nil {
		fmt.Println(err)
		return
	}
	id, err := root.NewID(ctx)
	for n := 1; n <= 3 && err == nil; n++ {
		err = root.Evaluate(ctx, by(id, n))
	}
	if err == nil {
		err = f(ctx, root, id)
	}
	if err != nil {
		fmt.Println(err)
	}
}

func by(id hlc.Timestamp, n int) types.Command {
	return types.Command{AggregateID: id, Type: "increment", Data: Increment{By: n}}
}

func ExampleNewRoot() {
	sup, err := aggregate.NewSupervisor(memory.New(), nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer sup.Shutdown(context.Background())
	root, err := aggregate.NewRoot(sup, aggregate.Definition[Counter]{
		Commands: aggregate.Commands[Counter]{"increment": aggregate.Command(incrementCounter)},
		Events:   aggregate.Events[Counter]{"counter_incremented": aggregate.Event(counterIncremented)},
	})
	fmt.Println(root.Name(), err)

	_, err = aggregate.NewRoot(sup, aggregate.Definition[Counter]{Name: "another"})
	fmt.Println(err)
	// Output:
	// aggregate_test.Counter <nil>
	// aggregate: definition of another: Commands is empty: list at least one command handler
}

func ExampleRoot_Evaluate() {
	example(func(ctx context.Context, root *aggregate.Root[Counter], id hlc.Timestamp) error {
		err := root.Evaluate(ctx, types.Command{AggregateID: id, Type: "increment", Data: Increment{By: 4}})
		fmt.Println(err)
		err = root.Evaluate(ctx, types.Command{AggregateID: id, Type: "increment", Data: Increment{By: -1}})
		fmt.Println(err, errors.Is(err, aggregate.ErrRejected))
		return nil
	})
	// Output:
	// <nil>
	// increment by -1: must be at least 1 true
}

func ExampleRoot_EvaluateEvents() {
	example(func(ctx context.Context, root *aggregate.Root[Counter], id hlc.Timestamp) error {
		events, err := root.EvaluateEvents(ctx, types.Command{AggregateID: id, Type: "increment", Data: Increment{By: 4}})
		for _, e := range events {
			fmt.Println(e.Sequence, e.Type, string(e.Body))
		}
		return err
	})
	// Output: 4 counter_incremented {"By": 4}
}

func ExampleRoot_EvaluateState() {
	example(func(ctx context.Context, root *aggregate.Root[Counter], id hlc.Timestamp) error {
		state, err := root.EvaluateState(ctx, types.Command{AggregateID: id, Type: "increment", Data: Increment{By: 4}})
		fmt.Println(state.Value)
		return err
	})
	// Output: 10
}

func ExampleRoot_Get() {
	example(func(ctx context.Context, root *aggregate.Root[Counter], id hlc.Timestamp) error {
		state, err := root.Get(ctx, id)
		fmt.Println(state.Value)
		return err
	})
	// Output: 6
}

func ExampleRoot_Fetch() {
	ctx, s := context.Background(), memory.New()
	here, _ := aggregate.NewSupervisor(s, nil)
	there, _ := aggregate.NewSupervisor(s, nil) // as two processes
	defer here.Shutdown(ctx)
	defer there.Shutdown(ctx)
	mine, _ := counters(here)
	theirs, _ := counters(there)
	id, _ := mine.NewID(ctx)
	_, _ = mine.Get(ctx, id)
	_ = theirs.Evaluate(ctx, by(id, 5))

	stale, _ := mine.Get(ctx, id)
	latest, _ := mine.Fetch(ctx, id)
	fmt.Println(stale.Value, latest.Value)
	// Output: 0 5
}

func ExampleRoot_FetchInstance() {
	example(func(ctx context.Context, root *aggregate.Root[Counter], id hlc.Timestamp) error {
		current, err := root.FetchInstance(ctx, id)
		if err != nil {
			return err
		}
		// Somebody looks at the value, and wants the command only if it still is that one.
		command := by(id, 10-current.State.Value)
		command.Expected = types.At(current.Sequence)
		fmt.Println(root.Evaluate(ctx, command))
		err = root.Evaluate(ctx, command)
		if moved, ok := errors.AsType[*aggregate.UnexpectedSequenceError](err); ok {
			fmt.Println("expected", moved.Expected, "but it is at", moved.Actual)
		}
		return nil
	})
	// Output:
	// <nil>
	// expected 3 but it is at 4
}

func ExampleRoot_Replay() {
	example(func(ctx context.Context, root *aggregate.Root[Counter], id hlc.Timestamp) error {
		for s := range types.Sequence(4) {
			state, err := root.Replay(ctx, id, s)
			if err != nil {
				return err
			}
			fmt.Println(s, state.Value)
		}
		return nil
	})
	// Output:
	// 0 0
	// 1 1
	// 2 3
	// 3 6
}

func ExampleRoot_ReplayAt() {
	example(func(ctx context.Context, root *aggregate.Root[Counter], id hlc.Timestamp) error {
		before, err := root.ReplayAt(ctx, id, time.Now().Add(-time.Hour))
		if err != nil {
			return err
		}
		now, err := root.ReplayAt(ctx, id, time.Now().Add(time.Hour))
		fmt.Println(before.Value, now.Value)
		return err
	})
	// Output: 0 6
}

func ExampleRoot_History() {
	example(func(ctx context.Context, root *aggregate.Root[Counter], id hlc.Timestamp) error {
		for e, err := range root.History(ctx, id, store.Range{After: 1}) {
			if err != nil {
				return err
			}
			fmt.Println(e.Sequence, string(e.Body))
		}
		return nil
	})
	// Output:
	// 2 {"By": 2}
	// 3 {"By": 3}
}
