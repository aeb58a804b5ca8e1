package main

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/eventmaestro/maestro/aggregate"
	"github.com/eventmaestro/maestro/internal/lab/pgtest"
)

func TestATransactionOfTwoWarmAggregatesIsAtMostFourRoundTrips(t *testing.T) {
	t.Parallel()
	pool, w := tapped(t)
	_, err := pool.Exec(t.Context(), stockTable)
	require.NoError(t, err)
	s := pgtest.Store(t, pool, nil)
	sup, err := aggregate.NewSupervisor(s, nil)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, sup.Shutdown(t.Context())) })
	var roots [3]*aggregate.Root[counter]
	for i, name := range []string{"plain", "other", "projected"} {
		d := definition()
		if name == "projected" {
			d = projected(stockSQL)
		}
		d.Name = name
		roots[i], err = aggregate.NewRoot(sup, d)
		require.NoError(t, err)
	}
	plain, other, projected := roots[0], roots[1], roots[2]
	for name, c := range map[string]struct {
		first        *aggregate.Root[counter]
		own          bool
		turns, texts int64
	}{
		"nothing else":           {plain, false, 1, 3},
		"a batched projection":   {projected, false, 1, 4},
		"a statement of its own": {plain, true, 3, 4},
	} {
		ids := newIDs(sup.Clock(), 2)
		_, err := pool.Exec(t.Context(), stockRows, [][]byte{ids[0][:]})
		require.NoError(t, err)
		do := func() error {
			return bookOnce(t.Context(), sup, [2]*aggregate.Root[counter]{c.first, other}, ids[0], ids[1], c.own)
		}
		repeat(t, 10, do)
		w.reset()
		repeat(t, 20, do)
		require.EqualValues(t, 20*c.turns, w.turns.Load(), name)
		require.EqualValues(t, 20*c.texts, w.statements.Load(), name)
		require.LessOrEqual(t, c.turns, int64(4))
		var stock int
		require.NoError(t, pool.QueryRow(t.Context(), `SELECT sequence FROM stock WHERE aggregate_id = $1`, ids[0][:]).Scan(&stock))
		if c.own || c.first == projected {
			require.Equal(t, 30, stock, name)
		}
	}
}
