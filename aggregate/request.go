package aggregate

import (
	"context"
	"fmt"
	"slices"
	"sync/atomic"

	"github.com/eventmaestro/maestro/hlc"
	"github.com/eventmaestro/maestro/store"
	"github.com/eventmaestro/maestro/types"
)

// The life of a request. The mailbox moves it forward, the caller whose context ends moves
// it to gone; each step is a compare-and-swap, so that exactly one of them decides.
const (
	queued     uint32 = iota // in the mailbox: the caller can still take it back
	taken                    // under evaluation: nothing was sent, so it can still be dropped
	committing               // its events are on their way to the store
	answered                 // the answer's fields are valid
	gone                     // the caller left; nobody reads the answer
)

// request is one caller's wish, either a command or a function to be run in the aggregate's
// goroutine.
type request struct {
	next, prev *request // guarded by mailbox.mu while queued
	phase      atomic.Uint32
	stamps     atomic.Pointer[stamps] // of the events that are under way
	first      stamps                 // saves an allocation: what stamps points to at first
	ctx        context.Context
	done       chan struct{} // one token, sent when answered

	run    func(owner) error // a function, or nil for a command
	manner                   // of the function
	call

	// The answer.
	err error
	told

	trial
}

// manner says what a function that is to be run in the aggregate's goroutine is like.
type manner uint8

const (
	ours   manner = iota // the library's own
	theirs               // the application's: it is reported if it outlasts its caller
)

// call is a command with what is worked out before it is sent.
type call struct {
	command    types.Command
	handler    any                  // CommandHandler[S]
	record     *store.CommandRecord // nil for a command without an ID
	wantEvents bool
	wantState  bool
}

// told is what a command's caller is told of its success.
type told struct {
	events []types.Event  // if they were asked for
	state  any            // the same
	seq    types.Sequence // the aggregate's, right after the command
	repeat bool           // an earlier command with the same ID did it
}

// trial is the mailbox' bookkeeping about one command.
type trial struct {
	tries     int            // evaluations
	conflicts int            // those of them that another process' events made void
	low, top  int            // the command's events in the round's log
	after     types.Sequence // the sequence it was evaluated on
	verdict   error          // what evaluation said

	// An event that could not be applied left the state torn, so the round began anew without
	// it: the verdict holds as long as the command is met by the same sequences.
	excluded               error
	excludedAt, excludedOn types.Sequence
}

// stamps is a list that is not modified any more once others can see it.
type stamps struct {
	list  []hlc.Timestamp
	short [1]hlc.Timestamp // where most lists are
}

// newRequest returns a request that nobody else holds. The pool is the supervisor's own because a
// channel that was made in the bubble of one test must not turn up in another's.
func (s *Supervisor) newRequest(ctx context.Context) *request {
	r, ok := s.requests.Get().(*request)
	if !ok {
		r = &request{done: make(chan struct{}, 1)}
	}
	r.ctx = ctx
	return r
}

// free gives the request back. Only the caller may, and only after its answer.
func (s *Supervisor) free(r *request) {
	*r = request{done: r.done}
	s.requests.Put(r)
}

// answer ends the request, unless its caller left.
func (r *request) answer(err error) {
	for {
		phase := r.phase.Load()
		if phase == gone || phase == answered {
			return
		}
		// The answer's fields belong to the mailbox until the phase says answered.
		r.err = err
		if r.phase.CompareAndSwap(phase, answered) {
			r.done <- struct{}{}
			return
		}
	}
}

// claim is taken before the request's events are sent. It fails if the caller left, or is about to.
func (r *request) claim(events []types.Event) bool {
	if r.ctx.Err() != nil {
		return false
	}
	s := &r.first
	if s.list != nil { // the caller may be reading it
		s = new(stamps)
	}
	s.list = s.short[:0]
	for i := range events {
		s.list = append(s.list, events[i].Timestamp)
	}
	r.stamps.Store(s)
	return r.phase.CompareAndSwap(taken, committing)
}

// unclaim is called when it is certain that nothing was stored.
func (r *request) unclaim() { r.phase.CompareAndSwap(committing, taken) }

// left reports whether the caller is gone, or about to leave.
func (r *request) left() bool { return r.phase.Load() == gone }

// wait returns the request's answer, or an earlier end of its context.
func (r *request) wait(m *mailbox) error {
	ended := r.ctx.Done()
	if ended == nil {
		<-r.done
		return r.err
	}
	select {
	case <-r.done:
		return r.err
	case <-ended:
		return r.leave(m)
	}
}

// leave takes the request back as far as that is still possible.
func (r *request) leave(m *mailbox) error {
	cause := r.ctx.Err()
	for {
		switch phase := r.phase.Load(); phase {
		case queued:
			if waiting, full := m.withdraw(r); waiting {
				if full {
					return fmt.Errorf("%w: %w", ErrMailboxFull, cause)
				}
				return fmt.Errorf("aggregate: waiting in the mailbox: %w", cause)
			}
		case taken:
			stuck := m.current.Load() == r
			if r.phase.CompareAndSwap(taken, gone) {
				if stuck {
					m.reportStuck(r)
				}
				return fmt.Errorf("aggregate: before the commit: %w", cause)
			}
		case committing:
			unknown := &OutcomeUnknownError{AggregateID: m.id, Err: fmt.Errorf("%w: %w", store.ErrOutcomeUnknown, cause)}
			if stamps := r.stamps.Load(); stamps != nil {
				unknown.Timestamps = slices.Clone(stamps.list)
			}
			if r.phase.CompareAndSwap(committing, gone) {
				return unknown
			}
		default:
			<-r.done
			return r.err
		}
	}
}
