package recipes_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/eventmaestro/maestro/aggregate"
	"github.com/eventmaestro/maestro/hlc"
	"github.com/eventmaestro/maestro/store"
	"github.com/eventmaestro/maestro/types"
)

// An aggregate that can't be read any more: what is wrong, where, and what the states around it
// are; and how it is mended. A team without the program at hand has store/postgres/maestro-inspect.
func Example_inspect() {
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
		id, err := accounts.NewID(ctx)
		if err != nil {
			return err
		}
		if err := damaged(ctx, s, sup.Clock(), id); err != nil {
			return err
		}
		_, err = accounts.Fetch(ctx, id)
		fmt.Fprintln(out, "corrupt:", errors.Is(err, aggregate.ErrCorruptLog))

		in, err := accounts.Inspect(ctx, id)
		if err != nil {
			return err
		}
		bad := in.Bad
		fmt.Fprintf(out, "%d rows, row %d is %s: %s %s\n", in.Rows, bad.Row, bad.Kind, bad.Event.Type, bad.Event.Body)
		fmt.Fprintf(out, "balance before it %d, after the next %d\n", bad.Before.State.Balance, bad.After.State.Balance)

		if err := accounts.Redact(ctx, id, bad.Sequence, Deposited{20}); err != nil {
			return err
		}
		now, err := accounts.Fetch(ctx, id)
		fmt.Fprintln(out, "mended:", now.Balance)
		return err
	})
	// Output:
	// corrupt: true
	// 3 rows, row 2 is unreadable: deposited {"amount": "twenty"}
	// balance before it 10, after the next 40
	// mended: 60
}

// damaged writes a log as a program with a mistake did, behind the library's back.
func damaged(ctx context.Context, s store.Adapter, clock *hlc.Clock, id hlc.Timestamp) error {
	commit, at := store.Commit{AggregateID: id}, id
	for i, body := range []string{`{"amount": 10}`, `{"amount": "twenty"}`, `{"amount": 30}`} {
		at = clock.NowAfter(at)
		commit.Events = append(commit.Events, types.Event{
			Timestamp: at, AggregateID: id, Sequence: types.Sequence(i + 1), Type: "deposited", Body: json.RawMessage(body),
		})
	}
	return s.Commit(ctx, commit)
}

// A person wants to be forgotten: the name goes out of the event, the event stays in its place.
func Example_redact() {
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
		id, err := accounts.NewID(ctx)
		if err != nil {
			return err
		}
		if err := accounts.Send(ctx, id, Open{"Ann"}); err != nil {
			return err
		}
		if err := accounts.Redact(ctx, id, 1, Opened{"(forgotten)"}); err != nil {
			return err
		}
		now, err := accounts.Get(ctx, id)
		fmt.Fprintln(out, now.Owner)
		return err
	})
	// Output:
	// (forgotten)
}
