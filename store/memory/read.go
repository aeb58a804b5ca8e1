package memory

import (
	"context"
	"iter"
	"slices"

	"github.com/eventmaestro/maestro/hlc"
	"github.com/eventmaestro/maestro/store"
	"github.com/eventmaestro/maestro/types"
)

// reader is the reading half of the store, and of a transaction.
type reader struct{ from viewer }

type viewer interface {
	// view returns what can be seen of an aggregate at this moment. Neither result may be modified.
	view(ctx context.Context, what string, id hlc.Timestamp) ([]*types.Event, *types.Snapshot, error)
}

func (s *Store) view(ctx context.Context, what string, id hlc.Timestamp) ([]*types.Event, *types.Snapshot, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.kept.events[id], s.kept.snapshots[id], ended(ctx, what)
}

// Load reads the snapshot, if it is in r, and the events from its own on, or else all of r, as they were at the
// moment the loop began. The loop may commit to the same store. No lock is held between two entries.
func (l reader) Load(ctx context.Context, id hlc.Timestamp, r store.Range) iter.Seq2[store.Entry, error] {
	return func(yield func(store.Entry, error) bool) {
		events, snapshot, err := l.from.view(ctx, "load", id)
		if err != nil {
			yield(store.Entry{}, err)
			return
		}
		if snapshot = copyIn(snapshot, r); snapshot != nil {
			if !yield(store.Entry{Snapshot: snapshot}, nil) {
				return
			}
			r.After = snapshot.Sequence - 1 // the anchor, the event that the snapshot ends with, comes first
		}
		each(ctx, events, r, func(e types.Event, err error) bool { return yield(store.Entry{Event: e}, err) })
	}
}

// Events reads the events of r, as they were at the moment the loop began.
func (l reader) Events(ctx context.Context, id hlc.Timestamp, r store.Range) iter.Seq2[types.Event, error] {
	return func(yield func(types.Event, error) bool) {
		events, _, err := l.from.view(ctx, "events", id)
		if err != nil {
			yield(types.Event{}, err)
			return
		}
		each(ctx, events, r, yield)
	}
}

func each(ctx context.Context, events []*types.Event, r store.Range, yield func(types.Event, error) bool) {
	for i := max(r.After, 0); i < types.Sequence(len(events)) && r.Contains(i+1); i++ {
		if err := ended(ctx, "events"); err != nil {
			yield(types.Event{}, err)
			return
		}
		if !yield(own(*events[i]), nil) {
			return
		}
	}
}

// LatestSnapshot returns a copy of the snapshot if its sequence is in r, else nil.
func (l reader) LatestSnapshot(ctx context.Context, id hlc.Timestamp, r store.Range) (*types.Snapshot, error) {
	_, snapshot, err := l.from.view(ctx, "snapshot", id)
	if err != nil {
		return nil, err
	}
	return copyIn(snapshot, r), nil
}

func copyIn(snapshot *types.Snapshot, r store.Range) *types.Snapshot {
	if snapshot == nil || !r.Contains(snapshot.Sequence) {
		return nil
	}
	sn := *snapshot
	sn.Body = slices.Clone(sn.Body)
	return &sn
}
