package aggregate

import (
	"context"
	"errors"
	"fmt"
	"sync"
)

// save takes a snapshot off the aggregate's goroutine. It is best effort: a snapshot saves time and
// holds no information.
func (c *cell[S]) save() {
	if !c.loaded || c.seq == 0 || c.saved >= c.seq {
		return
	}
	state, err := c.root.kind.copied(c.state)
	if err != nil {
		c.family.sup.log.Warn("snapshot not taken", "root", c.family.name, "aggregate", c.id, "err", err)
		c.saved = c.seq // it will not be any different before the next event
		return
	}
	current := Instance[S]{ID: c.id, Sequence: c.seq, State: state}
	sup := c.family.sup
	if sup.saver.do(func() {
		ctx, cancel := context.WithTimeout(sup.base, sup.options.ReadTimeout)
		defer cancel()
		if err := c.root.store(ctx, current); err != nil && !(errors.Is(err, ErrDefinition) && c.root.kind.toldOfLoss.Swap(true)) {
			sup.log.Warn("snapshot not stored", "root", c.root.family.name, "aggregate", current.ID, "err", err)
		}
	}) {
		c.saved = c.seq
	}
}

// saveIfDue takes a snapshot when so many events came since the last that the policy wants one.
func (c *cell[S]) saveIfDue() {
	if c.tx != nil {
		return // the state is not committed yet
	}
	if every := c.root.kind.Snapshots.Every; every > 0 && int64(c.seq-c.saved) >= int64(every) {
		c.save()
	}
}

// beforeExit saves what the policy wants saved before an aggregate leaves memory.
func (c *cell[S]) beforeExit() bool {
	if !c.family.policy.Snapshot || !c.loaded || c.saved >= c.seq {
		return true
	}
	c.save()
	return c.saved >= c.seq
}

// store writes a snapshot of current, whose state it may keep. One that would not give the state back is not stored, a
// *DefinitionError.
func (r *Root[S]) store(ctx context.Context, current Instance[S]) (err error) {
	defer recovered(&err)
	snapshot, err := r.kind.proven(current)
	if err != nil {
		err = during("prepare the snapshot", err)
	} else if err = r.sup.store.CommitSnapshot(ctx, snapshot); err != nil {
		err = fmt.Errorf("aggregate: store the snapshot: %w", err)
	}
	if hook := r.sup.options.Hooks.Snapshot; hook != nil {
		hook(Saved{Root: r.family.name, AggregateID: current.ID, Sequence: current.Sequence, Bytes: len(snapshot.Body), Err: err})
	}
	return err
}

// Snapshots under way and waiting. A waiting one holds a copy of a state.
const (
	saverWorkers = 4
	saverQueue   = 256
)

// saver stores snapshots in the background, a few at a time.
type saver struct {
	sup     *Supervisor
	mu      sync.Mutex
	queue   []func()      // guarded by mu
	workers int           // guarded by mu
	empty   chan struct{} // a token when the last worker ended
}

func (s *saver) init(sup *Supervisor) { s.sup, s.empty = sup, make(chan struct{}, 1) }

// do reports whether there was room for the job.
func (s *saver) do(job func()) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.queue) >= saverQueue && !s.sup.closed.Load() {
		return false // the aggregate stays for now; at a shutdown it can't
	}
	s.queue = append(s.queue, job)
	if s.workers < saverWorkers {
		s.workers++
		go s.work()
	}
	return true
}

// work does jobs until there are none. One that ends its goroutine, as t.FailNow in PrepareSnapshot does, leaves
// the rest to another.
func (s *saver) work() {
	idle := false
	defer func() {
		if !idle {
			go s.work()
		}
	}()
	for {
		job := s.next()
		if job == nil {
			idle = true
			return
		}
		job()
		s.sup.registry.pass() // an exit may have waited for room in the queue
	}
}

// next takes a job out of the queue; where there is none, the worker that asks is one no more.
func (s *saver) next() func() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.queue) > 0 {
		job := s.queue[0]
		s.queue[0] = nil
		s.queue = s.queue[1:]
		return job
	}
	s.workers--
	if s.workers == 0 {
		s.queue = nil
		select {
		case s.empty <- struct{}{}:
		default:
		}
	}
	return nil
}

// abandon drops the snapshots that wait and returns how many those and the ones under way are.
func (s *saver) abandon() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := len(s.queue) + s.workers
	clear(s.queue)
	s.queue = s.queue[:0]
	return n
}

// full reports whether no more snapshots are taken in.
func (s *saver) full() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.queue) >= saverQueue
}

// busy reports whether snapshots are under way.
func (s *saver) busy() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.workers > 0
}
