package postgres

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func newCalm(committers, connections int) *calm {
	c := &calm{}
	c.begin(committers, connections)
	return c
}

func TestACalmEndsWithAConflictAndReturnsAfterAWhileWithoutOne(t *testing.T) {
	t.Parallel()
	c := newCalm(2, 10)
	require.True(t, c.holds())
	c.ends()
	require.False(t, c.holds())
	for range calmAfter - 1 {
		c.note(0, 1)
	}
	require.False(t, c.holds())
	c.note(1, 10)
	for range calmAfter - 1 {
		c.note(0, 1)
	}
	require.False(t, c.holds())
	c.note(0, 1)
	require.True(t, c.holds())
}

func TestManyConflictsMakeSmallCrowds(t *testing.T) {
	t.Parallel()
	bounds := func(c *calm) [2]int {
		committers, size := c.bounds(2, 128)
		return [2]int{committers, size}
	}
	c := newCalm(2, 10)
	require.Equal(t, [2]int{2, 128}, bounds(c))
	c.ends()
	require.Equal(t, [2]int{2, 128}, bounds(c), "one says nothing yet")

	for range 50 {
		c.note(5, 10)
	}
	require.Equal(t, 8, bounds(c)[0])
	require.LessOrEqual(t, bounds(c)[1], 2)

	for range 50 {
		c.note(1, 50)
	}
	require.Equal(t, 8, bounds(c)[0])
	require.InDelta(t, 25, bounds(c)[1], 12)

	for range 20 {
		c.note(0, 50)
	}
	require.Equal(t, [2]int{2, 128}, bounds(c))
}

func TestSmallCrowdsLeaveAConnectionToTheApplication(t *testing.T) {
	t.Parallel()
	for connections, want := range map[int]int{1: 2, 2: 2, 3: 2, 4: 3, 9: 8, 100: 8} {
		c := newCalm(2, connections)
		c.note(50, 50)
		committers, size := c.bounds(2, 128)
		require.Equal(t, want, committers, "of %d connections", connections)
		require.Equal(t, 1, min(size, 1))
	}
}
