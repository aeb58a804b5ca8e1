package hlc_test

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/eventmaestro/maestro/hlc"
)

func TestNowAfterWithinTheBoundIssuesAsNowDoes(t *testing.T) {
	t.Parallel()
	c := hlc.NewClock(&hlc.Options{Node: 7, Now: at(noon).now})
	require.Equal(t, stamp(noon, 0, 7), c.NowAfter(hlc.Timestamp{}))
	require.Equal(t, stamp(noon, 1, 7), c.NowAfter(stamp(noon-5, 9, 1)))
	require.Equal(t, stamp(noon+3, 10, 7), c.NowAfter(stamp(noon+3, 9, 1)))
	require.Equal(t, stamp(noon+3, 11, 7), now(t, c), "the clock took note")
	require.Equal(t, stamp(noon+300_000, 1, 7), c.NowAfter(stamp(noon+300_000, 0, 1)), "the bound itself is within")
}

func TestNowAfterTakesATwinsTimestampLikeAnyOther(t *testing.T) {
	t.Parallel()
	c := hlc.NewClock(&hlc.Options{Node: 7, Now: at(noon).now})
	require.Equal(t, stamp(noon+9, 1, 7), c.NowAfter(stamp(noon+9, 0, 7)))
}

func TestNowAfterBeyondTheBoundMovesNeitherTheClockNorOtherHistories(t *testing.T) {
	t.Parallel()
	c := hlc.NewClock(&hlc.Options{Node: 7, Now: at(noon).now})
	last := now(t, c)

	far := stamp(noon+1e12, 5, 1)
	ts := c.NowAfter(far)
	require.Equal(t, far.Milliseconds(), ts.Milliseconds())
	require.EqualValues(t, 6, ts.Counter())
	require.Equal(t, last, c.Last(), "the clock stayed")

	near := stamp(noon+300_001, 0xFFFF, 1)
	ts = c.NowAfter(near)
	require.Equal(t, near.Milliseconds()+1, ts.Milliseconds(), "not as far as the other")
	require.Zero(t, ts.Counter())
	require.Equal(t, stamp(noon, 1, 7), now(t, c))
}

func TestNowAfterBeyondTheBoundIsUniqueAlthoughNoClockCountsThere(t *testing.T) {
	t.Parallel()
	wall := at(noon)
	c := hlc.NewClock(&hlc.Options{Node: 7, Now: wall.now})
	far := stamp(noon+300_001, 0, 1)
	seen := map[hlc.Timestamp]bool{}
	for range 1000 {
		ts := c.NowAfter(far)
		require.True(t, ts.After(far))
		require.False(t, seen[ts])
		seen[ts] = true
	}
	// The clock comes by later and counts through the same instants.
	wall.turn(300_001 * time.Millisecond)
	for range 1000 {
		require.False(t, seen[now(t, c)])
	}
}

func TestNowAfterReturnsToTheClockOnceTheClockCaughtUp(t *testing.T) {
	t.Parallel()
	wall := at(noon)
	c := hlc.NewClock(&hlc.Options{Node: 7, Now: wall.now})
	ts := c.NowAfter(stamp(noon+300_001, 0, 1))
	wall.turn(time.Millisecond)
	require.Equal(t, stamp(noon+300_001, 2, 7), c.NowAfter(ts))
}

func TestNowAfterDoesNotFailWhenThePhysicalClockWasSetBack(t *testing.T) {
	t.Parallel()
	wall := at(noon)
	c := hlc.NewClock(&hlc.Options{Node: 7, Now: wall.now})
	last := now(t, c)
	wall.turn(-24 * time.Hour)
	_, err := c.Now()
	require.ErrorIs(t, err, hlc.ErrDrift)
	require.Equal(t, stamp(noon, 1, 7), c.NowAfter(stamp(noon-86_400_000, 0, 1)), "after all that the clock issued")
	require.True(t, c.NowAfter(last).After(last))
}

func TestNowAfterAtTheEndOfTheRangeCountsInTheNode(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]*hlc.Clock{
		"bounded": hlc.NewClock(&hlc.Options{Now: at(noon).now}),
		"without": hlc.NewClock(&hlc.Options{Now: at(noon).now, MaxDrift: -1}),
	} {
		full := stamp(hlc.MaxMilliseconds, math.MaxUint16, 1)
		ts := full
		for range 1000 {
			next := c.NowAfter(ts)
			require.Truef(t, next.After(ts), "%s: %s %s", name, ts, next)
			require.Equal(t, full.Milliseconds(), next.Milliseconds())
			ts = next
		}
		require.Less(t, ts.Node(), uint64(1)<<45, "there is room for many more")

		beforeLast := stamp(hlc.MaxMilliseconds, math.MaxUint16, math.MaxUint64-1)
		require.Equal(t, last48, c.NowAfter(beforeLast))
		require.Equal(t, last48, c.NowAfter(last48), "the one timestamp without a successor")
	}
}

func TestNowAfterIsAfterWhateverItIsGiven(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		wall := at(rapid.Int64Range(-10, hlc.MaxMilliseconds+10).Draw(t, "physical"))
		drift := rapid.SampledFrom([]time.Duration{0, 1, time.Hour, -1}).Draw(t, "drift")
		c := hlc.NewClockAt(timestamps().Draw(t, "last"), hlc.Options{MaxDrift: drift, Now: wall.now})
		ts := timestamps().Draw(t, "t")
		for range rapid.IntRange(1, 5).Draw(t, "times") {
			next := c.NowAfter(ts)
			require.Truef(t, next.After(ts) || ts == last48, "%s %s", ts, next)
			ts = next
		}
	})
}
