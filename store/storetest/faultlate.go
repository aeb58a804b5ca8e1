package storetest

import (
	"context"
	"slices"
	"time"

	"github.com/eventmaestro/maestro/hlc"
	"github.com/eventmaestro/maestro/store"
)

// lateCommit is a commit that was sent, whose sender has given up, and that has not arrived.
type lateCommit struct {
	commit store.Commit
	calls  int         // until it arrives, where that is counted
	timer  *time.Timer // else
}

// Pending returns how many late commits have not arrived yet.
func (f *Faults) Pending() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.late)
}

// Settle lets all late commits arrive now, in the order in which they were sent, and returns when they
// have. A test calls it before it looks at what was stored in the end.
func (f *Faults) Settle() {
	f.settle(func(*lateCommit) bool { return true })
	f.mu.Lock()
	defer f.mu.Unlock()
	for len(f.arriving) > 0 {
		f.arrived.Wait()
	}
}

// settleAggregate lets the late commits of one aggregate arrive, and waits for those that another call
// or a timer has on the way.
func (f *Faults) settleAggregate(id hlc.Timestamp) {
	f.settle(func(l *lateCommit) bool { return l.commit.AggregateID == id })
	f.mu.Lock()
	defer f.mu.Unlock()
	for f.arriving[id] > 0 {
		f.arrived.Wait()
	}
}

func (f *Faults) settle(which func(*lateCommit) bool) {
	f.mu.Lock()
	var taken []*lateCommit
	f.late = slices.DeleteFunc(f.late, func(l *lateCommit) bool {
		if which(l) {
			f.arriving[l.commit.AggregateID]++
			taken = append(taken, l)
			return true
		}
		return false
	})
	f.mu.Unlock()
	for _, l := range taken {
		f.deliver(l)
	}
}

// delay keeps a copy of a commit for later.
func (f *Faults) delay(c store.Commit, fraction float64) {
	c.Events = clone(c.Events)
	c.Commands = slices.Clone(c.Commands)
	c.Projections = slices.Clone(c.Projections)
	l := &lateCommit{commit: c}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.late = append(f.late, l)
	if f.options.LateCalls > 0 {
		l.calls = 1 + int(fraction*float64(f.options.LateCalls))
		return
	}
	l.timer = time.AfterFunc(part(f.options.Late, fraction), func() {
		f.settle(func(other *lateCommit) bool { return other == l })
	})
}

// due takes out the late commits that arrive before the call that is being made. It is called with the lock
// held.
func (f *Faults) due() (due []*lateCommit) {
	f.late = slices.DeleteFunc(f.late, func(l *lateCommit) bool {
		if l.calls == 0 {
			return false
		}
		if l.calls--; l.calls > 0 {
			return false
		}
		f.arriving[l.commit.AggregateID]++
		due = append(due, l)
		return true
	})
	return due
}

// deliver carries out a late commit that was taken out of the list. Nobody waits for what becomes of it.
func (f *Faults) deliver(l *lateCommit) {
	id := l.commit.AggregateID
	defer func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		if f.arriving[id]--; f.arriving[id] == 0 {
			delete(f.arriving, id)
		}
		f.arrived.Broadcast()
	}()
	if l.timer != nil {
		l.timer.Stop()
	}
	_ = f.inner.Commit(context.Background(), l.commit)
}
