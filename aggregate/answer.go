package aggregate

import (
	"errors"
	"slices"

	"github.com/eventmaestro/maestro/store"
	"github.com/eventmaestro/maestro/types"
)

// What the commands of a round are told, and who is committed one by one instead.

// answerAll answers everybody who is open in the same way.
func (c *cell[S]) answerAll(w *work, err error) {
	open := w.open
	w.open = nil
	for _, q := range open {
		q.answer(err)
	}
}

// separate deals with a commit that failed for another reason than a conflict: commands
// that shared it are committed one by one, so that each meets its own fate (law 5). What is nobody's
// own fault is one answer for all of them.
func (c *cell[S]) separate(w *work, r *round, cause error) {
	senders := 0
	for _, q := range w.open {
		if q.phase.Load() == committing || q.left() {
			senders++
		}
	}
	unknown := errors.Is(cause, store.ErrOutcomeUnknown)
	if unknown || senders == 1 || errors.Is(cause, store.ErrUnavailable) {
		c.answerSenders(w, r, cause, unknown)
		return
	}
	for _, q := range w.open {
		q.unclaim()
	}
	c.single = len(w.open)
	w.batch = append(slices.Clone(w.open), w.batch...)
	w.open = nil
}

// answerSenders answers those whose events were sent; the others stay open.
func (c *cell[S]) answerSenders(w *work, r *round, cause error, unknown bool) {
	if unknown {
		c.drop()
	}
	kept := w.open[:0]
	for _, q := range w.open {
		switch {
		case q.phase.Load() != committing:
			if !q.left() {
				kept = append(kept, q)
			}
		case unknown:
			q.answer(c.unknown(q, r, cause))
		case errors.Is(cause, store.ErrDuplicateCommand):
			// Who leaves now is told that the outcome is unknown, since a first time had one; but
			// none of these timestamps is in the log.
			q.stamps.Store(nil)
			c.repeat(q)
		default:
			q.answer(refusedAtCommit(cause))
		}
	}
	clear(w.open[len(kept):])
	w.open = kept
}

// refusedAtCommit is what a command is told whose commit was refused. Where a projection says that it is a refusal of
// the command, it is one like a handler's.
func refusedAtCommit(cause error) error {
	if rejected, ok := errors.AsType[*InvalidCommandError](cause); ok {
		return &InvalidCommandError{Message: rejected.Message, Err: cause}
	}
	return during("commit", cause)
}

// answerVerdicts answers everybody who is open, after it is certain that what evaluation
// said is right. r is nil if nothing was committed.
func (c *cell[S]) answerVerdicts(w *work, r *round) {
	for len(w.open) > 0 {
		q := w.open[0]
		err := q.verdict
		if err == nil && q.wantEvents && r != nil {
			q.events = cloneEvents(r.log[q.low:q.top])
		}
		if err != nil && q.command.ID != "" && !q.left() {
			// A repeat can be refused because the first time changed the state.
			if found, first := c.first(q); found || first != nil {
				err = first
			}
		}
		w.open = w.open[1:]
		q.answer(err)
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
