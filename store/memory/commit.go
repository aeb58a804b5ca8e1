package memory

import (
	"context"
	"fmt"
	"time"

	"github.com/eventmaestro/maestro/hlc"
	"github.com/eventmaestro/maestro/store"
)

// Commit stores the events, runs the projections and records the command IDs of c, all or nothing, as
// [store.Adapter] says. Of its errors ErrUnavailable and ErrOutcomeUnknown do not occur here.
//
// Projections run one commit at a time, in this goroutine, before the events can be read. They get a
// context that does not end. One that panics refuses the commit with a *store.ProjectionError around
// a *store.PanicError.
func (s *Store) Commit(ctx context.Context, c store.Commit) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("memory: commit: %w", err)
	}
	if err := c.Check(); err != nil {
		return err
	}
	p := newAttempt(c)
	defer p.release()
	if projections := runnable(c.Projections); len(projections) > 0 {
		return s.commitProjected(ctx, p, projections)
	}
	sh := s.shard(c.AggregateID)
	st, err := sh.lock(ctx, c.AggregateID)
	if err != nil {
		return err
	}
	defer sh.mu.Unlock()
	if err := p.check(st.end(), st.hasCommand); err != nil {
		return err
	}
	return s.store(sh, p)
}

// lock takes the shard's lock at a moment when nobody has the aggregate's turn.
func (sh *shard) lock(ctx context.Context, id hlc.Timestamp) (*stream, error) {
	for {
		sh.mu.Lock()
		st := sh.stream(id)
		turn := st.waiting()
		if turn == nil {
			return st, nil
		}
		sh.mu.Unlock()
		select {
		case <-turn:
		case <-ctx.Done():
			return nil, fmt.Errorf("memory: commit: %w", ctx.Err())
		}
	}
}

// store makes an attempt that passed its check visible. The caller holds the lock of the shard.
func (s *Store) store(sh *shard, p *attempt) error {
	if len(p.log.rows) > 0 && !s.timestamps.add(p.log.rows) {
		return store.ErrDuplicateTimestamp
	}
	st := sh.make(p.commit.AggregateID)
	st.events.append(&p.log)
	if len(p.commit.Commands) > 0 {
		st.use(p.commit.Commands, time.Now())
	}
	return nil
}
