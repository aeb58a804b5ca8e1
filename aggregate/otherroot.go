package aggregate

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/eventmaestro/maestro/internal/mailbox"
)

// An id belongs to the root that knows the type of its first event. While nothing is known of it, or nothing was read, whichever root
// was asked has it in memory, and gives it up to another that is asked.

// orOther is err, or ErrOtherRoot where err says that the first event is of a type which another root of the
// supervisor knows.
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

// takeOver takes an aggregate of which another root has no event out of that root's memory, or waits until it has been
// read, so that one can look again.
func (s *Supervisor) takeOver(ctx context.Context, l *live, tries int) error {
	if l.Exit() {
		return nil
	}
	q := s.newRequest(ctx)
	q.run = func(mailbox.Owner) error { return nil } // is answered once what is under way is
	if l.Put(&q.Request) != mailbox.Delivered {
		s.free(q)
	} else {
		err := q.wait(l)
		if q.Phase() == mailbox.Answered {
			s.free(q)
		}
		if err != nil {
			return err
		}
	}
	if !s.pause(tries, takeoverPause, maxTakeoverWait) {
		return ErrClosed
	}
	return nil
}
