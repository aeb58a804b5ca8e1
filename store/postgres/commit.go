package postgres

import (
	"context"
	"fmt"

	"github.com/eventmaestro/maestro/store"
	"github.com/eventmaestro/maestro/types"
)

// Commit stores the events of one aggregate; see store.Adapter.
//
// The values of ctx reach the pool's hooks and tracers only if the commit does not travel in
// another caller's statement. Options.CommitTimeout bounds the wait after it was sent.
func (s *Store) Commit(ctx context.Context, c store.Commit) error {
	if err := s.check(&c); err != nil {
		return err
	}
	if ctx.Err() != nil {
		return notSent(ctx, "commit events", ctx.Err())
	}
	p := s.pendings.of(c)
	err := s.commit(ctx, p)
	s.pendings.put(p) // not deferred: after a panic others may still hold it
	return err
}

// commit sends p in the way that its projections need.
func (s *Store) commit(ctx context.Context, p *pending) error {
	c := p.commit
	own := ownProjections(c.Projections)
	if s.routes() {
		return s.commitRouted(ctx, p, own)
	}
	if len(own) == 0 || len(c.Events) == 0 {
		s.plain.do(ctx, p)
		return s.settle(ctx, p, s.tryPlain)
	}
	if own.batched() {
		var err error
		if p.queued, err = own.queue(c.Events); err != nil {
			return s.unlessConflict(ctx, p, err)
		}
		if !hasCallbacks(p.queued) {
			s.projected.do(ctx, p)
			return s.settle(ctx, p, s.tryProjected)
		}
	}
	return s.commitAlone(ctx, p, s.tryDirect(own), patience{lock: s.longLock})
}

// check refuses what can't be stored before anything is sent.
func (s *Store) check(c *store.Commit) error {
	if err := c.Check(); err != nil {
		return err
	}
	if len(c.Commands) > 0 {
		if err := s.recording(); err != nil {
			return err
		}
	}
	for _, r := range c.Commands {
		if r.After < 0 || r.Last < r.After || r.Last > types.MaxSequence || r.After == types.MaxSequence {
			return &store.InvalidEventError{
				AggregateID: c.AggregateID, Sequence: r.Last, Field: "command record",
				Reason: fmt.Sprintf("has the events in (%d, %d]", r.After, r.Last),
			}
		}
	}
	return nil
}

// settle returns the answer to p, and sends it alone first where a crowd could not decide.
func (s *Store) settle(ctx context.Context, p *pending, try attempt) error {
	if p.alone {
		return s.commitAlone(ctx, p, try, s.fromCrowd())
	}
	return p.err
}
