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

// tableLine is where transactions wait that write into tables: one does at a time. No aggregate has
// this id.
var tableLine hlc.Timestamp

// take waits until tx is the first in a line, in the order of arrival, and stays there until its
// end.
func (tx *Tx) take(ctx context.Context, id hlc.Timestamp) error {
	first, err := tx.arrive(id)
	if first || err != nil {
		return err
	}
	timer := time.NewTimer(lockTimeout)
	defer timer.Stop()
	select {
	case <-tx.turn:
		return nil
	case <-ctx.Done():
		err = ended(ctx, "lock")
	case <-timer.C:
		err = fmt.Errorf("memory: lock: %w: somebody else has it for more than %v", store.ErrUnavailable, lockTimeout)
	}
	s := tx.store
	s.mu.Lock()
	defer s.mu.Unlock()
	if tx.waits == nil {
		return nil // its turn has come just now
	}
	tx.broken, tx.waits = true, nil
	s.lines[id] = slices.DeleteFunc(s.lines[id], func(other *Tx) bool { return other == tx })
	return err
}

// arrive puts tx at the end of a line, unless it is there or the first in it waits for tx, through
// others or not. It reports whether tx is the first.
func (tx *Tx) arrive(id hlc.Timestamp) (first bool, err error) {
	s := tx.store
	s.mu.Lock()
	defer s.mu.Unlock()
	line := s.lines[id]
	if len(line) == 0 {
		s.lines[id] = []*Tx{tx}
		return true, nil
	}
	if line[0] == tx {
		return true, nil
	}
	for holder := line[0]; holder.waits != nil; {
		if holder = s.lines[*holder.waits][0]; holder == tx {
			tx.broken = true
			return false, store.ErrDeadlock
		}
	}
	s.lines[id], tx.waits, tx.turn = append(line, tx), &id, make(chan struct{})
	return false, nil
}

// release gives back all that tx holds.
func (tx *Tx) release() {
	s := tx.store
	s.mu.Lock()
	defer s.mu.Unlock()
	for id, line := range s.lines {
		switch {
		case line[0] != tx:
		case len(line) == 1:
			delete(s.lines, id)
		default:
			close(line[1].turn)
			line[1].waits, s.lines[id] = nil, line[1:]
		}
	}
}

// Waiting returns how many transactions wait for a lock, or for the right to write into tables, at
// this moment. It is for tests.
func (s *Store) Waiting() (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, line := range s.lines {
		n += len(line) - 1
	}
	return n
}
