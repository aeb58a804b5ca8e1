package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/eventmaestro/maestro/store"
	"github.com/eventmaestro/maestro/types"
	"github.com/jackc/pgx/v5/pgxpool"
)

const (
	// sharedLock is how long a shared statement waits for the row of one of its commits.
	sharedLock = 100 * time.Millisecond

	// isolatingLock is the same while that commit is being searched for.
	isolatingLock = 20 * time.Millisecond

	// maxBlocked is how often a search may wait in vain: half a second, in which three culprits among 128 are found.
	maxBlocked = 25
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

// runShared stores a batch of commits without projections.
func (s *Store) runShared(ctx context.Context, conn *pgxpool.Conn, batch []*pending) {
	sortBatch(batch)
	budget := maxBlocked
	s.share(ctx, conn, batch, s.sharedLock, &budget)
}

// share stores batch in one statement. If that fails for something in one of the commits, it looks for
// that one, so that n commits of which one is bad take about 2 log n statements at most. The search for those that wait for a row
// ends after so many waits as budget has: then each goes alone.
func (s *Store) share(ctx context.Context, conn *pgxpool.Conn, batch []*pending, lock string, budget *int) {
	if conn.Conn().IsClosed() || *budget <= 0 {
		leaveAlone(batch)
		return
	}
	err := s.insert(ctx, conn, batch, lock)
	if err != nil && fateOf(err) == fateStale {
		err = s.insert(ctx, conn, batch, lock)
	}
	if err = s.heard(conn, err); err == nil {
		for _, p := range batch {
			p.answer()
		}
		return
	}
	switch f := fateOf(err); {
	case f == fateUnknown || f == fateGeneral || f == fateSettled:
		err = translate("commit events", err)
		for _, p := range batch {
			p.err = err
		}
	case len(batch) == 1:
		s.blocked(err, budget)
		batch[0].refer(err)
	default:
		s.blocked(err, budget)
		s.isolate(batch, err, func(part []*pending) { s.share(ctx, conn, part, s.isolatingLock, budget) })
	}
}

// blocked notes that a statement waited for a row in vain, if that is what err says.
func (s *Store) blocked(err error, budget *int) {
	if fateOf(err) == fateBlocked {
		*budget--
		s.conflicts.tell(1, 1, 1)
	}
}

// firstEvent stands for all of them where it is not known which one it was.
func (p *pending) firstEvent() types.Event {
	if len(p.commit.Events) == 0 {
		return types.Event{AggregateID: p.commit.AggregateID} // it is a commit of command records
	}
	return p.commit.Events[0]
}

// answer takes the statement's word for it. Where the log doesn't tell why p was not stored, its caller finds out.
func (p *pending) answer() {
	if p.stored {
		p.err = nil
	} else if p.err = p.verdict(); p.err == nil {
		p.refer(nil)
	}
}

// refer leaves p to its caller, who is told what an attempt came to.
func (p *pending) refer(err error) { p.alone, p.tried, p.err = true, true, err }

// leaveAlone leaves commits that nothing was tried for to their callers.
func leaveAlone(batch []*pending) {
	for _, p := range batch {
		p.alone = true
	}
}
