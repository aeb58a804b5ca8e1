package postgres

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func newConflicts(committers, connections int) *conflicts {
	c := &conflicts{}
	c.begin(committers, connections)
	return c
}

func TestAConflictMakesStatementsCarefulForAWhile(t *testing.T) {
	t.Parallel()
	c := newConflicts(2, 10)
	require.True(t, c.none())
	c.met()
	require.False(t, c.none())
	for range plainAfter - 1 {
		c.tell(1, 0, 0)
	}
	require.False(t, c.none())
	c.tell(10, 1, 0)
	for range plainAfter - 1 {
		c.tell(1, 0, 0)
	}
	require.False(t, c.none())
	c.tell(1, 0, 0)
	require.True(t, c.none())
}

func TestManyWaitsMakeSmallCrowds(t *testing.T) {
	t.Parallel()
	bounds := func(c *conflicts) [2]int {
		committers, size := c.bounds(2, 128)
		return [2]int{committers, size}
	}
	c := newConflicts(2, 10)
	require.Equal(t, [2]int{2, 128}, bounds(c))

	for range 50 {
		c.tell(10, 10, 0)
	}
	require.Equal(t, [2]int{2, 128}, bounds(c), "who is late waits for nobody")

	for range 50 {
		c.tell(10, 5, 5)
	}
	require.Equal(t, 8, bounds(c)[0])
	require.LessOrEqual(t, bounds(c)[1], 2)

	for range 50 {
		c.tell(50, 1, 1)
	}
	require.Equal(t, 8, bounds(c)[0])
	require.InDelta(t, 25, bounds(c)[1], 12)

	for range 20 {
		c.tell(50, 0, 0)
	}
	require.Equal(t, [2]int{2, 128}, bounds(c))
}

func TestSmallCrowdsLeaveAConnectionToTheApplication(t *testing.T) {
	t.Parallel()
	for connections, want := range map[int]int{1: 2, 2: 2, 3: 2, 4: 3, 9: 8, 100: 8} {
		c := newConflicts(2, connections)
		c.tell(50, 50, 50)
		committers, size := c.bounds(2, 128)
		require.Equal(t, want, committers, "of %d connections", connections)
		require.Equal(t, 1, min(size, 1))
	}
}
