package main

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/eventmaestro/maestro/hlc"
)

// clockCalls is how many calls are timed together: one is not longer than a look at the clock.
const clockCalls = 1024

// clockCase is timestamps, for which many goroutines compete.
func clockCase(goroutines int) func(context.Context, *lab) (outcome, error) {
	return func(ctx context.Context, l *lab) (outcome, error) {
		together := func(calls func() error) measure {
			return func(ctx context.Context, d time.Duration) (figure, error) {
				t, err := load{callers: goroutines, times: clockCalls, caller: func(context.Context, int) (func() error, error) {
					return calls, nil
				}}.run(ctx, d)
				return t.figure, err
			}
		}
		clock := hlc.NewClock(nil)
		o, _, err := l.compare(ctx, memoryPart, together(new(bare).calls), together(func() error {
			for range clockCalls {
				if _, err := clock.Now(); err != nil {
					return err
				}
			}
			return nil
		}))
		return o, err
	}
}

// bare is the least that a clock for many goroutines has to do: look at the time, and take the next
// number, again if somebody else took it. The number is alone on its cache lines, as the clock's
// is.
type bare struct {
	_    [128]byte
	last atomic.Uint64
	_    [128]byte
	seen atomic.Int64
}

func (b *bare) calls() error {
	var sum int64
	for range clockCalls {
		sum += time.Now().UnixNano()
		for {
			last := b.last.Load()
			if b.last.CompareAndSwap(last, last+1) {
				break
			}
		}
	}
	b.seen.Store(sum) // so that the compiler can't leave the look out
	return nil
}
