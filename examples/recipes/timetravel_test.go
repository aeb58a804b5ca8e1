package recipes_test

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/eventmaestro/maestro/aggregate"
	"github.com/eventmaestro/maestro/hlc"
	"github.com/eventmaestro/maestro/store"
)

// The state as it was at a sequence or at a time, and the log itself, as far as one wants to read.
func Example_timeTravel() {
	everywhere(func(ctx context.Context, s store.Adapter, out io.Writer) error {
		// A clock that moves a day with each event, for an example that prints the same every time.
		now := time.Date(2026, time.March, 1, 12, 0, 0, 0, time.UTC)
		clock := hlc.NewClock(&hlc.Options{Now: func() time.Time { return now }})
		sup, err := aggregate.NewSupervisor(s, &aggregate.Options{Clock: clock})
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
		for _, amount := range []int{10, 20, 30, 40} {
			now = now.AddDate(0, 0, 1)
			if err := accounts.Send(ctx, id, Deposit{amount}); err != nil {
				return err
			}
		}
		second, err := accounts.Replay(ctx, id, 2)
		if err != nil {
			return err
		}
		march4, err := accounts.ReplayAt(ctx, id, time.Date(2026, time.March, 4, 23, 59, 0, 0, time.UTC))
		if err != nil {
			return err
		}
		fmt.Fprintln(out, "at sequence 2:", second.Balance)
		fmt.Fprintln(out, "on 4 March:", march4.Balance)
		for e, err := range accounts.History(ctx, id, store.Range{After: 1}) {
			if err != nil {
				return err
			}
			fmt.Fprintln(out, e.Sequence, e.Timestamp.Time().Format(time.DateOnly), string(e.Body))
			if e.Sequence == 3 {
				break
			}
		}
		return nil
	})
	// Output:
	// at sequence 2: 30
	// on 4 March: 60
	// 2 2026-03-03 {"amount": 20}
	// 3 2026-03-04 {"amount": 30}
}
