package memory

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/eventmaestro/maestro/hlc"
	"github.com/eventmaestro/maestro/internal/jsonb"
	"github.com/eventmaestro/maestro/store"
	"github.com/eventmaestro/maestro/types"
)

// CommitSnapshot keeps a copy of sn unless there is a snapshot as new. It answers [store.ErrInvalidEvent] for
// what [store.CheckSnapshot] refuses, and a body that a commit would refuse too.
func (s *Store) CommitSnapshot(ctx context.Context, sn types.Snapshot) error {
	kept, err := prepareSnapshot(ctx, sn)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.kept.keep(kept)
	return nil
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

// Redact replaces the body of a stored event, and drops the snapshot if it contains the event, as
// [store.Redactor] says. Loops that are under way go on with the old one. A body that a commit would
// refuse is [store.ErrInvalidEvent].
func (s *Store) Redact(ctx context.Context, id hlc.Timestamp, seq types.Sequence, body json.RawMessage) error {
	if err := ended(ctx, "redact"); err != nil {
		return err
	}
	text, err := jsonb.Canonical(body)
	if err != nil {
		return refused(id, seq, "body", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	events := slices.Clone(s.kept.events[id])
	if seq < 1 || seq > types.Sequence(len(events)) {
		return fmt.Errorf("%w: aggregate %v, sequence %d", store.ErrNoEvent, id, seq)
	}
	changed := *events[seq-1]
	changed.Body = text
	events[seq-1] = &changed
	s.kept.events[id] = events
	if sn := s.kept.snapshots[id]; sn != nil && sn.Sequence >= seq {
		delete(s.kept.snapshots, id)
	}
	return nil
}

// Flush has nothing to do: what is visible is stored.
func (*Store) Flush(ctx context.Context) error { return ended(ctx, "flush") }
