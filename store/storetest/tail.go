package storetest

import (
	"context"
	"testing"
	"time"

	"github.com/eventmaestro/maestro/hlc"
	"github.com/eventmaestro/maestro/store"
	"github.com/eventmaestro/maestro/types"
	"github.com/stretchr/testify/require"
)

// TailHarness tells RunTail how to use the tails of an adapter. New returns an empty store that is
// shared with no other test. It is called by several tests at once.
type TailHarness struct {
	New func(t testing.TB) TailStore
}

// TailStore is a store with tails.
type TailStore struct {
	Adapter store.Adapter

	// Begin starts a transaction of the application.
	Begin func(t testing.TB) Transaction

	// Tail returns a tail, which looks for events every few milliseconds and tries again after a
	// failure as soon.
	Tail func(t testing.TB, o TailSetting) Tail

	// Written returns what tails wrote in committed transactions, in the order of these.
	Written func(t testing.TB) []types.Event
}

// TailSetting are the options that all tails have.
type TailSetting struct {
	Name         string
	Types        []string
	Of, MaxBatch int
	Failed       func(err error, attempt int)
}

// TailFunc is a tail's function. write keeps an event in a table, in the transaction of the batch.
type TailFunc func(ctx context.Context, write func(e types.Event) error, events []types.Event) error

// Tail is one whose function has the adapter's transaction wrapped.
type Tail struct {
	Run      func(ctx context.Context, f TailFunc) error
	Progress func(ctx context.Context) (store.TailProgress, error)
	Rewind   func(ctx context.Context, to time.Time) error
}

// RunTail checks every promise of a tail, each in a subtest.
func RunTail(t *testing.T, h TailHarness) {
	t.Helper()
	for _, c := range tailClauses() {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := h.New(t)
			v := newEnv(t, &Harness{New: func(testing.TB) store.Adapter { return s.Adapter }})
			c.run(&tailEnv{env: *v, s: s})
		})
	}
}

type tailClause struct {
	name string
	run  func(v *tailEnv)
}

// tailEnv is an env with tails.
type tailEnv struct {
	env
	s TailStore
}

// copyAll is the simplest of functions.
func copyAll(_ context.Context, write func(types.Event) error, events []types.Event) error {
	for _, e := range events {
		if err := write(e); err != nil {
			return err
		}
	}
	return nil
}

// running runs a tail until the returned function is called, which checks how it ended.
func (v *tailEnv) running(o TailSetting, f TailFunc) (stop func()) {
	v.Helper()
	ctx, cancel := context.WithCancel(v.Context())
	ended := make(chan error, 1)
	tail := v.s.Tail(v, o)
	go func() { ended <- tail.Run(ctx, f) }()
	done := false
	stop = func() {
		if !done {
			done = true
			cancel()
			require.ErrorIs(v, <-ended, context.Canceled)
		}
	}
	v.Cleanup(stop)
	return stop
}

// writes waits until so many events were written.
func (v *tailEnv) writes(n int) []types.Event {
	v.Helper()
	require.Eventually(v, func() bool { return len(v.s.Written(v)) >= n }, time.Minute, 2*time.Millisecond)
	written := v.s.Written(v)
	require.Len(v, written, n)
	return written
}

// complete checks that the written events are all that are stored of the aggregates: each once, in
// the order of its aggregate.
func (v *tailEnv) complete(written []types.Event, ids ...hlc.Timestamp) {
	v.Helper()
	by := map[hlc.Timestamp][]types.Event{}
	for _, e := range written {
		by[e.AggregateID] = append(by[e.AggregateID], e)
	}
	require.Len(v, by, len(ids))
	for _, id := range ids {
		v.same(v.read(id, store.Range{}), by[id])
	}
}
