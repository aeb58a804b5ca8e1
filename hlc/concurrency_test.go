package hlc_test

import (
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/eventmaestro/maestro/hlc"
)

// together runs f in n goroutines that start at the same moment.
func together(n int, f func(i int)) {
	var wg sync.WaitGroup
	start := make(chan struct{})
	for i := range n {
		wg.Go(func() {
			<-start
			f(i)
		})
	}
	close(start)
	wg.Wait()
}

func TestManyGoroutinesNeverGetTheSameTimestamp(t *testing.T) {
	t.Parallel()
	const workers, each = 64, 2000
	// A physical clock that stands still or jumps back leaves it all to the counter.
	wall := at(noon)
	c := hlc.NewClock(&hlc.Options{Node: 7, Now: wall.now})
	far := stamp(noon+1e9, 0, 1)
	issued := make([][]hlc.Timestamp, workers)
	together(workers, func(i int) {
		mine := make([]hlc.Timestamp, 0, each)
		for n := range each {
			var ts hlc.Timestamp
			var err error
			switch (i + n) % 4 {
			case 0, 1:
				ts, err = c.Now()
			case 2:
				ts, err = c.Recv(stamp(noon+int64(n%7), uint16(n), uint64(i)+100))
			case 3:
				ts = c.NowAfter(stamp(noon, uint16(n), 1))
			}
			if err != nil {
				t.Error(err)
				return
			}
			if n%500 == 0 {
				wall.turn(time.Duration(i%3-1) * time.Millisecond)
				c.Renew()
			}
			if n%10 == 0 {
				mine = append(mine, c.NowAfter(far))
			}
			mine = append(mine, ts)
		}
		issued[i] = mine
	})

	seen := make(map[hlc.Timestamp]bool, workers*each)
	times := make(map[[8]byte]bool, workers*each)
	for _, mine := range issued {
		last := hlc.Timestamp{}
		require.Len(t, mine, each+each/10)
		for _, ts := range mine {
			require.False(t, seen[ts], "%s twice", ts)
			seen[ts] = true
			if ts.Milliseconds() >= far.Milliseconds() {
				continue
			}
			require.Truef(t, ts.After(last), "%s %s", last, ts)
			last = ts
			require.False(t, times[[8]byte(ts[:8])], "%s only differs in its node", ts)
			times[[8]byte(ts[:8])] = true
		}
	}
}

func TestAnObservationIsSeenByEveryLaterTimestampOfEveryGoroutine(t *testing.T) {
	t.Parallel()
	c := hlc.NewClock(&hlc.Options{Node: 7, Now: at(noon).now})
	together(16, func(i int) {
		for n := range 500 {
			remote := stamp(noon+int64(n*16+i), 0, uint64(i)+100)
			if err := c.Observe(remote); err != nil {
				t.Error(err)
				return
			}
			ts, err := c.Now()
			if err != nil || !ts.After(remote) {
				t.Errorf("%s after %s: %v", ts, remote, err)
				return
			}
			// Own timestamps that other goroutines were issued meanwhile are no twin's.
			if err := c.Observe(ts); err != nil {
				t.Error(err)
				return
			}
		}
	})
}

func TestRenewingTogetherGivesEachCallAnotherID(t *testing.T) {
	t.Parallel()
	c := hlc.NewClock(nil)
	nodes := make([]uint64, 64)
	together(len(nodes), func(i int) { nodes[i] = c.Renew() })
	distinct := map[uint64]bool{}
	for _, node := range nodes {
		distinct[node] = true
	}
	require.Len(t, distinct, len(nodes))
	require.Contains(t, nodes, c.Node())
}
