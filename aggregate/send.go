package aggregate

import (
	"context"
	"reflect"

	"github.com/eventmaestro/maestro/hlc"
	"github.com/eventmaestro/maestro/types"
)

// Send evaluates the command that data is: Evaluate of types.CommandOf(id, data). All that Evaluate says holds. To
// send with an ID or an expected sequence, in a transaction, or for another answer, give types.CommandOf to
// Evaluate, Do, EvaluateTx and their like. data must not be nil.
func (r *Root[S]) Send(ctx context.Context, id hlc.Timestamp, data types.CommandData) error {
	return r.Evaluate(ctx, types.CommandOf(id, data))
}

// Handler is a command handler with the type that it is for. Handle makes it, for CommandsOf.
type Handler[S any] struct {
	commandType string
	handler     CommandHandler[S]
}

// Handle is Command for data that names its own type: the handler is listed under the type that Root.Send sends.
// The zero value of C is asked for it; where C is a pointer, a new value.
func Handle[S any, C types.CommandData](f func(context.Context, Instance[S], C) ([]types.Uncommitted, error)) Handler[S] {
	var c C
	switch t := reflect.TypeFor[C](); t.Kind() {
	case reflect.Interface:
		return Handler[S]{t.String(), misfit[S]{"is for an interface, which has no type of its own: use Command"}}
	case reflect.Pointer:
		c = reflect.New(t.Elem()).Interface().(C)
	}
	return Handler[S]{c.CommandType(), Command(f)}
}

// CommandsOf returns the table of some handlers. Further ones can be added to it, as to any map. A type that is
// listed twice is refused by NewRoot.
func CommandsOf[S any](handlers ...Handler[S]) Commands[S] {
	table := make(Commands[S], len(handlers))
	for _, h := range handlers {
		if _, twice := table[h.commandType]; twice {
			h.handler = misfit[S]{"is listed twice: each type has one handler"}
		}
		table[h.commandType] = h.handler
	}
	return table
}
