package main

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

// load is a closed loop: each caller does its next operation when it has the answer to the last.
type load struct {
	callers int

	// every says that one operation in so many is timed. 0 means all; operations that take
	// hardly longer than a look at the clock are better sampled.
	every int

	// times is how many things an operation does at once. 0 means one. The latency of one is the
	// operation's divided by it.
	times int

	// caller returns what a goroutine does over and over. An error ends the measurement, unless it
	// is errUncounted.
	caller func(ctx context.Context, i int) (func() error, error)
}

// errUncounted is what an operation returns that went as it should but is not one of those that are
// measured.
var errUncounted = errors.New("not counted")

// warmUp is how much longer a measurement takes for connections, plans and caches to be there.
const warmUp = 0.1

// tally is what a load did.
type tally struct {
	figure
	total int               // things done, those of the warm-up included
	timed [][]time.Duration // by caller
}

// run keeps the load up for d, after a warm-up.
func (l load) run(ctx context.Context, d time.Duration) (tally, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	callers := make([]*caller, l.callers)
	for i := range callers {
		// A context each, as callers have in a server: one for all would be a lock that they share.
		own, done := context.WithCancel(ctx)
		defer done()
		do, err := l.caller(own, i)
		if err != nil {
			return tally{}, err
		}
		callers[i] = &caller{do: do, every: max(l.every, 1)}
	}
	runtime.GC()
	warm, err := all(ctx, callers, time.Duration(float64(d)*warmUp))
	if err != nil {
		return tally{}, err
	}
	for _, c := range callers {
		c.timed = c.timed[:0]
	}
	start := time.Now()
	done, err := all(ctx, callers, d)
	elapsed := time.Since(start)
	if err != nil {
		return tally{}, err
	}
	times := max(l.times, 1)
	t := tally{total: (warm + done) * times}
	t.value = float64(done*times) / elapsed.Seconds()
	for _, c := range callers {
		t.timed = append(t.timed, c.timed)
	}
	t.p50, t.p99 = latencies(t.timed)
	t.p50, t.p99 = t.p50/time.Duration(times), t.p99/time.Duration(times)
	return t, ctx.Err()
}

// caller is one goroutine of a load.
type caller struct {
	do    func() error
	every int
	timed []time.Duration
	_     [64]byte // keeps the neighbours' slices in other cache lines
}

// all lets all callers work for d and returns how many operations they did.
func all(ctx context.Context, callers []*caller, d time.Duration) (int, error) {
	var stop atomic.Bool
	var done atomic.Int64
	var wg sync.WaitGroup
	errs := make([]error, len(callers))
	end := time.AfterFunc(d, func() { stop.Store(true) })
	defer end.Stop()
	for i, c := range callers {
		wg.Go(func() {
			n, err := c.work(ctx, &stop)
			if err != nil {
				errs[i] = err
				stop.Store(true)
			}
			done.Add(int64(n))
		})
	}
	wg.Wait()
	return int(done.Load()), errors.Join(errs...)
}

func (c *caller) work(ctx context.Context, stop *atomic.Bool) (n int, err error) {
	for i := 1; !stop.Load() && ctx.Err() == nil; i++ {
		var start time.Time
		timed := i%c.every == 0
		if timed {
			start = time.Now()
		}
		switch err := c.do(); {
		case errors.Is(err, errUncounted):
			continue
		case err != nil:
			return n, err
		}
		if timed {
			c.timed = append(c.timed, time.Since(start))
		}
		n++
	}
	return n, nil
}
