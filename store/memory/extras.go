package memory

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/eventmaestro/maestro/hlc"
	"github.com/eventmaestro/maestro/internal/body/jsonb"
	"github.com/eventmaestro/maestro/store"
	"github.com/eventmaestro/maestro/types"
)

// CommitSnapshot keeps a copy of sn unless there is a newer snapshot. It returns
// [store.ErrInvalidEvent] for what [store.CheckSnapshot] refuses, and for a body that a commit
// would refuse.
func (s *Store) CommitSnapshot(ctx context.Context, sn types.Snapshot) error {
	kept, err := prepareSnapshot(ctx, sn)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := anchored(kept, s.kept.events[sn.AggregateID]); err != nil {
		return err
	}
	s.kept.keep(kept)
	return nil
}

// anchored returns an error if a snapshot is marked with another event than the log has at its sequence.
func anchored(sn *types.Snapshot, events []*types.Event) error {
	at := store.MarkOf(sn.Body).At
	if at == "" || int(sn.Sequence) <= len(events) && at == store.Stamp(events[sn.Sequence-1].Timestamp) {
		return nil
	}
	return fmt.Errorf("%w: aggregate %v, sequence %d, which a snapshot was made of", store.ErrNoEvent, sn.AggregateID, sn.Sequence)
}

func prepareSnapshot(ctx context.Context, sn types.Snapshot) (*types.Snapshot, error) {
	if err := ended(ctx, "commit snapshot"); err != nil {
		return nil, err
	}
	if err := store.CheckSnapshot(sn); err != nil {
		return nil, err
	}
	var err error
	if sn.Body, err = jsonb.Canonical(sn.Body); err != nil {
		return nil, refused(sn.AggregateID, sn.Sequence, "snapshot", err)
	}
	return &sn, nil
}

// LookupCommand returns the record of a used command ID, or nil.
func (s *Store) LookupCommand(ctx context.Context, aggregateID hlc.Timestamp, commandID string) (*store.CommandRecord, error) {
	if err := ended(ctx, "look up command"); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.kept.command(aggregateID, commandID), nil
}

func (c *content) command(aggregateID hlc.Timestamp, id string) *store.CommandRecord {
	if used, ok := c.commands[commandKey{aggregateID, id}]; ok {
		return &used.record
	}
	return nil
}

// PruneCommands forgets the command IDs that were recorded before t, by [time.Now], and returns how
// many. It looks at every one that there is.
func (s *Store) PruneCommands(ctx context.Context, t time.Time) (n int64, err error) {
	if err := ended(ctx, "prune commands"); err != nil {
		return 0, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for key, c := range s.kept.commands {
		if c.at.Before(t) {
			delete(s.kept.commands, key)
			n++
		}
	}
	return n, nil
}

// Redact changes events, command records and the snapshot of an aggregate, as [store.Redactor] says. Loops that are under way
// go on with the old ones. A body that a commit would refuse is [store.ErrInvalidEvent].
func (s *Store) Redact(ctx context.Context, r store.Redaction) error {
	if err := ended(ctx, "redact"); err != nil {
		return err
	}
	changed := make([]types.Event, len(r.Events))
	for i, e := range r.Events {
		text, err := jsonb.Canonical(e.Body)
		if err != nil {
			return refused(r.AggregateID, e.Sequence, "body", err)
		}
		changed[i] = types.Event{Sequence: e.Sequence, Body: text, Metadata: e.Metadata}
	}
	var snapshot *types.Snapshot
	if r.Snapshot != nil {
		var err error
		if snapshot, err = prepareSnapshot(ctx, *r.Snapshot); err != nil {
			return err
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.kept.redact(r, changed, snapshot)
}

func (c *content) redact(r store.Redaction, changed []types.Event, snapshot *types.Snapshot) error {
	present := c.snapshots[r.AggregateID]
	if snapshot != nil && present != nil && store.MarkOf(snapshot.Body).Generation <= store.MarkOf(present.Body).Generation {
		return store.ErrConflict
	}
	events := slices.Clone(c.events[r.AggregateID])
	for _, e := range changed {
		if e.Sequence < 1 || e.Sequence > types.Sequence(len(events)) {
			return fmt.Errorf("%w: aggregate %v, sequence %d", store.ErrNoEvent, r.AggregateID, e.Sequence)
		}
		redacted := *events[e.Sequence-1]
		redacted.Body, redacted.Metadata = e.Body, e.Metadata
		events[e.Sequence-1] = &redacted
	}
	if len(changed) > 0 {
		c.events[r.AggregateID] = events
	}
	if r.Commands {
		for key := range c.commands {
			if key.aggregate == r.AggregateID {
				delete(c.commands, key)
			}
		}
	}
	switch {
	case snapshot != nil:
		c.snapshots[r.AggregateID] = snapshot
	case present != nil && len(changed) > 0 && present.Sequence >= r.First():
		delete(c.snapshots, r.AggregateID)
	}
	return nil
}

// Flush has nothing to do: what is visible is stored.
func (*Store) Flush(ctx context.Context, _ hlc.Timestamp) error { return ended(ctx, "flush") }

// ListAggregates returns a page of the ids in the log; see store.Lister. It sorts them all for each page.
func (s *Store) ListAggregates(ctx context.Context, after hlc.Timestamp, limit int) ([]hlc.Timestamp, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var ids []hlc.Timestamp
	for id, events := range s.kept.events {
		if len(events) > 0 && after.Before(id) {
			ids = append(ids, id)
		}
	}
	slices.SortFunc(ids, hlc.Timestamp.Compare)
	return ids[:min(limit, len(ids))], ended(ctx, "list aggregates")
}
