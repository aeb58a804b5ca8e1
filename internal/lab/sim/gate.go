package sim

import (
	"context"
	"slices"
	"sync"
	"testing/synctest"
	"time"
)

// jump is how far the driver lets time pass at once. Pauses of the library are random, up to half a
// second; they begin when the driver acts or when a time-out ends a read. After a jump all of them
// are over, so that their lengths make no difference.
const jump = 1200 * time.Millisecond

// bound returns a time-out of the library of n jumps: it ends between the pauses that began
// with the last of them and those that begin with its own end.
func bound(n int) time.Duration { return time.Duration(n-1)*jump + 550*time.Millisecond }

// callerBound is the same for a caller, who leaves a little earlier than the library gives up, and
// at another moment than every other caller.
func callerBound(n, caller int) time.Duration {
	return bound(n) - 10*time.Millisecond - time.Duration(caller)*10*time.Microsecond
}

// gate stops goroutines at the points where their order matters. The driver, who is the only
// one to open it, does so when all others wait.
type gate struct {
	mu     sync.Mutex
	points []*point // guarded by mu
	open   bool     // guarded by mu: nobody waits any more
}

// point is where one goroutine waits.
type point struct {
	life *life
	name string
	pass chan struct{}
}

// wait blocks until the driver says so. It returns false if the node has crashed, and the
// context's error if that ends first.
func (g *gate) wait(ctx context.Context, l *life, name string) (alive bool, err error) {
	g.mu.Lock()
	if g.open || l.dead.Load() {
		g.mu.Unlock()
		return !l.dead.Load(), ctx.Err()
	}
	p := &point{life: l, name: name, pass: make(chan struct{})}
	g.points = append(g.points, p)
	g.mu.Unlock()
	select {
	case <-p.pass:
		return !l.dead.Load(), nil
	case <-ctx.Done():
		g.mu.Lock()
		defer g.mu.Unlock()
		if i := slices.Index(g.points, p); i >= 0 {
			g.points = slices.Delete(g.points, i, i+1)
		}
		return !l.dead.Load(), ctx.Err()
	}
}

// waiting returns where goroutines wait, in an order that doesn't depend on who came first.
func (g *gate) waiting() []*point {
	synctest.Wait()
	g.mu.Lock()
	defer g.mu.Unlock()
	slices.SortStableFunc(g.points, func(a, b *point) int {
		switch {
		case a.name < b.name:
			return -1
		case a.name > b.name:
			return 1
		}
		return 0
	})
	return slices.Clone(g.points)
}

// release lets those go on that are in ps.
func (g *gate) release(ps ...*point) {
	g.mu.Lock()
	for _, p := range ps {
		if i := slices.Index(g.points, p); i >= 0 {
			g.points = slices.Delete(g.points, i, i+1)
			close(p.pass)
		}
	}
	g.mu.Unlock()
	synctest.Wait()
}

// releaseOf lets all of a life go on.
func (g *gate) releaseOf(l *life) {
	var own []*point
	for _, p := range g.waiting() {
		if p.life == l {
			own = append(own, p)
		}
	}
	g.release(own...)
}

// abandon opens the gate for good.
func (g *gate) abandon() {
	g.mu.Lock()
	g.open = true
	g.mu.Unlock()
	g.release(g.waiting()...)
}
