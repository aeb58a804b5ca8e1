package mailbox

import (
	"container/heap"
	"sync"
	"time"
)

// idleQueue orders mailboxes by the time of their last use. Uses are not announced to it: the time
// with which a mailbox stands in the queue may be too early, never too late, and is mended when it
// comes to the front. So the front, once mended, is the least recently used.
type idleQueue struct {
	entries []idleEntry // guarded by sweeper.mu
}

type idleEntry struct {
	m    *Mailbox
	used int64
}

func (q *idleQueue) Len() int           { return len(q.entries) }
func (q *idleQueue) Less(i, j int) bool { return q.entries[i].used < q.entries[j].used }
func (q *idleQueue) Swap(i, j int)      { q.entries[i], q.entries[j] = q.entries[j], q.entries[i] }

// Push is for container/heap.
func (q *idleQueue) Push(x any) { q.entries = append(q.entries, x.(idleEntry)) }

// Pop is for container/heap.
func (q *idleQueue) Pop() any {
	last := len(q.entries) - 1
	e := q.entries[last]
	q.entries[last] = idleEntry{}
	if q.entries = q.entries[:last]; last == 0 {
		q.entries = nil // its memory is that of the largest crowd so far
	}
	return e
}

// front mends the queue until its first entry is right, and returns it.
func (q *idleQueue) front() (idleEntry, bool) {
	for len(q.entries) > 0 {
		used := q.entries[0].m.used.Load()
		if used == q.entries[0].used {
			return q.entries[0], true
		}
		q.entries[0].used = used
		heap.Fix(q, 0)
	}
	return idleEntry{}, false
}

// sweeper sends idle mailboxes to sleep and out of memory. It has a goroutine from the first
// mailbox on.
type sweeper struct {
	registry *Registry
	evicting sync.Mutex // taken before mu
	mu       sync.Mutex
	families []*Family // guarded by mu
	running  bool      // guarded by mu
	stopped  bool      // guarded by mu
	kick     chan struct{}
	end      chan struct{}
	done     chan struct{}
}

// watch puts a mailbox into a queue. A queue that was empty has a new first entry, which the
// sweeper may have to look at earlier than it had planned.
func (s *sweeper) watch(q *idleQueue, m *Mailbox) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopped {
		return
	}
	first := len(q.entries) == 0
	heap.Push(q, idleEntry{m: m, used: m.used.Load()})
	if !s.running {
		s.running = true
		go s.run()
	} else if first {
		select {
		case s.kick <- struct{}{}:
		default:
		}
	}
}

// Stop ends the registry's own goroutine. No mailbox hibernates or leaves by itself any more.
func (r *Registry) Stop() {
	s := &r.idle
	s.mu.Lock()
	running := s.running
	if !s.stopped {
		s.stopped = true
		close(s.end)
	}
	s.mu.Unlock()
	if running {
		<-s.done
	}
}

func (s *sweeper) run() {
	defer close(s.done)
	t := time.NewTimer(s.sweep())
	defer t.Stop()
	for {
		select {
		case <-t.C:
		case <-s.kick:
		case <-s.end:
			return
		}
		t.Reset(s.sweep())
	}
}

// longestSweep is the time between two sweeps when nothing is due.
const longestSweep = time.Minute

// sweep does what is due and returns when to look again.
func (s *sweeper) sweep() time.Duration {
	s.mu.Lock()
	families := s.families
	s.mu.Unlock()
	next := longestSweep
	for _, f := range families {
		if d := f.Hibernate; d > 0 {
			next = min(next, s.each(&f.parked, d, (*Mailbox).hibernate))
		}
		if d := f.Exit; d > 0 {
			next = min(next, s.each(&f.present, d, (*Mailbox).Exit))
		}
	}
	return max(next, 100*time.Microsecond)
}

// each does something with each mailbox of q that was idle for d, and returns after what time the
// next is due. Those that are busy are looked at again later.
func (s *sweeper) each(q *idleQueue, d time.Duration, do func(*Mailbox) bool) time.Duration {
	var busy []idleEntry
	defer func() {
		s.mu.Lock()
		for _, e := range busy {
			heap.Push(q, e)
		}
		s.mu.Unlock()
		if len(busy) > 0 {
			s.registry.Announce() // who looked for room meanwhile has missed them
		}
	}()
	for {
		s.mu.Lock()
		e, ok := q.front()
		wait := time.Duration(e.used) + d - time.Duration(s.registry.now())
		if ok && wait <= 0 {
			heap.Pop(q)
		}
		s.mu.Unlock()
		if !ok || wait > 0 {
			if !ok {
				wait = longestSweep
			}
			if len(busy) > 0 {
				wait = min(wait, d/8)
			}
			return wait
		}
		if !do(e.m) {
			busy = append(busy, e)
		}
	}
}

// evict takes the least recently used mailbox that is idle out of memory, and reports whether there
// was one.
func (s *sweeper) evict() bool {
	// One at a time: what one has taken out of the queues to look at, another would miss.
	s.evicting.Lock()
	defer s.evicting.Unlock()
	var busy []idleEntry
	defer func() {
		s.mu.Lock()
		for _, e := range busy {
			heap.Push(&e.m.Family.present, e)
		}
		s.mu.Unlock()
	}()
	for range maxEvictionTries {
		if s.registry.config.Staying != nil && s.registry.config.Staying() {
			return false
		}
		e, ok := s.takeOldest()
		if !ok {
			return false
		}
		if e.m.Exit() { // or has left before
			return true
		}
		busy = append(busy, e)
	}
	return false
}

// maxEvictionTries bounds how many busy mailboxes one look for room passes over.
const maxEvictionTries = 1024

// takeOldest takes the oldest entry of all families out of its queue.
func (s *sweeper) takeOldest() (oldest idleEntry, found bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, f := range s.families {
		if e, ok := f.present.front(); ok && (!found || e.used < oldest.used) {
			oldest, found = e, true
		}
	}
	if found {
		heap.Pop(&oldest.m.Family.present)
	}
	return oldest, found
}
