package storetest

import (
	"errors"
	"fmt"
	"slices"
	"time"
)

// ErrInjected is wrapped by every error that [Faults] makes up, and is the value of its panics.
var ErrInjected = errors.New("storetest: injected fault")

// Fault is one of the ways in which a call of a store fails.
type Fault int

const (
	// FaultNone is a call that goes well.
	FaultNone Fault = iota

	// FaultConflict answers store.ErrConflict and stores nothing. There need not be an event at the
	// sequence: it may look as if somebody had been first and left no trace. Commits without events
	// are spared.
	FaultConflict

	// FaultRefused answers store.ErrUnavailable; nothing is stored.
	FaultRefused

	// FaultSlow waits before the call goes on as usual. A context that ends meanwhile ends the call,
	// and nothing is stored.
	FaultSlow

	// FaultPanic panics with ErrInjected; nothing is stored.
	FaultPanic

	// FaultReplyLost carries out the commit, whatever comes of it, and answers
	// store.ErrOutcomeUnknown.
	FaultReplyLost

	// FaultRequestLost answers store.ErrOutcomeUnknown, and the commit never arrives.
	FaultRequestLost

	// FaultLate answers store.ErrOutcomeUnknown, and the commit arrives later.
	FaultLate

	// FaultCut lets a loop over events have some of them, and ends it with store.ErrUnavailable.
	// Another read is refused.
	FaultCut

	// FaultDeadlock answers store.ErrDeadlock: the transaction is the one that has to give way.
	FaultDeadlock

	faultCount
)

var faultNames = [faultCount]string{
	"none", "conflict", "refused", "slow", "panic", "reply lost", "request lost", "late", "cut", "deadlock",
}

// String returns the name of the fault in lower case.
func (f Fault) String() string {
	if f < 0 || f >= faultCount {
		return fmt.Sprintf("Fault(%d)", int(f))
	}
	return faultNames[f]
}

// Op is a kind of call that faults happen to.
type Op int

// The operations. Load, Events, LatestSnapshot and LookupCommand are reads. OpTx is a Lock, Send or
// Commit in a transaction of the library, and OpEnd its End.
const (
	OpCommit Op = iota
	OpRead
	OpCommitSnapshot
	OpTx
	OpEnd
	OpFlush

	opCount
)

// possible are the faults of each operation.
var possible = [opCount][]Fault{
	OpCommit: {
		FaultConflict, FaultRefused, FaultSlow, FaultPanic, FaultReplyLost, FaultRequestLost, FaultLate,
	},
	OpRead:           {FaultRefused, FaultSlow, FaultPanic, FaultCut},
	OpCommitSnapshot: {FaultRefused, FaultSlow, FaultPanic, FaultReplyLost, FaultRequestLost},
	OpTx:             {FaultRefused, FaultSlow, FaultPanic, FaultDeadlock},
	OpEnd: {
		FaultConflict, FaultRefused, FaultSlow, FaultPanic, FaultReplyLost, FaultRequestLost, FaultLate,
	},
	OpFlush: {FaultRefused, FaultSlow},
}

// Rates says how often faults happen: from 0, never, to 1, always. Together they are at most 1.
type Rates map[Fault]float64

// FaultOptions configures [Faults]. The zero value injects nothing but what a script asks for.
type FaultOptions struct {
	// Rates of each operation. OpCommit and OpEnd have all faults but FaultCut and FaultDeadlock;
	// OpRead has FaultRefused, FaultSlow, FaultPanic and FaultCut; OpCommitSnapshot has FaultRefused,
	// FaultSlow, FaultPanic, FaultReplyLost and FaultRequestLost; OpTx has FaultRefused, FaultSlow,
	// FaultPanic and FaultDeadlock; OpFlush has FaultRefused and FaultSlow.
	Rates map[Op]Rates

	// Slow is the longest that FaultSlow waits. Zero: 10 ms.
	Slow time.Duration

	// Late is the longest that a late commit takes. Zero: 10 ms.
	Late time.Duration

	// LateCalls, if positive, lets a late commit arrive just before one of that many later commits or
	// reads, instead of after a time: without a clock, and the same in every run.
	LateCalls int
}

// check panics on what can't be meant.
func (o *FaultOptions) check() {
	for op, rates := range o.Rates {
		sum := 0.0
		for f, rate := range rates {
			mustBePossible(op, f)
			if rate < 0 {
				panic(fmt.Sprintf("storetest: FaultOptions.Rates: %v has rate %v", f, rate))
			}
			sum += rate
		}
		if sum > 1+1e-9 {
			panic(fmt.Sprintf("storetest: FaultOptions.Rates: the rates of Op %d add up to %v", op, sum))
		}
	}
}

func mustBePossible(op Op, f Fault) {
	if op < 0 || op >= opCount {
		panic(fmt.Sprintf("storetest: no Op %d", op))
	}
	if f != FaultNone && !slices.Contains(possible[op], f) {
		panic(fmt.Sprintf("storetest: %v does not happen to Op %d", f, op))
	}
}
