package aggregate

import (
	"errors"
	"slices"

	"github.com/eventmaestro/maestro/internal/mailbox"
	"github.com/eventmaestro/maestro/store"
	"github.com/eventmaestro/maestro/types"
)

// What the commands of a round are told, and who is committed one by one instead.

// answerAll answers everybody who is open in the same way.
func (c *core[S]) answerAll(r *round, err error) {
	open := r.open
	r.open = nil
	for _, q := range open {
		q.Answer(err)
	}
}

// separate deals with a commit that failed for another reason than a conflict: commands that shared
// it are committed one by one, so that each meets its own fate (law 5). What is nobody's own fault
// is one answer for all of them.
func (c *core[S]) separate(r *round, cause error) {
	senders := 0
	for _, q := range r.open {
		if q.Phase() == mailbox.Claimed || q.Left() {
			senders++
		}
	}
	unknown := errors.Is(cause, store.ErrOutcomeUnknown)
	if unknown || senders == 1 || errors.Is(cause, store.ErrUnavailable) {
		c.answerSenders(r, cause, unknown)
		return
	}
	for _, q := range r.open {
		q.Unclaim()
	}
	c.single = len(r.open)
	r.batch = append(slices.Clone(r.open), r.batch...)
	r.open = nil
}

// answerSenders answers those whose events were sent; the others stay open.
func (c *core[S]) answerSenders(r *round, cause error, unknown bool) {
	if unknown {
		c.drop()
	}
	r.open = slices.DeleteFunc(r.open, func(q *request) bool {
		switch {
		case q.Phase() != mailbox.Claimed:
			return q.Left()
		case unknown:
			q.Answer(q.unknown(c.ID, cause))
		case errors.Is(cause, store.ErrDuplicateCommand):
			// Who leaves now is told that the outcome is unknown, since a first time had one; but
			// none of these timestamps is in the log.
			q.stamps.Store(nil)
			c.repeat(q)
		default:
			q.Answer(refusedAtCommit(cause))
		}
		return true
	})
}

// refusedAtCommit is what a command is told whose commit was refused. Where a projection says that
// it is a refusal of the command, it is one like a handler's.
func refusedAtCommit(cause error) error {
	if rejected, ok := errors.AsType[*RejectedError](cause); ok {
		return &RejectedError{Message: rejected.Message, Err: cause}
	}
	return during("commit", cause)
}

// answerVerdicts answers everybody who is open, after it is certain that what evaluation
// said is right.
func (c *core[S]) answerVerdicts(r *round) {
	c.show()
	for len(r.open) > 0 {
		q := r.open[0]
		err := q.verdict
		if err == nil && q.wantEvents && q.top > q.low {
			q.events = cloneEvents(r.log[q.low:q.top])
		}
		if err != nil && q.command.ID != "" && !q.Left() {
			// A repeat can be refused because the first time changed the state.
			if found, first := c.recall(q); found || first != nil {
				err = first
			}
		}
		r.open = r.open[1:]
		q.Answer(err)
	}
}

// cloneEvents returns events that share no memory with what handlers were given.
func cloneEvents(events []types.Event) []types.Event {
	c := slices.Clone(events)
	for i := range c {
		c[i].Body = slices.Clone(c[i].Body)
	}
	return c
}
