package recipes_test

import (
	"context"
	"fmt"
	"io"

	"github.com/eventmaestro/maestro/aggregate"
	"github.com/eventmaestro/maestro/store"
	"github.com/eventmaestro/maestro/types"
)

// Close is a command that only the owner may send.
type Close struct{}

// CommandType is the type of the command.
func (Close) CommandType() string { return "close" }

// Who did it, and as part of what, travels in the context and is kept with the events. Postgres
// needs the optional metadata column for it (migrations.Options.Metadata,
// postgres.Options.Metadata).
func Example_metadata() {
	everywhere(func(ctx context.Context, s store.Adapter, out io.Writer) error {
		sup, err := aggregate.NewSupervisor(s, nil)
		if err != nil {
			return err
		}
		defer sup.Shutdown(ctx)
		d := account()
		d.Commands["close"] = aggregate.Command(
			func(ctx context.Context, a aggregate.Instance[Account], _ Close) ([]types.Uncommitted, error) {
				if actor := types.MetadataFrom(ctx).Actor; actor != a.State.Owner {
					return nil, aggregate.Reject("%s is not the owner", actor)
				}
				return types.Events(types.NewEvent("withdrawn", Withdrawn{a.State.Balance})), nil
			})
		accounts, err := aggregate.NewRoot(sup, d)
		if err != nil {
			return err
		}
		id, err := accounts.NewID(ctx)
		if err != nil {
			return err
		}
		ann := types.WithMetadata(ctx, types.Metadata{Actor: "Ann", CorrelationID: "request 17", CausationID: "mail 4"})
		bob := types.WithMetadata(ctx, types.Metadata{Actor: "Bob"})
		if err := accounts.Send(ann, id, Open{"Ann"}); err != nil {
			return err
		}
		fmt.Fprintln(out, accounts.Send(bob, id, Close{}))
		if err := accounts.Send(bob, id, Deposit{5}); err != nil {
			return err
		}
		for e, err := range accounts.History(ctx, id, store.Range{}) {
			if err != nil {
				return err
			}
			fmt.Fprintf(out, "%s: by %s, for %q\n", e.Type, e.Metadata.Actor, e.Metadata.CorrelationID)
		}
		return nil
	})
	// Output:
	// Bob is not the owner
	// opened: by Ann, for "request 17"
	// deposited: by Bob, for ""
}
