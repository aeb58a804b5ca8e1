package memory

import (
	"context"
	"encoding/json"
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

// Commit stores the events, runs the projections and records the command IDs of c, all or nothing,
// as [store.Adapter] says. A conflict is a [*store.ConflictError]. [store.ErrOutcomeUnknown] does
// not occur here, [store.ErrUnavailable] only where another commit or transaction writes into
// tables for too long.
//
// Projections run one commit at a time, in this goroutine, before the events can be read. They get
// a context that does not end. One that panics refuses the commit with a *store.ProjectionError
// around a *types.PanicError. While they run, somebody else may commit events of the same aggregate
// without projections. Then the answer is a conflict, and what the projections wrote is forgotten.
func (s *Store) Commit(ctx context.Context, c store.Commit) error {
	if len(runnable(c.Projections)) > 0 {
		tx := s.begin()
		defer tx.Abort(ctx)
		if err := tx.Commit(ctx, c); err != nil {
			return err
		}
		return tx.end()
	}
	if err := ended(ctx, "commit"); err != nil {
		return err
	}
	events, refused, err := prepare(c)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.admit(c, refused); err != nil {
		return err
	}
	s.kept.put(c, events)
	return nil
}

// Commit stores c in the transaction, with the errors of [Store.Commit]. It may still be refused
// until the transaction ends, because somebody else may store the same sequence first.
func (tx *Tx) Commit(ctx context.Context, c store.Commit) error {
	if err := tx.send(ctx, "commit"); err != nil {
		return err
	}
	return tx.commit(ctx, c)
}

func (tx *Tx) commit(ctx context.Context, c store.Commit) error {
	events, refused, err := prepare(c)
	if err != nil {
		return err
	}
	projections := runnable(c.Projections)
	if len(projections) > 0 {
		if err := tx.take(ctx, tableLine); err != nil {
			return err
		}
	}
	tx.store.mu.Lock()
	err = tx.admit(c, refused)
	tx.store.mu.Unlock()
	if err != nil {
		return err
	}
	if err := tx.project(ctx, projections, c.Events); err != nil {
		return err
	}
	tx.own.put(c, events)
	return nil
}

// prepare copies the events of c as they are kept, and says which body is refused.
func prepare(c store.Commit) (events []types.Event, refused, err error) {
	events = slices.Clone(c.Events)
	for i := 0; i < len(events) && refused == nil; i++ {
		e := &events[i]
		e.Body, refused = canonical(e.AggregateID, e.Sequence, "body", e.Body)
	}
	return events, refused, c.Check()
}

// put stores a commit that was admitted.
func (c *content) put(commit store.Commit, events []types.Event) {
	c.init()
	for i := range events {
		e := &events[i]
		c.log = append(c.log, key{e.AggregateID, e.Sequence})
		c.timestamps[e.Timestamp] = struct{}{}
		c.events[e.AggregateID] = append(c.events[e.AggregateID], e)
	}
	for _, r := range commit.Commands {
		c.commands[commandKey{commit.AggregateID, r.ID}] = command{record: r, at: time.Now()}
	}
}

// admit says why c can't be stored behind what the transaction sees, or returns nil. A body that is
// refused is told only if there is no conflict.
func (v *view) admit(c store.Commit, refused error) error {
	events, _ := v.sees(c.AggregateID)
	end, before := types.Sequence(len(events)), types.Sequence(0)
	if len(c.Events) > 0 {
		before = c.Events[0].Sequence - 1
	} else if !c.Predecessor.IsZero() {
		before = c.Commands[0].After
	}
	switch {
	case len(c.Events) > 0 && v.overtaken(c.AggregateID):
		return store.ErrConflict
	case before < end && len(c.Events) > 0:
		news, more := since(events, before)
		return &store.ConflictError{AggregateID: c.AggregateID, Events: news, More: more}
	case refused != nil:
		return refused
	case before > end || before > 0 && !c.Predecessor.IsZero() && events[before-1].Timestamp != c.Predecessor:
		return &store.PredecessorError{AggregateID: c.AggregateID, Sequence: before, Timestamp: c.Predecessor}
	}
	for i, r := range c.Commands {
		twice := slices.ContainsFunc(c.Commands[:i], func(o store.CommandRecord) bool { return o.ID == r.ID })
		if twice || v.command(c.AggregateID, r.ID) != nil {
			return store.ErrDuplicateCommand
		}
	}
	for _, e := range c.Events {
		_, kept := v.store.kept.timestamps[e.Timestamp]
		if _, own := v.own.timestamps[e.Timestamp]; own || kept {
			return store.ErrDuplicateTimestamp
		}
	}
	return nil
}

// canonical returns a body as jsonb prints it.
func canonical(id hlc.Timestamp, at types.Sequence, field string, body json.RawMessage) (json.RawMessage, error) {
	text, err := jsonb.Canonical(body)
	if err != nil {
		return nil, &store.InvalidEventError{AggregateID: id, Sequence: at, Field: field, Reason: "is refused", Err: err}
	}
	return text, nil
}

// since returns copies of the events from a sequence on, and whether there are more than are told
// at once.
func since(events []*types.Event, from types.Sequence) (news []types.Event, more bool) {
	behind := events[min(max(from, 1)-1, types.Sequence(len(events))):]
	for _, e := range behind[:min(newsLimit, len(behind))] {
		news = append(news, own(*e))
	}
	return news, len(behind) > newsLimit
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
