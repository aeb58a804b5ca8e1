package aggregate

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"time"

	"github.com/eventmaestro/maestro/hlc"
	"github.com/eventmaestro/maestro/internal/panics"
	"github.com/eventmaestro/maestro/store"
	"github.com/eventmaestro/maestro/types"
)

// Get returns the state in memory, which may be stale if other processes use the same store; a cold
// aggregate is read first. An aggregate without events is in its initial state. If a newer version
// of the program wrote an event that this one doesn't know, Get still returns the state in memory.
// The caller owns the result.
func (r *Root[S]) Get(ctx context.Context, id hlc.Timestamp) (S, error) {
	current, err := r.instance(ctx, id, false)
	return current.State, err
}

// Fetch returns the state as of now. It contains everything that other processes stored before the
// call.
func (r *Root[S]) Fetch(ctx context.Context, id hlc.Timestamp) (S, error) {
	current, err := r.instance(ctx, id, true)
	return current.State, err
}

// FetchInstance is Fetch and returns the sequence as well, for a command with Command.Expected.
func (r *Root[S]) FetchInstance(ctx context.Context, id hlc.Timestamp) (Instance[S], error) {
	return r.instance(ctx, id, true)
}

func (r *Root[S]) instance(ctx context.Context, id hlc.Timestamp, latest bool) (Instance[S], error) {
	var current material[S]
	err := r.do(ctx, id, func(c *core[S]) (err error) {
		if latest {
			_, err = c.refresh(ctx)
		} else if err = c.ensure(ctx); err != nil {
			err = c.restore(ctx, err)
		}
		if err == nil {
			current, err = c.capture()
		}
		return err
	})
	if err != nil {
		return Instance[S]{}, err
	}
	return current.Instance, nil
}

// Exists reports whether the aggregate has an event as of now, across processes.
func (r *Root[S]) Exists(ctx context.Context, id hlc.Timestamp) (bool, error) {
	_, err := r.FetchExisting(ctx, id)
	if errors.Is(err, ErrNoAggregate) {
		return false, nil
	}
	return err == nil, err
}

// FetchExisting is FetchInstance, and ErrNoAggregate for an aggregate without events.
func (r *Root[S]) FetchExisting(ctx context.Context, id hlc.Timestamp) (Instance[S], error) {
	current, err := r.instance(ctx, id, true)
	if err == nil && current.Sequence == 0 {
		err = fmt.Errorf("%w: %v has no events", ErrNoAggregate, id)
	}
	return current, err
}

// GetExisting is Get with the sequence, and ErrNoAggregate for an aggregate without events. It
// looks at the log before it returns that error, because another process may have created the
// aggregate meanwhile.
func (r *Root[S]) GetExisting(ctx context.Context, id hlc.Timestamp) (Instance[S], error) {
	current, err := r.instance(ctx, id, false)
	if err == nil && current.Sequence == 0 {
		return r.FetchExisting(ctx, id)
	}
	return current, err
}

// Call runs f with a copy of the latest state in the aggregate's own goroutine. No command of this
// process is evaluated meanwhile. It returns f's error. f must not wait for another request to the
// same aggregate. If ctx ends before its turn, f is not run. If ctx ends later, f goes on.
func (r *Root[S]) Call(ctx context.Context, id hlc.Timestamp, f func(ctx context.Context, current Instance[S]) error) error {
	return r.do(ctx, id, func(c *core[S]) error {
		if _, err := c.refresh(ctx); err != nil {
			return err
		}
		current, err := c.capture()
		if err != nil {
			return err
		}
		c.current.Store(c.round.open[0]) // f is reported if it outlasts its caller
		return f(ctx, current.Instance)
	})
}

// Replay returns the state as it was at a sequence: 0 is the initial state, and a sequence beyond
// the last one is the latest state. It runs in the aggregate's own goroutine, like everything that
// calls handlers.
func (r *Root[S]) Replay(ctx context.Context, id hlc.Timestamp, s types.Sequence) (S, error) {
	if s < 0 || s > types.MaxSequence {
		return *new(S), fmt.Errorf("aggregate: replay: sequence %d is not in 0 to %d", s, types.MaxSequence)
	}
	return r.replay(ctx, id, func(ctx context.Context, c *core[S]) (S, error) {
		return c.root.kind.stateAt(ctx, c.past(), id, s)
	})
}

// ReplayAt returns the state as it was at a time: with all events before the first one whose
// timestamp is later than t. Timestamps count whole milliseconds, by the clock of the process that
// wrote the event. So all events of t's own millisecond are in, even those a moment after t.
func (r *Root[S]) ReplayAt(ctx context.Context, id hlc.Timestamp, t time.Time) (S, error) {
	return r.replay(ctx, id, func(ctx context.Context, c *core[S]) (S, error) {
		d, _, err := c.root.kind.replay(ctx, c.past(), id, 0, func(e types.Event) bool { return e.Timestamp.Time().After(t) })
		return d.state, err
	})
}

func (r *Root[S]) replay(ctx context.Context, id hlc.Timestamp, read func(context.Context, *core[S]) (S, error)) (S, error) {
	var state S
	err := r.do(ctx, id, func(c *core[S]) error {
		// The caller's own context: nobody else waits for this read.
		s, err := read(ctx, c)
		state = s
		return r.family.orOther(err)
	})
	if err != nil {
		return *new(S), err
	}
	return state, nil
}

// History yields the stored events of an aggregate whose sequences are in the range, in order and
// without upcasts. It reads as the loop asks and doesn't start the aggregate. An error is the last
// thing it yields.
func (r *Root[S]) History(ctx context.Context, id hlc.Timestamp, in store.Range) iter.Seq2[types.Event, error] {
	return func(yield func(types.Event, error) bool) {
		if id.IsZero() {
			yield(types.Event{}, ErrInvalidID)
			return
		}
		for e, err := range pastOf(r.sup.store).Events(ctx, id, in) {
			if err != nil {
				yield(types.Event{}, during("history", err))
				return
			}
			if !yield(e, nil) {
				return
			}
		}
	}
}

// HistoryUpcast is History with the upcasts applied: it yields events as today's handlers get them.
// A dropped event is left out. An event that became several is yielded as those, all with the same
// sequence. An event that can't be upcast is an *EventError, the last thing it yields.
func (r *Root[S]) HistoryUpcast(ctx context.Context, id hlc.Timestamp, in store.Range) iter.Seq2[types.Event, error] {
	return func(yield func(types.Event, error) bool) {
		for e, err := range r.History(ctx, id, in) {
			if err != nil {
				yield(e, err)
				return
			}
			events, err := r.kind.upcast(e)
			if err != nil {
				yield(types.Event{}, &EventError{AggregateID: id, Sequence: e.Sequence, Type: e.Type, Stored: true, Err: err})
				return
			}
			for _, e := range events {
				if !yield(e, nil) {
					return
				}
			}
		}
	}
}

// upcast returns what an event's upcasts make of it.
func (k *kind[S]) upcast(e types.Event) (all []types.Event, err error) {
	u, old := k.Upcasts[e.Type]
	if !old {
		return []types.Event{e}, nil
	}
	defer panics.Recover(&err)
	newer, err := u.apply(e)
	if err != nil {
		return nil, err // which says of which type
	}
	for _, e := range newer {
		further, err := k.upcast(e)
		if err != nil {
			return nil, err
		}
		all = append(all, further...)
	}
	return all, nil
}
