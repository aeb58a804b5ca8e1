package mailbox

import (
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/eventmaestro/maestro/hlc"
)

// Family is what mailboxes of one kind have in common. Its fields must not be changed after
// Registry.Add.
type Family struct {
	Size      int           // how many requests have room
	Refuse    bool          // whoever finds no room, instead of letting it wait
	MaxBatch  int           // how many requests are delivered together, at most
	Hibernate time.Duration // after how long an idle mailbox gives its goroutine back; 0 or less is never
	Exit      time.Duration // after how long it leaves memory; 0 or less is never

	registry *Registry
	parked   idleQueue // those with a goroutine
	present  idleQueue // all in memory
}

// Mailbox delivers the requests of one id to their owner. Init sets its exported fields.
//
// The queue has no array, and the goroutine and its channel are there only while they are of
// use: an idle mailbox is small.
type Mailbox struct {
	ID     hlc.Timestamp // what the registry finds it by
	Family *Family
	Owner  Owner

	mu         sync.Mutex
	head, tail *Request      // guarded by mu
	wake       chan struct{} // guarded by mu; nil without a goroutine
	parked     bool          // guarded by mu: the goroutine waits for wake
	dismissed  bool          // guarded by mu: it is to end when it finds nothing
	draining   bool          // guarded by mu: nothing more is taken in
	closed     bool          // guarded by mu: it left memory
	visitors   int32         // guarded by mu

	depth atomic.Int32 // written under mu
	used  atomic.Int64 // when the last batch ended, on the registry's stopwatch
}

// Owner is what a mailbox delivers to.
type Owner interface {
	// Serve answers a batch. It runs in the mailbox' goroutine. The slice is the mailbox' own again
	// afterwards.
	Serve(batch []*Request)

	// Aborted is called when the goroutine was ended within Serve. It answers what has no answer
	// yet.
	Aborted()

	// BeforeExit is called under the mailbox' lock when an idle mailbox is about to leave
	// memory. It returns false to stay for now.
	BeforeExit() bool
}

// Init makes a mailbox what it is. It is called once, before a registry gets it.
func (m *Mailbox) Init(id hlc.Timestamp, f *Family, o Owner) {
	m.ID, m.Family, m.Owner = id, f, o
	m.used.Store(f.registry.now())
}

// Delivery is what became of a request that was put into a mailbox, or of a visit.
type Delivery int

// What becomes of a request.
const (
	Delivered Delivery = iota
	Departed           // the mailbox left memory: ask the registry again
	Refused            // the registry was closed
	Overfull           // no room, and the family says not to wait
)

// Put adds a request. It never blocks: a caller for whom there is no room waits in the same list,
// and is told so if its context ends before there was.
func (m *Mailbox) Put(r *Request) Delivery {
	m.mu.Lock()
	if m.closed || m.draining {
		closed := m.closed && !m.draining
		m.mu.Unlock()
		if closed {
			return Departed
		}
		return Refused
	}
	r.crowded = int(m.depth.Load()) >= m.Family.Size
	if r.crowded && m.Family.Refuse {
		m.mu.Unlock()
		return Overfull
	}
	r.prev = m.tail
	if m.tail == nil {
		m.head = r
	} else {
		m.tail.next = r
	}
	m.tail = r
	m.depth.Add(1)
	if m.dismissed { // it was to hibernate and has not seen it yet
		m.dismissed = false
		m.watchIdle()
	}
	m.rouse()
	m.mu.Unlock()
	return Delivered
}

// rouse makes sure that a goroutine looks at the queue. m.mu is held.
func (m *Mailbox) rouse() {
	switch {
	case m.wake == nil:
		m.wake = make(chan struct{}, 1)
		m.Family.registry.active.Add(1)
		m.watchIdle()
		go m.loop(m.wake)
	case m.parked:
		m.parked = false
		m.wake <- struct{}{}
	}
}

// watchIdle has the mailbox hibernate once it falls idle.
func (m *Mailbox) watchIdle() {
	if m.Family.Hibernate > 0 {
		m.Family.registry.idle.watch(&m.Family.parked, m)
	}
}

// Withdraw takes a queued request back and reports whether it was still there, and whether it
// had found the mailbox full. Its phase is Gone then.
func (m *Mailbox) Withdraw(r *Request) (waiting, full bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if r.Phase() != Queued {
		return false, false
	}
	m.unlink(r)
	r.phase.Store(Gone)
	return true, r.crowded
}

func (m *Mailbox) unlink(r *Request) {
	if r.prev == nil {
		m.head = r.next
	} else {
		r.prev.next = r.next
	}
	if r.next == nil {
		m.tail = r.prev
	} else {
		r.next.prev = r.prev
	}
	r.next, r.prev = nil, nil
	m.depth.Add(-1)
}

// loop is the mailbox' goroutine.
func (m *Mailbox) loop(wake chan struct{}) {
	finished := false
	defer func() {
		if !finished {
			m.abort()
		}
		m.Family.registry.ended()
	}()
	buffer := make([]*Request, 0, 1)
	for {
		batch := m.collect(buffer[:0], wake)
		if batch == nil {
			finished = true
			return
		}
		m.Owner.Serve(batch)
		m.used.Store(m.Family.registry.now())
		if len(batch) > 1 {
			m.gather(int32(len(batch)))
		}
		clear(batch)
		buffer = batch
	}
}

// gather lets those who just got an answer ask again, so that the next batch isn't made of the few
// that were quicker than this goroutine. It yields to others for as long as that brings somebody,
// until as many as were answered are there. With nobody to run, a yield returns at once.
func (m *Mailbox) gather(answered int32) {
	for seen, vain := int32(0), 0; seen < answered && vain < vainYields; vain++ {
		runtime.Gosched()
		if n := m.depth.Load(); n > seen {
			seen, vain = n, -1
		}
	}
}

// vainYields is after how many yields in a row that brought nobody a crowd is taken to be complete.
// Another processor may be about to run the rest of it.
const vainYields = 4

// collect waits for requests and returns those that wait, up to a bound, or nil when the
// goroutine is to end.
func (m *Mailbox) collect(batch []*Request, wake chan struct{}) []*Request {
	for {
		m.mu.Lock()
		for m.head != nil && len(batch) < m.Family.MaxBatch {
			r := m.head
			m.unlink(r)
			r.Begin()
			batch = append(batch, r)
		}
		if len(batch) > 0 {
			m.mu.Unlock()
			return batch
		}
		if m.draining || m.dismissed {
			m.wake, m.dismissed = nil, false
			m.leaveDrained()
			m.mu.Unlock()
			return nil
		}
		m.parked = true
		m.mu.Unlock()
		m.Family.registry.Announce()
		<-wake
	}
}

// abort is called when the goroutine was ended from within. The next request starts a new one.
func (m *Mailbox) abort() {
	m.Owner.Aborted()
	m.mu.Lock()
	defer m.mu.Unlock()
	m.wake = nil
	if m.head != nil {
		m.rouse()
	}
	m.leaveDrained()
}
