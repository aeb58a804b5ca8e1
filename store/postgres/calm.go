package postgres

import "sync/atomic"

// calm decides between two ways to store the same events. A plain INSERT is a quarter faster, but one conflict takes everything in it back; the
// careful statements leave out what is in conflict. So plain ones are sent as long as there are no conflicts: after one,
// everything is careful until so many statements have met none.
type calm struct{ statements atomic.Int64 }

// calmAfter is how many statements without a conflict make a calm. With conflicts in 1 statement of 100 there hardly ever is one.
const calmAfter = 256

// holds reports whether no statement has met a conflict for a while.
func (c *calm) holds() bool { return c.statements.Load() >= calmAfter }

// ends is told of a conflict.
func (c *calm) ends() { c.statements.Store(0) }

// tell reports what a careful statement did.
func (c *calm) tell(batch []*pending) {
	for _, p := range batch {
		if !p.stored {
			c.ends()
			return
		}
	}
	c.goesOn()
}

// goesOn is told of a careful statement without conflict.
func (c *calm) goesOn() { c.statements.Add(1) }
