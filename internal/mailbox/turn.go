package mailbox

import (
	"context"
	"sync"
)

// Turn is a lock whose wait a context can end; who waits gets it in the order of arrival. The zero
// value is free.
type Turn struct {
	mu    sync.Mutex
	held  bool    // guarded by mu
	first *waiter // guarded by mu; a list, as an aggregate has two turns that mostly nobody waits for
}

// waiter is somebody in the line.
type waiter struct {
	ready chan struct{}
	next  *waiter
}

// Lock waits for the turn, or for the end of ctx. A free turn it takes in any case.
func (t *Turn) Lock(ctx context.Context) error {
	t.mu.Lock()
	if !t.held {
		t.held = true
		t.mu.Unlock()
		return nil
	}
	mine := &waiter{ready: make(chan struct{}, 1)}
	end := &t.first
	for *end != nil {
		end = &(*end).next
	}
	*end = mine
	t.mu.Unlock()
	select {
	case <-mine.ready:
		return nil
	case <-ctx.Done():
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	for at := &t.first; *at != nil; at = &(*at).next {
		if *at == mine {
			*at = mine.next
			return ctx.Err()
		}
	}
	t.handOver() // it was handed over at that very moment
	return ctx.Err()
}

// Unlock gives the turn back.
func (t *Turn) Unlock() {
	t.mu.Lock()
	t.handOver()
	t.mu.Unlock()
}

// handOver gives the turn to who waits longest, if anybody does. t.mu is held.
func (t *Turn) handOver() {
	next := t.first
	if next == nil {
		t.held = false
		return
	}
	t.first = next.next
	next.ready <- struct{}{}
}
