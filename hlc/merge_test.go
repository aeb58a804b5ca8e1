package hlc_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/eventmaestro/maestro/hlc"
)

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
