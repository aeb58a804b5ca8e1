package memory

import (
	"context"
	"fmt"
	"runtime/debug"
	"slices"

	"github.com/eventmaestro/maestro/store"
	"github.com/eventmaestro/maestro/types"
)

// projection is what the package's own kind of store.Projection is.
type projection func(ctx context.Context, tx *ProjectionTx, e types.Event) error

// StoreKind is Kind.
func (projection) StoreKind() string { return Kind }

// Projection makes a projection from f, which is called for every event of a commit in order, before
// the next event is given to any projection of the commit. What f writes through tx is seen by the calls that follow
// in the same commit, and by everyone else once the commit is stored. An error or a panic refuses
// the whole commit.
//
// The event is f's own copy. While f runs, all other commits with projections wait, so it must neither
// commit to the same store itself nor wait for somebody who does. f must not be nil.
func Projection(f func(ctx context.Context, tx *ProjectionTx, e types.Event) error) store.Projection {
	if f == nil {
		return nil // which aggregate.New refuses
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

// commitProjected is Commit with projections.
func (s *Store) commitProjected(ctx context.Context, p *attempt, projections []projection) error {
	if err := s.beginProjecting(ctx); err != nil {
		return err
	}
	defer s.endProjecting()
	sh := s.shard(p.commit.AggregateID)
	if err := s.takeTurn(ctx, sh, p); err != nil {
		return err
	}
	stored := false
	defer func() {
		if !stored { // also when the projection ended this goroutine
			sh.mu.Lock()
			defer sh.mu.Unlock()
			sh.endTurn(p)
		}
	}()
	tx := newProjectionTx(s, nil)
	defer tx.end()
	if err := run(ctx, tx, projections, p.commit.Events); err != nil {
		return err
	}
	sh.mu.Lock()
	defer sh.mu.Unlock()
	err := s.store(sh, p)
	if err == nil {
		tx.apply()
	}
	stored = true
	sh.endTurn(p)
	return err
}

func (s *Store) beginProjecting(ctx context.Context) error {
	select {
	case s.projecting <- struct{}{}:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("memory: commit: %w", ctx.Err())
	}
}

func (s *Store) endProjecting() { <-s.projecting }

// takeTurn checks the attempt and keeps other commits away from its aggregate until endTurn, so that
// the projections run only for events that will be stored.
func (s *Store) takeTurn(ctx context.Context, sh *shard, p *attempt) error {
	st, err := sh.lock(ctx, p.commit.AggregateID)
	if err != nil {
		return err
	}
	defer sh.mu.Unlock()
	if err := p.check(st.end(), st.hasCommand); err != nil {
		return err
	}
	if s.timestamps.has(p.log.rows) {
		return store.ErrDuplicateTimestamp
	}
	sh.make(p.commit.AggregateID).turn = make(chan struct{})
	return nil
}

// endTurn is called with the lock held.
func (sh *shard) endTurn(p *attempt) {
	st := sh.stream(p.commit.AggregateID)
	close(st.turn)
	st.turn = nil
	if st.isEmpty() {
		delete(sh.streams, p.commit.AggregateID)
	}
}

// run gives the events to the projections in order.
func run(ctx context.Context, tx *ProjectionTx, projections []projection, events []types.Event) error {
	ctx = context.WithoutCancel(ctx)
	for _, e := range events {
		for _, p := range projections {
			if err := call(ctx, tx, p, e); err != nil {
				return &store.ProjectionError{Event: own(e), Err: err}
			}
		}
	}
	return nil
}

func call(ctx context.Context, tx *ProjectionTx, p projection, e types.Event) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = &store.PanicError{Value: v, Stack: debug.Stack()}
		}
	}()
	return p(ctx, tx, own(e))
}

// own returns a copy of e that shares nothing with it.
func own(e types.Event) types.Event {
	e.Body = slices.Clone(e.Body)
	return e
}
