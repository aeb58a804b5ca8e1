package aggregate

import (
	"context"
	"iter"

	"github.com/eventmaestro/maestro/hlc"
	"github.com/eventmaestro/maestro/internal/panics"
	"github.com/eventmaestro/maestro/store"
	"github.com/eventmaestro/maestro/types"
)

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
