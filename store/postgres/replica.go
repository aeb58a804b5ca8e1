package postgres

import (
	"context"
	"errors"
	"fmt"
	"iter"

	"github.com/eventmaestro/maestro/hlc"
	"github.com/eventmaestro/maestro/store"
	"github.com/eventmaestro/maestro/types"
)

// Replica returns the store for reads of an aggregate's past, which go to Options.Replica; nil
// without one. See store.Replicated.
//
// The replica brings what it has, and the primary what comes after that. So nothing is late, and a
// replica that is down, slow or behind costs the primary's time and nothing else. The primary is
// always asked, by one look into an index. If it does not have the last event that the replica
// brought, the replica follows another server, and the error is store.ErrUnavailable. What was
// redacted is read as it was for as long as the replica is behind.
func (s *Store) Replica() store.Adapter {
	if s.o.Replica == nil {
		return nil
	}
	return pastStore{s}
}

// pastStore is a store that reads long stretches on the replica.
type pastStore struct{ *Store }

// errOtherLog is why a replica can't be used.
var errOtherLog = errors.New("Options.Replica has another log than the primary: it follows another server")

// readUp is how far a read came.
type readUp struct {
	last    types.Event // the last event that was there, if any
	stopped bool        // the loop has seen enough
}

// onReplica reads what the replica has, and passes over its errors: the primary has the rest.
func (p pastStore) onReplica(ctx context.Context, doing, sql string, id hlc.Timestamp, r store.Range, each func(store.Entry) bool) (at readUp, _ error) {
	conn, err := p.o.Replica.Acquire(ctx)
	if err == nil {
		defer conn.Release()
		err = p.read(ctx, conn, doing, sql, id, r, func(e store.Entry) bool {
			if e.Snapshot == nil {
				at.last = e.Event
			}
			at.stopped = !each(e)
			return !at.stopped
		})
	}
	switch {
	case err == nil || at.stopped:
		return at, nil
	case ctx.Err() != nil:
		return at, notSent(ctx, doing, err)
	}
	p.o.Logger.Warn("maestro: a replica could not be read, and the primary is", "aggregate", id, "error", err)
	return at, nil
}

// rest reads from the primary what comes after the last event of the replica.
func (p pastStore) rest(ctx context.Context, id hlc.Timestamp, r store.Range, last types.Event) iter.Seq2[types.Event, error] {
	return func(yield func(types.Event, error) bool) {
		anchored := false
		r.After = last.Sequence - 1
		for e, err := range p.Store.Events(ctx, id, r) {
			switch {
			case err != nil:
				yield(types.Event{}, err)
				return
			case anchored:
				if !yield(e, nil) {
					return
				}
			case e.Sequence != last.Sequence || e.Timestamp != last.Timestamp:
				yield(types.Event{}, otherLog(id, last))
				return
			default:
				anchored = true
			}
		}
		if !anchored {
			yield(types.Event{}, otherLog(id, last))
		}
	}
}

func otherLog(id hlc.Timestamp, last types.Event) error {
	return fmt.Errorf("%w: read aggregate %v: %w: sequence %d, %v", store.ErrUnavailable, id, errOtherLog, last.Sequence, last.Timestamp)
}

// checkReplica refuses a replica of another cluster. One that can't be asked now may be there
// later.
func (s *Store) checkReplica(ctx context.Context, primary querier) error {
	if s.o.Replica == nil {
		return nil
	}
	const sql = `SELECT system_identifier::text FROM pg_catalog.pg_control_system()`
	var ours, its string
	err := primary.QueryRow(ctx, sql).Scan(&ours)
	if err == nil {
		err = s.o.Replica.QueryRow(ctx, sql).Scan(&its)
	}
	switch {
	case ctx.Err() != nil:
		return notSent(ctx, "validate: ask the replica", err)
	case err != nil:
		s.o.Logger.Warn("maestro: the replica could not be compared with the primary", "error", err)
	case ours != its:
		return &types.OptionsError{Package: "postgres", Field: "Options.Replica", Reason: "is of another cluster: use a pool on a physical replica of the server that the store's own pool is on"}
	}
	return nil
}

// Load is that of the store.
func (p pastStore) Load(ctx context.Context, id hlc.Timestamp, r store.Range) iter.Seq2[store.Entry, error] {
	return func(yield func(store.Entry, error) bool) {
		var snapshot *store.Entry // kept back until there is an event, as a replica without one is of no use
		at, err := p.onReplica(ctx, "load aggregate", p.sql.load, id, r, func(e store.Entry) bool {
			if e.Snapshot != nil {
				snapshot = &e
				return true
			}
			if snapshot != nil && !yield(*snapshot, nil) {
				return false
			}
			snapshot = nil
			return yield(e, nil)
		})
		switch {
		case at.stopped:
		case err != nil:
			yield(store.Entry{}, err)
		case at.last.Sequence == 0:
			p.Store.Load(ctx, id, r)(yield)
		default:
			p.rest(ctx, id, r, at.last)(func(e types.Event, err error) bool { return yield(store.Entry{Event: e}, err) })
		}
	}
}

// Events is that of the store.
func (p pastStore) Events(ctx context.Context, id hlc.Timestamp, r store.Range) iter.Seq2[types.Event, error] {
	return func(yield func(types.Event, error) bool) {
		at, err := p.onReplica(ctx, "read events of aggregate", p.sql.events, id, r, func(e store.Entry) bool { return yield(e.Event, nil) })
		switch {
		case at.stopped:
		case err != nil:
			yield(types.Event{}, err)
		case at.last.Sequence == 0:
			p.Store.Events(ctx, id, r)(yield)
		default:
			p.rest(ctx, id, r, at.last)(yield)
		}
	}
}
