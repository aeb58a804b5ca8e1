package router_test

import (
	"crypto/rand"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/eventmaestro/maestro/hlc"
	"github.com/eventmaestro/maestro/internal/lab/pgtest"
	"github.com/eventmaestro/maestro/store/router"
)

func TestTheSlotsOfIdsAreForEver(t *testing.T) {
	t.Parallel()
	for text, slot := range map[string]int{
		"2026-11-21T19:43:29.036Z-0001-000000000547B5A1": 877,
		"2023-11-14T22:13:20.000Z-0000-0000000000000001": 312,
	} {
		id, err := hlc.Parse(text)
		require.NoError(t, err)
		require.Equal(t, slot, router.Slot(id, router.DefaultSlots), text)
	}
}

func TestSlotsAreUsedEvenly(t *testing.T) {
	t.Parallel()
	clock := hlc.NewClock(nil)
	const ids, slots = 64_000, 64
	used := make([]int, slots)
	for range ids {
		id, err := clock.Now()
		require.NoError(t, err)
		used[router.Slot(id, slots)]++
	}
	for slot, n := range used {
		require.InDelta(t, ids/slots, n, ids/slots/4, "slot %d", slot) // 8 standard deviations
	}
}

func TestTheDatabaseCountsTheSameSlot(t *testing.T) {
	t.Parallel()
	pool := pgtest.Pool(t)
	for _, slots := range []int{1, 7, router.DefaultSlots, router.MaxSlots} {
		for range 20 {
			var id hlc.Timestamp
			_, _ = rand.Read(id[:])
			var slot int
			require.NoError(t, pool.QueryRow(t.Context(), `SELECT `+router.SlotSQL("$1::bytea", slots), id).Scan(&slot))
			require.Equal(t, router.Slot(id, slots), slot)
		}
	}
}
