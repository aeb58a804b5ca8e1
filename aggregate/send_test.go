package aggregate_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/eventmaestro/maestro/aggregate"
	"github.com/eventmaestro/maestro/store/memory"
	"github.com/eventmaestro/maestro/types"
)

// Raise and Lower name their own types.
type (
	Raise struct{ By int }
	Lower struct{ By int }
)

func (Raise) CommandType() string  { return "raise" }
func (*Lower) CommandType() string { return "lower" }

func raise(_ context.Context, _ aggregate.Instance[tally], c Raise) ([]types.Uncommitted, error) {
	return types.Events(types.NewEvent("added", added(c))), nil
}

func lower(_ context.Context, _ aggregate.Instance[tally], c *Lower) ([]types.Uncommitted, error) {
	return types.Events(types.NewEvent("added", added{-c.By})), nil
}

func typed(handlers ...aggregate.Handler[tally]) func(*aggregate.Definition[tally]) {
	return func(d *aggregate.Definition[tally]) { d.Commands = aggregate.CommandsOf(handlers...) }
}

func TestDataThatNamesItsTypeFindsItsHandler(t *testing.T) {
	t.Parallel()
	root, id := tallyOf(t, typed(aggregate.Handle(raise), aggregate.Handle(lower)))
	require.NoError(t, root.Send(t.Context(), id, Raise{By: 5}))
	require.NoError(t, root.Send(t.Context(), id, &Raise{By: 1}))
	require.NoError(t, root.Send(t.Context(), id, &Lower{By: 2}))
	require.NoError(t, root.Evaluate(t.Context(), types.Command{AggregateID: id, Type: "raise", Data: Raise{By: 1}}))
	require.Equal(t, 5, get(t, root, id).Total)

	again := types.CommandOf(id, Raise{By: 7})
	again.ID = "once"
	require.Equal(t, types.Command{AggregateID: id, Type: "raise", Data: Raise{By: 7}, ID: "once"}, again)
	evaluate(t, root, again, again)
	require.Equal(t, 12, get(t, root, id).Total)
}

func TestDataOfAnotherRootFindsNoHandler(t *testing.T) {
	t.Parallel()
	root, id := tallyOf(t, typed(aggregate.Handle(raise)))
	require.ErrorIs(t, root.Send(t.Context(), id, &Lower{}), aggregate.ErrUnknownCommand)
}

func TestHandlersOfOneTypeOrOfNoneAreRefused(t *testing.T) {
	t.Parallel()
	refused := func(h ...aggregate.Handler[tally]) error {
		_, err := aggregate.NewRoot(newSupervisor(t, memory.New(), nil), tallies(typed(h...)))
		return err
	}
	every := func(context.Context, aggregate.Instance[tally], types.CommandData) ([]types.Uncommitted, error) {
		return nil, nil
	}
	requireDefinitionError(t, refused(aggregate.Handle(raise), aggregate.Handle(raise)), "tally", `Commands["raise"]`, "is listed twice: each type has one handler")
	requireDefinitionError(t, refused(aggregate.Handle(every)), "tally", `Commands["types.CommandData"]`, "is for an interface, which has no type of its own: use Command")
	requireDefinitionError(t, refused(aggregate.Handle[tally, Raise](nil)), "tally", `Commands["raise"]`, "is nil: give it a handler")
}

func (Increment) CommandType() string { return "increment" }

// Increment says its own type: its method is CommandType() string { return "increment" }.
func ExampleRoot_Send() {
	ctx := context.Background()
	sup, _ := aggregate.NewSupervisor(memory.New(), nil)
	defer sup.Shutdown(ctx)
	root, err := aggregate.NewRoot(sup, aggregate.Definition[Counter]{
		Commands: aggregate.CommandsOf(aggregate.Handle(incrementCounter)),
		Events:   aggregate.Events[Counter]{"counter_incremented": aggregate.Event(counterIncremented)},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	id, _ := root.NewID(ctx)
	fmt.Println(root.Send(ctx, id, Increment{By: 4}))

	// With an ID, the command is the same one when it comes again.
	command := types.CommandOf(id, Increment{By: 1})
	command.ID = "request 7"
	for range 2 {
		result, err := root.Do(ctx, command)
		fmt.Println(result.State.Value, result.Repeat, err)
	}
	// Output:
	// <nil>
	// 5 false <nil>
	// 5 true <nil>
}

// The zero Increment is asked for the type, under which its handler is listed.
func ExampleHandle() {
	table := aggregate.CommandsOf(aggregate.Handle(incrementCounter))
	fmt.Println(table["increment"] != nil, len(table))
	// Output: true 1
}

// A table for data that names its type, and for data that doesn't.
func ExampleCommandsOf() {
	table := aggregate.CommandsOf(aggregate.Handle(incrementCounter))
	table["add"] = aggregate.Command(incrementCounter)
	fmt.Println(len(table))
	// Output: 2
}
