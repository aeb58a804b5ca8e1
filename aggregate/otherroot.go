package aggregate

import (
	"context"
	"errors"
	"time"
)

// An id belongs to the root that knows the type of its first event. While nothing is known of it, or nothing was read, whichever root
// was asked has it in memory, and gives it up to another that is asked.

// orOther is err, or an *OtherRootError where err says that the first event is of a type which another root of the
// supervisor knows.
func (f *family) orOther(err error) error {
	e, ok := errors.AsType[*EventError](err)
	if !ok || !e.Stored || e.Sequence != 1 || !errors.Is(e.Err, ErrUnknownEvent) {
		return err
	}
	if holder := f.sup.idle.whoKnows(e.Type); holder != nil && !f.knows(e.Type) {
		return &OtherRootError{AggregateID: e.AggregateID, Holder: holder.name, Asked: f.name}
	}
	return err
}

// whoKnows returns the first root that knows a type of event, or nil.
func (s *sweeper) whoKnows(eventType string) *family {
	s.mu.Lock()
	families := s.families
	s.mu.Unlock()
	for _, f := range families {
		if f.knows(eventType) {
			return f
		}
	}
	return nil
}

const (
	maxTakeovers    = 20
	takeoverPause   = 100 * time.Microsecond
	maxTakeoverWait = 10 * time.Millisecond
)

// takeOver takes an aggregate of which another root has no event out of that root's memory, or waits until it has been
// read, so that one can look again.
func (s *Supervisor) takeOver(ctx context.Context, m *mailbox, tries int) error {
	if m.exit() {
		return nil
	}
	q := s.newRequest(ctx)
	q.run = func(owner) error { return nil } // is answered once what is under way is
	if m.put(q) != delivered {
		s.free(q)
	} else {
		err := q.wait(m)
		if q.phase.Load() == answered {
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
