package memory

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/eventmaestro/maestro/store"
	"github.com/eventmaestro/maestro/types"
)

// CommitSnapshot keeps a copy of sn unless there is a newer snapshot. It returns
// [store.ErrInvalidEvent] for what [store.CheckSnapshot] refuses, and for a body that a commit
// would refuse.
func (s *Store) CommitSnapshot(ctx context.Context, sn types.Snapshot) error {
	tx := s.begin()
	defer tx.Abort(ctx)
	if err := tx.CommitSnapshot(ctx, sn); err != nil {
		return err
	}
	return tx.end()
}

// CommitSnapshot is [Store.CommitSnapshot], visible to others once the transaction ends.
func (tx *Tx) CommitSnapshot(ctx context.Context, sn types.Snapshot) error {
	if err := tx.send(ctx, "commit snapshot"); err != nil {
		return err
	}
	kept, err := prepared(sn)
	if err != nil {
		return err
	}
	tx.store.mu.Lock()
	defer tx.store.mu.Unlock()
	events, _ := tx.sees(sn.AggregateID)
	at := store.MarkOf(kept.Body).At
	if at != "" && (int(sn.Sequence) > len(events) || at != store.Stamp(events[sn.Sequence-1].Timestamp)) {
		return fmt.Errorf("%w: aggregate %v, sequence %d, which a snapshot was made of", store.ErrNoEvent, sn.AggregateID, sn.Sequence)
	}
	tx.own.init()
	tx.own.keep(kept)
	return nil
}

// prepared returns a snapshot as it is kept.
func prepared(sn types.Snapshot) (*types.Snapshot, error) {
	err := store.CheckSnapshot(sn)
	if err == nil {
		sn.Body, err = canonical(sn.AggregateID, sn.Sequence, "snapshot", sn.Body)
	}
	return &sn, err
}

// Redact changes events, command records and the snapshot of an aggregate, as [store.Redactor]
// says. Loops that are under way go on with the old ones. A body that a commit would refuse is
// [store.ErrInvalidEvent].
func (s *Store) Redact(ctx context.Context, r store.Redaction) error {
	if err := ended(ctx, "redact"); err != nil {
		return err
	}
	r.Events = slices.Clone(r.Events)
	for i := range r.Events {
		var err error
		e := &r.Events[i]
		if e.Body, err = canonical(r.AggregateID, e.Sequence, "body", e.Body); err != nil {
			return err
		}
	}
	if r.Snapshot != nil {
		var err error
		if r.Snapshot, err = prepared(*r.Snapshot); err != nil {
			return err
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.kept.redact(r)
}

func (c *content) redact(r store.Redaction) error {
	present := c.snapshots[r.AggregateID]
	if present != nil && r.Snapshot != nil && store.MarkOf(r.Snapshot.Body).Generation <= store.MarkOf(present.Body).Generation {
		return store.ErrConflict
	}
	events := slices.Clone(c.events[r.AggregateID])
	for _, e := range r.Events {
		if e.Sequence < 1 || e.Sequence > types.Sequence(len(events)) {
			return fmt.Errorf("%w: aggregate %v, sequence %d", store.ErrNoEvent, r.AggregateID, e.Sequence)
		}
		redacted := *events[e.Sequence-1]
		redacted.Body, redacted.Metadata = e.Body, e.Metadata
		events[e.Sequence-1] = &redacted
	}
	if len(events) > 0 {
		c.events[r.AggregateID] = events
	}
	if r.Commands {
		maps.DeleteFunc(c.commands, func(k commandKey, _ command) bool { return k.aggregate == r.AggregateID })
	}
	switch {
	case r.Snapshot != nil:
		c.snapshots[r.AggregateID] = r.Snapshot
	case present != nil && len(r.Events) > 0 && present.Sequence >= r.First():
		delete(c.snapshots, r.AggregateID)
	}
	return nil
}
