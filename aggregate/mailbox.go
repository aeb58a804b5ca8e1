package aggregate

import (
	"errors"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/eventmaestro/maestro/hlc"
	"github.com/eventmaestro/maestro/store"
)

// mailbox delivers the requests of one aggregate to its goroutine, in order and one batch at
// a time. It knows nothing of what they ask for.
//
// The queue has no array, and the goroutine and its channel are there only while they are of
// use: an idle aggregate is small.
type mailbox struct {
	id     hlc.Timestamp
	family *family // the root's part that is not generic
	owner  owner

	mu         sync.Mutex
	head, tail *request      // guarded by mu
	wake       chan struct{} // guarded by mu; nil without a goroutine
	running    bool          // guarded by mu: there is a goroutine
	parked     bool          // guarded by mu: it waits for wake
	dismissed  bool          // guarded by mu: it is to end when it finds nothing
	draining   bool          // guarded by mu: nothing more is taken in
	visitors   int32         // guarded by mu: transactions that have a cell of their own for the aggregate
	closed     bool          // guarded by mu: the aggregate left memory

	turn     turn         // held while handlers run
	reserved turn         // held by a transaction of the library until it ends
	wanted   atomic.Int32 // transactions that rounds were faster than: these take turns with them

	depth   atomic.Int32            // written under mu
	current atomic.Pointer[request] // whose handler runs
	used    atomic.Int64            // when the last batch ended, on the supervisor's stopwatch
	at      atomic.Int64            // the sequence of the state in memory
}

// owner is what a mailbox delivers to.
type owner interface {
	// serve answers all of w. It runs in the aggregate's goroutine.
	serve(w *work)

	// aborted is called when serve did not return: what it was about is not to be trusted.
	aborted()

	// beforeExit is called under the mailbox' lock when an idle aggregate is about to leave
	// memory. It returns false to stay for now.
	beforeExit() bool
}

// work is one batch on its way through the aggregate's goroutine. Every request that is not
// answered yet is in one of the two, whenever the application's code runs.
type work struct {
	batch []*request // not begun
	open  []*request // begun
}

// delivery is what became of a request that was put into a mailbox.
type delivery int

const (
	delivered delivery = iota
	departed           // the aggregate left memory: ask the registry again
	refused            // the supervisor is being shut down
	overfull           // no room, and the supervisor's options say not to wait
)

// put adds a request. It never blocks: a caller for whom there is no room waits in the same list, and
// is told so if its context ends before there was.
func (m *mailbox) put(r *request) delivery {
	m.mu.Lock()
	if m.closed || m.draining {
		closed := m.closed && !m.draining
		m.mu.Unlock()
		if closed {
			return departed
		}
		return refused
	}
	if m.family.refuses && int(m.depth.Load()) >= m.family.mailboxSize {
		m.mu.Unlock()
		return overfull
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
		m.family.watch(m)
	}
	m.rouse()
	m.mu.Unlock()
	return delivered
}

// rouse makes sure that a goroutine looks at the queue. m.mu is held.
func (m *mailbox) rouse() {
	switch {
	case !m.running:
		m.running = true
		m.wake = make(chan struct{}, 1)
		m.family.started(m)
		go m.loop(m.wake)
	case m.parked:
		m.parked = false
		m.wake <- struct{}{}
	}
}

// withdraw takes a queued request back and reports whether it was still there, and whether it
// had found the mailbox full.
func (m *mailbox) withdraw(r *request) (waiting, full bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if r.phase.Load() != queued {
		return false, false
	}
	before := 0
	for p := r.prev; p != nil && before < m.family.mailboxSize; p = p.prev {
		before++
	}
	m.unlink(r)
	r.phase.Store(gone)
	return true, before >= m.family.mailboxSize
}

func (m *mailbox) unlink(r *request) {
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

// loop is the aggregate's goroutine.
func (m *mailbox) loop(wake chan struct{}) {
	w := new(work)
	finished := false
	defer func() {
		if !finished {
			m.abort(w)
		}
		m.family.ended()
	}()
	buffer := make([]*request, 0, 1)
	for {
		w.batch = m.take(buffer[:0], wake)
		if w.batch == nil {
			finished = true
			return
		}
		buffer = w.batch
		m.owner.serve(w)
		m.used.Store(m.family.now())
		if len(buffer) > 1 {
			m.regroup(int32(len(buffer)))
		}
		if w.open = nil; cap(buffer) > maxKeptBatch {
			buffer = make([]*request, 0, 1)
		}
		clear(buffer)
	}
}

// regroup lets those who just got an answer ask again, so that the next batch isn't made of the few that were
// quicker than this goroutine. It yields to others for as long as that brings somebody, until as many as were answered
// are there. With nobody to run, a yield returns at once.
func (m *mailbox) regroup(answered int32) {
	for seen, vain := int32(0), 0; seen < answered && vain < vainYields; vain++ {
		runtime.Gosched()
		if n := m.depth.Load(); n > seen {
			seen, vain = n, -1
		}
	}
}

// vainYields is after how many yields in a row that brought nobody a crowd is taken to be complete. Another processor may
// be about to run the rest of it.
const vainYields = 4

// maxKeptBatch keeps the memory of one crowd from staying with the aggregate.
const maxKeptBatch = 16

// take waits for requests and returns those that wait, up to a bound, or nil when the
// goroutine is to end.
func (m *mailbox) take(batch []*request, wake chan struct{}) []*request {
	for {
		m.mu.Lock()
		for m.head != nil && len(batch) < m.family.maxBatch {
			r := m.head
			m.unlink(r)
			r.phase.Store(taken)
			batch = append(batch, r)
		}
		if len(batch) > 0 {
			m.mu.Unlock()
			return batch
		}
		if m.draining || m.dismissed {
			m.running, m.wake, m.dismissed = false, nil, false
			if m.draining && !m.closed && m.visitors == 0 {
				m.owner.beforeExit()
				m.depart()
			}
			m.mu.Unlock()
			return nil
		}
		m.parked = true
		m.mu.Unlock()
		m.family.sup.registry.pass()
		<-wake
	}
}

var errGoexit = errors.New("the handler ended its goroutine with runtime.Goexit, as t.FailNow does")

// abort is called when the goroutine was ended from within: the callers of its batch are
// answered, and the next request starts a new one.
func (m *mailbox) abort(w *work) {
	m.current.Store(nil)
	m.owner.aborted()
	told := map[*request]bool{} // one that is told is its caller's again
	for _, r := range append(w.open, w.batch...) {
		if told[r] {
			continue
		}
		told[r] = true
		err := error(&PanicError{Root: m.family.name, AggregateID: m.id, Type: r.command.Type, Value: errGoexit})
		if r.phase.Load() == committing {
			unknown := &OutcomeUnknownError{AggregateID: m.id, Err: errors.Join(store.ErrOutcomeUnknown, err)}
			if stamps := r.stamps.Load(); stamps != nil {
				unknown.Timestamps = slices.Clone(stamps.list)
			}
			err = unknown
		}
		r.answer(err)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.running, m.wake = false, nil
	switch {
	case m.head != nil:
		m.rouse()
	case m.draining && !m.closed && m.visitors == 0:
		m.depart()
	}
}
