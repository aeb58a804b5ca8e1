package memory

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/eventmaestro/maestro/hlc"
	"github.com/eventmaestro/maestro/internal/jsonb"
	"github.com/eventmaestro/maestro/store"
	"github.com/eventmaestro/maestro/types"
)

// LookupCommand returns the record of a used command ID, or nil.
func (s *Store) LookupCommand(ctx context.Context, aggregateID hlc.Timestamp, commandID string) (*store.CommandRecord, error) {
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("memory: look up command: %w", err)
	}
	sh := s.shard(aggregateID)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	if st := sh.stream(aggregateID); st != nil {
		if c, ok := st.commands[commandID]; ok {
			return &c.record, nil
		}
	}
	return nil, nil
}

// PruneCommands forgets the command IDs that were recorded before t, by [time.Now], and returns how
// many. It visits every aggregate and holds up a small part of them at a time. When ctx ends, it stops, with
// the number so far.
func (s *Store) PruneCommands(ctx context.Context, t time.Time) (int64, error) {
	var n int64
	for i := range s.shards {
		if err := ctx.Err(); err != nil {
			return n, fmt.Errorf("memory: prune commands: %w", err)
		}
		n += s.shards[i].prune(t)
	}
	return n, nil
}

func (sh *shard) prune(t time.Time) (n int64) {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	for _, st := range sh.streams {
		for id, c := range st.commands {
			if c.at.Before(t) {
				delete(st.commands, id)
				n++
			}
		}
	}
	return n
}

// Redact replaces the body of a stored event, and drops the snapshot if it contains the event, as
// [store.Redactor] says. It copies the aggregate's list of events, so that loops that are under way
// go on with the old one. A body that a commit would refuse is [store.ErrInvalidEvent].
func (s *Store) Redact(ctx context.Context, id hlc.Timestamp, seq types.Sequence, body json.RawMessage) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("memory: redact: %w", err)
	}
	text, err := jsonb.Canonical(body)
	if err != nil {
		return invalidBody(id, seq, err)
	}
	sh := s.shard(id)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	st := sh.stream(id)
	if seq < 1 || seq > st.end() {
		return fmt.Errorf("%w: aggregate %v, sequence %d", store.ErrNoEvent, id, seq)
	}
	st.events = st.events.redacted(int(seq-1), text)
	if st.snapshot != nil && st.snapshot.Sequence >= seq {
		st.snapshot = nil
	}
	return nil
}
