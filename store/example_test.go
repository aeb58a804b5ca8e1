package store_test

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/eventmaestro/maestro/hlc"
	"github.com/eventmaestro/maestro/store"
	"github.com/eventmaestro/maestro/store/memory"
	"github.com/eventmaestro/maestro/types"
)

// A job goes through all aggregates, for example to inspect each, or to count.
func ExampleAggregates() {
	ctx := context.Background()
	s := memory.New()
	clock := hlc.NewClock(nil)
	for range 3 {
		at := clock.NowAfter(hlc.Timestamp{})
		err := s.Commit(ctx, store.Commit{AggregateID: at, Events: []types.Event{
			{Timestamp: at, AggregateID: at, Sequence: 1, Type: "opened", Body: json.RawMessage(`{}`)},
		}})
		if err != nil {
			panic(err)
		}
	}
	n := 0
	for _, err := range store.Aggregates(ctx, s) {
		if err != nil {
			panic(err)
		}
		n++
	}
	fmt.Println(n)
	// Output: 3
}
