package memory_test

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/eventmaestro/maestro/aggregate"
	"github.com/eventmaestro/maestro/store"
	"github.com/eventmaestro/maestro/store/memory"
	"github.com/eventmaestro/maestro/types"
)

// This store in place of Postgres: the rest of the program is the same.
func Example() {
	type (
		Door struct{ Open bool }
		Turn struct{}
	)
	turn := func(_ context.Context, d aggregate.Instance[Door], _ Turn) ([]types.Uncommitted, error) {
		if d.State.Open {
			return nil, aggregate.Reject("it is open")
		}
		return types.Events(types.NewEvent("door_opened", nil)), nil
	}
	ctx := context.Background()
	sup, _ := aggregate.NewSupervisor(memory.New(), nil)
	defer sup.Shutdown(ctx)
	doors, err := aggregate.NewRoot(sup, aggregate.Definition[Door]{
		Commands: aggregate.Commands[Door]{"open_door": aggregate.Command(turn)},
		Events:   aggregate.Events[Door]{"door_opened": aggregate.Event(func(d Door, _ Turn) Door { d.Open = true; return d })},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	id, _ := doors.NewID(ctx)
	fmt.Println(doors.Evaluate(ctx, types.Command{AggregateID: id, Type: "open_door"}))
	fmt.Println(doors.Evaluate(ctx, types.Command{AggregateID: id, Type: "open_door"}))
	// Output:
	// <nil>
	// it is open
}

// A table is what a projection writes to, and what a test then looks at.
func ExampleNewTable() {
	ctx := context.Background()
	s := memory.New()
	names := memory.NewTable[string, types.Sequence](s)
	unique := memory.Projection(func(_ context.Context, tx *memory.ProjectionTx, e types.Event) error {
		var body struct{ Name string }
		if err := json.Unmarshal(e.Body, &body); err != nil {
			return err
		}
		return names.In(tx).Insert(body.Name, e.Sequence) // an error refuses the commit
	})
	id := now()
	for i, name := range []string{"Ada", "Grace", "Ada"} {
		err := s.Commit(ctx, store.Commit{AggregateID: id, Projections: []store.Projection{unique}, Events: []types.Event{{
			Timestamp: now(), AggregateID: id, Sequence: types.Sequence(i + 1),
			Type: "named", Body: json.RawMessage(fmt.Sprintf(`{"Name": %q}`, name)),
		}}})
		fmt.Println(name, err == nil)
	}
	at, ok := names.Get("Grace")
	fmt.Println(names.Len(), at, ok)
	// Output:
	// Ada true
	// Grace true
	// Ada false
	// 2 2 true
}
