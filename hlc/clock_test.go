package hlc_test

import (
	"math"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/eventmaestro/maestro/hlc"
)

func TestNowFollowsThePhysicalClockAndCountsWithinAMillisecond(t *testing.T) {
	t.Parallel()
	wall := at(noon)
	c := hlc.NewClock(&hlc.Options{Node: 7, Now: wall.now})
	require.Equal(t, stamp(noon, 0, 7), now(t, c))
	require.Equal(t, stamp(noon, 1, 7), now(t, c))
	wall.turn(time.Millisecond)
	require.Equal(t, stamp(noon+1, 0, 7), now(t, c))
	wall.turn(-time.Minute)
	require.Equal(t, stamp(noon+1, 1, 7), now(t, c))
}

func now(t *testing.T, c *hlc.Clock) hlc.Timestamp {
	t.Helper()
	ts, err := c.Now()
	require.NoError(t, err)
	return ts
}

func TestAFullCounterCarriesIntoTheNextMillisecond(t *testing.T) {
	t.Parallel()
	c := hlc.NewClock(&hlc.Options{Node: 7, Now: at(noon).now})
	last := hlc.Timestamp{}
	for range 3*65536 + 1 {
		ts := now(t, c)
		require.Truef(t, ts.After(last), "%s %s", last, ts)
		last = ts
	}
	require.Equal(t, stamp(noon+3, 0, 7), last)
}

func TestNowRefusesToLeaveThePhysicalClockTooFarBehind(t *testing.T) {
	t.Parallel()
	wall := at(noon)
	c := hlc.NewClock(&hlc.Options{Node: 7, Now: wall.now})
	last := now(t, c)

	wall.turn(-hlc.DefaultMaxDrift)
	require.Equal(t, stamp(noon, 1, 7), now(t, c), "the bound itself is allowed")

	wall.turn(-time.Millisecond)
	for range 3 {
		ts, err := c.Now()
		require.Zero(t, ts)
		require.ErrorIs(t, err, hlc.ErrDrift)
		var drift *hlc.DriftError
		require.ErrorAs(t, err, &drift)
		require.Equal(t, last.Time(), drift.Time)
		require.Equal(t, wall.now().UTC(), drift.Physical)
		require.Equal(t, hlc.DefaultMaxDrift, drift.MaxDrift)
		require.Equal(t, hlc.DefaultMaxDrift+time.Millisecond, drift.Ahead())
	}

	wall.turn(time.Millisecond)
	require.Equal(t, stamp(noon, 2, 7), now(t, c), "refusals did not count")
}

func TestNowRefusesToCarryBeyondTheBound(t *testing.T) {
	t.Parallel()
	last := stamp(noon+300_000, 0xFFFF, 7)
	c := hlc.NewClockAt(last, hlc.Options{Now: at(noon).now})
	_, err := c.Now()
	var drift *hlc.DriftError
	require.ErrorAs(t, err, &drift)
	require.Equal(t, stamp(noon+300_001, 0, 0).Time(), drift.Time, "the time that it would have had to issue")
	require.Equal(t, last, c.Last())
}

func TestDriftErrorsSayHowFar(t *testing.T) {
	t.Parallel()
	c := hlc.NewClock(&hlc.Options{Now: at(noon).now})
	require.EqualError(t, c.Observe(stamp(noon+3_600_000, 3, 1)),
		"hlc: too far ahead of the physical clock: 2026-11-21T20:43:29.036Z, by 1h0m0s where 5m0s is allowed: set the clock of this machine right, or the sender's, or raise Options.MaxDrift")
	var drift *hlc.DriftError
	require.ErrorAs(t, c.Observe(stamp(hlc.MaxMilliseconds, 0, 1)), &drift)
	require.EqualValues(t, math.MaxInt64, drift.Ahead())
}

func TestMaxDriftIsInMillisecondsRoundedUpAndNegativeIsNoBound(t *testing.T) {
	t.Parallel()
	for drift, ms := range map[time.Duration]int64{
		0:                       300_000,
		1:                       1,
		time.Millisecond:        1,
		time.Millisecond + 1:    2,
		time.Hour:               3_600_000,
		math.MaxInt64:           9_223_372_036_854,
		math.MaxInt64 - 775_807: 9_223_372_036_854,
		math.MaxInt64 - 775_808: 9_223_372_036_854,
	} {
		c := hlc.NewClock(&hlc.Options{Now: at(noon).now, MaxDrift: drift})
		var refused *hlc.DriftError
		require.ErrorAs(t, c.Observe(stamp(noon+ms+1, 0, 1)), &refused, drift)
		require.Equal(t, time.Duration(ms)*time.Millisecond, refused.MaxDrift)
		require.NoError(t, c.Observe(stamp(noon+ms, 0xFFFF, 1)), drift)
	}
	c := hlc.NewClock(&hlc.Options{Now: at(0).now, MaxDrift: -1})
	require.NoError(t, c.Observe(stamp(hlc.MaxMilliseconds, 0xFFFE, 1)))
	require.Equal(t, stamp(hlc.MaxMilliseconds, 0xFFFF, c.Node()), now(t, c))
}

func TestThePhysicalClockIsCutToTheRangeOfATimestamp(t *testing.T) {
	t.Parallel()
	before := hlc.NewClock(&hlc.Options{Node: 7, Now: at(-1).now})
	require.Equal(t, stamp(0, 1, 7), now(t, before), "all zero but for the node was never issued, it counts as last")
	require.Equal(t, stamp(0, 2, 7), now(t, before))

	beyond := hlc.NewClock(&hlc.Options{Node: 7, Now: at(hlc.MaxMilliseconds + 1).now})
	require.Equal(t, stamp(hlc.MaxMilliseconds, 0, 7), now(t, beyond))
}

func TestAtTheEndOfTheRangeTheClockStopsAndStays(t *testing.T) {
	t.Parallel()
	for _, ms := range []int64{noon, hlc.MaxMilliseconds} {
		c := hlc.NewClockAt(stamp(hlc.MaxMilliseconds, 0xFFFF, 7), hlc.Options{MaxDrift: -1, Now: at(ms).now})
		for range 2 {
			_, err := c.Now()
			require.ErrorIs(t, err, hlc.ErrRange)
			_, err = c.Recv(stamp(noon, 0, 1))
			require.ErrorIs(t, err, hlc.ErrRange)
		}
		require.NoError(t, c.Observe(stamp(hlc.MaxMilliseconds, 0xFFFF, 1)))
		require.Equal(t, stamp(hlc.MaxMilliseconds, 0xFFFF, 7), c.Last())
	}
}

func TestRenewTakesAnotherIDAndTheOldOneBecomesARemote(t *testing.T) {
	t.Parallel()
	c := hlc.NewClock(&hlc.Options{Node: 7, Now: at(noon).now})
	old := now(t, c)
	_, err := c.Recv(old)
	require.ErrorIs(t, err, hlc.ErrDuplicateNode)

	node := c.Renew()
	require.Equal(t, node, c.Node())
	require.NotEqualValues(t, 7, node)
	require.NotZero(t, node)
	ts, err := c.Recv(old)
	require.NoError(t, err)
	require.Equal(t, stamp(noon, 1, node), ts)
	require.NotEqual(t, node, c.Renew())
}

func TestDefaultsAreTimeNowAndARandomNode(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c, other := hlc.NewClock(nil), hlc.NewClock(&hlc.Options{})
		require.NotEqual(t, c.Node(), other.Node())
		require.NotZero(t, c.Node())
		first := now(t, c)
		require.Equal(t, time.Now().UTC().Truncate(time.Millisecond), first.Time())
		require.Zero(t, first.Counter())
		time.Sleep(2 * time.Millisecond)
		require.Equal(t, first.Milliseconds()+2, now(t, c).Milliseconds())
		require.ErrorIs(t, c.Observe(stamp(first.Milliseconds()+300_003, 0, 1)), hlc.ErrDrift)
		require.NoError(t, c.Observe(stamp(first.Milliseconds()+300_002, 0, 1)))
	})
}
