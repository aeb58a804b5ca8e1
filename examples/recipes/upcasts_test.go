package recipes_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"

	"github.com/eventmaestro/maestro/aggregate"
	"github.com/eventmaestro/maestro/store"
	"github.com/eventmaestro/maestro/types"
)

// Events are never rewritten. What older programs wrote is brought to the present types on reading,
// step by step, so that each year adds one step and touches none of the others.
func Example_upcasts() {
	everywhere(func(ctx context.Context, s store.Adapter, out io.Writer) error {
		sup, err := aggregate.NewSupervisor(s, nil)
		if err != nil {
			return err
		}
		defer sup.Shutdown(ctx)

		// What the first program wrote.
		old, err := aggregate.NewRoot(sup, aggregate.Definition[Account]{
			Name: "account of 2019",
			Commands: aggregate.Commands[Account]{"import": aggregate.CommandFunc[Account](
				func(context.Context, aggregate.Instance[Account], types.Command) ([]types.Uncommitted, error) {
					return types.Events(
						types.NewEvent("account_created", map[string]any{"owner": "Ann", "amount": 5}),
						types.NewEvent("interest_announced", nil),
						types.NewEvent("money_in", map[string]any{"cents": 250}),
					), nil
				})},
			Events:            aggregate.Events[Account]{"money_out": aggregate.Event(func(a Account, _ Withdrawn) Account { return a })},
			Upcasts:           aggregate.Upcasts{"account_created": aggregate.Drop(), "interest_announced": aggregate.Drop(), "money_in": aggregate.Drop()},
			SkipUnknownEvents: true,
		})
		if err != nil {
			return err
		}
		id, err := old.NewID(ctx)
		if err != nil {
			return err
		}
		if err := old.Evaluate(ctx, types.Command{AggregateID: id, Type: "import"}); err != nil {
			return err
		}

		// The program of today, in another process.
		d := account()
		d.Upcasts = aggregate.Upcasts{
			"money_in":           aggregate.Rewrite("paid_in", toUnits), // cents became units,
			"paid_in":            aggregate.Rename("deposited"),         // and then the type got another name
			"interest_announced": aggregate.Drop(),
			"account_created":    {To: []string{"opened", "paid_in"}, Func: splitCreated}, // one became two
		}
		today, err := aggregate.NewSupervisor(s, nil)
		if err != nil {
			return err
		}
		defer today.Shutdown(ctx)
		accounts, err := aggregate.NewRoot(today, d)
		if err != nil {
			return err
		}
		now, err := accounts.Fetch(ctx, id)
		if err != nil {
			return err
		}
		fmt.Fprintf(out, "%+v\n", now)
		for e, err := range accounts.History(ctx, id, store.Range{}) {
			if err != nil {
				return err
			}
			fmt.Fprintln(out, e.Sequence, e.Type, string(e.Body))
		}
		return nil
	})
	// Output:
	// {Owner:Ann Balance:7}
	// 1 account_created {"owner": "Ann", "amount": 5}
	// 2 interest_announced {}
	// 3 money_in {"cents": 250}
}

func toUnits(body json.RawMessage) (json.RawMessage, error) {
	var in struct{ Cents int }
	if err := json.Unmarshal(body, &in); err != nil {
		return nil, err
	}
	return json.Marshal(Deposited{in.Cents / 100})
}

func splitCreated(e types.Event) ([]aggregate.Upcasted, error) {
	return []aggregate.Upcasted{{Type: "opened", Body: e.Body}, {Type: "paid_in", Body: e.Body}}, nil
}
