package router

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"sync"

	"github.com/eventmaestro/maestro/hlc"
	"github.com/eventmaestro/maestro/store"
)

// DefaultSlots is a number of slots that lets a program grow from one server to hundreds.
const DefaultSlots = 1024

// MaxSlots is the most that there can be.
const MaxSlots = 1 << 16

// Slot is the slot of an aggregate among slots, from 0 to slots - 1: the first two bytes of the
// id's SHA-256, modulo slots. [SlotSQL] is the same for a query.
func Slot(id hlc.Timestamp, slots int) int {
	hash := sha256.Sum256(id[:])
	return int(binary.BigEndian.Uint16(hash[:])) % slots
}

// SlotSQL is an expression of PostgreSQL for the slot of the id in a column, whose name is inserted
// as it is:
//
//	DELETE FROM event_log WHERE <SlotSQL("aggregate_id", 1024)> = 17
func SlotSQL(column string, slots int) string {
	return fmt.Sprintf("((get_byte(sha256(%[1]s), 0) * 256 + get_byte(sha256(%[1]s), 1)) %% %[2]d)", column, slots)
}

// Deal returns a table of n slots that are dealt to the stores in turn. It is a start. Keep the
// table of a running program in its configuration, so that all processes use the same one.
func Deal(n int, stores ...store.Adapter) []store.Adapter {
	if len(stores) == 0 {
		return nil
	}
	table := make([]store.Adapter, n)
	for i := range table {
		table[i] = stores[i%len(stores)]
	}
	return table
}

// slot is one entry of the table. Calls enter and leave; a move keeps the door shut.
type slot struct {
	mu     sync.Mutex
	to     store.Adapter // guarded by mu
	inside int           // guarded by mu; the calls that are under way
	moving chan struct{} // guarded by mu; not nil during a move, closed at its end
	empty  chan struct{} // guarded by mu; not nil while a move waits for those inside, closed when there are none
}

// enter returns the store that has the slot, for a call that ends with leave. During a move it
// waits.
func (s *slot) enter(ctx context.Context) (store.Adapter, error) {
	for {
		s.mu.Lock()
		moving := s.moving
		if moving == nil {
			s.inside++
			to := s.to
			s.mu.Unlock()
			return to, nil
		}
		s.mu.Unlock()
		select {
		case <-moving:
		case <-ctx.Done():
			return nil, fmt.Errorf("router: the aggregate's slot is being moved: %w", ctx.Err())
		}
	}
}

func (s *slot) leave() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.inside--; s.inside == 0 && s.empty != nil {
		close(s.empty)
		s.empty = nil
	}
}

// current is the store that has the slot, also while it is being moved away.
func (s *slot) current() store.Adapter {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.to
}

// shut keeps new calls waiting, and returns when those under way have ended. It reports false if
// another move is under way.
func (s *slot) shut(ctx context.Context) (ok bool, err error) {
	s.mu.Lock()
	if s.moving != nil {
		s.mu.Unlock()
		return false, nil
	}
	s.moving = make(chan struct{})
	if s.inside == 0 {
		s.mu.Unlock()
		return true, nil
	}
	empty := make(chan struct{})
	s.empty = empty
	s.mu.Unlock()
	select {
	case <-empty:
		return true, nil
	case <-ctx.Done():
		return true, ctx.Err()
	}
}

// open lets the calls in, to another store if there is one.
func (s *slot) open(to store.Adapter) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if to != nil {
		s.to = to
	}
	close(s.moving)
	s.moving, s.empty = nil, nil
}
