package sim

import (
	"flag"
	"fmt"
	"maps"
	"slices"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/eventmaestro/maestro/internal/lab/pgtest"
	"github.com/eventmaestro/maestro/migrations"
)

var (
	realSeeds = flag.Int("realseeds", 6, "how many seeds TestSeedsOnPostgres runs")
	realSeed  = flag.Uint64("realseed", 0, "run this seed only on Postgres")
)

// TestSeedsOnPostgres is not in the same bubble as the others: here only what is asked and what is cut
// follows from the seed.
func TestSeedsOnPostgres(t *testing.T) {
	url, _ := pgtest.Schema(t)
	pool := pgtest.Open(t, url)
	require.NoError(t, migrations.Apply(t.Context(), pool, &migrations.Options{Metadata: true, Commands: true, Tail: true}))
	require.NoError(t, RealTables(t.Context(), pool))
	first, n := uint64(1), *realSeeds
	if *realSeed != 0 {
		first, n = *realSeed, 1
	}
	var mu sync.Mutex
	counts := map[string]int{}
	t.Run("all", func(t *testing.T) {
		const lanes = 2
		for lane := range lanes {
			t.Run(fmt.Sprint(lane), func(t *testing.T) {
				t.Parallel()
				for i := lane; i < n; i += lanes {
					seed := first + uint64(i)
					r := RunOnPostgres(t, Config{Seed: seed, Steps: *steps}, url)
					for _, v := range r.Violations {
						t.Errorf("seed %d: %v\nagain, as far as the seed decides: go test ./internal/lab/sim -run TestSeedsOnPostgres -realseed=%d -steps=%d", seed, v, seed, *steps)
					}
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
	if n >= 6 && *steps >= 200 {
		for _, path := range rareOnPostgres {
			require.Positive(t, counts[path], "never taken: %s", path)
		}
	}
}
