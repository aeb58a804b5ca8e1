package aggregate

import (
	"context"
	"fmt"
	"slices"
	"sync/atomic"

	"github.com/eventmaestro/maestro/hlc"
	"github.com/eventmaestro/maestro/internal/mailbox"
	"github.com/eventmaestro/maestro/store"
	"github.com/eventmaestro/maestro/types"
)

// request is one caller's wish, either a command or a function to be run in the aggregate's
// goroutine.
type request struct {
	mailbox.Request
	wish
}

// wish is what a request is about.
type wish struct {
	run    func(mailbox.Owner) error // a function, or nil for a command
	errand                           // the command
	told                             // what its caller is told

	stamps atomic.Pointer[stamps] // of the events that are under way
	room   stamps                 // saves an allocation: what stamps points to at first

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

// errand is a command with what is worked out before it is sent.
type errand struct {
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
		r = new(request)
	}
	r.Prepare(ctx, r)
	return r
}

// free gives the request back. Only its caller may do that, and only after the answer: until then
// the mailbox may hold it.
func (s *Supervisor) free(r *request) {
	if r.Phase() != mailbox.Answered {
		return
	}
	r.Prepare(context.Background(), nil)
	r.wish = wish{}
	s.requests.Put(r)
}

// claim is taken before the request's events are sent. It fails if the caller left, or is about to.
func (r *request) claim(events []types.Event) bool {
	if r.Ctx.Err() != nil {
		return false
	}
	s := &r.room
	if s.list != nil { // the caller may be reading it
		s = new(stamps)
	}
	s.list = s.short[:0]
	for i := range events {
		s.list = append(s.list, events[i].Timestamp)
	}
	r.stamps.Store(s)
	return r.Claim()
}

// wait returns the request's answer. If its context ends first, the caller takes the request back,
// as far as that is still possible.
func (r *request) wait(l *live) error {
	if r.Wait() {
		return r.Err
	}
	cause := r.Ctx.Err()
	for {
		switch r.Phase() {
		case mailbox.Queued:
			if waiting, full := l.Withdraw(&r.Request); waiting {
				if full {
					return fmt.Errorf("%w: %w", ErrMailboxFull, cause)
				}
				return during("waiting in the mailbox", cause)
			}
		case mailbox.Begun:
			stuck := l.current.Load() == r
			if r.Leave(mailbox.Begun) {
				if stuck {
					l.reportStuck(r)
				}
				return during("before the commit", cause)
			}
		case mailbox.Claimed:
			unknown := r.unknown(l.ID, fmt.Errorf("%w: %w", store.ErrOutcomeUnknown, cause))
			if r.Leave(mailbox.Claimed) {
				return unknown
			}
		default:
			return r.Late()
		}
	}
}

// unknown is what the caller of a command is told whose commit is in doubt, or still under way.
func (r *request) unknown(id hlc.Timestamp, cause error) error {
	unknown := &OutcomeUnknownError{AggregateID: id, Err: cause}
	if stamps := r.stamps.Load(); stamps != nil {
		unknown.Timestamps = slices.Clone(stamps.list)
	}
	return unknown
}
