package recipes_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/eventmaestro/maestro/aggregate"
	"github.com/eventmaestro/maestro/store"
	"github.com/eventmaestro/maestro/types"
)

// A command that may arrive twice, from a queue or a form that was sent again, gets an ID. The
// second time it returns the outcome of the first. Postgres needs the optional table of command ids
// for it (migrations.Options.Commands, postgres.Options.Commands).
func Example_commandID() {
	everywhere(func(ctx context.Context, s store.Adapter, out io.Writer) error {
		sup, err := aggregate.NewSupervisor(s, nil)
		if err != nil {
			return err
		}
		defer sup.Shutdown(ctx)
		accounts, err := aggregate.NewRoot(sup, account())
		if err != nil {
			return err
		}
		id, err := newAccount(ctx, accounts, 100)
		if err != nil {
			return err
		}
		command := types.CommandOf(id, Deposit{5})
		command.ID = "payment 4711"
		for range 2 {
			events, err := accounts.EvaluateEvents(ctx, command)
			if err != nil {
				return err
			}
			fmt.Fprintln(out, "led to sequence", events[0].Sequence)
		}
		now, err := accounts.Fetch(ctx, id)
		if err != nil {
			return err
		}
		fmt.Fprintln(out, "balance:", now.Balance)

		command.Data = Deposit{6}
		err = accounts.Evaluate(ctx, command)
		fmt.Fprintln(out, "another command with that ID is an error:", errors.Is(err, aggregate.ErrCommandReused))

		// Once no repeat can come any more, the IDs can go. A job does it, say, every night.
		pruned, err := s.(store.CommandLog).PruneCommands(ctx, time.Now().Add(time.Hour))
		fmt.Fprintln(out, "forgotten:", pruned)
		return err
	})
	// Output:
	// led to sequence 2
	// led to sequence 2
	// balance: 105
	// another command with that ID is an error: true
	// forgotten: 1
}
