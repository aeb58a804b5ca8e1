package memory

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/eventmaestro/maestro/hlc"
	"github.com/eventmaestro/maestro/store"
)

// lockTimeout bounds the wait in a line.
const lockTimeout = 5 * time.Second

// tableLine is where transactions wait that write into tables: one does at a time. No aggregate has this id.
var tableLine hlc.Timestamp

// party is who takes locks: the part of a transaction that stands in line.
type party struct {
	holds []hlc.Timestamp
	turn  chan struct{} // not nil while it waits, closed when it is first; guarded by Store.mu
	waits hlc.Timestamp // for this, if turn is not nil; guarded by Store.mu
}

// take waits until p is the first in a line, in the order of arrival.
func (s *Store) take(ctx context.Context, p *party, id hlc.Timestamp) error {
	if slices.Contains(p.holds, id) {
		return nil
	}
	turn, err := s.arrive(p, id)
	if err != nil {
		return err
	}
	timer := time.NewTimer(lockTimeout)
	defer timer.Stop()
	select {
	case <-turn:
		p.holds = append(p.holds, id)
		return nil
	case <-ctx.Done():
		err = ended(ctx, "lock")
	case <-timer.C:
		err = fmt.Errorf("memory: lock: %w: somebody else has it for more than %v", store.ErrUnavailable, lockTimeout)
	}
	s.leave(p, id)
	return err
}

// arrive puts p at the end of a line, but where the first waits, through others or not, for p itself.
func (s *Store) arrive(p *party, id hlc.Timestamp) (turn <-chan struct{}, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	line := append(s.lines[id], p)
	for first := line[0]; first.turn != nil; {
		if first = s.lines[first.waits][0]; first == p {
			return nil, store.ErrDeadlock
		}
	}
	p.turn, p.waits, s.lines[id] = make(chan struct{}), id, line
	turn = p.turn
	s.call(id)
	return turn, nil
}

// leave takes p out of a line, wherever it is.
func (s *Store) leave(p *party, id hlc.Timestamp) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p.turn = nil
	s.lines[id] = slices.DeleteFunc(s.lines[id], func(other *party) bool { return other == p })
	s.call(id)
}

// call tells the first in a line that it is. It is called with the lock held.
func (s *Store) call(id hlc.Timestamp) {
	if line := s.lines[id]; len(line) == 0 {
		delete(s.lines, id)
	} else if first := line[0]; first.turn != nil && first.waits == id {
		close(first.turn)
		first.turn = nil
	}
}

// Waiting returns how many transactions wait for a lock, or for the right to write into tables, at this
// moment. It is for tests.
func (s *Store) Waiting() (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, line := range s.lines {
		n += len(line) - 1
	}
	return n
}

// release ends all that p holds.
func (s *Store) release(p *party) {
	for _, id := range p.holds {
		s.leave(p, id)
	}
	p.holds = nil
}
