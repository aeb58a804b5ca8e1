package memory_test

import (
	"context"
	"encoding/json"
	"runtime"
	"sync/atomic"
	"testing"

	"github.com/eventmaestro/maestro/hlc"
	"github.com/eventmaestro/maestro/store"
	"github.com/eventmaestro/maestro/store/memory"
	"github.com/eventmaestro/maestro/types"
	"github.com/stretchr/testify/require"
)

// commitNext commits the aggregate's next event. It takes no testing.TB, whose Helper costs as much
// as the commit.
func commitNext(ctx context.Context, s *memory.Store, clock *hlc.Clock, events []types.Event) error {
	e := &events[0]
	e.Sequence++
	var err error
	if e.Timestamp, err = clock.Now(); err != nil {
		return err
	}
	return s.Commit(ctx, store.Commit{AggregateID: e.AggregateID, Events: events})
}

func newEvents(tb testing.TB, clock *hlc.Clock) []types.Event {
	tb.Helper()
	id, err := clock.Now()
	require.NoError(tb, err)
	return []types.Event{{AggregateID: id, Type: "counter_incremented", Body: json.RawMessage(`{"By":1}`)}}
}

func BenchmarkCommit(b *testing.B) {
	s, clock := memory.New(), hlc.NewClock(nil)
	events := newEvents(b, clock)
	b.ReportAllocs()
	for b.Loop() {
		if err := commitNext(b.Context(), s, clock, events); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkCommitParallel(b *testing.B) {
	s, clock := memory.New(), hlc.NewClock(nil)
	b.SetParallelism(32)
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		events := newEvents(b, clock)
		for pb.Next() {
			if err := commitNext(b.Context(), s, clock, events); err != nil {
				b.Error(err)
			}
		}
	})
}

// BenchmarkStored measures the memory that an event takes, not time.
func BenchmarkStored(b *testing.B) {
	var m0, m1 runtime.MemStats
	s, clock := memory.New(), hlc.NewClock(nil)
	events := newEvents(b, clock)
	runtime.GC()
	runtime.ReadMemStats(&m0)
	var n atomic.Int64
	for b.Loop() {
		if n.Add(1)%1000 == 0 {
			events = newEvents(b, clock)
		}
		if err := commitNext(b.Context(), s, clock, events); err != nil {
			b.Fatal(err)
		}
	}
	runtime.GC()
	runtime.ReadMemStats(&m1)
	b.ReportMetric(float64(m1.HeapAlloc-m0.HeapAlloc)/float64(n.Load()), "B/event")
	runtime.KeepAlive(s)
}
