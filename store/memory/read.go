package memory

import (
	"context"
	"iter"
	"slices"

	"github.com/eventmaestro/maestro/hlc"
	"github.com/eventmaestro/maestro/store"
	"github.com/eventmaestro/maestro/types"
)

// view is what can be seen: what is committed, and in a transaction its own changes on top. The
// store and each transaction have one. Methods without a context are called with the store's lock
// held.
type view struct {
	store *Store
	ready func(ctx context.Context, what string) error // is called before something is read
	own   content                                      // what a transaction adds to the store at its end
}

// Load reads the snapshot, if it is in r, and the events from its own on, or else all of r, as they
// were at the moment the loop began. The loop may commit to the same store. No lock is held between
// two entries.
func (v *view) Load(ctx context.Context, id hlc.Timestamp, r store.Range) iter.Seq2[store.Entry, error] {
	return func(yield func(store.Entry, error) bool) {
		events, sn, err := v.read(ctx, "load", id, r)
		if sn != nil {
			if !yield(store.Entry{Snapshot: sn}, nil) {
				return
			}
			r.After = sn.Sequence - 1 // the anchor, the event that the snapshot ends with, comes first
		}
		each(ctx, events, r, err, func(e types.Event, err error) bool { return yield(store.Entry{Event: e}, err) })
	}
}

// Events reads the events of r, as they were at the moment the loop began.
func (v *view) Events(ctx context.Context, id hlc.Timestamp, r store.Range) iter.Seq2[types.Event, error] {
	return func(yield func(types.Event, error) bool) {
		events, _, err := v.read(ctx, "events", id, r)
		each(ctx, events, r, err, yield)
	}
}

// LatestSnapshot returns a copy of the snapshot if its sequence is in r, else nil.
func (v *view) LatestSnapshot(ctx context.Context, id hlc.Timestamp, r store.Range) (*types.Snapshot, error) {
	_, sn, err := v.read(ctx, "snapshot", id, r)
	return sn, err
}

// read returns the events of an aggregate, and a copy of its snapshot if it is in r.
func (v *view) read(ctx context.Context, what string, id hlc.Timestamp, r store.Range) ([]*types.Event, *types.Snapshot, error) {
	if err := v.ready(ctx, what); err != nil {
		return nil, nil, err
	}
	v.store.mu.Lock()
	defer v.store.mu.Unlock()
	events, sn := v.sees(id)
	if sn == nil || !r.Contains(sn.Sequence) {
		return events, nil, nil
	}
	copied := *sn
	copied.Body = slices.Clone(sn.Body)
	return events, &copied, nil
}

// LookupCommand returns the record of a used command ID, or nil.
func (v *view) LookupCommand(ctx context.Context, aggregateID hlc.Timestamp, commandID string) (*store.CommandRecord, error) {
	if err := v.ready(ctx, "look up command"); err != nil {
		return nil, err
	}
	v.store.mu.Lock()
	defer v.store.mu.Unlock()
	return v.command(aggregateID, commandID), nil
}

// each yields the events of r, or what went wrong.
func each(ctx context.Context, events []*types.Event, r store.Range, err error, yield func(types.Event, error) bool) {
	for i := max(r.After, 0); err == nil && i < types.Sequence(len(events)) && r.Contains(i+1); i++ {
		if err = ended(ctx, "events"); err == nil && !yield(own(*events[i]), nil) {
			return
		}
	}
	if err != nil {
		yield(types.Event{}, err)
	}
}

// overtaken reports whether somebody else has stored events in the place of the transaction's own.
func (v *view) overtaken(id hlc.Timestamp) bool {
	own := v.own.events[id]
	return len(own) > 0 && int(own[0].Sequence)-1 != len(v.store.kept.events[id])
}

// sees returns what the transaction sees of an aggregate. Neither result may be modified.
func (v *view) sees(id hlc.Timestamp) (events []*types.Event, sn *types.Snapshot) {
	events = v.store.kept.events[id]
	if own := v.own.events[id]; len(own) > 0 {
		events = slices.Concat(events[:min(int(own[0].Sequence)-1, len(events))], own)
	}
	sn = v.store.kept.snapshots[id]
	if own := v.own.snapshots[id]; own != nil && store.Replaces(own, sn) {
		sn = own
	}
	return events, sn
}

func (v *view) command(aggregateID hlc.Timestamp, id string) *store.CommandRecord {
	for _, c := range [...]*content{&v.own, &v.store.kept} {
		if used, ok := c.commands[commandKey{aggregateID, id}]; ok {
			return &used.record
		}
	}
	return nil
}
