package main

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestTwoVersionsAreComparedRoundByRound(t *testing.T) {
	t.Parallel()
	v := versions{
		// The machine was slow in the second round, for both.
		old: []figure{{1000, time.Millisecond, 2 * time.Millisecond, 100}, {100, 0, 0, 300}, {1000, 0, 0, 100}},
		new: []figure{{1100, time.Millisecond, 3 * time.Millisecond, 80}, {110, 0, 0, 240}, {900, 0, 0, 200}},
	}
	line := v.line(benchmark{name: "one", unit: perSecond})
	require.Contains(t, line, "case=one old=1000/s new=900.0/s ratio=1.100 rounds=0.90-1.10")
	require.Contains(t, line, "cpu_ratio=1.250", "less processor time is better")
	require.Contains(t, versions{old: v.old, new: v.new}.line(benchmark{unit: nanoseconds}), "ratio=0.909", "where less is better")
}

func TestAFigureTravelsBetweenTwoVersions(t *testing.T) {
	t.Parallel()
	line := sample.ours.encode()
	require.True(t, strings.HasPrefix(line, `ours {"Value":1900`), line)
}

func TestACaseThatMissesAConditionBesideItsRatioSaysSo(t *testing.T) {
	t.Parallel()
	r := sample
	r.nothingFailed(0)
	r.tail("p99_by_one", 3*time.Second, time.Second, 3)
	require.True(t, r.met())
	r.nothingFailed(2)
	r.tail("p99_by_one", 4*time.Second, time.Second, 3)
	require.Contains(t, r.line(), "met=NO")
	require.Contains(t, r.line(), "missed=failed=2>0,p99_by_one=4.00>3.00")
	require.Contains(t, r.row(), "**missed: failed=2>0**, **missed: p99_by_one=4.00>3.00**")
}
