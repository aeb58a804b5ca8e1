package memory

import (
	"context"

	"github.com/eventmaestro/maestro/internal/panics"
	"github.com/eventmaestro/maestro/store"
	"github.com/eventmaestro/maestro/types"
)

// projection is what the package's own kind of store.Projection is.
type projection func(ctx context.Context, tx *ProjectionTx, e types.Event) error

// StoreKind is Kind.
func (projection) StoreKind() string { return Kind }

// Projection makes a projection from f. It is called for every event of a commit in order, before
// any projection of the commit gets the next event. Later calls in the same commit see what f
// writes through tx; everyone else sees it once the commit is stored. An error or a panic refuses
// the whole commit. An error of aggregate.Reject reaches the sender of the command like a
// handler's:
//
//	if errors.Is(names.In(tx).Insert(name, e.AggregateID), memory.ErrExists) {
//		return aggregate.Reject("the name is taken")
//	}
//
// The event is f's own copy. While f runs, all other commits with projections wait. So f must not
// commit to the same store, nor wait for somebody who does. f must not be nil.
func Projection(f func(ctx context.Context, tx *ProjectionTx, e types.Event) error) store.Projection {
	if f == nil {
		return nil // which aggregate.NewRoot refuses
	}
	return projection(f)
}

// runnable returns the projections of this package.
func runnable(all []store.Projection) []projection {
	var own []projection
	for _, p := range all {
		if p, ok := p.(projection); ok {
			own = append(own, p)
		}
	}
	return own
}

// project gives the events to the projections in order. If one refuses, or ends this goroutine, all
// that they wrote is taken back.
func (tx *Tx) project(ctx context.Context, projections []projection, events []types.Event) error {
	if len(projections) == 0 {
		return nil
	}
	saved := tx.own.tables.clone()
	defer func() {
		if saved != nil {
			tx.own.tables = saved
		}
	}()
	ctx = context.WithoutCancel(ctx)
	for _, e := range events {
		for _, p := range projections {
			if err := guarded(func() error { return p(ctx, &ProjectionTx{tx}, own(e)) }); err != nil {
				return &store.ProjectionError{Event: own(e), Err: err}
			}
		}
	}
	saved = nil
	return nil
}

// guarded returns a panic of f as its error.
func guarded(f func() error) (err error) {
	defer panics.Recover(&err)
	return f()
}
