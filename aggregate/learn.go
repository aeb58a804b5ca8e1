package aggregate

import (
	"context"
	"errors"
	"iter"

	"github.com/eventmaestro/maestro/hlc"
	"github.com/eventmaestro/maestro/internal/panics"
	"github.com/eventmaestro/maestro/store"
	"github.com/eventmaestro/maestro/types"
)

// refresh reads what other processes added and reports whether there was anything. Nothing
// is read if the state is known to be the latest as of this batch.
func (c *core[S]) refresh(ctx context.Context) (news bool, _ error) {
	if err := c.ensure(ctx); err != nil {
		return false, err
	}
	if c.fresh {
		return false, nil
	}
	return c.readOn(ctx, hlc.Timestamp{})
}

// readOn reads what follows the state, and learns it; together with other aggregates, where the
// store can.
func (c *core[S]) readOn(ctx context.Context, rival hlc.Timestamp) (news bool, _ error) {
	read, cancel := c.reading(ctx)
	defer cancel()
	rest := func() iter.Seq2[types.Event, error] {
		return c.reads().Events(read, c.ID, store.Range{After: max(0, c.seq-1)})
	}
	together, ok := c.adapter().(store.Follower)
	if !ok {
		return c.learn(ctx, rest(), rival)
	}
	began, last := c.seq, c.last
	c.yield()
	events, more, err := readTogether(read, together, c.ID, max(1, began))
	if err != nil {
		return false, c.family.sup.orClosed(during("read events", err))
	}
	err = c.learnAll(ctx, began, events, more, rest, rival)
	return c.seq != began || c.last != last, err
}

func readTogether(ctx context.Context, f store.Follower, id hlc.Timestamp, from types.Sequence) (events []types.Event, more bool, err error) {
	defer panics.Recover(&err) // an adapter's panic
	return f.Follow(ctx, id, from)
}

// learnAll takes the turn and learns events that were read from began on, which was the state's
// sequence then, and the rest of them where there is more.
func (c *core[S]) learnAll(ctx context.Context, began types.Sequence, events []types.Event, more bool, rest func() iter.Seq2[types.Event, error], rival hlc.Timestamp) error {
	if err := c.hold(ctx); err != nil {
		return err
	}
	if !c.loaded { // a transaction of this process dropped it
		return c.ensure(ctx)
	}
	if c.seq == began {
		if _, err := c.learn(ctx, each(events), rival); err != nil || !more {
			return err
		}
	}
	_, err := c.learn(ctx, rest(), rival)
	return err
}

// learnFrom brings the state to what a refusal says of the log.
func (c *core[S]) learnFrom(ctx context.Context, r *round, cause error) error {
	if err := c.ensure(ctx); err != nil { // the round may have dropped it
		return err
	}
	if c.fresh {
		return nil
	}
	var rival hlc.Timestamp
	if len(r.log) > 0 {
		rival = r.log[0].Timestamp
	}
	refusal, ok := errors.AsType[*store.ConflictError](cause)
	// Where a transaction of this process has moved the state on meanwhile, the refusal doesn't
	// reach as far, which proves nothing.
	if ok && len(refusal.Events) > 0 && refusal.Events[len(refusal.Events)-1].Sequence >= c.seq {
		if _, err := c.learn(ctx, each(refusal.Events), rival); err != nil || !refusal.More {
			return err
		}
		c.fresh = false
	}
	_, err := c.readOn(ctx, rival)
	return err
}

// learn brings the state forward by events that follow it, the one at its own sequence first, and
// reports whether there were any. A state that the log does not have is dropped, told of, and read
// again. An event with the very timestamp that a refused one had, rival, was stamped by another
// clock with the same node id.
func (c *core[S]) learn(ctx context.Context, events iter.Seq2[types.Event, error], rival hlc.Timestamp) (news bool, _ error) {
	began, last := c.seq, c.last
	n, proved, err := c.root.kind.follow(events, c.ID, &c.draft, func(e *types.Event) {
		if e.Timestamp == rival && !rival.IsZero() {
			c.renewClock()
		}
	})
	if held := c.hold(ctx); held != nil {
		return false, held
	}
	if n > 0 {
		c.observe()
	}
	switch {
	case err != nil:
		err = c.reportPanic(ctx, "", err)
		if c.torn {
			c.drop()
		}
		return n > 0, c.family.sup.orClosed(c.family.orOther(err))
	case !proved && c.seq != began:
		return true, c.ensure(ctx) // a transaction of this process moved it on meanwhile, or dropped it
	case !proved && c.seq > 0:
		c.lost(ctx, c.seq, c.last)
		return true, c.ensure(ctx)
	}
	c.fresh = true
	c.rivals.learned(n)
	return c.seq != began || c.last != last, nil // also where a transaction of this process was quicker
}

// each yields events that are there already.
func each(events []types.Event) iter.Seq2[types.Event, error] {
	return func(yield func(types.Event, error) bool) {
		for _, e := range events {
			if !yield(e, nil) {
				return
			}
		}
	}
}

// missing reports whether a refusal says that the log does not have the event that the commit was
// decided on, the one at seq.
func missing(err error, seq types.Sequence, last hlc.Timestamp) bool {
	if errors.Is(err, store.ErrNoPredecessor) {
		return true
	}
	refusal, ok := errors.AsType[*store.ConflictError](err)
	return ok && seq > 0 && len(refusal.Events) > 0 && refusal.Events[0].Timestamp != last
}

// lost drops a state that the log does not have, the one that ended with last, and tells of it.
func (c *core[S]) lost(ctx context.Context, seq types.Sequence, last hlc.Timestamp) {
	e := &LogWentBackError{Root: c.family.name, AggregateID: c.ID, Sequence: seq, Timestamp: last}
	c.drop()
	if h := c.host; h != nil && h.loaded && !h.ahead && h.last == e.Timestamp {
		h.draft, h.loaded = draft[S]{}, false
	}
	c.family.sup.log.Error("the log went back; the state in memory was dropped", "root", e.Root,
		"aggregate", e.AggregateID, "sequence", e.Sequence, "timestamp", e.Timestamp)
	if hook := c.family.sup.options.Hooks.LogWentBack; hook != nil {
		hook(ctx, e)
	}
}
