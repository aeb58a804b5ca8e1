package recipes_test

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/eventmaestro/maestro/aggregate"
	"github.com/eventmaestro/maestro/store"
	"github.com/eventmaestro/maestro/types"
)

// A person saw a balance and decides on it. If it changed meanwhile, the decision is the person's
// again, not the library's: the command is refused, and not retried.
func Example_expectedSequence() {
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
		seen, err := accounts.FetchInstance(ctx, id)
		if err != nil {
			return err
		}
		fmt.Fprintf(out, "seen: %d, at sequence %d\n", seen.State.Balance, seen.Sequence)
		if err := accounts.Send(ctx, id, Deposit{1}); err != nil { // somebody else
			return err
		}
		all := types.CommandOf(id, Withdraw{seen.State.Balance})
		all.Expected = types.Expect(seen.Sequence)
		err = accounts.Evaluate(ctx, all)
		if u, ok := errors.AsType[*aggregate.UnexpectedSequenceError](err); ok {
			fmt.Fprintf(out, "expected %d, is %d\n", u.Expected, u.Actual)
		}
		all.Expected = nil // whatever the balance is now
		return accounts.Evaluate(ctx, all)
	})
	// Output:
	// seen: 100, at sequence 1
	// expected 1, is 2
}
