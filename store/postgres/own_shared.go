package postgres

import (
	"context"
	"slices"

	"github.com/jackc/pgx/v5/pgxpool"
)

// endShared ends a transaction of which nothing has been sent, in one transaction with others that
// end at this moment. It reports whether that settled it; else it has to be sent alone.
func (o *ownTx) endShared(ctx context.Context) (settled bool, err error) {
	p := &o.staged[0].pending
	for _, more := range o.staged[1:] {
		p.with = append(p.with, &more.pending)
	}
	p.done = make(chan struct{}, 1)
	o.s.joint.do(ctx, p)
	return !p.alone, p.err
}

// sharable reports whether the transaction can be sent together with others.
func (o *ownTx) sharable() bool {
	return o.conn == nil && o.s.o.MaxBatch > 1 && !o.s.routes() && !slices.ContainsFunc(o.staged, func(c *stagedCommit) bool { return c.apart })
}

// runJoint stores a batch of whole transactions of the library.
func (s *Store) runJoint(ctx context.Context, conn *pgxpool.Conn, batch []*pending) {
	for regroups := 0; len(batch) > 0; regroups++ {
		if conn.Conn().IsClosed() || regroups > maxRegroups {
			leaveAlone(batch)
			return
		}
		var all []*pending
		for _, p := range batch {
			all = append(append(all, p), p.with...)
		}
		sortBatch(all)
		at, err := s.transact(ctx, conn, all, s.sharedLock)
		if err = s.heard(conn, err); err == nil {
			return
		}
		if f := fateOf(err); f == fateUnknown || f == fateGeneral {
			err = translate("commit events", err)
			for _, p := range batch {
				p.err = err
			}
			return
		}
		rest := s.withoutRefused(ctx, conn, batch, all, at, isRefusal(err))
		if len(rest) == len(batch) {
			leaveAlone(batch)
			return
		}
		batch = rest
	}
}

// withoutRefused answers those of batch that the log has something against, leaves the one that
// failed at a statement of its own to its caller, and returns the others.
func (s *Store) withoutRefused(ctx context.Context, conn *pgxpool.Conn, batch, all []*pending, at *pending, ask bool) (rest []*pending) {
	if at == nil && ask {
		asked := slices.DeleteFunc(all, func(p *pending) bool { return len(p.commit.Events) == 0 })
		asking, end := s.seenThrough(ctx, conn, nil)
		defer end()
		if len(asked) == 0 || s.askNews(asking, conn, asked) != nil {
			return batch
		}
	}
	for _, p := range batch {
		for _, part := range append([]*pending{p}, p.with...) {
			if part == at {
				p.alone = true
			} else if err := part.verdict(); err != nil && p.err == nil {
				p.err = err
			}
		}
		if p.err == nil && !p.alone {
			rest = append(rest, p)
		}
	}
	s.conflicts.tell(len(batch), len(batch)-len(rest), 0)
	return rest
}
