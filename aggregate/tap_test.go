package aggregate_test

import (
	"context"
	"iter"
	"sync"
	"sync/atomic"

	"github.com/eventmaestro/maestro/hlc"
	"github.com/eventmaestro/maestro/store"
	"github.com/eventmaestro/maestro/store/memory"
	"github.com/eventmaestro/maestro/types"
)

// tap is a memory store whose methods can be tapped: each function, if it is not nil, is called in
// the method's place and calls next to go on. The functions may be changed while the store is in
// use.
type tap struct {
	*memory.Store

	mu             sync.Mutex
	commit         func(ctx context.Context, c store.Commit, next func() error) error
	load           func(ctx context.Context, next iter.Seq2[store.Entry, error]) iter.Seq2[store.Entry, error]
	events         func(ctx context.Context, next iter.Seq2[types.Event, error]) iter.Seq2[types.Event, error]
	commitSnapshot func(ctx context.Context, s types.Snapshot, next func() error) error

	commits, loads, reads, snapshots atomic.Int64
}

// BeginTx hides the memory store's: what is committed goes through Commit.
func (*tap) BeginTx() {}

func newTap() *tap { return &tap{Store: memory.New()} }

// set changes the taps.
func (t *tap) set(change func(*tap)) {
	t.mu.Lock()
	defer t.mu.Unlock()
	change(t)
}

func tapped[F any](t *tap, field *F) F {
	t.mu.Lock()
	defer t.mu.Unlock()
	return *field
}

func (t *tap) Commit(ctx context.Context, c store.Commit) error {
	t.commits.Add(1)
	next := func() error { return t.Store.Commit(ctx, c) }
	if f := tapped(t, &t.commit); f != nil {
		return f(ctx, c, next)
	}
	return next()
}

func (t *tap) Load(ctx context.Context, id hlc.Timestamp, r store.Range) iter.Seq2[store.Entry, error] {
	t.loads.Add(1)
	next := t.Store.Load(ctx, id, r)
	if f := tapped(t, &t.load); f != nil {
		return f(ctx, next)
	}
	return next
}

func (t *tap) Events(ctx context.Context, id hlc.Timestamp, r store.Range) iter.Seq2[types.Event, error] {
	t.reads.Add(1)
	next := t.Store.Events(ctx, id, r)
	if f := tapped(t, &t.events); f != nil {
		return f(ctx, next)
	}
	return next
}

func (t *tap) CommitSnapshot(ctx context.Context, s types.Snapshot) error {
	t.snapshots.Add(1)
	next := func() error { return t.Store.CommitSnapshot(ctx, s) }
	if f := tapped(t, &t.commitSnapshot); f != nil {
		return f(ctx, s, next)
	}
	return next()
}

// withSnapshot is a load that finds a snapshot which no store would take.
func withSnapshot(t *tap, id hlc.Timestamp, s types.Snapshot) func(context.Context, iter.Seq2[store.Entry, error]) iter.Seq2[store.Entry, error] {
	return func(ctx context.Context, _ iter.Seq2[store.Entry, error]) iter.Seq2[store.Entry, error] {
		return func(yield func(store.Entry, error) bool) {
			if !yield(store.Entry{Snapshot: &s}, nil) {
				return
			}
			for e, err := range t.Store.Events(ctx, id, store.Range{After: max(s.Sequence, 1) - 1}) {
				if !yield(store.Entry{Event: e}, err) {
					return
				}
			}
		}
	}
}

// failLoad and failEvents are reads that end with an error.
func failLoad(err error) func(context.Context, iter.Seq2[store.Entry, error]) iter.Seq2[store.Entry, error] {
	return func(context.Context, iter.Seq2[store.Entry, error]) iter.Seq2[store.Entry, error] {
		return func(yield func(store.Entry, error) bool) { yield(store.Entry{}, err) }
	}
}

func failEvents(err error) func(context.Context, iter.Seq2[types.Event, error]) iter.Seq2[types.Event, error] {
	return func(context.Context, iter.Seq2[types.Event, error]) iter.Seq2[types.Event, error] {
		return func(yield func(types.Event, error) bool) { yield(types.Event{}, err) }
	}
}
