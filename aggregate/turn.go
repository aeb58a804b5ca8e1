package aggregate

import (
	"context"
	"sync"
)

// turn is a lock whose wait a context can end; who waits gets it in the order of arrival. The zero
// value is free. Each aggregate has two: one is held while its handlers run, so that a transaction can
// decide while the aggregate's goroutine waits for the database; the other is held by a transaction
// of the library until it ends.
type turn struct {
	mu      sync.Mutex
	held    bool            // guarded by mu
	waiting []chan struct{} // guarded by mu
}

// lock waits for the turn, or for the end of ctx.
func (t *turn) lock(ctx context.Context) error {
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
	t.pass() // it was handed over at that very moment
	return ctx.Err()
}

// tryLock takes the turn if it is free.
func (t *turn) tryLock() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.held {
		return false
	}
	t.held = true
	return true
}

func (t *turn) unlock() {
	t.mu.Lock()
	t.pass()
	t.mu.Unlock()
}

// pass hands the turn to who waits longest, if anybody does. t.mu is held.
func (t *turn) pass() {
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
