package aggregate

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/eventmaestro/maestro/hlc"
	"github.com/eventmaestro/maestro/internal/body"
	"github.com/eventmaestro/maestro/internal/panics"
	"github.com/eventmaestro/maestro/internal/typestring"
	"github.com/eventmaestro/maestro/store"
	"github.com/eventmaestro/maestro/types"
)

// draft is a state and its place in the history: where the log is, or where it
// will be once the commands so far are committed.
type draft[S any] struct {
	state S
	seq   types.Sequence
	last  hlc.Timestamp // the timestamp at seq; zero before the first event

	generation int64 // of the snapshot that was there when the state was read; see store.Mark

	// torn is set while an event is being applied, and stays set if that ends badly: the state
	// may then be between two events.
	torn bool
}

// decide evaluates a command on d: handler, numbers and stamps, stored form, apply. It
// appends the new events to log, and brings d forward by them. After an error the log is what it
// was, and so is d unless it is torn.
func (k *kind[S]) decide(ctx context.Context, clock *hlc.Clock, d *draft[S], id hlc.Timestamp, command types.Command, handler CommandHandler[S], log []types.Event) ([]types.Event, error) {
	if err := expect(command, id, d.seq); err != nil {
		return log, err
	}
	made, err := eval(ctx, handler, Instance[S]{ID: id, Sequence: d.seq, State: d.state}, command)
	if err != nil || len(made) == 0 {
		return log, ofRoot(err, k.Name)
	}
	metadata := types.MetadataFrom(ctx)
	if command.ID != "" {
		metadata.CommandID = command.ID
	}
	old, last := len(log), d.last
	for i := range made {
		last = clock.NowAfter(last)
		e := types.Event{
			Timestamp: last, AggregateID: id, Sequence: d.seq + types.Sequence(i) + 1,
			Type: made[i].Type, Metadata: metadata,
		}
		if err := k.fit(&e, made[i].Body); err != nil {
			return log[:old], err
		}
		log = append(log, e)
	}
	for i := old; i < len(log); i++ {
		if err := k.apply(d, &log[i]); err != nil {
			return log[:old], &EventError{AggregateID: id, Sequence: log[i].Sequence, Type: log[i].Type, Err: err}
		}
	}
	return log, nil
}

// fit gives e its body in the form in which it will be stored, if e can be stored and applied.
func (k *kind[S]) fit(e *types.Event, made any) error {
	if e.Sequence > types.MaxSequence {
		return unfit(e, "sequence", fmt.Sprintf("is past the last one, %d", types.MaxSequence), nil)
	}
	if !k.knows(e.Type) {
		if fault := typestring.Fault(e.Type); fault != "" {
			return unfit(e, "type", fault, nil)
		}
		err := fmt.Errorf("%w: add a handler to Events of %s", ErrUnknownEvent, k.Name)
		return &EventError{AggregateID: e.AggregateID, Sequence: e.Sequence, Type: e.Type, Err: err}
	}
	var err error
	if e.Body, err = encode(made); err != nil {
		return unfit(e, "body", "can't be stored", err)
	}
	if k.SharedWithMaestro {
		if reason := unfitForMaestro(e.Body); reason != "" {
			return unfit(e, "body", reason, nil)
		}
	}
	return nil
}

func unfit(e *types.Event, field, reason string, err error) error {
	return &store.InvalidEventError{AggregateID: e.AggregateID, Sequence: e.Sequence, Field: field, Reason: reason, Err: err}
}

func eval[S any](ctx context.Context, h CommandHandler[S], current Instance[S], command types.Command) (_ []types.Uncommitted, err error) {
	defer panics.Recover(&err)
	return h.Eval(ctx, current, command)
}

// apply brings d forward by one event.
func (k *kind[S]) apply(d *draft[S], e *types.Event) (err error) {
	defer panics.Recover(&err)
	d.torn = true
	state, err := k.step(d.state, e)
	if err != nil {
		d.torn = k.knows(e.Type) // else nothing was called
		return err
	}
	d.state, d.seq, d.last, d.torn = state, e.Sequence, e.Timestamp, false
	return nil
}

// step returns the state after e, by way of the upcasts.
func (k *kind[S]) step(state S, e *types.Event) (S, error) {
	upcast, old := k.Upcasts[e.Type]
	if !old {
		h := k.Events[e.Type]
		if h == nil {
			if k.SkipUnknownEvents {
				return state, nil
			}
			return state, fmt.Errorf("%w: a newer version of the program wrote it, or the id belongs to another root: add it to Events or Upcasts of %s", ErrUnknownEvent, k.Name)
		}
		return h.Apply(state, *e)
	}
	newer, err := upcast.apply(*e)
	if err != nil {
		return state, err
	}
	for i := range newer {
		if state, err = k.step(state, &newer[i]); err != nil {
			return state, err
		}
	}
	return state, nil
}

// encode returns body as JSON in the form in which every store returns it.
func encode(v any) (_ json.RawMessage, err error) {
	defer panics.Recover(&err) // a panic of its methods
	return body.Encode(v)
}

// expect compares what a command expects with the sequence that the aggregate is at.
func expect(command types.Command, id hlc.Timestamp, s types.Sequence) error {
	switch {
	case command.Expected == nil || *command.Expected == s:
		return nil
	case *command.Expected != types.Exists:
		return &UnexpectedSequenceError{AggregateID: id, Expected: *command.Expected, Actual: s}
	case s > 0:
		return nil
	}
	return fmt.Errorf("%w: %v has no events", ErrNoAggregate, id)
}
