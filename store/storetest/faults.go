package storetest

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/eventmaestro/maestro/hlc"
	"github.com/eventmaestro/maestro/store"
)

// Faults is an adapter around another that fails as a database and a network do. It keeps the
// contract of [store.Adapter]: a definite error is definite, and [store.ErrOutcomeUnknown] is
// settled by committing the same events again.
//
// What happens follows from the seed and the order of the calls alone: the same calls one after the
// other meet the same faults. It offers what the adapter inside offers: without a store.CommandLog,
// store.Redactor or store.Transactor there, those methods answer store.ErrUnsupported, and without
// a store.Flusher there is nothing to flush. It is safe for concurrent use.
//
//	faults := storetest.NewFaults(memory.New(), seed, &storetest.FaultOptions{
//		Rates: map[storetest.Op]storetest.Rates{
//			storetest.OpCommit: {storetest.FaultReplyLost: 0.1, storetest.FaultLate: 0.1},
//		},
//	})
//	defer faults.Settle()
type Faults struct {
	inner   store.Adapter
	options FaultOptions

	mu       sync.Mutex
	rng      *rand.Rand       // guarded by mu, like all that follows
	scripts  [opCount][]Fault // what happens next, before anything is drawn
	counts   [opCount][faultCount]int
	late     []*late
	paused   int
	arriving map[hlc.Timestamp]int // how many late commits of an aggregate are on the way at this moment
	arrived  *sync.Cond            // on mu: arriving has changed
}

// NewFaults wraps an adapter. A nil o injects only what [Faults.Next] asks for. It panics on rates
// of faults that do not happen to an operation, or that add up to more than 1.
func NewFaults(inner store.Adapter, seed uint64, o *FaultOptions) *Faults {
	f := &Faults{inner: inner, rng: rand.New(rand.NewPCG(seed, 0x6d61657374726f))}
	f.arriving, f.arrived = make(map[hlc.Timestamp]int), sync.NewCond(&f.mu)
	if o != nil {
		o.check()
		f.options = *o
	}
	if f.options.Slow <= 0 {
		f.options.Slow = 10 * time.Millisecond
	}
	if f.options.Late <= 0 {
		f.options.Late = 10 * time.Millisecond
	}
	return f
}

// Unwrap returns the adapter inside.
func (f *Faults) Unwrap() store.Adapter { return f.inner }

// Next makes the next calls of an operation have these faults, one each, whatever the rates;
// [FaultNone] lets one pass. It panics on a fault that does not happen to the operation.
func (f *Faults) Next(op Op, faults ...Fault) {
	for _, fault := range faults {
		mustBePossible(op, fault)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.scripts[op] = append(f.scripts[op], faults...)
}

// Count returns how often a fault happened to an operation; of FaultNone, how many calls went well.
func (f *Faults) Count(op Op, fault Fault) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.counts[op][fault]
}

// Total returns how many faults happened.
func (f *Faults) Total() (n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, counts := range f.counts {
		for _, c := range counts[FaultNone+1:] {
			n += c
		}
	}
	return n
}

// Pause lets all calls pass until resume is called, as many times as Pause was. Late commits go on
// to arrive.
func (f *Faults) Pause() (resume func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.paused++
	return sync.OnceFunc(func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.paused--
	})
}

// injected is what happens to a call.
type injected struct {
	fault    Fault
	fraction float64 // of the longest wait, or of what is read
}

// draw decides what happens to a call, and lets the late commits arrive that are due before it.
func (f *Faults) draw(op Op, spared Fault) injected {
	in, due := f.decide(op, spared)
	for _, l := range due {
		f.deliver(l)
	}
	return in
}

func (f *Faults) decide(op Op, spared Fault) (in injected, due []*late) {
	f.mu.Lock()
	defer f.mu.Unlock()
	due = f.due()
	if f.paused > 0 {
		return injected{}, due
	}
	// Two numbers a call, needed or not, so that one fault more does not shift all that follow.
	at, fraction := f.rng.Float64(), f.rng.Float64()
	in = injected{fault: f.pick(op, at), fraction: fraction}
	if script := f.scripts[op]; len(script) > 0 {
		in.fault, f.scripts[op] = script[0], script[1:]
	}
	if in.fault == spared {
		in.fault = FaultNone
	}
	f.counts[op][in.fault]++
	return in, due
}

// pick is called with the lock held.
func (f *Faults) pick(op Op, at float64) Fault {
	for _, fault := range possible[op] {
		rate := f.options.Rates[op][fault]
		if at < rate {
			return fault
		}
		at -= rate
	}
	return FaultNone
}

// before carries out the faults that happen before anything is sent, and returns what ends the
// call.
func (f *Faults) before(ctx context.Context, in injected) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("storetest: %w", err)
	}
	switch in.fault {
	case FaultRefused:
		return fmt.Errorf("%w: %w", store.ErrUnavailable, ErrInjected)
	case FaultDeadlock:
		return fmt.Errorf("%w: %w", store.ErrDeadlock, ErrInjected)
	case FaultPanic:
		panic(ErrInjected)
	case FaultSlow:
		return wait(ctx, part(f.options.Slow, in.fraction))
	}
	return nil
}

func wait(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("storetest: slow: %w", ctx.Err())
	}
}

// part is a duration from 1 ns to d.
func part(d time.Duration, fraction float64) time.Duration {
	return 1 + time.Duration(fraction*float64(d-1))
}

func unknown() error { return fmt.Errorf("%w: %w", store.ErrOutcomeUnknown, ErrInjected) }
