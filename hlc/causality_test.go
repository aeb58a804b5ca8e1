package hlc_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/eventmaestro/maestro/hlc"
)

// world is a few processes whose physical clocks jump as they like, and a log that
// all of them write to and read from. Each process remembers the latest timestamp
// that it knows of, which is all that causality is about.
type world struct {
	processes []*process
	log       []hlc.Timestamp
	issued    map[hlc.Timestamp]bool
	drift     time.Duration
}

type process struct {
	wall  *physical
	clock *hlc.Clock
	knows hlc.Timestamp // after its last issue or observation
}

// issue checks a timestamp that p was given, and writes it to the log.
func (w *world) issue(t *rapid.T, p *process, ts hlc.Timestamp) {
	require.Truef(t, ts.After(p.knows), "%s is not after %s", ts, p.knows)
	require.Falsef(t, w.issued[ts], "%s twice", ts)
	require.Equal(t, p.clock.Node(), ts.Node())
	require.GreaterOrEqual(t, ts.Milliseconds(), p.wall.ms.Load())
	w.issued[ts] = true
	w.log = append(w.log, ts)
	p.knows = ts
}

// lead reports whether ts is too far ahead of p's physical clock.
func (w *world) lead(p *process, ts hlc.Timestamp) bool {
	return w.drift >= 0 && ts.Milliseconds() > p.wall.ms.Load()+w.drift.Milliseconds()
}

func (w *world) process(t *rapid.T) *process {
	return rapid.SampledFrom(w.processes).Draw(t, "process")
}

func (w *world) timestamp(t *rapid.T) hlc.Timestamp {
	return rapid.SampledFrom(append(w.log, hlc.Timestamp{})).Draw(t, "timestamp")
}

func (w *world) Jump(t *rapid.T) {
	w.process(t).wall.ms.Add(rapid.Int64Range(-50, 50).Draw(t, "ms"))
}

func (w *world) Now(t *rapid.T) {
	p := w.process(t)
	before := p.clock.Last()
	ts, err := p.clock.Now()
	if err == nil {
		require.False(t, w.lead(p, ts))
		w.issue(t, p, ts)
		return
	}
	require.ErrorIs(t, err, hlc.ErrDrift)
	require.Equal(t, before, p.clock.Last())
	require.True(t, w.lead(p, before) || w.lead(p, stamp(before.Milliseconds()+1, 0, 0)))
}

func (w *world) Recv(t *rapid.T) {
	p, remote := w.process(t), w.timestamp(t)
	before := p.clock.Last()
	ts, err := p.clock.Recv(remote)
	switch {
	case remote.Node() == p.clock.Node():
		require.ErrorIs(t, err, hlc.ErrDuplicateNode)
	case w.lead(p, remote):
		require.ErrorIs(t, err, hlc.ErrDrift)
	default:
		require.NoError(t, err)
		require.True(t, ts.Milliseconds() > remote.Milliseconds() || ts.Counter() > remote.Counter())
		p.knows = later(p.knows, remote)
		w.issue(t, p, ts)
		return
	}
	require.Equal(t, before, p.clock.Last())
}

func (w *world) Observe(t *rapid.T) {
	p, remote := w.process(t), w.timestamp(t)
	before := p.clock.Last()
	if err := p.clock.Observe(remote); err != nil {
		require.ErrorIs(t, err, hlc.ErrDrift, "no clock has a twin here")
		require.True(t, w.lead(p, remote))
		require.Equal(t, before, p.clock.Last())
		return
	}
	p.knows = later(p.knows, remote)
}

func (w *world) After(t *rapid.T) {
	p, last := w.process(t), w.timestamp(t)
	before := p.clock.Last()
	ts := p.clock.NowAfter(last)
	require.Truef(t, ts.After(last), "%s is not after %s", ts, last)
	if w.lead(p, last) {
		require.Equal(t, before, p.clock.Last())
		require.False(t, w.issued[ts])
		w.issued[ts] = true
		w.log = append(w.log, ts)
		return
	}
	p.knows = later(p.knows, last)
	w.issue(t, p, ts)
}

func (w *world) Renew(t *rapid.T) {
	p := w.process(t)
	require.Equal(t, p.clock.Renew(), p.clock.Node())
}

func later(a, b hlc.Timestamp) hlc.Timestamp {
	if a.After(b) {
		return a
	}
	return b
}

func TestTimestampsRespectCausalityUnderAnyPhysicalClocks(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		w := &world{
			issued: map[hlc.Timestamp]bool{},
			drift:  rapid.SampledFrom([]time.Duration{time.Millisecond, 30 * time.Millisecond, -1}).Draw(t, "drift"),
		}
		for node := uint64(1); node <= 3; node++ {
			p := &process{wall: at(noon + rapid.Int64Range(-40, 40).Draw(t, "skew"))}
			p.clock = hlc.NewClock(&hlc.Options{Node: node, MaxDrift: w.drift, Now: p.wall.now})
			w.processes = append(w.processes, p)
		}
		t.Repeat(rapid.StateMachineActions(w))
	})
}

// Check is called after each step.
func (w *world) Check(t *rapid.T) {
	for _, p := range w.processes {
		last, knows := p.clock.Last(), p.knows
		require.False(t, last.Milliseconds() < knows.Milliseconds() ||
			last.Milliseconds() == knows.Milliseconds() && last.Counter() < knows.Counter(), "the clock fell back")
	}
}

func TestOneClockRisesStrictlyUnderAnyPhysicalClock(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		readings := rapid.SliceOfN(rapid.OneOf(
			rapid.Int64Range(-5, 5), rapid.Int64Range(noon-5, noon+5), rapid.Int64Range(-1<<50, 1<<50),
		), 1, 100).Draw(t, "readings")
		next := 0
		c := hlc.NewClock(&hlc.Options{MaxDrift: -1, Now: func() time.Time {
			next++
			return time.UnixMilli(readings[next-1])
		}})
		last := hlc.Timestamp{}
		for range readings {
			ts, err := c.Now()
			require.NoError(t, err)
			require.Truef(t, ts.After(last), "%s %s", last, ts)
			last = ts
		}
	})
}
