package aggregate

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"

	"github.com/eventmaestro/maestro/hlc"
	"github.com/eventmaestro/maestro/store"
	"github.com/eventmaestro/maestro/types"
)

// Redact replaces the body of one stored event: to forget what a person wants forgotten, or to mend
// what can't be read. Everything else about the event stays, and a snapshot that contains it is
// dropped with it. body is encoded like that of an [types.Uncommitted]; it has to be one of the event's
// stored type.
//
// The event is refused, and nothing is changed, if it could not be applied with the new body, or if a
// later event that could be applied before no longer could: an *EventError. Where several
// events are bad, mend them in their order. An event that isn't there is store.ErrNoEvent, and a
// store that can't do it store.ErrUnsupported.
//
// This process reads the aggregate anew afterwards. Others go on with the state they have in memory
// until they read it again, and a snapshot of that state, or one that was on its way here, may be
// stored after the old one was dropped. To be sure, call Redact again, with the same body, when
// no process has the old state any more.
func (r *Root[S]) Redact(ctx context.Context, id hlc.Timestamp, s types.Sequence, body any) error {
	redactor, ok := r.sup.store.(store.Redactor)
	if !ok {
		return fmt.Errorf("%w: this store can't replace bodies: use a store.Redactor", store.ErrUnsupported)
	}
	raw, err := encode(body)
	if err != nil {
		return &store.InvalidEventError{AggregateID: id, Sequence: s, Field: "body", Reason: "can't be stored", Err: err}
	}
	return r.do(ctx, id, ours, func(c *cell[S]) error {
		if err := c.root.kind.checkRedaction(ctx, c.reads(), id, s, raw); err != nil {
			return err
		}
		defer c.drop()
		c.yield()
		if err := redactor.Redact(ctx, id, s, raw); err != nil {
			return during("redact", err)
		}
		return nil
	})
}

// checkRedaction makes sure that the log can be read past s with the new body, and as far as before.
func (k *kind[S]) checkRedaction(ctx context.Context, a store.Adapter, id hlc.Timestamp, s types.Sequence, body json.RawMessage) error {
	found := false
	reach, fault, err := k.reach(ctx, a, id, func(e *types.Event) {
		if e.Sequence == s {
			found, e.Body = true, body
		}
	})
	switch {
	case err != nil:
		return err
	case fault == nil && !found:
		return fmt.Errorf("aggregate: redact: %w: aggregate %v, sequence %d", store.ErrNoEvent, id, s)
	case fault == nil:
		return nil
	case reach <= s:
		return during("redact", fault)
	}
	before, _, err := k.reach(ctx, a, id, func(*types.Event) {})
	if err != nil || before <= reach {
		return err
	}
	return during("redact", fault)
}

// reach applies a log, each event as change leaves it, and returns the sequence of the first that can't be applied with
// the reason, or else a sequence past all others. Its error is the store's.
func (k *kind[S]) reach(ctx context.Context, a store.Adapter, id hlc.Timestamp, change func(*types.Event)) (_ types.Sequence, fault, err error) {
	var d draft[S]
	if d.state, err = k.initial(); err != nil {
		return 0, nil, during("initial state", err)
	}
	for e, err := range a.Events(ctx, id, store.Range{}) {
		if err != nil {
			return 0, nil, fmt.Errorf("aggregate: read events: %w", err)
		}
		change(&e)
		if fault := k.replay(&d, id, &e); fault != nil {
			var at *EventError
			if errors.As(fault, &at) {
				return at.Sequence, fault, nil
			}
			return e.Sequence, fault, nil
		}
	}
	return math.MaxInt64, nil, nil
}
