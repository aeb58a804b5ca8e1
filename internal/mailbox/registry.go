package mailbox

import (
	"context"
	"encoding/binary"
	"errors"
	"iter"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/eventmaestro/maestro/hlc"
)

// ErrClosed is returned by a registry that was closed.
var ErrClosed = errors.New("mailbox: closed")

// shardCount is how many parts the registry has, each with its own lock. A power of two.
const shardCount = 64

// Registry finds the live mailboxes by id, of all families. Init makes one.
type Registry struct {
	config Config
	born   time.Time
	shards [shardCount]shard
	live   atomic.Int64
	room   chan struct{} // a token when a mailbox left or fell idle while somebody waits
	queue  atomic.Int64  // how many wait for room
	closed atomic.Bool
	active atomic.Int64  // goroutines of mailboxes, and visits
	quiet  chan struct{} // a token when active became 0
	idle   sweeper
}

// Config is what a registry has to know. The functions may be nil.
type Config struct {
	MaxLive int             // bounds the mailboxes in memory, if it is not 0
	Ended   <-chan struct{} // closed when those who wait for room are to be refused
	Staying func() bool     // whether none may leave to make room now

	// Started, Hibernated and Exited are called as a mailbox enters memory, gives its goroutine
	// back and leaves memory, the first and the last under locks.
	Started, Hibernated, Exited func(*Mailbox)
}

type shard struct {
	mu   sync.RWMutex
	byID map[hlc.Timestamp]*Mailbox // guarded by mu
	_    [88]byte                   // keeps the locks of neighbours in different cache lines
}

// Init makes the registry ready. It starts no goroutine before the first mailbox.
func (r *Registry) Init(c Config) {
	r.config, r.born = c, time.Now()
	r.room, r.quiet = make(chan struct{}, 1), make(chan struct{}, 1)
	r.idle.registry, r.idle.kick = r, make(chan struct{}, 1)
	r.idle.end, r.idle.done = make(chan struct{}), make(chan struct{})
	for i := range r.shards {
		r.shards[i].byID = map[hlc.Timestamp]*Mailbox{}
	}
}

// shard spreads ids by their time and counter: the node is often the same for all.
func (r *Registry) shard(id hlc.Timestamp) *shard {
	h := binary.BigEndian.Uint64(id[:8]) ^ binary.BigEndian.Uint64(id[8:])
	return &r.shards[(h*0x9E3779B97F4A7C15)>>58]
}

// Find returns the mailbox of an id, or nil if it is not live.
func (r *Registry) Find(id hlc.Timestamp) *Mailbox {
	s := r.shard(id)
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.byID[id]
}

// Get returns the mailbox of an id, and makes one if it is not live. Its error is ErrClosed, or
// that of ctx, which ended while there was no room.
func (r *Registry) Get(ctx context.Context, id hlc.Timestamp, create func() *Mailbox) (*Mailbox, error) {
	if m := r.Find(id); m != nil {
		return m, nil
	}
	if r.closed.Load() {
		return nil, ErrClosed
	}
	if err := r.reserve(ctx); err != nil {
		return nil, err
	}
	s := r.shard(id)
	s.mu.Lock()
	defer s.mu.Unlock()
	if m := s.byID[id]; m != nil {
		r.release()
		return m, nil
	}
	if r.closed.Load() {
		r.release()
		return nil, ErrClosed
	}
	m := create()
	s.byID[id] = m
	r.idle.watch(&m.Family.present, m)
	if r.config.Started != nil {
		r.config.Started(m)
	}
	return m, nil
}

// remove takes m out, if it is still the one in charge of its id.
func (r *Registry) remove(m *Mailbox) {
	s := r.shard(m.ID)
	s.mu.Lock()
	if s.byID[m.ID] == m {
		delete(s.byID, m.ID)
		r.release()
	}
	s.mu.Unlock()
}

// reserve makes room for one more mailbox.
func (r *Registry) reserve(ctx context.Context) error {
	if r.admit() {
		return nil
	}
	r.queue.Add(1)
	defer r.queue.Add(-1)
	for {
		// Asked again, because who left before the queue was longer did not announce it.
		if r.admit() {
			r.Announce()
			return nil
		}
		if r.idle.evict() {
			continue // whoever left took itself off the count; somebody else may be faster
		}
		select {
		case <-r.room:
		case <-ctx.Done():
			r.Announce()
			return ctx.Err()
		case <-r.config.Ended:
			return ErrClosed
		}
	}
}

// admit counts one more mailbox if there is room. It never counts one too many for a moment:
// another who asked in that moment would be refused, and wait for room that nobody announces.
func (r *Registry) admit() bool {
	for limit := int64(r.config.MaxLive); ; {
		n := r.live.Load()
		if limit > 0 && n >= limit {
			return false
		}
		if r.live.CompareAndSwap(n, n+1) {
			return true
		}
	}
}

func (r *Registry) release() {
	r.live.Add(-1)
	r.Announce()
}

// Announce wakes one of those who wait for room, if there are any.
func (r *Registry) Announce() {
	if r.queue.Load() == 0 {
		return
	}
	select {
	case r.room <- struct{}{}:
	default:
	}
}

func (s *shard) list() []*Mailbox {
	s.mu.RLock()
	defer s.mu.RUnlock()
	list := make([]*Mailbox, 0, len(s.byID))
	for _, m := range s.byID {
		list = append(list, m)
	}
	return list
}

// All yields what is in memory, in no order. What comes or goes meanwhile may be missed. No lock is
// held while the loop's body runs.
func (r *Registry) All() iter.Seq[*Mailbox] {
	return func(yield func(*Mailbox) bool) {
		for i := range r.shards {
			for _, m := range r.shards[i].list() {
				if !yield(m) {
					return
				}
			}
		}
	}
}

// Add makes the family's mailboxes ones of this registry.
func (r *Registry) Add(f *Family) {
	f.registry = r
	r.idle.mu.Lock()
	defer r.idle.mu.Unlock()
	r.idle.families = append(slices.Clip(r.idle.families), f)
}

// now reads the registry's stopwatch, in nanoseconds.
func (r *Registry) now() int64 { return int64(time.Since(r.born)) }

// ended is called when a goroutine is about to be over, or a visit.
func (r *Registry) ended() {
	if r.active.Add(-1) == 0 {
		r.Wake()
	}
}

// Closed reports whether Close was called.
func (r *Registry) Closed() bool { return r.closed.Load() }

// Close has requests refused from now on. What waits is still served, then the mailboxes leave.
func (r *Registry) Close() {
	r.closed.Store(true)
	for m := range r.All() {
		m.drain()
	}
}

// Busy reports whether there are goroutines or visitors.
func (r *Registry) Busy() bool { return r.active.Load() > 0 }

// Quiet has a token when the registry is not busy any more.
func (r *Registry) Quiet() <-chan struct{} { return r.quiet }

// Wake gives Quiet its token.
func (r *Registry) Wake() {
	select {
	case r.quiet <- struct{}{}:
	default:
	}
}

// RefuseAll answers what still waits with err. It returns how many requests that were, and the
// mailboxes that are still at work.
func (r *Registry) RefuseAll(err error) (requests int, busy []hlc.Timestamp) {
	for m := range r.All() {
		m.mu.Lock()
		for m.head != nil {
			q := m.head
			m.unlink(q)
			q.Begin()
			q.Answer(err)
			requests++
		}
		if !m.closed {
			busy = append(busy, m.ID)
		}
		m.mu.Unlock()
	}
	return requests, busy
}
