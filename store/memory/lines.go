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
	s := tx.store
	wait, cancel := context.WithTimeout(ctx, lockTimeout)
	defer cancel()
	defer context.AfterFunc(wait, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.moved.Broadcast()
	})()
	s.mu.Lock()
	defer s.mu.Unlock()
	if slices.Contains(s.lines[id], tx) {
		return nil
	}
	line := append(s.lines[id], tx)
	for first := line[0]; first.waits != nil; { // does the first wait, through others or not, for tx?
		if first = s.lines[*first.waits][0]; first == tx {
			tx.broken = true
			return store.ErrDeadlock
		}
	}
	s.lines[id] = line
	if line[0] == tx {
		return nil
	}
	for tx.waits = &id; tx.waits != nil && wait.Err() == nil; {
		s.moved.Wait()
	}
	if tx.waits == nil {
		return nil
	}
	tx.broken, tx.waits = true, nil
	s.lines[id] = slices.DeleteFunc(s.lines[id], func(other *Tx) bool { return other == tx })
	if err := ended(ctx, "lock"); err != nil {
		return err
	}
	return fmt.Errorf("memory: lock: %w: somebody else has it for more than %v", store.ErrUnavailable, lockTimeout)
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
			line[1].waits, s.lines[id] = nil, line[1:]
		}
	}
	s.moved.Broadcast()
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
