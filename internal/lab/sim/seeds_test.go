package sim

import (
	"flag"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

var (
	seeds = flag.Int("seeds", 200, "how many seeds TestSeeds runs")
	from  = flag.Uint64("from", 1, "the first of them")
	seed  = flag.Uint64("seed", 0, "run this seed only, and print its trace")
	steps = flag.Int("steps", 200, "actions of a run")
)

func TestSeeds(t *testing.T) {
	if *seed != 0 {
		r := Run(t, Config{Seed: *seed, Steps: *steps})
		t.Log(strings.Join(r.Trace, "\n"))
		report(t, *seed, r)
		return
	}
	var mu sync.Mutex
	counts := map[string]int{}
	t.Run("all", func(t *testing.T) {
		const lanes = 4
		for lane := range lanes {
			t.Run(fmt.Sprint(lane), func(t *testing.T) {
				t.Parallel()
				for i := lane; i < *seeds; i += lanes {
					r := Run(t, Config{Seed: *from + uint64(i), Steps: *steps})
					report(t, *from+uint64(i), r)
					mu.Lock()
					for k, n := range r.Counts {
						counts[k] += n
					}
					mu.Unlock()
				}
			})
		}
	})
	for _, k := range slices.Sorted(maps.Keys(counts)) {
		t.Logf("%-20s %d", k, counts[k])
	}
	if *seeds >= 200 && *steps >= 200 {
		for _, path := range rareInMemory {
			require.Positive(t, counts[path], "never taken: %s", path)
		}
	}
}

// report fails the test if a law was broken, and says how to see it again.
func report(t *testing.T, seed uint64, r Result) {
	t.Helper()
	for _, v := range r.Violations {
		t.Errorf("%v\nagain: go test ./internal/lab/sim -run TestSeeds -seed=%d -steps=%d -v", v, seed, *steps)
	}
}

// TestTheSameSeedRunsTheSameWay allows for one run in ten that takes another way: on a busy machine things that happen
// at the very same instant of the simulated clock change places. On a quiet one all 50 have been seen to be the same. It is not
// run beside the others of this package, which would make the machine busy.
func TestTheSameSeedRunsTheSameWay(t *testing.T) {
	odd := 0
	for seed := uint64(1); seed <= 50; seed++ {
		one, two := Run(t, Config{Seed: seed}), Run(t, Config{Seed: seed})
		if !slices.Equal(one.Trace, two.Trace) {
			odd++
		}
	}
	require.LessOrEqual(t, odd, 5, "of 50 seeds")
}
