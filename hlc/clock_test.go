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
		"hlc: too far ahead of the physical clock: 2026-11-21T20:43:29.036Z is 1h0m0s ahead, at most 5m0s is allowed")
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

func TestRecvIssuesAfterTheRemoteAndTheClock(t *testing.T) {
	t.Parallel()
	wall := at(noon)
	c := hlc.NewClock(&hlc.Options{Node: 7, Now: wall.now})
	for _, step := range []struct{ remote, want hlc.Timestamp }{
		{stamp(noon-9, 9, 1), stamp(noon, 0, 7)},
		{stamp(noon, 9, 1), stamp(noon, 10, 7)},
		{stamp(noon, 3, 1), stamp(noon, 11, 7)},
		{stamp(noon+5, 0xFFFF, 1), stamp(noon+6, 0, 7)},
		{hlc.Timestamp{}, stamp(noon+6, 1, 7)},
	} {
		got, err := c.Recv(step.remote)
		require.NoError(t, err)
		require.Equal(t, step.want, got)
	}
	require.Equal(t, stamp(noon+6, 2, 7), now(t, c))
}

func TestRecvRefusesItsOwnNodeIDBeforeAllElseAndStaysAsItWas(t *testing.T) {
	t.Parallel()
	c := hlc.NewClock(&hlc.Options{Node: 7, Now: at(noon).now})
	last := now(t, c)
	for _, remote := range []hlc.Timestamp{last, stamp(0, 0, 7), stamp(noon+1, 0, 7), stamp(hlc.MaxMilliseconds, 0, 7)} {
		ts, err := c.Recv(remote)
		require.Zero(t, ts)
		require.ErrorIs(t, err, hlc.ErrDuplicateNode)
		require.NotErrorIs(t, err, hlc.ErrDrift)
		var twin *hlc.DuplicateNodeError
		require.ErrorAs(t, err, &twin)
		require.Equal(t, remote, twin.Timestamp)
		require.Contains(t, err.Error(), remote.String())
	}
	ts, err := c.Recv(stamp(noon+300_001, 0, 1))
	require.Zero(t, ts)
	require.ErrorIs(t, err, hlc.ErrDrift)
	require.Equal(t, last, c.Last())
}

func TestRecvBlamesTheRemoteOnlyForItsOwnLead(t *testing.T) {
	t.Parallel()
	wall := at(noon)
	c := hlc.NewClock(&hlc.Options{Node: 7, Now: wall.now})
	now(t, c)
	wall.turn(-time.Hour)
	ts, err := c.Recv(stamp(noon-3_600_000, 0, 1))
	require.NoError(t, err)
	require.Equal(t, stamp(noon, 1, 7), ts)
	_, err = c.Now()
	require.ErrorIs(t, err, hlc.ErrDrift)
}

func TestObserveMakesLaterTimestampsLaterAndIssuesNone(t *testing.T) {
	t.Parallel()
	c := hlc.NewClock(&hlc.Options{Node: 7, Now: at(noon).now})
	require.NoError(t, c.Observe(stamp(noon+4, 2, 1)))
	require.NoError(t, c.Observe(stamp(noon+4, 1, 1)))
	require.NoError(t, c.Observe(hlc.Timestamp{}))
	require.Equal(t, stamp(noon+4, 3, 7), now(t, c))
	require.NoError(t, c.Observe(stamp(noon+4, 3, 7)), "issued by the clock itself")
	require.NoError(t, c.Observe(stamp(noon+4, 1, 7)), "may have been issued by the clock itself")
	require.Equal(t, stamp(noon+4, 4, 7), now(t, c))
}

func TestObserveRefusesATwinAndALeadAndStaysAsItWas(t *testing.T) {
	t.Parallel()
	c := hlc.NewClock(&hlc.Options{Node: 7, Now: at(noon).now})
	last := now(t, c)
	require.ErrorIs(t, c.Observe(stamp(noon, 1, 7)), hlc.ErrDuplicateNode)
	require.ErrorIs(t, c.Observe(stamp(hlc.MaxMilliseconds, 1, 7)), hlc.ErrDuplicateNode)
	require.ErrorIs(t, c.Observe(stamp(noon+300_001, 0, 1)), hlc.ErrDrift)
	require.Equal(t, last, c.Last())
}

func TestObserveDoesNotAskThePhysicalClockForWhatIsPast(t *testing.T) {
	t.Parallel()
	asked := 0
	c := hlc.NewClock(&hlc.Options{Node: 7, Now: func() time.Time { asked++; return time.UnixMilli(noon) }})
	now(t, c)
	require.Equal(t, 1, asked)
	require.NoError(t, c.Observe(stamp(noon, 0, 1)))
	require.Equal(t, 1, asked)
	require.NoError(t, c.Observe(stamp(noon, 1, 1)))
	require.Equal(t, 2, asked)
}

func TestObserveNeverTurnsBackAClockThatMovedOnMeanwhile(t *testing.T) {
	t.Parallel()
	var c *hlc.Clock
	reads := 0
	c = hlc.NewClock(&hlc.Options{Node: 7, Now: func() time.Time {
		// While the first observation looks at the physical clock, a second one
		// comes in and ends.
		if reads++; reads == 1 {
			require.NoError(t, c.Observe(stamp(noon+9, 0, 1)))
		}
		return time.UnixMilli(noon)
	}})
	require.NoError(t, c.Observe(stamp(noon+5, 0, 1)))
	require.Equal(t, 2, reads)
	require.Equal(t, stamp(noon+9, 0, 7), c.Last())
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
