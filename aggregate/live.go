package aggregate

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"sync/atomic"
	"time"

	"github.com/eventmaestro/maestro/hlc"
	"github.com/eventmaestro/maestro/internal/mailbox"
	"github.com/eventmaestro/maestro/types"
)

// family is the part of a root that does not depend on the type of the state.
type family struct {
	mailbox.Family
	sup   *Supervisor
	name  string
	knows func(eventType string) bool
}

// live is the part of a live aggregate that does not depend on the type of its state.
type live struct {
	mailbox.Mailbox
	family *family

	turn     mailbox.Turn // held while handlers run, not while the goroutine waits for the database
	reserved mailbox.Turn // held by a transaction of the library until it ends
	wanted   atomic.Int32 // transactions that rounds were faster than: these take turns with them

	current atomic.Pointer[request] // whose handler runs
	at      atomic.Int64            // the sequence of the state in memory
}

// place returns the live aggregate that a core works on.
func (l *live) place() *live { return l }

// liveOf returns the aggregate of a mailbox, whatever its root is.
func liveOf(m *mailbox.Mailbox) *live { return m.Owner.(interface{ place() *live }).place() }

// Live describes an aggregate in memory at one moment.
type Live struct {
	Root        string // the root's name
	AggregateID hlc.Timestamp
	Sequence    types.Sequence // of the state in memory; 0 also if it is not loaded yet
	Depth       int            // requests that wait
	Awake       bool           // it has a goroutine
	Idle        time.Duration  // since its last request was answered; 0 while one is under way
}

func (l *live) describe() Live {
	s := l.Status()
	return Live{
		Root: l.family.name, AggregateID: l.ID, Sequence: types.Sequence(l.at.Load()),
		Depth: s.Depth, Awake: s.Awake, Idle: s.Idle,
	}
}

// Aggregates yields the aggregates in memory, in no particular order. It may miss aggregates that
// come or go meanwhile. No lock is held while the loop's body runs.
func (s *Supervisor) Aggregates() iter.Seq[Live] {
	return func(yield func(Live) bool) {
		for m := range s.registry.All() {
			if !yield(liveOf(m).describe()) {
				return
			}
		}
	}
}

// Whereis describes the aggregate if it is in memory. It neither starts the aggregate nor waits for
// it.
func (r *Root[S]) Whereis(id hlc.Timestamp) (Live, bool) {
	m := r.sup.registry.Find(id)
	if m == nil || m.Family != &r.family.Family {
		return Live{}, false
	}
	return liveOf(m).describe(), true
}

// reach brings somebody to an aggregate, which is started if it is not live: enter puts a request
// into its mailbox, or visits it, which keeps it in memory until EndVisit.
func (r *Root[S]) reach(ctx context.Context, id hlc.Timestamp, enter func(*mailbox.Mailbox) mailbox.Delivery) (*core[S], error) {
	if id.IsZero() {
		return nil, ErrInvalidID
	}
	if err := ctx.Err(); err != nil {
		return nil, during("before the mailbox", err)
	}
	for takeovers := 1; ; {
		m, err := r.sup.registry.Get(ctx, id, func() *mailbox.Mailbox { return r.newCore(id) })
		switch {
		case errors.Is(err, mailbox.ErrClosed):
			return nil, ErrClosed
		case err != nil:
			return nil, fmt.Errorf("%w: MaxLive is %d: %w", ErrTooManyAggregates, r.sup.options.MaxLive, err)
		case m.Family != &r.family.Family:
			holder := liveOf(m)
			if holder.at.Load() > 0 || takeovers > maxTakeovers {
				return nil, otherRoot(id, holder.family.name, r.family.name)
			}
			if err := r.sup.takeOver(ctx, holder, takeovers); err != nil {
				return nil, err
			}
			takeovers++
			continue
		}
		switch enter(m) {
		case mailbox.Delivered:
			return m.Owner.(*core[S]), nil
		case mailbox.Refused:
			return nil, ErrClosed
		case mailbox.Overfull:
			return nil, fmt.Errorf("%w: %d requests of aggregate %v wait", ErrMailboxFull, r.family.Size, id)
		case mailbox.Departed:
			// It left memory between the look-up and now: the next look-up starts it again.
		}
	}
}

// An id belongs to the root that knows the type of its first event. While nothing is known of it,
// or nothing was read, whichever root was asked has it in memory, and gives it up to another that
// is asked.

// orOther is err, or ErrOtherRoot where err says that the first event is of a type which another
// root of the supervisor knows.
func (f *family) orOther(err error) error {
	e, ok := errors.AsType[*EventError](err)
	if !ok || !e.Stored || e.Sequence != 1 || !errors.Is(e.Err, ErrUnknownEvent) {
		return err
	}
	if holder := f.sup.whoKnows(e.Type); holder != nil && !f.knows(e.Type) {
		return otherRoot(e.AggregateID, holder.name, f.name)
	}
	return err
}

// whoKnows returns the first root that knows a type of event, or nil.
func (s *Supervisor) whoKnows(eventType string) *family {
	s.mu.Lock()
	defer s.mu.Unlock()
	i := slices.IndexFunc(s.families, func(f *family) bool { return f.knows(eventType) })
	if i < 0 {
		return nil
	}
	return s.families[i]
}

const (
	maxTakeovers    = 20
	takeoverPause   = 100 * time.Microsecond
	maxTakeoverWait = 10 * time.Millisecond
)

// takeOver takes an aggregate of which another root has no event out of that root's memory, or
// waits until it has been read, so that one can look again.
func (s *Supervisor) takeOver(ctx context.Context, l *live, tries int) error {
	if l.Exit() {
		return nil
	}
	q := s.newRequest(ctx)
	q.run = func(mailbox.Owner) error { return nil } // is answered once what is under way is
	if l.Put(&q.Request) == mailbox.Delivered {
		err := q.wait(l)
		s.free(q)
		if err != nil {
			return err
		}
	}
	if !s.pause(tries, takeoverPause, maxTakeoverWait) {
		return ErrClosed
	}
	return nil
}
