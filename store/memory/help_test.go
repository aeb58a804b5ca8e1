package memory_test

import (
	"context"
	"encoding/json"
	"testing"

	"github.com/eventmaestro/maestro/hlc"
	"github.com/eventmaestro/maestro/store"
	"github.com/eventmaestro/maestro/store/memory"
	"github.com/eventmaestro/maestro/types"
	"github.com/stretchr/testify/require"
)

// clock has no bound, for some tests run in a bubble whose time is long ago.
var clock = hlc.NewClock(&hlc.Options{MaxDrift: -1})

func now() hlc.Timestamp {
	at, err := clock.Now()
	if err != nil {
		panic(err)
	}
	return at
}

// commitOf makes a commit of n events from sequence first on.
func commitOf(id hlc.Timestamp, first types.Sequence, n int, projections ...store.Projection) store.Commit {
	c := store.Commit{AggregateID: id, Projections: projections}
	for i := range n {
		c.Events = append(c.Events, types.Event{
			AggregateID: id, Sequence: first + types.Sequence(i), Timestamp: now(),
			Type: "counter_incremented", Body: json.RawMessage(`{"by": 1}`),
		})
	}
	return c
}

// length is how many events of an aggregate everybody sees.
func length(t *testing.T, a store.Adapter, id hlc.Timestamp) (n int) {
	t.Helper()
	for _, err := range a.Events(t.Context(), id, store.Range{}) {
		require.NoError(t, err)
		n++
	}
	return n
}

// counting is a projection that adds one to the aggregate's row for each event.
func counting(table *memory.Table[hlc.Timestamp, int]) store.Projection {
	return memory.Projection(func(_ context.Context, tx *memory.ProjectionTx, e types.Event) error {
		rows := table.In(tx)
		n, _ := rows.Get(e.AggregateID)
		rows.Put(e.AggregateID, n+1)
		return nil
	})
}

// begin starts a transaction.
func begin(t require.TestingT, s *memory.Store) store.OwnTx {
	tx, err := s.BeginTx(context.Background())
	require.NoError(t, err)
	return tx
}
