package aggregate_test

import (
	"context"
	"encoding/json"
	"runtime"
	"sync/atomic"
	"testing"

	"github.com/eventmaestro/maestro/aggregate"
	"github.com/eventmaestro/maestro/hlc"
	"github.com/eventmaestro/maestro/store/memory"
	"github.com/eventmaestro/maestro/types"
	"github.com/stretchr/testify/require"
)

type counter struct {
	Value int `json:"value"`
}

type (
	increment   struct{ By int }
	incremented struct{ By int }
)

func counterDefinition() aggregate.Definition[counter] {
	return aggregate.Definition[counter]{
		Commands: aggregate.Commands[counter]{
			"increment_counter": aggregate.Command(func(_ context.Context, c aggregate.Instance[counter], cmd increment) ([]types.Uncommitted, error) {
				if cmd.By < 1 {
					return nil, aggregate.Reject("increment by %d: must be at least 1", cmd.By)
				}
				return types.Events(types.NewEvent("counter_incremented", incremented(cmd))), nil
			}),
		},
		Events: aggregate.Events[counter]{
			"counter_incremented": aggregate.Event(func(c counter, e incremented) counter { c.Value += e.By; return c }),
		},
	}
}

func BenchmarkMemory(b *testing.B) {
	b.Run("limit1", func(b *testing.B) {
		requests := make(chan chan struct{})
		go func() {
			for r := range requests {
				body, _ := json.Marshal(incremented{By: 1})
				var e incremented
				_ = json.Unmarshal(body, &e)
				r <- struct{}{}
			}
		}()
		reply := make(chan struct{})
		b.ReportAllocs()
		for b.Loop() {
			requests <- reply
			<-reply
		}
		close(requests)
	})
	b.Run("ours1", func(b *testing.B) {
		sup, err := aggregate.NewSupervisor(memory.New(), nil)
		require.NoError(b, err)
		defer sup.Shutdown(b.Context())
		root, err := aggregate.NewRoot(sup, counterDefinition())
		require.NoError(b, err)
		id, _ := root.NewID(b.Context())
		ctx := b.Context()
		b.ReportAllocs()
		for b.Loop() {
			if err := root.Evaluate(ctx, types.Command{AggregateID: id, Type: "increment_counter", Data: increment{By: 1}}); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("limit64", func(b *testing.B) {
		b.SetParallelism(64 / runtime.GOMAXPROCS(0))
		b.RunParallel(func(pb *testing.PB) {
			requests := make(chan chan struct{})
			go func() {
				for r := range requests {
					body, _ := json.Marshal(incremented{By: 1})
					var e incremented
					_ = json.Unmarshal(body, &e)
					r <- struct{}{}
				}
			}()
			reply := make(chan struct{})
			for pb.Next() {
				requests <- reply
				<-reply
			}
			close(requests)
		})
	})
	b.Run("ours64", func(b *testing.B) {
		sup, err := aggregate.NewSupervisor(memory.New(), nil)
		require.NoError(b, err)
		defer sup.Shutdown(b.Context())
		root, err := aggregate.NewRoot(sup, counterDefinition())
		require.NoError(b, err)
		ids := make([]hlc.Timestamp, 64)
		for i := range ids {
			ids[i], _ = root.NewID(b.Context())
		}
		var n atomic.Int64
		ctx := b.Context()
		b.SetParallelism(64 / runtime.GOMAXPROCS(0))
		b.ReportAllocs()
		b.RunParallel(func(pb *testing.PB) {
			id := ids[int(n.Add(1))%64]
			for pb.Next() {
				if err := root.Evaluate(ctx, types.Command{AggregateID: id, Type: "increment_counter", Data: increment{By: 1}}); err != nil {
					b.Error(err)
				}
			}
		})
	})
}
