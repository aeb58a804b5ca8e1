package types_test

import (
	"context"
	"fmt"

	"github.com/eventmaestro/maestro/hlc"
	"github.com/eventmaestro/maestro/types"
)

type Incremented struct{ By int }

// A command names its aggregate and handler; a handler answers with events that have a type and a
// body, and nothing else.
func Example() {
	id, _ := hlc.NewClock(nil).Now()
	command := types.Command{AggregateID: id, Type: "increment_counter", Data: map[string]int{"By": 3}}
	events := types.Events(types.NewEvent("counter_incremented", Incremented{By: 3}))
	fmt.Println(command.Type, "leads to", events[0].Type)
	// Output: increment_counter leads to counter_incremented
}

func ExampleNewEvent() {
	fmt.Println(types.NewEvent("counter_incremented", Incremented{By: 3}))
	// Output: {counter_incremented {3}}
}

// A handler returns several events, which are stored together, or none.
func ExampleEvents() {
	fmt.Println(types.Events(types.NewEvent("counter_incremented", Incremented{By: 3}), types.NewEvent("counter_filled", nil)))
	fmt.Println(types.Events())
	// Output:
	// [{counter_incremented {3}} {counter_filled <nil>}]
	// []
}

// The command is refused if the counter is not where its sender saw it.
func ExampleAt() {
	command := types.Command{Type: "increment_counter", Expected: types.At(7)}
	fmt.Println(*command.Expected)
	// Output: 7
}

func ExampleTypeName() {
	fmt.Println(types.TypeName("HTTPServerStarted"), types.TypeName("TypedEvent.Completed"))
	// Output: http_server_started typed_event.completed
}

// Who asked travels in the context: a middleware puts it there, and every command that is evaluated
// with the context has it.
func ExampleWithMetadata() {
	ctx := types.WithMetadata(context.Background(), types.Metadata{Actor: "ada", CorrelationID: "request 7"})
	fmt.Println(types.MetadataFrom(ctx).Actor)
	// Output: ada
}

// A handler that decides by who asks.
func ExampleMetadataFrom() {
	allowed := func(ctx context.Context) bool { return types.MetadataFrom(ctx).Actor == "ada" }
	fmt.Println(allowed(context.Background()))
	fmt.Println(allowed(types.WithMetadata(context.Background(), types.Metadata{Actor: "ada"})))
	// Output:
	// false
	// true
}

func ExampleExpect() {
	seen := types.Sequence(7) // what FetchInstance or an ETag said
	for _, expected := range []types.Sequence{seen, 0, types.Exists} {
		command := types.Command{Type: "withdraw_money", Expected: types.Expect(expected)}
		fmt.Println(*command.Expected)
	}
	// Output:
	// 7
	// 0
	// -1
}

// Doubled is the data of a command that names its type.
type Doubled struct{}

func (Doubled) CommandType() string { return "double_counter" }

func ExampleCommandOf() {
	id, _ := hlc.NewClock(nil).Now()
	command := types.CommandOf(id, Doubled{})
	command.ID = "request 7"
	fmt.Println(command.Type, command.AggregateID == id)
	// Output: double_counter true
}
