package recipes_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"

	"github.com/eventmaestro/maestro/aggregate"
	"github.com/eventmaestro/maestro/store"
	"github.com/eventmaestro/maestro/types"
)

// Divide is a command whose handler panics.
type Divide struct{}

// CommandType is the type of the command.
func (Divide) CommandType() string { return "divide" }

// Hooks tell a tracer or a meter what happens, and the logger what the library worked around. The
// module aggregate/otelmaestro makes spans and measurements of them.
func Example_watched() {
	everywhere(func(ctx context.Context, s store.Adapter, out io.Writer) error {
		logger := slog.New(slog.NewTextHandler(out, &slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
			if a.Key == slog.TimeKey || a.Key == "aggregate" {
				return slog.Attr{} // they are different each time
			}
			return a
		}}))
		sup, err := aggregate.NewSupervisor(s, &aggregate.Options{Logger: logger, Hooks: aggregate.Hooks{
			Evaluate: func(_ context.Context, e aggregate.Evaluation) {
				fmt.Fprintf(out, "%s %s: rejected: %v, attempts: %d\n", e.Root, e.Type, errors.Is(e.Err, aggregate.ErrRejected), e.Attempts)
			},
			Commit: func(_ context.Context, c aggregate.Committed) {
				fmt.Fprintf(out, "committed %d events of %d commands\n", c.Events, c.Commands)
			},
			Panic: func(_ context.Context, p aggregate.Panicked) { fmt.Fprintln(out, "panic:", p.Err.Value) },
		}})
		if err != nil {
			return err
		}
		defer sup.Shutdown(ctx)
		d := account()
		d.Commands["divide"] = aggregate.Command(
			func(context.Context, aggregate.Instance[Account], Divide) ([]types.Uncommitted, error) {
				panic("by zero")
			})
		accounts, err := aggregate.NewRoot(sup, d)
		if err != nil {
			return err
		}
		id, err := newAccount(ctx, accounts, 5)
		if err != nil {
			return err
		}
		for _, command := range []types.CommandData{Withdraw{6}, Divide{}} {
			if accounts.Send(ctx, id, command) == nil {
				return fmt.Errorf("%s succeeded", command.CommandType())
			}
		}
		return nil
	})
	// Output:
	// committed 1 events of 1 commands
	// account deposit: rejected: false, attempts: 1
	// account withdraw: rejected: true, attempts: 1
	// level=ERROR msg="panic in a handler" root=account type=divide value="by zero"
	// panic: by zero
	// account divide: rejected: false, attempts: 1
}
