package storetest

import (
	"context"
	"slices"
	"time"

	"github.com/eventmaestro/maestro/hlc"
	"github.com/eventmaestro/maestro/store"
)

// late is a commit, or the end of a transaction, that was sent, whose sender has given up, and that
// has not arrived.
type late struct {
	ids    []hlc.Timestamp // of the aggregates
	tables bool            // a transaction that holds the right to write into tables
	arrive func()
	calls  int         // until it arrives, where that is counted
	timer  *time.Timer // else
}

// Pending returns how many late commits and ends of transactions have not arrived yet.
func (f *Faults) Pending() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.late)
}

// Settle lets all that is late arrive now, in the order in which it was sent, and returns when it
// has. A test calls it before it looks at what was stored in the end.
func (f *Faults) Settle() {
	f.settle(func(*late) bool { return true })
	f.mu.Lock()
	defer f.mu.Unlock()
	for len(f.arriving) > 0 {
		f.arrived.Wait()
	}
}

// settleAggregate lets what is late of one aggregate arrive, and waits for what another call
// or a timer has on the way.
func (f *Faults) settleAggregate(id hlc.Timestamp) {
	f.settle(func(l *late) bool { return slices.Contains(l.ids, id) })
	f.mu.Lock()
	defer f.mu.Unlock()
	for f.arriving[id] > 0 {
		f.arrived.Wait()
	}
}

// settleTables lets the late transactions arrive that hold the right to write into tables, where no
// time passes in which they would.
func (f *Faults) settleTables() {
	if f.options.LateCalls > 0 {
		f.settle(func(l *late) bool { return l.tables })
	}
}

func (f *Faults) settle(which func(*late) bool) {
	f.mu.Lock()
	var taken []*late
	f.late = slices.DeleteFunc(f.late, func(l *late) bool {
		if which(l) {
			f.depart(l)
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

// depart is called with the lock held.
func (f *Faults) depart(l *late) {
	for _, id := range l.ids {
		f.arriving[id]++
	}
}

// delayCommit keeps a copy of a commit for later.
func (f *Faults) delayCommit(c store.Commit, fraction float64) {
	c = ownCommit(c)
	arrive := func() { _ = f.inner.Commit(context.Background(), c) }
	f.delay(&late{ids: []hlc.Timestamp{c.AggregateID}, arrive: arrive}, fraction)
}

// ownCommit is c without what its caller may write to later.
func ownCommit(c store.Commit) store.Commit {
	c.Events, c.Commands, c.Projections = clone(c.Events), slices.Clone(c.Commands), slices.Clone(c.Projections)
	return c
}

func (f *Faults) delay(l *late, fraction float64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.late = append(f.late, l)
	if f.options.LateCalls > 0 {
		l.calls = 1 + int(fraction*float64(f.options.LateCalls))
		return
	}
	l.timer = time.AfterFunc(part(f.options.Late, fraction), func() {
		f.settle(func(other *late) bool { return other == l })
	})
}

// due takes out what arrives before the call that is being made. It is called with the lock
// held.
func (f *Faults) due() (due []*late) {
	f.late = slices.DeleteFunc(f.late, func(l *late) bool {
		if l.calls == 0 {
			return false
		}
		if l.calls--; l.calls > 0 {
			return false
		}
		f.depart(l)
		due = append(due, l)
		return true
	})
	return due
}

// deliver carries out what was taken out of the list. Nobody waits for what becomes of it.
func (f *Faults) deliver(l *late) {
	defer func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		for _, id := range l.ids {
			if f.arriving[id]--; f.arriving[id] == 0 {
				delete(f.arriving, id)
			}
		}
		f.arrived.Broadcast()
	}()
	if l.timer != nil {
		l.timer.Stop()
	}
	l.arrive()
}
