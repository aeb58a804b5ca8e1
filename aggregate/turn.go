package aggregate

import (
	"context"
	"iter"

	"github.com/eventmaestro/maestro/hlc"
	"github.com/eventmaestro/maestro/store"
	"github.com/eventmaestro/maestro/types"
)

// hold takes the turn: handlers are about to run, or the state is about to change.
func (c *core[S]) hold(ctx context.Context) error {
	if c.holding {
		return nil
	}
	if c.host == nil {
		ctx = context.Background() // whoever has it holds it while a handler runs, no longer
	}
	if err := c.turn.Lock(ctx); err != nil {
		return during("waiting for another handler", err)
	}
	c.holding = true
	return nil
}

// yield gives the turn back: the core is about to wait for the store, or has nothing more to do.
func (c *core[S]) yield() {
	if !c.holding {
		return
	}
	c.show()
	c.holding = false
	c.turn.Unlock()
}

// show lets those outside see the state's sequence: whenever the turn is given back, and before
// anybody is told what led to it.
func (c *core[S]) show() {
	if c.host == nil && c.at.Load() != int64(c.seq) {
		c.at.Store(int64(c.seq))
	}
}

// reads is the adapter for reads that call handlers. The turn is taken when the first row is there,
// so that nobody who has it waits for a connection.
func (c *core[S]) reads() store.Adapter { return reads[S]{c.adapter(), c} }

// past is reads for what has long been there: on a replica, where the store has one.
func (c *core[S]) past() store.Adapter {
	if c.tx != nil {
		return c.reads()
	}
	return reads[S]{pastOf(c.family.sup.store), c}
}

// pastOf returns the adapter for reads of an aggregate's past.
func pastOf(a store.Adapter) store.Adapter {
	if r, ok := a.(store.Replicated); ok {
		if replica := r.Replica(); replica != nil {
			return replica
		}
	}
	return a
}

type reads[S any] struct {
	store.Adapter
	c *core[S]
}

func (r reads[S]) Load(ctx context.Context, id hlc.Timestamp, in store.Range) iter.Seq2[store.Entry, error] {
	return inTurn(ctx, r.c, r.Adapter.Load(ctx, id, in))
}

func (r reads[S]) Events(ctx context.Context, id hlc.Timestamp, in store.Range) iter.Seq2[types.Event, error] {
	return inTurn(ctx, r.c, r.Adapter.Events(ctx, id, in))
}

// Rises calls no handler, so that it needs no turn.
func (r reads[S]) Rises(ctx context.Context, id hlc.Timestamp, in store.Range) (bool, error) {
	r.c.yield()
	rise, err := rises(ctx, r.Adapter, id, in)
	if held := r.c.hold(ctx); err == nil {
		err = held
	}
	return rise, err
}

func inTurn[S, E any](ctx context.Context, c *core[S], rows iter.Seq2[E, error]) iter.Seq2[E, error] {
	return func(yield func(E, error) bool) {
		c.yield()
		for e, err := range rows {
			if held := c.hold(ctx); held != nil {
				yield(*new(E), held)
				return
			}
			if !yield(e, err) {
				return
			}
		}
	}
}
