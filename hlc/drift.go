package hlc

import (
	"fmt"
	"math"
	"time"
)

// physical reads the physical clock in the unit of Clock.last, with a counter of 0.
func (c *Clock) physical() uint64 {
	var ms int64
	if c.now == nil {
		ms = time.Now().UnixMilli()
	} else {
		ms = c.now().UnixMilli()
	}
	return uint64(min(max(ms, 0), MaxMilliseconds)) << counterBits
}

// limit is the last instant that is not too far ahead of physical: the last counter
// of the last millisecond.
func (c *Clock) limit(physical uint64) uint64 {
	limit := physical + c.maxDrift
	if limit < physical {
		return math.MaxUint64
	}
	return limit | (1<<counterBits - 1)
}

// refuse is the error of a Now after last at physical. It stays out of Now's body to
// keep that small.
//
//go:noinline
func (c *Clock) refuse(last, physical uint64) error {
	if last == math.MaxUint64 {
		return errEndOfRange()
	}
	return c.driftError(last+1, physical)
}

func (c *Clock) driftError(bits, physical uint64) error {
	drift := time.Duration(c.maxDrift>>counterBits) * time.Millisecond
	return &DriftError{Time: join(bits, 0).Time(), Physical: join(physical, 0).Time(), MaxDrift: drift}
}

func errEndOfRange() error {
	return fmt.Errorf("%w: the clock is at the end of the year 10889", ErrRange)
}
