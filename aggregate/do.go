package aggregate

import (
	"context"

	"github.com/eventmaestro/maestro/types"
)

// Result is all that a command led to.
type Result[S any] struct {
	// State is the state right after the command. The caller owns it.
	State S

	// Sequence is the aggregate's right after the command: what the next command may expect.
	Sequence types.Sequence

	// Events are those that the command led to; none if it changed nothing.
	Events []types.Event

	// Repeat says that an earlier command with the same ID led to them, not this one.
	Repeat bool
}

// Do is Evaluate and returns all that the command led to, such as an HTTP handler answers with. A repeat of a
// command with an ID gets the result of the first time. The errors are those of Evaluate.
func (r *Root[S]) Do(ctx context.Context, command types.Command) (Result[S], error) {
	told, err := r.evaluate(ctx, nil, errand{command: command, wantEvents: true, wantState: true})
	if err != nil {
		return Result[S]{}, err
	}
	state, _ := told.state.(S) // a nil S that is an interface has no type to assert
	return Result[S]{State: state, Sequence: told.seq, Events: told.events, Repeat: told.repeat}, nil
}
