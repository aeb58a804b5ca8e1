package storetest_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/eventmaestro/maestro/hlc"
	"github.com/eventmaestro/maestro/store"
	"github.com/eventmaestro/maestro/store/memory"
	"github.com/eventmaestro/maestro/store/storetest"
	"github.com/eventmaestro/maestro/types"
)

// The answer to a commit gets lost. The very same commit again tells what became of it.
func ExampleFaults() {
	ctx := context.Background()
	faults := storetest.NewFaults(memory.New(), 1, nil)
	defer faults.Settle()
	faults.Next(storetest.OpCommit, storetest.FaultReplyLost)

	id, at := hlc.Timestamp{15: 1}, hlc.Timestamp{15: 2}
	commit := store.Commit{AggregateID: id, Events: []types.Event{
		{AggregateID: id, Timestamp: at, Sequence: 1, Type: "counter_incremented", Body: []byte(`{"by":1}`)},
	}}
	fmt.Println(errors.Is(faults.Commit(ctx, commit), store.ErrOutcomeUnknown))
	fmt.Println(errors.Is(faults.Commit(ctx, commit), store.ErrConflict))
	for e, err := range faults.Events(ctx, id, store.Range{}) {
		fmt.Println(e.Sequence, e.Timestamp == at, err)
	}
	// Output:
	// true
	// true
	// 1 true <nil>
}

// Half of the commits fail, each in a way that the seed decides.
func ExampleNewFaults() {
	faults := storetest.NewFaults(memory.New(), 2, &storetest.FaultOptions{
		Rates: map[storetest.Op]storetest.Rates{
			storetest.OpCommit: {storetest.FaultRefused: 0.25, storetest.FaultConflict: 0.25},
		},
	})
	id := hlc.Timestamp{15: 1}
	for s := types.Sequence(1); s <= 100; {
		err := faults.Commit(context.Background(), store.Commit{AggregateID: id, Events: []types.Event{
			{AggregateID: id, Timestamp: hlc.Timestamp{15: byte(s)}, Sequence: s, Type: "counted", Body: []byte(`{}`)},
		}})
		if err == nil {
			s++
		}
	}
	fmt.Println("stored", faults.Count(storetest.OpCommit, storetest.FaultNone))
	fmt.Println("failed", faults.Total() > 50)
	// Output:
	// stored 100
	// failed true
}

// This is all that the test of an adapter needs.
func ExampleRun() {
	_ = func(t *testing.T) {
		t.Helper()
		storetest.Run(t, storetest.Harness{
			New: func(testing.TB) store.Adapter { return memory.New() },
			// Not shown here: Other, Projection, Recorder, Begin.
			Lacks: []storetest.Feature{storetest.FeatureProcesses, storetest.FeatureProjections, storetest.FeatureTransactions},
		})
	}
}

// The suite for tails, on those of the memory store.
func ExampleRunTail() {
	var t *testing.T // that of a test function
	storetest.RunTail(t, storetest.TailHarness{New: func(t testing.TB) storetest.TailStore {
		t.Helper()
		s := memory.New()
		return storetest.TailStore{
			Adapter: s,
			Tail: func(t testing.TB, o storetest.TailSetting) storetest.Tail {
				t.Helper()
				tail, err := memory.NewTail(s, &memory.TailOptions{Name: o.Name, Types: o.Types, Of: o.Of, MaxBatch: o.MaxBatch, Failed: o.Failed})
				if err != nil {
					t.Fatal(err)
				}
				return storetest.Tail{Progress: tail.Progress} // and Run and Rewind, with the function's transaction wrapped
			},
			// Begin and Written: as the tests of package memory have them.
		}
	}})
}
