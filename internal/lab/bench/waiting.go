package main

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/eventmaestro/maestro/aggregate"
	"github.com/eventmaestro/maestro/store/memory"
	"github.com/eventmaestro/maestro/types"
)

const (
	waitingCallers = 1_000_000
	waitingLimit   = 8 << 10 // bytes, the caller's goroutine included
)

// waiting is the memory of a caller who waits for room in the mailbox of an aggregate whose handler
// is busy, and what is left of as many who are refused at once.
func waiting(ctx context.Context, _ *lab) (outcome, error) {
	waits, full, took, err := besiege(ctx, false)
	if err != nil {
		return outcome{}, err
	}
	if full > waitingCallers-aggregate.DefaultMailboxSize || full < waitingCallers/2 { // who leaves makes room for another
		return outcome{}, fmt.Errorf("%d callers were told that the mailbox is full", full)
	}
	refused, full, _, err := besiege(ctx, true)
	if err != nil {
		return outcome{}, err
	}
	o := outcome{ours: figure{value: waits / waitingCallers}, limit: figure{value: waitingLimit}}
	o.note("callers", fmt.Sprint(waitingCallers))
	o.note("total", fmt.Sprintf("%.0fMB", waits/1e6))
	o.note("left", fmt.Sprintf("%.1fs", took.Seconds()))
	o.note("refused", fmt.Sprintf("%d, total %.0fMB", full, refused/1e6))
	return o, nil
}

// besiege lets a million callers send to one busy aggregate. It returns the bytes that those take
// who wait, how many are told that the mailbox is full, and how long it takes until all have left
// when their context ends.
func besiege(ctx context.Context, refuse bool) (used float64, full int64, took time.Duration, _ error) {
	began, end := make(chan struct{}), make(chan struct{})
	d := definition()
	d.Commands["wait"] = aggregate.CommandFunc[counter](func(context.Context, aggregate.Instance[counter], types.Command) ([]types.Uncommitted, error) {
		close(began)
		<-end
		return nil, nil
	})
	root, sup, err := counters(memory.New(), &aggregate.Options{RefuseWhenFull: refuse}, d)
	if err != nil {
		return 0, 0, 0, err
	}
	id := newIDs(sup.Clock(), 1)[0]
	busy := make(chan error, 1)
	go func() { busy <- root.Evaluate(ctx, types.Command{AggregateID: id, Type: "wait"}) }()
	<-began
	before := inUse()
	callers, stop := context.WithCancel(ctx)
	var told, others atomic.Int64
	var all sync.WaitGroup
	for range waitingCallers {
		all.Go(func() {
			err := incrementer(callers, root, id)()
			if errors.Is(err, aggregate.ErrMailboxFull) {
				told.Add(1)
			} else if !errors.Is(err, context.Canceled) {
				others.Add(1)
			}
		})
	}
	for {
		live, _ := root.Whereis(id)
		if live.Depth+int(told.Load()) >= waitingCallers {
			break
		}
		runtime.Gosched()
	}
	used = inUse() - before
	start := time.Now()
	stop()
	all.Wait()
	took = time.Since(start)
	close(end)
	if n := others.Load(); n > 0 {
		err = fmt.Errorf("%d of the callers were neither refused nor left", n)
	}
	return used, told.Load(), took, errors.Join(err, <-busy, sup.Shutdown(ctx))
}
