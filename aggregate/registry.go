package aggregate

import (
	"context"
	"encoding/binary"
	"fmt"
	"iter"
	"sync"
	"sync/atomic"
	"time"

	"github.com/eventmaestro/maestro/hlc"
	"github.com/eventmaestro/maestro/types"
)

// shardCount is how many parts the registry has, each with its own lock. A power of two.
const shardCount = 64

// registry finds the live aggregates by id, of all roots.
type registry struct {
	sup    *Supervisor
	shards [shardCount]shard
	live   atomic.Int64
	room   chan struct{} // a token when an aggregate left or fell idle while somebody waits
	queue  atomic.Int64  // how many wait for room
}

type shard struct {
	mu   sync.RWMutex
	byID map[hlc.Timestamp]*mailbox // guarded by mu
	_    [88]byte                   // keeps the locks of neighbours in different cache lines
}

func (r *registry) init() {
	r.room = make(chan struct{}, 1)
	for i := range r.shards {
		r.shards[i].byID = map[hlc.Timestamp]*mailbox{}
	}
}

// shard spreads ids by their time and counter: the node is often the same for all.
func (r *registry) shard(id hlc.Timestamp) *shard {
	h := binary.BigEndian.Uint64(id[:8]) ^ binary.BigEndian.Uint64(id[8:])
	return &r.shards[(h*0x9E3779B97F4A7C15)>>58]
}

func (r *registry) find(id hlc.Timestamp) *mailbox {
	s := r.shard(id)
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.byID[id]
}

// get returns the mailbox of an aggregate, and makes one if it is not live.
func (r *registry) get(ctx context.Context, f *family, id hlc.Timestamp, create func() *mailbox) (*mailbox, error) {
	for tries := 1; ; tries++ {
		m := r.find(id)
		if m == nil {
			var err error
			if m, err = r.add(ctx, id, create); err != nil {
				return nil, err
			}
		}
		if m.family == f {
			return m, nil
		}
		if m.at.Load() > 0 || tries > maxTakeovers {
			return nil, &OtherRootError{AggregateID: id, Holder: m.family.name, Asked: f.name}
		}
		if err := r.sup.takeOver(ctx, m, tries); err != nil {
			return nil, err
		}
	}
}

func (r *registry) add(ctx context.Context, id hlc.Timestamp, create func() *mailbox) (*mailbox, error) {
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
	if r.sup.closed.Load() {
		r.release()
		return nil, ErrClosed
	}
	m := create()
	s.byID[id] = m
	r.sup.idle.watch(&m.family.present, m)
	if hook := r.sup.options.Hooks.Start; hook != nil {
		hook(Lifecycle{Root: m.family.name, AggregateID: id})
	}
	return m, nil
}

// remove takes m out, if it is still the one in charge of its id.
func (r *registry) remove(m *mailbox) {
	s := r.shard(m.id)
	s.mu.Lock()
	if s.byID[m.id] == m {
		delete(s.byID, m.id)
		r.release()
	}
	s.mu.Unlock()
}

// reserve makes room for one more aggregate.
func (r *registry) reserve(ctx context.Context) error {
	limit := int64(r.sup.options.MaxLive)
	if r.take(limit) {
		return nil
	}
	r.queue.Add(1)
	defer r.queue.Add(-1)
	for {
		// Asked again, because who left before the queue was longer did not pass room on.
		if r.take(limit) {
			r.pass()
			return nil
		}
		if r.sup.idle.evict() {
			continue // whoever left took itself off the count; somebody else may be faster
		}
		select {
		case <-r.room:
		case <-ctx.Done():
			r.pass()
			return fmt.Errorf("%w: MaxLive is %d: %w", ErrTooManyAggregates, limit, ctx.Err())
		case <-r.sup.base.Done():
			return ErrClosed
		}
	}
}

// take counts one more aggregate if there is room. It never counts one too many for a moment: another
// who asked in that moment would be refused, and wait for room that nobody announces.
func (r *registry) take(limit int64) bool {
	for {
		n := r.live.Load()
		if limit > 0 && n >= limit {
			return false
		}
		if r.live.CompareAndSwap(n, n+1) {
			return true
		}
	}
}

func (r *registry) release() {
	r.live.Add(-1)
	r.pass()
}

// pass wakes one of those who wait for room, if there are any.
func (r *registry) pass() {
	if r.queue.Load() == 0 {
		return
	}
	select {
	case r.room <- struct{}{}:
	default:
	}
}

// Live describes an aggregate in memory at one moment.
type Live struct {
	Root        string // the root's name
	AggregateID hlc.Timestamp
	Sequence    types.Sequence // of the state in memory; 0 also if it is not loaded yet
	Depth       int            // requests that wait
	Awake       bool           // it has a goroutine
	Idle        time.Duration  // since its last request was answered; 0 while one is under way
}

func (m *mailbox) describe() Live {
	m.mu.Lock()
	defer m.mu.Unlock()
	l := Live{
		Root: m.family.name, AggregateID: m.id, Sequence: types.Sequence(m.at.Load()),
		Depth: int(m.depth.Load()), Awake: m.running,
	}
	if m.idle() {
		l.Idle = time.Duration(m.family.now() - m.used.Load())
	}
	return l
}

// Aggregates yields what is in memory, in no order. Aggregates that come or go meanwhile may
// be missed. No lock is held while the loop's body runs.
func (s *Supervisor) Aggregates() iter.Seq[Live] {
	return func(yield func(Live) bool) {
		for i := range s.registry.shards {
			for _, m := range s.registry.shards[i].list() {
				if !yield(m.describe()) {
					return
				}
			}
		}
	}
}

func (s *shard) list() []*mailbox {
	s.mu.RLock()
	defer s.mu.RUnlock()
	list := make([]*mailbox, 0, len(s.byID))
	for _, m := range s.byID {
		list = append(list, m)
	}
	return list
}
