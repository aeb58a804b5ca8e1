package postgres

import (
	"context"
	"time"

	"github.com/eventmaestro/maestro/types"
	"github.com/jackc/pgx/v5/pgxpool"
)

const (
	// sharedLock is how long a shared statement waits for the row of one of its commits.
	sharedLock = 100 * time.Millisecond

	// isolatingLock is the same while that commit is being searched for.
	isolatingLock = 20 * time.Millisecond

	// maxBlocked is how often a search may wait in vain: half a second, in which three culprits among
	// 128 are found.
	maxBlocked = 25
)

// runShared stores a batch of commits without projections.
func (s *Store) runShared(ctx context.Context, conn *pgxpool.Conn, batch []*pending) {
	sortBatch(batch)
	budget := maxBlocked
	s.share(ctx, conn, batch, s.sharedLock, &budget)
}

// share stores batch in one statement. If that fails for something in one of the commits, it looks
// for that one, so that n commits of which one is bad take about 2 log n statements at most. The
// search for those that wait for a row ends after so many waits as budget has: then each goes
// alone.
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

// answer takes the statement's word for it. Where the log doesn't tell why p was not stored, its
// caller finds out.
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
