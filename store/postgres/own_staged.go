package postgres

import (
	"fmt"

	"github.com/eventmaestro/maestro/store"
)

// stagedCommit is a commit that a transaction of the library has not sent yet.
type stagedCommit struct {
	pending
	runs  []projectionRun // of all its projections, in order
	apart bool            // they need round trips of their own: then nothing is queued
}

// projectionRun is a projection for the event with that index.
type projectionRun struct {
	projection *projection
	event      int
}

func newStaged(c store.Commit) (*stagedCommit, error) {
	staged := &stagedCommit{pending: pending{own: c}}
	staged.commit = &staged.own
	own := ownProjections(c.Projections)
	for i := range c.Events {
		for _, p := range own {
			staged.runs = append(staged.runs, projectionRun{p, i})
		}
	}
	if staged.apart = !own.batched(); staged.apart {
		return staged, nil
	}
	var err error
	staged.queued, err = own.queue(c.Events)
	if staged.apart = hasCallbacks(staged.queued); staged.apart {
		staged.queued = nil
	}
	return staged, err
}

// append adds what follows on staged in the same aggregate. The events in between are sent
// together, so their order is looked at here.
func (staged *stagedCommit) append(next *stagedCommit) error {
	c := staged.commit
	if n := len(c.Events); n > 0 && len(next.commit.Events) > 0 {
		last, first := c.Events[n-1], next.commit.Events[0]
		switch {
		case first.Sequence <= last.Sequence:
			return fmt.Errorf("%w: sequence %d is staged already", store.ErrConflict, first.Sequence)
		case first.Sequence != last.Sequence+1, !next.commit.Predecessor.IsZero() && next.commit.Predecessor != last.Timestamp:
			return &store.PredecessorError{AggregateID: c.AggregateID, Sequence: first.Sequence - 1, Timestamp: next.commit.Predecessor}
		}
	} else if n == 0 {
		c.Predecessor = next.commit.Predecessor
	}
	n := len(c.Events)
	if staged.apart = staged.apart || next.apart; staged.apart {
		staged.queued, next.queued = nil, nil
	}
	for _, q := range next.queued {
		staged.queued = append(staged.queued, queuedQuery{q.QueuedQuery, q.by, q.event + n})
	}
	for _, run := range next.runs {
		staged.runs = append(staged.runs, projectionRun{run.projection, run.event + n})
	}
	c.Events = append(c.Events[:n:n], next.commit.Events...)
	c.Commands = append(c.Commands[:len(c.Commands):len(c.Commands)], next.commit.Commands...)
	return nil
}
