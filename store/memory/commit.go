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

// newsLimit is how many events a conflict or a lock brings along at most.
const newsLimit = 1000

// Commit stores the events, runs the projections and records the command IDs of c, all or nothing, as
// [store.Adapter] says. A conflict is a [*store.ConflictError]. [store.ErrOutcomeUnknown] does not occur
// here, [store.ErrUnavailable] only where another commit or transaction writes into tables for too long.
//
// Projections run one commit at a time, in this goroutine, before the events can be read. They get
// a context that does not end. One that panics refuses the commit with a *store.ProjectionError
// around a *types.PanicError. While they run, somebody else may commit events of the same aggregate
// without projections. Then the answer is a conflict, and what the projections wrote is forgotten.
func (s *Store) Commit(ctx context.Context, c store.Commit) error {
	if err := ended(ctx, "commit"); err != nil {
		return err
	}
	if len(runnable(c.Projections)) > 0 {
		tx := s.begin()
		defer tx.Abort(ctx)
		if err := tx.Commit(ctx, c); err != nil {
			return err
		}
		return tx.End(context.WithoutCancel(ctx))
	}
	a, err := prepare(c)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := a.admit(s.kept.events[c.AggregateID], &s.kept); err != nil {
		return err
	}
	s.kept.add(a)
	return nil
}

// attempt is a commit on its way, with its events as they are kept.
type attempt struct {
	store.Commit
	events  []types.Event
	bodyErr error // why one has another body; told only if there is no conflict
}

// prepare copies what the store keeps of c.
func prepare(c store.Commit) (*attempt, error) {
	if err := c.Check(); err != nil {
		return nil, err
	}
	a := &attempt{Commit: c, events: slices.Clone(c.Events)}
	for i := range a.events {
		e := &a.events[i]
		if e.Body, a.bodyErr = jsonb.Canonical(e.Body); a.bodyErr != nil {
			a.bodyErr = refused(e.AggregateID, e.Sequence, "body", a.bodyErr)
			break
		}
	}
	return a, nil
}

func refused(id hlc.Timestamp, s types.Sequence, field string, err error) error {
	return &store.InvalidEventError{AggregateID: id, Sequence: s, Field: field, Reason: "is refused", Err: err}
}

// admit says why the attempt can't be stored behind the events, or returns nil. Command IDs and timestamps are
// those that are used in the store, and in the transaction.
func (a *attempt) admit(events []*types.Event, used ...*content) error {
	if len(a.events) > 0 {
		before, end := a.events[0].Sequence-1, types.Sequence(len(events))
		if before < end {
			news, more := since(events, before)
			return &store.ConflictError{AggregateID: a.AggregateID, Events: news, More: more}
		}
		if a.bodyErr != nil {
			return a.bodyErr
		}
		if before > end || before > 0 && !a.Predecessor.IsZero() && events[before-1].Timestamp != a.Predecessor {
			return &store.PredecessorError{AggregateID: a.AggregateID, Sequence: before, Timestamp: a.Predecessor}
		}
	}
	if len(a.events) == 0 && !a.Predecessor.IsZero() {
		if at := a.Commands[0].After; at > types.Sequence(len(events)) || at > 0 && events[at-1].Timestamp != a.Predecessor {
			return &store.PredecessorError{AggregateID: a.AggregateID, Sequence: at, Timestamp: a.Predecessor}
		}
	}
	own := make(map[string]bool)
	for _, r := range a.Commands {
		if own[r.ID] {
			return store.ErrDuplicateCommand
		}
		own[r.ID] = true
	}
	for _, c := range used {
		for _, r := range a.Commands {
			if _, ok := c.commands[commandKey{a.AggregateID, r.ID}]; ok {
				return store.ErrDuplicateCommand
			}
		}
		for i := range a.events {
			if _, ok := c.timestamps[a.events[i].Timestamp]; ok {
				return store.ErrDuplicateTimestamp
			}
		}
	}
	return nil
}

// add stores a commit that was admitted.
func (c *content) add(a *attempt) {
	for i := range a.events {
		e := &a.events[i]
		c.events[e.AggregateID] = append(c.events[e.AggregateID], e)
		c.timestamps[e.Timestamp] = struct{}{}
	}
	for _, r := range a.Commands {
		c.commands[commandKey{a.AggregateID, r.ID}] = command{record: r, at: time.Now()}
	}
}

// since returns copies of the events from a sequence on, and whether there are more than are told at once.
func since(events []*types.Event, from types.Sequence) (news []types.Event, more bool) {
	for _, e := range events[min(max(from, 1)-1, types.Sequence(len(events))):] {
		if len(news) == newsLimit {
			return news, true
		}
		news = append(news, own(*e))
	}
	return news, false
}

// own returns a copy of e that shares nothing with it.
func own(e types.Event) types.Event {
	e.Body = slices.Clone(e.Body)
	return e
}

// ended is the error of a context that has ended, with what was to be done, or nil.
func ended(ctx context.Context, what string) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("memory: %s: %w", what, err)
	}
	return nil
}
