package hlc

import (
	"crypto/rand"
	"encoding/binary"
	"math"
	"time"
)

// DefaultMaxDrift is how far a [Clock] may be ahead of the physical clock when
// [Options.MaxDrift] is zero: five minutes.
const DefaultMaxDrift = 300 * time.Second

// Options configures a [Clock]. The zero Options is ready for use.
type Options struct {
	// Node is the id that the clock puts into its timestamps. No two clocks that
	// write to the same place may share one. Zero: 64 random bits.
	Node uint64

	// MaxDrift is how far the clock may be ahead of the physical one, in whole
	// milliseconds, rounded up. Zero: [DefaultMaxDrift]. Negative: any distance.
	MaxDrift time.Duration

	// Now is the physical clock. It is called concurrently; it may jump, also back.
	// Times outside the range of a timestamp count as its nearest end.
	// Nil: [time.Now].
	Now func() time.Time
}

// NewClock makes a clock that has issued nothing yet. A nil o stands for the zero
// [Options]; o is not kept.
func NewClock(o *Options) *Clock {
	if o == nil {
		o = &Options{}
	}
	node, drift := o.Node, uint64(math.MaxUint64)
	if node == 0 {
		node = randomBits()
	}
	switch {
	case o.MaxDrift == 0:
		drift = uint64(DefaultMaxDrift.Milliseconds()) << counterBits
	case o.MaxDrift > 0:
		// The ceiling, except where it would be more than the longest duration.
		ms := min((o.MaxDrift-1)/time.Millisecond+1, math.MaxInt64/time.Millisecond)
		drift = uint64(ms) << counterBits
	}
	c := &Clock{now: o.Now, maxDrift: drift}
	c.node.Store(node)
	return c
}

// randomBits is a random node id. It is never zero, which [Options] reads as "none".
func randomBits() uint64 {
	for {
		var b [8]byte
		_, _ = rand.Read(b[:]) // it never fails; a platform without randomness ends the program
		if n := binary.BigEndian.Uint64(b[:]); n != 0 {
			return n
		}
	}
}
