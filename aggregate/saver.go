package aggregate

import (
	"sync"
)

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

// do reports whether there was room for the job.
func (s *saver) do(job func()) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.queue) >= saverQueue && !s.sup.registry.Closed() {
		return false // the aggregate stays for now; at a shutdown it can't
	}
	s.queue = append(s.queue, job)
	if s.workers < saverWorkers {
		s.workers++
		go s.work()
	}
	return true
}

// work does jobs until there are none. One that ends its goroutine, as t.FailNow in PrepareSnapshot
// does, leaves the rest to another.
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
		s.sup.registry.Announce() // an exit may have waited for room in the queue
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
