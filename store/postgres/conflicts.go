package postgres

import (
	"sync"
	"sync/atomic"
)

// conflicts watches for commits that were refused, and decides by it how others are best stored.
//
// A plain INSERT is a quarter faster than one that leaves out what is in conflict, but one conflict
// takes everything in it back. So plain ones are sent as long as there are no conflicts: after one,
// everything is careful until so many statements have met none.
//
// Where processes write to the same aggregates at the same moment, their statements wait for each
// other's rows: the larger they are, the more often, and for the longer. So where waits have been
// seen, crowds are made smaller, and more of them are under way at once. A commit that is merely
// late, as its process did not know of another's event, waits for nobody and is no reason for that.
type conflicts struct {
	most    int          // committers where there are many waits
	careful atomic.Int64 // statements without a conflict, since the last one

	mu    sync.Mutex
	waits float64 // guarded by mu; of commits that waited for another's row, among the last waitsOver or so
}

const (
	// plainAfter is how many statements without a conflict make plain ones worth a try. With conflicts
	// in 1 statement of 100 there hardly ever is one.
	plainAfter = 256

	// waitsOver is how many commits the rate is an average of, more or less.
	waitsOver = 64

	// perStatement is how many waits a statement should meet, and manyCommitters how many statements
	// may be under way to make up for the small ones. With two processes on the same 16 aggregates
	// they doubled the throughput.
	perStatement   = 0.5
	manyCommitters = 8
)

// begin begins without conflicts. It leaves one of so many connections to the application, whatever
// comes.
func (c *conflicts) begin(committers, connections int) {
	c.most = max(committers, min(manyCommitters, connections-1))
	c.careful.Store(plainAfter)
}

// none reports whether no statement has met a conflict for a while.
func (c *conflicts) none() bool { return c.careful.Load() >= plainAfter }

// met is told of a conflict.
func (c *conflicts) met() { c.careful.Store(0) }

// tell is told of a statement: how many of its commits were refused, and how many of them had
// waited for another's row.
func (c *conflicts) tell(commits, refused, waited int) {
	if refused > 0 {
		c.met()
	} else {
		c.careful.Add(1)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for i := range commits {
		if i < waited {
			c.waits += (1 - c.waits) / waitsOver
		} else {
			c.waits -= c.waits / waitsOver
		}
	}
}

// bounds returns how many committers there should be and how many commits they should take, given
// what the options say.
func (c *conflicts) bounds(committers, size int) (int, int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.waits*float64(size) <= perStatement {
		return committers, size
	}
	return c.most, max(1, int(perStatement/c.waits))
}
