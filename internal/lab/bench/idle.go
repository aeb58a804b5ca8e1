package main

import (
	"context"
	"fmt"
	"iter"
	"runtime"
	"sync/atomic"
	"time"
	"unsafe"

	"github.com/eventmaestro/maestro/aggregate"
	"github.com/eventmaestro/maestro/hlc"
	"github.com/eventmaestro/maestro/store"
	"github.com/eventmaestro/maestro/store/memory"
	"github.com/eventmaestro/maestro/types"
)

const (
	idleAggregates = 1_000_000
	liveAggregates = 100_000
	idleLimit      = 400     // bytes
	liveLimit      = 6 << 10 // bytes; a stack that a handler has doubled stays so until the aggregate hibernates
	allocLimit     = 12
	allocCommands  = 200_000
	collections    = 5

	// settling is how long goroutines are left alone: after a second the library replaces those
	// whose stacks have grown.
	settling = 3 * time.Second
)

// single is a store in which every aggregate has one event and none takes memory, so that what is
// measured is the library's share.
type single struct{ store.Adapter }

func (s single) Load(_ context.Context, id hlc.Timestamp, _ store.Range) iter.Seq2[store.Entry, error] {
	return func(yield func(store.Entry, error) bool) {
		yield(store.Entry{Event: types.Event{Timestamp: id, AggregateID: id, Sequence: 1, Type: incrementedType, Body: []byte(body)}}, nil)
	}
}

// idle is the memory of an aggregate that gave its goroutine back.
func idle(ctx context.Context, _ *lab) (outcome, error) {
	var asleep atomic.Int64
	hooks := aggregate.Hooks{Hibernate: func(aggregate.Lifecycle) { asleep.Add(1) }}
	return population(ctx, idleAggregates, idleLimit, 20*time.Millisecond, hooks, func() bool { return asleep.Load() == idleAggregates })
}

// live is the memory of an aggregate that keeps its goroutine, once that waits for the next
// command.
func live(ctx context.Context, _ *lab) (outcome, error) {
	var since time.Time
	return population(ctx, liveAggregates, liveLimit, -1, aggregate.Hooks{}, func() bool {
		if since.IsZero() {
			since = time.Now()
		}
		return time.Since(since) > settling
	})
}

// population reads so many aggregates into memory, waits until they are settled, and compares the
// process' memory before and after.
func population(ctx context.Context, n int, limit float64, hibernate time.Duration, hooks aggregate.Hooks, settled func() bool) (outcome, error) {
	before := inUse()
	d := definition()
	d.Idle = aggregate.IdlePolicy{Hibernate: hibernate, Exit: -1}
	root, sup, err := counters(single{memory.New()}, &aggregate.Options{Hooks: hooks}, d)
	if err != nil {
		return outcome{}, err
	}
	for range n {
		if _, err := root.Get(ctx, sup.Clock().NowAfter(hlc.Timestamp{})); err != nil {
			return outcome{}, err
		}
	}
	for !settled() {
		select {
		case <-time.After(10 * time.Millisecond):
		case <-ctx.Done():
			return outcome{}, ctx.Err()
		}
	}
	used := inUse() - before
	state := float64(unsafe.Sizeof(counter{}))
	o := outcome{ours: figure{value: used/float64(n) - state}, limit: figure{value: limit}}
	o.note("aggregates", fmt.Sprint(n))
	o.note("total", fmt.Sprintf("%.0fMB", used/1e6))
	return o, sup.Shutdown(ctx)
}

// inUse returns the bytes of heap and stacks that are in use after a collection.
func inUse() float64 {
	// What was in a pool when the first began is free after the second, and a stack that is hardly
	// used is halved by each.
	for range collections {
		runtime.GC()
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return float64(m.HeapAlloc + m.StackInuse)
}

// allocations counts those of a warm command, whoever makes them: caller, mailbox, clock, store.
func allocations(ctx context.Context, _ *lab) (outcome, error) {
	root, sup, err := counters(memory.New(), nil, definition())
	if err != nil {
		return outcome{}, err
	}
	do := incrementer(ctx, root, newIDs(sup.Clock(), 1)[0])
	var before, after runtime.MemStats
	for _, m := range []*runtime.MemStats{&before, &after} {
		for range allocCommands {
			if err := do(); err != nil {
				return outcome{}, err
			}
		}
		runtime.ReadMemStats(m)
	}
	perCommand := func(n uint64) float64 { return float64(n) / allocCommands }
	o := outcome{ours: figure{value: perCommand(after.Mallocs - before.Mallocs)}, limit: figure{value: allocLimit}}
	o.note("bytes", fmt.Sprintf("%.0f/command", perCommand(after.TotalAlloc-before.TotalAlloc)))
	return o, sup.Shutdown(ctx)
}
