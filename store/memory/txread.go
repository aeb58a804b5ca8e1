package memory

import (
	"context"
	"fmt"
	"iter"
	"time"

	"github.com/eventmaestro/maestro/hlc"
	"github.com/eventmaestro/maestro/store"
	"github.com/eventmaestro/maestro/types"
)

// Load is [Store.Load] with the transaction's own rows.
func (tx txStore) Load(ctx context.Context, id hlc.Timestamp, r store.Range) iter.Seq2[store.Entry, error] {
	return func(yield func(store.Entry, error) bool) {
		if err := tx.check(ctx, "load"); err != nil {
			yield(store.Entry{}, err)
			return
		}
		events, _ := tx.events(id)
		load(ctx, id, events, tx.snapshot(id), r, yield)
	}
}

// Events is [Store.Events] with the transaction's own rows.
func (tx txStore) Events(ctx context.Context, id hlc.Timestamp, r store.Range) iter.Seq2[types.Event, error] {
	return func(yield func(types.Event, error) bool) {
		if err := tx.check(ctx, "events"); err != nil {
			yield(types.Event{}, err)
			return
		}
		events, _ := tx.events(id)
		read(ctx, id, events, r, yield)
	}
}

// LatestSnapshot is [Store.LatestSnapshot] with the transaction's own.
func (tx txStore) LatestSnapshot(ctx context.Context, id hlc.Timestamp, r store.Range) (*types.Snapshot, error) {
	if err := tx.check(ctx, "snapshot"); err != nil {
		return nil, err
	}
	return copyIn(tx.snapshot(id), r), nil
}

// CommitSnapshot is [Store.CommitSnapshot], visible to others once the transaction commits.
func (tx txStore) CommitSnapshot(ctx context.Context, sn types.Snapshot) error {
	if err := tx.check(ctx, "commit snapshot"); err != nil {
		return err
	}
	kept, err := checkSnapshot(sn)
	if err != nil {
		return err
	}
	if there := tx.snapshot(sn.AggregateID); there == nil || there.Sequence < kept.Sequence {
		tx.stage(sn.AggregateID).snapshot = kept
	}
	return nil
}

// LookupCommand is [Store.LookupCommand] with the command IDs that the transaction used.
func (tx txStore) LookupCommand(ctx context.Context, aggregateID hlc.Timestamp, commandID string) (*store.CommandRecord, error) {
	if err := tx.check(ctx, "look up command"); err != nil {
		return nil, err
	}
	return tx.command(aggregateID, commandID), nil
}

// PruneCommands is not offered in a transaction: it returns [store.ErrUnsupported].
func (tx txStore) PruneCommands(context.Context, time.Time) (int64, error) {
	return 0, fmt.Errorf("%w: a transaction in memory prunes no command ids: call PruneCommands of the store", store.ErrUnsupported)
}

// check says why the transaction can't do what.
func (tx *Tx) check(ctx context.Context, what string) error {
	if tx.ended {
		return ErrTxDone
	}
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("memory: %s: %w", what, err)
	}
	return nil
}

// stage returns what the transaction adds to an aggregate, for adding more.
func (tx *Tx) stage(id hlc.Timestamp) *staged {
	st := tx.streams[id]
	if st == nil {
		st = new(staged)
		tx.streams[id] = st
	}
	return st
}

// events returns the aggregate's events as the transaction sees them, and whether somebody else
// has stored events in the place of its own meanwhile.
func (tx *Tx) events(id hlc.Timestamp) (events log, overtaken bool) {
	there, _ := tx.store.view(id)
	st := tx.streams[id]
	if st == nil || st.events.end() == 0 {
		return there, false
	}
	events = there.first(st.base)
	events.append(&st.events)
	return events, there.end() > st.base
}

func (tx *Tx) snapshot(id hlc.Timestamp) *types.Snapshot {
	_, there := tx.store.view(id)
	if st := tx.streams[id]; st != nil && st.snapshot != nil {
		if there == nil || there.Sequence < st.snapshot.Sequence {
			return st.snapshot
		}
	}
	return there
}

func (tx *Tx) command(id hlc.Timestamp, commandID string) *store.CommandRecord {
	sh := tx.store.shard(id)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	if st := sh.stream(id); st.hasCommand(commandID) {
		r := st.commands[commandID].record
		return &r
	}
	if st := tx.streams[id]; st != nil {
		for _, r := range st.commands {
			if r.ID == commandID {
				return &r
			}
		}
	}
	return nil
}

// isStamped reports whether one of the timestamps is in the store or in the transaction.
func (tx *Tx) isStamped(rows []row) bool {
	if tx.store.timestamps.has(rows) {
		return true
	}
	own := make(map[hlc.Timestamp]bool, len(rows))
	for _, r := range rows {
		own[r.at] = true
	}
	for _, st := range tx.streams {
		for _, r := range st.events.rows {
			if own[r.at] {
				return true
			}
		}
	}
	return false
}
