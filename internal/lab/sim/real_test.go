package sim

import (
	"flag"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/eventmaestro/maestro/internal/lab/pgtest"
	"github.com/eventmaestro/maestro/migrations"
)

var (
	realSeeds = flag.Int("realseeds", 6, "how many seeds TestSeedsOnPostgres runs")
	realSeed  = flag.Uint64("realseed", 0, "run this seed only on Postgres")
)

// TestSeedsOnPostgres is in no bubble: here only what is asked and what is cut follows from the
// seed.
func TestSeedsOnPostgres(t *testing.T) {
	first, n := uint64(1), *realSeeds
	if *realSeed != 0 {
		first, n = *realSeed, 1
	}
	counts := inLanes(t, 2, n, first, func(t *testing.T, seed uint64) Result {
		r := RunOnPostgres(t, Config{Seed: seed, Steps: *steps}, realDatabase(t))
		for _, v := range r.Violations {
			t.Errorf("seed %d: %v\nagain, as far as the seed decides: go test ./internal/lab/sim -run TestSeedsOnPostgres -realseed=%d -steps=%d", seed, v, seed, *steps)
		}
		return r
	})
	if n >= 6 && *steps >= 200 {
		requireTaken(t, counts, rareOnPostgres)
	}
}

// realDatabase is a database of its own: commits of a database share a lock, so faults of one run
// would keep the commits of another waiting that has none any more.
func realDatabase(t *testing.T) string {
	t.Helper()
	url := pgtest.Database(t)
	pool := pgtest.Open(t, url)
	require.NoError(t, migrations.Apply(t.Context(), pool, &migrations.Options{Metadata: true, Commands: true, Tail: true}))
	require.NoError(t, RealTables(t.Context(), pool))
	return url
}
