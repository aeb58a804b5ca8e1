package router

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"time"

	"github.com/eventmaestro/maestro/hlc"
	"github.com/eventmaestro/maestro/store"
	"github.com/eventmaestro/maestro/types"
)

var (
	_ store.Adapter    = (*Store)(nil)
	_ store.CommandLog = (*Store)(nil)
	_ store.Redactor   = (*Store)(nil)
	_ store.Chronology = (*Store)(nil)
	_ store.Follower   = (*Store)(nil)
	_ store.Projector  = (*Store)(nil)
	_ store.Replicated = (*Store)(nil)
)

// on calls f with the store that has an aggregate.
func (s *Store) on(ctx context.Context, id hlc.Timestamp, f func(a store.Adapter) error) error {
	at, err := s.at(id)
	if err != nil {
		return err
	}
	a, err := at.enter(ctx)
	if err != nil {
		return err
	}
	defer at.leave()
	return f(a)
}

// each is a loop of the store that has an aggregate.
func each[T any](ctx context.Context, s *Store, id hlc.Timestamp, loop func(a store.Adapter) iter.Seq2[T, error]) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		err := s.on(ctx, id, func(a store.Adapter) error {
			loop(a)(yield)
			return nil
		})
		if err != nil {
			yield(*new(T), err)
		}
	}
}

// Commit is that of the aggregate's store.
func (s *Store) Commit(ctx context.Context, c store.Commit) error {
	return s.on(ctx, c.AggregateID, func(a store.Adapter) error { return a.Commit(ctx, c) })
}

// Load is that of the aggregate's store.
func (s *Store) Load(ctx context.Context, id hlc.Timestamp, r store.Range) iter.Seq2[store.Entry, error] {
	return each(ctx, s, id, func(a store.Adapter) iter.Seq2[store.Entry, error] { return a.Load(ctx, id, r) })
}

// Events is that of the aggregate's store.
func (s *Store) Events(ctx context.Context, id hlc.Timestamp, r store.Range) iter.Seq2[types.Event, error] {
	return each(ctx, s, id, func(a store.Adapter) iter.Seq2[types.Event, error] { return a.Events(ctx, id, r) })
}

// Follow is that of the aggregate's store, or what its Events has.
func (s *Store) Follow(ctx context.Context, id hlc.Timestamp, from types.Sequence) (events []types.Event, more bool, err error) {
	err = s.on(ctx, id, func(a store.Adapter) error {
		if f, ok := a.(store.Follower); ok {
			events, more, err = f.Follow(ctx, id, from)
			return err
		}
		for e, err := range a.Events(ctx, id, store.Range{After: max(0, from-1)}) {
			if err != nil {
				return err
			}
			events = append(events, e)
		}
		return nil
	})
	return events, more, err
}

// Rises is that of the aggregate's store, or what its Events tell.
func (s *Store) Rises(ctx context.Context, id hlc.Timestamp, r store.Range) (rise bool, err error) {
	err = s.on(ctx, id, func(a store.Adapter) error {
		if c, ok := a.(store.Chronology); ok {
			rise, err = c.Rises(ctx, id, r)
			return err
		}
		var last hlc.Timestamp
		for e, err := range a.Events(ctx, id, r) {
			if err != nil || last.Compare(e.Timestamp) >= 0 {
				return err
			}
			last = e.Timestamp
		}
		rise = true
		return nil
	})
	return rise, err
}

// ListAggregates merges the pages of all stores. An aggregate that is being moved is listed once.
func (s *Store) ListAggregates(ctx context.Context, after hlc.Timestamp, limit int) ([]hlc.Timestamp, error) {
	var ids []hlc.Timestamp
	for _, a := range s.stores() {
		l, ok := a.(store.Lister)
		if !ok {
			return nil, unsupported("a list of aggregates")
		}
		page, err := l.ListAggregates(ctx, after, limit)
		if err != nil {
			return nil, err
		}
		ids = append(ids, page...)
	}
	slices.SortFunc(ids, hlc.Timestamp.Compare)
	ids = slices.Compact(ids)
	return ids[:min(limit, len(ids))], nil
}

// LatestSnapshot is that of the aggregate's store.
func (s *Store) LatestSnapshot(ctx context.Context, id hlc.Timestamp, r store.Range) (sn *types.Snapshot, err error) {
	err = s.on(ctx, id, func(a store.Adapter) error {
		sn, err = a.LatestSnapshot(ctx, id, r)
		return err
	})
	return sn, err
}

// CommitSnapshot is that of the aggregate's store.
func (s *Store) CommitSnapshot(ctx context.Context, sn types.Snapshot) error {
	return s.on(ctx, sn.AggregateID, func(a store.Adapter) error { return a.CommitSnapshot(ctx, sn) })
}

// LookupCommand is that of the aggregate's store.
func (s *Store) LookupCommand(ctx context.Context, id hlc.Timestamp, command string) (record *store.CommandRecord, err error) {
	err = s.on(ctx, id, func(a store.Adapter) error {
		log, ok := a.(store.CommandLog)
		if !ok {
			return unsupported("command ids")
		}
		record, err = log.LookupCommand(ctx, id, command)
		return err
	})
	return record, err
}

// PruneCommands forgets command IDs in all stores, one after the other, and returns how many. It
// goes on after an error, and returns all of them joined.
func (s *Store) PruneCommands(ctx context.Context, before time.Time) (pruned int64, err error) {
	for _, a := range s.stores() {
		log, ok := a.(store.CommandLog)
		if !ok {
			err = errors.Join(err, unsupported("command ids"))
			continue
		}
		n, failed := log.PruneCommands(ctx, before)
		pruned, err = pruned+n, errors.Join(err, failed)
	}
	return pruned, err
}

// Redact is that of the aggregate's store.
func (s *Store) Redact(ctx context.Context, r store.Redaction) error {
	return s.on(ctx, r.AggregateID, func(a store.Adapter) error {
		redactor, ok := a.(store.Redactor)
		if !ok {
			return unsupported("redaction")
		}
		return redactor.Redact(ctx, r)
	})
}

// Replica is a router of the stores' own replicas, so that each reads its aggregates' past as it
// does by itself.
func (s *Store) Replica() store.Adapter { return past{s} }

type past struct{ *Store }

// pastOf is the adapter for an aggregate's past.
func pastOf(a store.Adapter) store.Adapter {
	if r, ok := a.(store.Replicated); ok {
		if replica := r.Replica(); replica != nil {
			return replica
		}
	}
	return a
}

func (p past) Load(ctx context.Context, id hlc.Timestamp, r store.Range) iter.Seq2[store.Entry, error] {
	return each(ctx, p.Store, id, func(a store.Adapter) iter.Seq2[store.Entry, error] { return pastOf(a).Load(ctx, id, r) })
}

func (p past) Events(ctx context.Context, id hlc.Timestamp, r store.Range) iter.Seq2[types.Event, error] {
	return each(ctx, p.Store, id, func(a store.Adapter) iter.Seq2[types.Event, error] { return pastOf(a).Events(ctx, id, r) })
}

// StoreKind is that of the stores inside.
func (s *Store) StoreKind() string { return s.kind }

// stores returns every store of the table once.
func (s *Store) stores() (all []store.Adapter) {
	seen := map[store.Adapter]bool{}
	for _, a := range s.Table() {
		if !seen[a] {
			seen[a] = true
			all = append(all, a)
		}
	}
	return all
}

func unsupported(what string) error {
	return fmt.Errorf("router: %w: %s, by the store that has the slot", store.ErrUnsupported, what)
}
