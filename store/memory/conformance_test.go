package memory_test

import (
	"context"
	"testing"

	"github.com/eventmaestro/maestro/hlc"
	"github.com/eventmaestro/maestro/store"
	"github.com/eventmaestro/maestro/store/memory"
	"github.com/eventmaestro/maestro/store/storetest"
	"github.com/eventmaestro/maestro/types"
)

func TestStoreKeepsTheContract(t *testing.T) {
	t.Parallel()
	storetest.Run(t, storetest.Harness{
		New:        func(testing.TB) store.Adapter { return memory.New() },
		Lacks:      []storetest.Feature{storetest.FeatureProcesses, storetest.FeatureConnections},
		Projection: callback,
		Recorder:   recorder,
		Begin:      transaction,
		Waiting:    func(_ testing.TB, a store.Adapter) int { return a.(*memory.Store).Waiting() },
		Checkpoint: func(_ testing.TB, a store.Adapter) func() { return a.(*memory.Store).Checkpoint() },
	})
}

func callback(f func(context.Context, types.Event) error) store.Projection {
	return memory.Projection(func(ctx context.Context, _ *memory.ProjectionTx, e types.Event) error { return f(ctx, e) })
}

func recorder(_ testing.TB, a store.Adapter) storetest.Recorder {
	table := memory.NewTable[hlc.Timestamp, types.Sequence](a.(*memory.Store))
	return storetest.Recorder{
		Projection: memory.Projection(func(_ context.Context, tx *memory.ProjectionTx, e types.Event) error {
			return table.In(tx).Insert(e.Timestamp, e.Sequence)
		}),
		Rows: func(context.Context) (rows []hlc.Timestamp, err error) {
			for at := range table.All() {
				rows = append(rows, at)
			}
			return rows, nil
		},
	}
}

func transaction(t testing.TB, a store.Adapter) storetest.Transaction {
	t.Helper()
	tx := begin(t, a.(*memory.Store))
	return storetest.Transaction{Adapter: tx, Commit: tx.End, Rollback: func(ctx context.Context) error { tx.Abort(ctx); return nil }}
}
