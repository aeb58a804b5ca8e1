package hlc

// NewClockAt makes a clock whose newest timestamp is last, with last's node id, also
// where that is zero. It is how the vectors put a clock into a state.
func NewClockAt(last Timestamp, o Options) *Clock {
	c := NewClock(&o)
	c.node.Store(last.Node())
	c.last.Store(last.bits())
	return c
}

// Last is the clock's newest timestamp.
func (c *Clock) Last() Timestamp { return join(c.last.Load(), c.node.Load()) }
