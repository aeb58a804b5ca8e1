package aggregatetest

import (
	"context"
	"slices"

	"github.com/eventmaestro/maestro/hlc"
	"github.com/eventmaestro/maestro/store"
)

// On gives the case a store, on which the definition's projections run, with the events of Given
// and of commands, in the transactions that commit them. Call it right after New. Use a store for
// tests: what the case stores stays there, under an id of its own. Only projections for this kind
// of store run; if there is none, the test ends. Look at what they wrote with ThenProjected, which
// shows an event that a projection forgot.
//
//	events, err := postgres.New(pool, nil)
//	aggregatetest.New(t, definition).On(events).
//		Given(types.NewEvent("account_opened", Opened{Owner: "Ada"})).
//		When("deposit_money", Deposit{Cents: 500}).
//		ThenProjected(int64(500), balance)
func (c *Case[S]) On(s store.Adapter) *Case[S] {
	c.t.Helper()
	if c.broken {
		return c
	}
	if log, err := logOf(c.store, c.id); err != nil || len(log) > 0 || c.outcome != nil {
		c.fatalf("On comes right after New")
		return c
	}
	if kind, ok := s.(store.Projector); ok && !slices.ContainsFunc(c.projections, func(p store.Projection) bool { return p.StoreKind() == kind.StoreKind() }) {
		c.fatalf("On a store of kind %q: the definition has no projection for it", kind.StoreKind())
		return c
	}
	c.store, c.definition.Projections = s, c.projections
	c.begin(0)
	return c
}

// ThenProjected demands that read returns want, in a test with a store: what the projections made
// of everything that was given and done so far. It needs no When before it. Values are compared
// like states, field by field, and their types count.
func (c *Case[S]) ThenProjected(want any, read func(ctx context.Context, id hlc.Timestamp) (any, error)) *Case[S] {
	c.t.Helper()
	if c.broken {
		return c
	}
	if c.definition.Projections == nil {
		c.fatalf("ThenProjected without a store: give the case one by On")
		return c
	}
	got, err := read(c.context(), c.id)
	if err != nil {
		c.errorf("read what was projected: %v", err)
		return c
	}
	// Behind an interface, so that the type counts.
	if diff := difference(flatten("projected", &want, true), flatten("projected", &got, true)); diff != "" {
		c.errorf("what was projected is another%s", diff)
	}
	return c
}
