package mailbox

import (
	"context"
	"sync"
)

// Turn is a lock whose wait a context can end; who waits gets it in the order of arrival. The zero
// value is free.
type Turn struct {
	mu      sync.Mutex
	held    bool            // guarded by mu
	waiting []chan struct{} // guarded by mu
}

// Lock waits for the turn, or for the end of ctx. A free turn it takes in any case.
func (t *Turn) Lock(ctx context.Context) error {
	t.mu.Lock()
	if !t.held {
		t.held = true
		t.mu.Unlock()
		return nil
	}
	mine := make(chan struct{}, 1)
	t.waiting = append(t.waiting, mine)
	t.mu.Unlock()
	select {
	case <-mine:
		return nil
	case <-ctx.Done():
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	for i, w := range t.waiting {
		if w == mine {
			t.waiting = append(t.waiting[:i], t.waiting[i+1:]...)
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
	if len(t.waiting) == 0 {
		t.held = false
		return
	}
	next := t.waiting[0]
	if t.waiting = t.waiting[1:]; len(t.waiting) == 0 {
		t.waiting = nil
	}
	next <- struct{}{}
}
