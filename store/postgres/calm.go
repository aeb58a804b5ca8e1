package postgres

import (
	"sync"
	"sync/atomic"
)

// calm watches for conflicts, which decide twice how events are best stored.
//
// A plain INSERT is a quarter faster than one that leaves out what is in conflict, but one conflict takes everything in it
// back. So plain ones are sent as long as there are no conflicts: after one, everything is careful until so many statements have met
// none.
//
// And where processes write to the same aggregates, their statements wait for each other: the larger they are, the more often, and
// for the longer. So with many conflicts crowds are made smaller, and more of them are under way at once.
type calm struct {
	most       int          // committers where there are many conflicts
	statements atomic.Int64 // careful ones without a conflict, since the last one

	mu   sync.Mutex
	rate float64 // guarded by mu; of commits that are in conflict, among the last rateOver or so
}

const (
	// calmAfter is how many statements without a conflict make a calm. With conflicts in 1 statement of 100 there hardly ever is one.
	calmAfter = 256

	// rateOver is how many commits the rate is an average of, more or less.
	rateOver = 64

	// perStatement is how many conflicts a statement should meet, and manyCommitters how many statements may be under way to make up
	// for the small ones. With two processes on the same 16 aggregates they doubled the throughput.
	perStatement   = 0.5
	manyCommitters = 8
)

// begin begins with a calm. It leaves one of so many connections to the application, whatever comes.
func (c *calm) begin(committers, connections int) {
	c.most = max(committers, min(manyCommitters, connections-1))
	c.statements.Store(calmAfter)
}

// holds reports whether no statement has met a conflict for a while.
func (c *calm) holds() bool { return c.statements.Load() >= calmAfter }

// ends is told of a conflict in a plain statement.
func (c *calm) ends() { c.statements.Store(0) }

// tell reports what a careful statement did.
func (c *calm) tell(batch []*pending) {
	conflicts := 0
	for _, p := range batch {
		if !p.stored {
			conflicts++
		}
	}
	c.note(conflicts, len(batch))
}

// note is told of so many conflicts in a careful statement of so many commits.
func (c *calm) note(conflicts, commits int) {
	if conflicts > 0 {
		c.statements.Store(0)
	} else {
		c.statements.Add(1)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for i := range commits {
		if i < conflicts {
			c.rate += (1 - c.rate) / rateOver
		} else {
			c.rate -= c.rate / rateOver
		}
	}
}

// bounds returns how many committers there should be and how many commits they should take, given what the options say.
func (c *calm) bounds(committers, size int) (int, int) {
	if c.holds() {
		return committers, size
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.rate*float64(size) <= perStatement {
		return committers, size
	}
	return c.most, max(1, int(perStatement/c.rate))
}
