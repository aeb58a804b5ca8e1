package recipes_test

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/eventmaestro/maestro/aggregate"
	"github.com/eventmaestro/maestro/store"
	"github.com/eventmaestro/maestro/types"
)

// Park is a command that carries the time at which the server received it, as a handler has no
// clock. Parked is its event.
type (
	Park   struct{ Plate, At string }
	Parked struct{ Plate, At string }
)

// CommandType is the type of the command.
func (Park) CommandType() string { return "park" }

// Identity is what makes a repeat the same command: all but the server's time, which is another one
// then.
func (p Park) Identity() any { return p.Plate }

// A command with an ID returns the outcome of its first time. It is refused if it is another
// command than that was; what makes it the same, the command says itself. A command that was
// rejected has no outcome: sent again, it is decided anew.
func Example_serverTime() {
	type lot struct{ Taken map[string]string }
	everywhere(func(ctx context.Context, s store.Adapter, out io.Writer) error {
		sup, err := aggregate.NewSupervisor(s, nil)
		if err != nil {
			return err
		}
		defer sup.Shutdown(ctx)
		lots, err := aggregate.NewRoot(sup, aggregate.Definition[lot]{
			Initial: func() lot { return lot{map[string]string{}} },
			Commands: aggregate.CommandsOf(aggregate.Handle(
				func(_ context.Context, l aggregate.Instance[lot], cmd Park) ([]types.Uncommitted, error) {
					if cmd.At < "08:00" {
						return nil, aggregate.Reject("closed until 08:00")
					}
					return types.Events(types.NewEvent("parked", Parked(cmd))), nil
				})),
			Events: aggregate.Events[lot]{"parked": aggregate.Event(func(l lot, e Parked) lot { l.Taken[e.Plate] = e.At; return l })},
		})
		if err != nil {
			return err
		}
		id, err := lots.NewID(ctx)
		if err != nil {
			return err
		}
		received := time.Date(2026, time.January, 2, 7, 59, 0, 0, time.UTC)
		for _, plate := range []string{"M-AE 1", "M-AE 1", "M-AE 1", "M-AE 2"} {
			command := types.CommandOf(id, Park{plate, received.Format("15:04")})
			command.ID = "ticket 1"
			state, err := lots.EvaluateState(ctx, command)
			answer := fmt.Sprint(state.Taken)
			if err != nil {
				answer = aggregate.ClientText(err)
			}
			fmt.Fprintln(out, received.Format("15:04"), answer)
			received = received.Add(time.Minute)
		}
		return nil
	})
	// Output:
	// 07:59 closed until 08:00
	// 08:00 map[M-AE 1:08:00]
	// 08:01 map[M-AE 1:08:00]
	// 08:02 the key was used for another command
}
