package aggregate

import (
	"context"
	"errors"
	"time"

	"github.com/eventmaestro/maestro/hlc"
	"github.com/eventmaestro/maestro/internal/body"
	"github.com/eventmaestro/maestro/internal/panics"
	"github.com/eventmaestro/maestro/store"
	"github.com/eventmaestro/maestro/types"
)

// Units of the pauses between two looks at a commit in doubt.
const (
	doubtPause    = 2 * time.Millisecond
	maxDoubtPause = 500 * time.Millisecond
)

// commit commits in the way that the core has, and does not come back before it knows the outcome,
// or its time is over. The core gives its turn away meanwhile.
func (c *core[S]) commit(ctx context.Context, commit store.Commit, line store.OwnTx) error {
	c.yield()
	switch {
	case c.own != nil:
		err := c.own.stage(commit)
		c.staged = c.staged || err == nil
		return err
	case c.tx != nil:
		return commitOnce(func() error { return c.tx.Commit(ctx, commit) })
	}
	sup := c.family.sup
	ctx = c.background(ctx)
	doubt := commitOnce(func() error {
		if line == nil {
			return sup.store.Commit(ctx, commit)
		}
		if err := line.Stage(commit); err != nil {
			return err
		}
		return line.End(ctx)
	})
	if !errors.Is(doubt, store.ErrOutcomeUnknown) {
		return sup.orClosed(doubt)
	}
	sup.log.Warn("the answer to a commit got lost",
		"root", c.family.name, "aggregate", c.ID, "events", len(commit.Events), "err", doubt)
	outcome, err := sup.settle(ctx, commit, func() error { return sup.store.Commit(ctx, commit) })
	if outcome == stillUnknown {
		return doubt
	}
	sup.log.Info("a commit in doubt is settled", "root", c.family.name, "aggregate", c.ID, "outcome", outcome)
	return err
}

// commitOnce commits. A panic of the adapter leaves the outcome open.
func commitOnce(commit func() error) (err error) {
	defer panics.Recover(&err, store.ErrOutcomeUnknown)
	return commit()
}

// settle finds out what became of a commit whose answer got lost, or gives up after a while.
//
// The very same commit is sent again. The unique index makes it wait for the doubtful one and
// decides: stored now is success, and a conflict is success as well if the log has our own
// timestamps, once they are as durable as our commit would have been. Any other refusal of a repeat
// says nothing about the first time, so only these two, or somebody else's event, end the doubt.
func (s *Supervisor) settle(ctx context.Context, commit store.Commit, again func() error) (outcome, error) {
	deadline := time.Now().Add(s.options.SettleTimeout)
	for n := 1; ; n++ {
		if !s.pause(n, doubtPause, maxDoubtPause) || time.Now().After(deadline) {
			return stillUnknown, nil
		}
		err := commitOnce(again)
		switch {
		case err == nil:
			return storedAgain, nil
		case errors.Is(err, store.ErrConflict):
			switch s.whose(ctx, commit) {
			case nobody, others:
				return theirsThere, err
			case us:
				return oursThere, nil
			}
		case errors.Is(err, store.ErrNoPredecessor):
			// The log went back meanwhile. What came before the first time is not in it, so neither
			// is that one, nor can it come.
			return wentBack, err
		case errors.Is(err, store.ErrDuplicateCommand):
			// The events did not conflict, so they are not there; and they never will be,
			// because the command's record is somebody else's (or, without events, our own).
			return commandUsed, err
		}
	}
}

// outcome is what became of a commit in doubt, as the log names it.
type outcome string

const (
	stillUnknown outcome = ""
	storedAgain  outcome = "stored by the repeat"
	oursThere    outcome = "the first attempt was stored"
	theirsThere  outcome = "not stored: somebody else was first"
	wentBack     outcome = "not stored: the log went back"
	commandUsed  outcome = "not stored: the command ID was used before"
)

// holder is who has the place of a commit in the log.
type holder int8

const (
	unclear holder = iota // the log could not be read, or not be made durable
	nobody
	us
	others
)

// whose tells who has the place of a commit. Its events are told by their timestamps: another
// process' event at the same sequence has another one. Type and body are for clocks that share a
// node id by mistake, whose timestamps can be the same.
func (s *Supervisor) whose(ctx context.Context, commit store.Commit) holder {
	read, cancel := context.WithTimeout(ctx, s.options.ReadTimeout)
	defer cancel()
	defer func() { _ = recover() }() // a panic of the adapter leaves it unclear
	ours, found := commit.Events, 0
	in := store.Range{After: ours[0].Sequence - 1, Max: ours[len(ours)-1].Sequence}
	for e, err := range s.store.Events(read, commit.AggregateID, in) {
		if err != nil {
			return unclear
		}
		if found == len(ours) || e.Timestamp != ours[found].Timestamp || e.Type != ours[found].Type ||
			!body.Same(e.Body, ours[found].Body) {
			return others
		}
		found++
	}
	switch {
	case found == 0:
		return nobody
	case found < len(ours):
		return others
	case flush(ctx, s.store, commit.AggregateID, s.options.ReadTimeout) != nil:
		return unclear
	}
	return us
}

// flush makes sure that what was read of an aggregate is as durable as what was acknowledged.
func flush(ctx context.Context, a store.Adapter, id hlc.Timestamp, timeout time.Duration) (err error) {
	f, ok := a.(store.Flusher)
	if !ok {
		return nil
	}
	defer panics.Recover(&err)
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	return f.Flush(ctx, id)
}

// Lookup returns those events of an aggregate that have one of the timestamps, in the order of
// their sequences. It answers the question that an *OutcomeUnknownError leaves. If all of its
// timestamps are found, and there are any, the command was carried out. If none is found, it was
// not carried out so far, and never will be once a later event of the aggregate is in the log. What
// is found is as durable as an acknowledged commit. Lookup reads the aggregate's whole history.
func (r *Root[S]) Lookup(ctx context.Context, id hlc.Timestamp, timestamps []hlc.Timestamp) ([]types.Event, error) {
	wanted := make(map[hlc.Timestamp]bool, len(timestamps))
	for _, t := range timestamps {
		wanted[t] = true
	}
	var found []types.Event
	for e, err := range r.History(ctx, id, store.Range{}) {
		if err != nil {
			return nil, err
		}
		if wanted[e.Timestamp] {
			found = append(found, e)
		}
	}
	if len(found) == 0 {
		return nil, nil
	}
	return found, flush(ctx, r.sup.store, id, r.sup.options.ReadTimeout)
}
