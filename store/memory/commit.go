package memory

import (
	"context"
	"fmt"
	"time"

	"github.com/eventmaestro/maestro/store"
)

// Commit stores the events, runs the projections and records the command IDs of c, all or nothing, as
// [store.Adapter] says. Of its errors ErrUnavailable and ErrOutcomeUnknown do not occur here.
//
// Projections run one commit at a time, in this goroutine, before the events can be read. They get a
// context that does not end. One that panics refuses the commit with a *store.ProjectionError around
// a *[PanicError].
func (s *Store) Commit(ctx context.Context, c store.Commit) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("memory: commit: %w", err)
	}
	if err := c.Check(); err != nil {
		return err
	}
	var room [4]record // on the stack; most commits have no more events
	records, bodyErr := appendRecords(room[:0], &c)
	p := attempt{commit: &c, records: records, bodyErr: bodyErr}
	if projections := runnable(c.Projections); len(projections) > 0 {
		return s.commitProjected(ctx, &p, projections)
	}
	sh := s.shard(c.AggregateID)
	st, err := sh.lock(ctx, &c)
	if err != nil {
		return err
	}
	defer sh.mu.Unlock()
	if err := p.check(st.records(), st.hasCommand); err != nil {
		return err
	}
	return s.store(sh, &p)
}

// lock takes the shard's lock at a moment when nobody has the aggregate's turn.
func (sh *shard) lock(ctx context.Context, c *store.Commit) (*stream, error) {
	for {
		sh.mu.Lock()
		st := sh.stream(c.AggregateID)
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

// attempt is a commit on its way.
type attempt struct {
	commit  *store.Commit
	records []record
	bodyErr error // why records are not all there; told only if there is no conflict
}

// check compares the commit with the events and command IDs that are there already.
func (p *attempt) check(there []record, hasCommand func(string) bool) error {
	if len(p.commit.Events) > 0 {
		first, end := p.commit.Events[0].Sequence, sequenceOf(there)
		if first <= end {
			return store.ErrConflict
		}
		if p.bodyErr != nil {
			return p.bodyErr
		}
		if first > end+1 {
			return gap(p.commit.AggregateID, first, end)
		}
	}
	for i, r := range p.commit.Commands {
		if hasCommand(r.ID) || repeated(p.commit.Commands[:i], r.ID) {
			return store.ErrDuplicateCommand
		}
	}
	return nil
}

func repeated(records []store.CommandRecord, id string) bool {
	for i := range records {
		if records[i].ID == id {
			return true
		}
	}
	return false
}

// store makes an attempt that passed its check visible. The caller holds the lock of the shard.
func (s *Store) store(sh *shard, p *attempt) error {
	if len(p.records) > 0 && !s.timestamps.add(p.records) {
		return store.ErrDuplicateTimestamp
	}
	st := sh.make(p.commit.AggregateID)
	st.events = append(st.events, p.records...)
	if len(p.commit.Commands) > 0 {
		st.use(p.commit.Commands, time.Now())
	}
	return nil
}
