package recipes_test

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"io"

	"github.com/eventmaestro/maestro/aggregate"
	"github.com/eventmaestro/maestro/hlc"
	"github.com/eventmaestro/maestro/store"
	"github.com/eventmaestro/maestro/store/memory"
	"github.com/eventmaestro/maestro/types"
)

// shards deals aggregates out to servers. An id is in one of a fixed number of slots for ever; which
// server has a slot is a table that can change, when the slot's rows have been moved.
type shards struct {
	servers []*aggregate.Supervisor
	roots   []*aggregate.Root[Account]
	slots   [1024]int // slot → server
}

// newShards makes a supervisor for each server. They share a clock, which is enough to make ids unique.
func newShards(stores ...store.Adapter) (*shards, error) {
	s := &shards{}
	clock := hlc.NewClock(nil)
	for _, a := range stores {
		sup := aggregate.NewSupervisor(a, &aggregate.Options{Clock: clock})
		root, err := aggregate.New(sup, account())
		if err != nil {
			return nil, err
		}
		s.servers, s.roots = append(s.servers, sup), append(s.roots, root)
	}
	for slot := range s.slots {
		s.slots[slot] = slot % len(stores)
	}
	return s, nil
}

// of returns the root on the server that has the aggregate.
func (s *shards) of(id hlc.Timestamp) *aggregate.Root[Account] {
	h := fnv.New64a()
	h.Write(id[:])
	return s.roots[s.slots[h.Sum64()%uint64(len(s.slots))]]
}

func (s *shards) shutdown(ctx context.Context) error {
	var all []error
	for _, sup := range s.servers {
		all = append(all, sup.Shutdown(ctx))
	}
	return errors.Join(all...)
}

// Aggregates on three servers, by a function of their id.
func Example_shards() {
	everywhere(func(ctx context.Context, first store.Adapter, out io.Writer) error {
		accounts, err := newShards(first, memory.New(), memory.New())
		if err != nil {
			return err
		}
		defer func() { _ = accounts.shutdown(ctx) }()
		total, used := 0, map[*aggregate.Root[Account]]bool{}
		for range 100 {
			id, err := accounts.roots[0].New(ctx) // any of them: an id is only a timestamp
			if err != nil {
				return err
			}
			root := accounts.of(id)
			state, err := root.EvaluateState(ctx, types.Command{AggregateID: id, Type: "deposit", Data: Deposit{7}})
			if err != nil {
				return err
			}
			total += state.Balance
			used[root] = true
		}
		fmt.Fprintln(out, total, "on", len(used), "servers")
		return nil
	})
	// Output:
	// 700 on 3 servers
}
