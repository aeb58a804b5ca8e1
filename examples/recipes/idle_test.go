package recipes_test

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/eventmaestro/maestro/aggregate"
	"github.com/eventmaestro/maestro/store"
)

// An aggregate that nobody asks for gives its goroutine back, then leaves memory, here with a
// snapshot. At most one is in memory at all, so the first leaves as soon as the second is asked
// for.
func Example_idle() {
	everywhere(func(ctx context.Context, s store.Adapter, out io.Writer) error {
		sup, err := aggregate.NewSupervisor(s, &aggregate.Options{MaxLive: 1})
		if err != nil {
			return err
		}
		d := account()
		d.Idle = aggregate.IdlePolicy{Hibernate: 10 * time.Second, Exit: time.Minute, Snapshot: true}
		accounts, err := aggregate.NewRoot(sup, d)
		if err != nil {
			return err
		}
		first, err := newAccount(ctx, accounts, 1, 2, 3)
		if err != nil {
			return err
		}
		second, err := newAccount(ctx, accounts, 10)
		if err != nil {
			return err
		}
		for live := range sup.Aggregates() {
			fmt.Fprintf(out, "in memory: the second: %v, sequence %d, waiting: %d\n", live.AggregateID == second, live.Sequence, live.Depth)
		}
		_, there := accounts.Whereis(first)
		fmt.Fprintln(out, "the first is in memory:", there)
		if err := sup.Shutdown(ctx); err != nil {
			return err
		}
		snapshot, err := s.LatestSnapshot(ctx, first, store.Range{})
		if err != nil {
			return err
		}
		fmt.Fprintf(out, "its snapshot is at %d\n", snapshot.Sequence)
		return nil
	})
	// Output:
	// in memory: the second: true, sequence 1, waiting: 0
	// the first is in memory: false
	// its snapshot is at 3
}
