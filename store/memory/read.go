package memory

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"

	"github.com/eventmaestro/maestro/hlc"
	"github.com/eventmaestro/maestro/internal/jsonb"
	"github.com/eventmaestro/maestro/store"
	"github.com/eventmaestro/maestro/types"
)

// Load reads the snapshot, if it is in r, and the events from its own on, or else all of r, as they were at the moment the loop
// began. The loop may commit to the same store. No lock is held between two entries.
func (s *Store) Load(ctx context.Context, id hlc.Timestamp, r store.Range) iter.Seq2[store.Entry, error] {
	return func(yield func(store.Entry, error) bool) {
		events, snapshot := s.view(id)
		load(ctx, id, events, snapshot, r, yield)
	}
}

// Events reads the events of r, as they were at the moment the loop began.
func (s *Store) Events(ctx context.Context, id hlc.Timestamp, r store.Range) iter.Seq2[types.Event, error] {
	return func(yield func(types.Event, error) bool) {
		events, _ := s.view(id)
		read(ctx, id, events, r, yield)
	}
}

// LatestSnapshot returns a copy of the snapshot if its sequence is in r, else nil.
func (s *Store) LatestSnapshot(ctx context.Context, id hlc.Timestamp, r store.Range) (*types.Snapshot, error) {
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("memory: snapshot: %w", err)
	}
	_, snapshot := s.view(id)
	return copyIn(snapshot, r), nil
}

// CommitSnapshot keeps a copy of sn unless there is a snapshot as new. It answers
// [store.ErrInvalidEvent] for a zero aggregate id, a sequence that no event can have, and a body that
// a commit would refuse too.
func (s *Store) CommitSnapshot(ctx context.Context, sn types.Snapshot) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("memory: commit snapshot: %w", err)
	}
	kept, err := checkSnapshot(sn)
	if err != nil {
		return err
	}
	sh := s.shard(sn.AggregateID)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	sh.make(sn.AggregateID).keep(kept)
	return nil
}

// view returns what is stored of an aggregate. Neither result may be modified.
func (s *Store) view(id hlc.Timestamp) (log, *types.Snapshot) {
	sh := s.shard(id)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	if st := sh.stream(id); st != nil {
		return st.events, st.snapshot
	}
	return log{}, nil
}

func load(ctx context.Context, id hlc.Timestamp, events log, snapshot *types.Snapshot, r store.Range,
	yield func(store.Entry, error) bool,
) {
	if err := ctx.Err(); err != nil {
		yield(store.Entry{}, fmt.Errorf("memory: load: %w", err))
		return
	}
	if sn := copyIn(snapshot, r); sn != nil {
		if !yield(store.Entry{Snapshot: sn}, nil) {
			return
		}
		r.After = sn.Sequence - 1 // the anchor, the event that the snapshot ends with, comes first
	}
	read(ctx, id, events, r, func(e types.Event, err error) bool {
		return yield(store.Entry{Event: e}, err)
	})
}

func read(ctx context.Context, id hlc.Timestamp, events log, r store.Range, yield func(types.Event, error) bool) {
	end := events.end()
	if r.Max != 0 {
		end = min(end, r.Max)
	}
	if err := ctx.Err(); err != nil {
		yield(types.Event{}, fmt.Errorf("memory: events: %w", err))
		return
	}
	for n := max(r.After, 0); n < end; n++ {
		if err := ctx.Err(); err != nil {
			yield(types.Event{}, fmt.Errorf("memory: events: %w", err))
			return
		}
		if !yield(events.event(id, int(n)), nil) {
			return
		}
	}
}

func copyIn(snapshot *types.Snapshot, r store.Range) *types.Snapshot {
	if snapshot == nil || !r.Contains(snapshot.Sequence) {
		return nil
	}
	sn := *snapshot
	sn.Body = append(json.RawMessage(nil), sn.Body...)
	return &sn
}

func checkSnapshot(sn types.Snapshot) (*types.Snapshot, error) {
	fault := &store.InvalidEventError{AggregateID: sn.AggregateID, Sequence: sn.Sequence}
	switch {
	case sn.AggregateID.IsZero():
		fault.Field, fault.Reason = "aggregate id", "is zero"
		return nil, fault
	case sn.Sequence < 1 || sn.Sequence > types.MaxSequence:
		fault.Field, fault.Reason = "sequence", fmt.Sprintf("is not in 1 to %d", types.MaxSequence)
		return nil, fault
	case len(sn.Body) == 0:
		fault.Field, fault.Reason = "snapshot", "is empty"
		return nil, fault
	}
	body, err := jsonb.Canonical(sn.Body)
	if err != nil {
		fault.Field, fault.Reason, fault.Err = "snapshot", "is refused", err
		return nil, fault
	}
	sn.Body = body
	return &sn, nil
}
