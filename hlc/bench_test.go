package hlc_test

import (
	"sync/atomic"
	"testing"
	"time"

	"github.com/eventmaestro/maestro/hlc"
)

// goroutines is how many the parallel benchmarks run for each processor.
const goroutines = 32

var sink hlc.Timestamp

// The limit of a clock is a look at the physical one and one compare-and-swap of a
// shared integer, tried until it succeeds.
func limit(last *atomic.Uint64) uint64 {
	now := uint64(time.Now().UnixNano())
	for {
		old := last.Load()
		if last.CompareAndSwap(old, old+1) {
			return now
		}
	}
}

func BenchmarkLimitNow(b *testing.B) {
	var last atomic.Uint64
	b.ReportAllocs()
	for b.Loop() {
		limit(&last)
	}
}

func BenchmarkClockNow(b *testing.B) {
	c := hlc.NewClock(nil)
	b.ReportAllocs()
	for b.Loop() {
		t, err := c.Now()
		if err != nil {
			b.Fatal(err)
		}
		sink = t
	}
}

func BenchmarkLimitNowParallel(b *testing.B) {
	// Alone on its cache lines, as the integer of a Clock is.
	var last struct {
		_ [128]byte
		v atomic.Uint64
		_ [128]byte
	}
	b.SetParallelism(goroutines)
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			limit(&last.v)
		}
	})
}

func BenchmarkClockNowParallel(b *testing.B) {
	c := hlc.NewClock(nil)
	b.SetParallelism(goroutines)
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if _, err := c.Now(); err != nil {
				b.Error(err)
				return
			}
		}
	})
}

// What an aggregate asks of the clock for each event, beside the same limit.
func BenchmarkClockNowAfter(b *testing.B) {
	c := hlc.NewClock(nil)
	t := c.NowAfter(hlc.Timestamp{})
	b.ReportAllocs()
	for b.Loop() {
		t = c.NowAfter(t)
	}
	sink = t
}

// The limits of the text form are what the time package takes for its time alone.
func BenchmarkLimitString(b *testing.B) {
	t := some.Time()
	b.ReportAllocs()
	for b.Loop() {
		_ = t.Format("2006-01-02T15:04:05.000Z")
	}
}

func BenchmarkTimestampString(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		_ = some.String()
	}
}

func BenchmarkLimitParse(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if _, err := time.Parse(time.RFC3339Nano, someText[:24]); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkParse(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		t, err := hlc.Parse(someText)
		if err != nil {
			b.Fatal(err)
		}
		sink = t
	}
}
