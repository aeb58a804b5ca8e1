package hlc

import (
	"math"
	"sync/atomic"
	"time"
)

// cacheLine is two lines of 64 bytes, because processors fetch them in pairs.
const cacheLine = 128

// Clock issues timestamps that rise strictly. Make it with [NewClock], and one a
// process is enough. All methods are safe for concurrent use and take no lock; none
// blocks. A Clock must not be copied.
//
// The first eight bytes of two timestamps of one Clock differ, unless [Clock.NowAfter] issued them
// beyond the drift bound. So they are unique even if [Clock.Renew] is called between them.
type Clock struct {
	node     atomic.Uint64
	now      func() time.Time // nil: time.Now, called directly
	maxDrift uint64           // in the unit of last; math.MaxUint64: no bound

	// last has its cache lines to itself, so that neither the fields above nor a
	// neighbour on the heap slow down, or are slowed down by, its every update.
	_    [cacheLine]byte
	last atomic.Uint64 // time and counter of the newest timestamp issued or met
	_    [cacheLine]byte
}

// Node is the id that the clock puts into its timestamps.
func (c *Clock) Node() uint64 { return c.node.Load() }

// Renew gives the clock another id, 64 random bits, and returns it. It is the remedy
// when the old id turns out to belong to another clock as well. Timestamps that are
// being issued at the same moment may carry either id.
func (c *Clock) Renew() uint64 {
	for {
		old, node := c.node.Load(), randomBits()
		if node != old && c.node.CompareAndSwap(old, node) {
			return node
		}
	}
}

// Now issues a timestamp that is after all timestamps that this clock issued or met before, and not
// before the physical clock.
//
// It returns [ErrDrift], with a [*DriftError], when that would be more than MaxDrift
// ahead of the physical clock, which must have been set back or stood still under
// load; and [ErrRange] when the clock has used up the 48 bits.
func (c *Clock) Now() (t Timestamp, err error) {
	physical := c.physical()
	limit := c.limit(physical)
	for {
		last := c.last.Load()
		next := max(physical, last+1)
		// At the end of the range last+1 wraps to zero, and physical takes its place.
		if next > limit || next <= last {
			return Timestamp{}, c.refuse(last, physical)
		}
		// Written before the swap, whose memory barrier then makes it readable at
		// once: the caller's 16 byte copy of two 8 byte stores would otherwise wait
		// for them, which costs as much as the swap itself.
		t.set(next, c.node.Load())
		if c.last.CompareAndSwap(last, next) {
			return t, nil
		}
	}
}

// Recv issues a timestamp that is also after remote, for what remote caused.
//
// It returns [ErrDuplicateNode], with a [*DuplicateNodeError], when remote has this
// clock's node id; [ErrDrift], with a [*DriftError], when remote is more than
// MaxDrift ahead of the physical clock; and [ErrRange] when the 48 bits are used up.
// The clock is then what it was. A lead that the clock itself has is not remote's
// fault, and is left to [Clock.Now] to report.
func (c *Clock) Recv(remote Timestamp) (Timestamp, error) {
	if remote.Node() == c.node.Load() {
		return Timestamp{}, &DuplicateNodeError{Timestamp: remote}
	}
	physical, bits := c.physical(), remote.bits()
	if bits > c.limit(physical) {
		return Timestamp{}, c.driftError(bits, physical)
	}
	next, ok := c.issueAfter(bits, physical)
	if !ok {
		return Timestamp{}, errEndOfRange()
	}
	return join(next, c.node.Load()), nil
}

// Observe takes note of remote, so that all later timestamps of the clock are after it, without
// issuing one. It is for timestamps that are read, such as those of events in a log. A timestamp
// that the clock has already passed is accepted without a look at the physical clock, whoever
// issued it.
//
// It returns [ErrDuplicateNode], with a [*DuplicateNodeError], when remote has this
// clock's node id and is beyond what the clock issued; and [ErrDrift], with a
// [*DriftError], when remote is more than MaxDrift ahead of the physical clock. The
// clock is then what it was.
func (c *Clock) Observe(remote Timestamp) error {
	bits := remote.bits()
	if bits <= c.last.Load() {
		return nil
	}
	if remote.Node() == c.node.Load() {
		return &DuplicateNodeError{Timestamp: remote}
	}
	if physical := c.physical(); bits > c.limit(physical) {
		return c.driftError(bits, physical)
	}
	for {
		last := c.last.Load()
		if bits <= last || c.last.CompareAndSwap(last, bits) {
			return nil
		}
	}
}

// NowAfter issues a timestamp that is after t, to stamp what follows t in one history,
// and never fails: whatever the log holds, it can be continued.
//
// If t is no more than MaxDrift ahead of the physical clock, NowAfter takes
// note of it and issues as [Clock.Now] does, whatever its node id, and even when the
// clock is itself too far ahead.
//
// If t is further ahead, it moves neither the clock nor any history but its own. The result is t's
// time with the next counter, and 64 random bits in place of the node id, which keep it unique
// although no clock counts there. At the end of the 48 bits, where time and counter can't rise, the
// node id rises. Only the very last timestamp, 16 bytes of 0xFF, has no successor and is returned
// itself.
func (c *Clock) NowAfter(t Timestamp) Timestamp {
	physical, bits := c.physical(), t.bits()
	if bits <= c.limit(physical) {
		if next, ok := c.issueAfter(bits, physical); ok {
			return join(next, c.node.Load())
		}
	}
	return successor(t)
}

// issueAfter advances the clock past bits, past all it issued, and to the physical
// clock, without a bound. It reports false, and leaves the clock alone, at the end
// of the range.
func (c *Clock) issueAfter(bits, physical uint64) (uint64, bool) {
	for {
		last := c.last.Load()
		newest := max(last, bits)
		next := max(physical, newest+1)
		if next <= newest {
			return 0, false
		}
		if c.last.CompareAndSwap(last, next) {
			return next, true
		}
	}
}

// successor is a timestamp after t that nobody else has.
func successor(t Timestamp) Timestamp {
	if bits := t.bits(); bits < math.MaxUint64 {
		return join(bits+1, randomBits())
	}
	// Steps of 32 random bits at most: hard to meet by chance, and room for billions.
	node, step := t.Node(), randomBits()>>32+1
	return join(math.MaxUint64, node+min(step, math.MaxUint64-node))
}
