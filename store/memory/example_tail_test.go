package memory_test

import (
	"context"
	"fmt"
	"time"

	"github.com/eventmaestro/maestro/aggregate"
	"github.com/eventmaestro/maestro/store/memory"
	"github.com/eventmaestro/maestro/types"
)

// What a tail's function does, tested without a database.
func ExampleNewTail() {
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	s := memory.New()
	sup, _ := aggregate.NewSupervisor(s, nil)
	defer sup.Shutdown(context.Background())
	type Said struct{ Text string }
	rooms, err := aggregate.NewRoot(sup, aggregate.Definition[int]{
		Commands: aggregate.Commands[int]{"say": aggregate.Command(
			func(_ context.Context, _ aggregate.Instance[int], cmd Said) ([]types.Uncommitted, error) {
				return types.Events(types.NewEvent("said", cmd)), nil
			})},
		Events: aggregate.Events[int]{"said": aggregate.Event(func(n int, _ Said) int { return n + 1 })},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	id, _ := rooms.NewID(ctx)
	fmt.Println(rooms.Evaluate(ctx, types.Command{AggregateID: id, Type: "say", Data: Said{"hello"}}))

	index := memory.NewTable[string, string](s)
	tail, err := memory.NewTail(s, &memory.TailOptions{Name: "index"})
	if err != nil {
		fmt.Println(err)
		return
	}
	ended := make(chan error)
	go func() {
		ended <- tail.Run(ctx, func(_ context.Context, tx *memory.ProjectionTx, events []types.Event) error {
			for _, e := range events {
				index.In(tx).Put(e.Type, string(e.Body))
			}
			return nil
		})
	}()
	for index.Len() == 0 {
		time.Sleep(time.Millisecond)
	}
	fmt.Println(index.Get("said"))
	stop() // it would go on for ever
	fmt.Println(<-ended)
	// Output:
	// <nil>
	// {"Text": "hello"} true
	// context canceled
}
