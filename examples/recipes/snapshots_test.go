package recipes_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/eventmaestro/maestro/aggregate"
	"github.com/eventmaestro/maestro/store"
	"github.com/eventmaestro/maestro/types"
)

// Snapshots are taken by hand, every so many events, after a long replay, or on exit. A snapshot
// saves time and holds no information: one of an older version is passed over.
func Example_snapshots() {
	everywhere(func(ctx context.Context, s store.Adapter, out io.Writer) error {
		// The program of last year: snapshots of the state, every 2 events.
		sup, err := aggregate.NewSupervisor(s, nil)
		if err != nil {
			return err
		}
		d := account()
		d.Snapshots.Every = 2
		accounts, err := aggregate.NewRoot(sup, d)
		if err != nil {
			return err
		}
		id, err := newAccount(ctx, accounts, 1, 2, 3)
		if err != nil {
			return err
		}
		if err := sup.Shutdown(ctx); err != nil { // which waits for snapshots
			return err
		}
		snapshot, err := s.LatestSnapshot(ctx, id, store.Range{})
		if err != nil {
			return err
		}
		fmt.Fprintf(out, "at %d\n", snapshot.Sequence) // the body has the state, and a mark of which shape and log it is

		// The program of this year has another shape, and says so by a version.
		sup, err = aggregate.NewSupervisor(s, &aggregate.Options{Hooks: aggregate.Hooks{Load: func(_ context.Context, l aggregate.Loaded) {
			fmt.Fprintf(out, "loaded from the snapshot at %d and %d events\n", l.Snapshot, l.Events)
		}}})
		if err != nil {
			return err
		}
		defer sup.Shutdown(ctx)
		d = account()
		d.SnapshotVersion = 1
		d.PrepareSnapshot = func(current aggregate.Instance[Account]) (any, error) {
			return []any{current.State.Owner, current.State.Balance}, nil
		}
		d.UseSnapshot = func(current aggregate.Instance[Account], snapshot types.Snapshot) (Account, error) {
			shape := []any{&current.State.Owner, &current.State.Balance}
			if err := json.Unmarshal(snapshot.Body, &shape); err != nil {
				return Account{}, err
			}
			if len(shape) != 2 {
				return Account{}, errors.New("want owner and balance")
			}
			return current.State, nil
		}
		if accounts, err = aggregate.NewRoot(sup, d); err != nil {
			return err
		}
		if err := accounts.Snapshot(ctx, id); err != nil { // by hand
			return err
		}
		if snapshot, err = s.LatestSnapshot(ctx, id, store.Range{}); err != nil {
			return err
		}
		fmt.Fprintf(out, "at %d\n", snapshot.Sequence)
		return nil
	})
	// Output:
	// at 2
	// loaded from the snapshot at 0 and 3 events
	// at 3
}
