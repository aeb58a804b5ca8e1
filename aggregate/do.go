package aggregate

import (
	"context"

	"github.com/eventmaestro/maestro/types"
)

// Result is the complete result of a command.
type Result[S any] struct {
	// State is the state right after the command. The caller owns it.
	State S

	// Sequence is the aggregate's right after the command: what the next command may expect.
	Sequence types.Sequence

	// Events are the resulting events; none if the command changed nothing.
	Events []types.Event

	// Repeat says that the events are those of an earlier command with the same ID.
	Repeat bool
}

// Do is Evaluate with the complete result, for example for the answer of an HTTP handler. A repeat
// of a command with an ID gets the result of the first one. The errors are those of Evaluate.
func (r *Root[S]) Do(ctx context.Context, command types.Command) (Result[S], error) {
	told, err := r.evaluate(ctx, nil, errand{command: command, wantEvents: true, wantState: true})
	if err != nil {
		return Result[S]{}, err
	}
	state, _ := told.state.(S) // a nil S that is an interface has no type to assert
	return Result[S]{State: state, Sequence: told.seq, Events: told.events, Repeat: told.repeat}, nil
}
