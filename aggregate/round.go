package aggregate

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"sync"
	"time"

	"github.com/eventmaestro/maestro/hlc"
	"github.com/eventmaestro/maestro/store"
	"github.com/eventmaestro/maestro/types"
)

// Units of the pauses between attempts, for stores without a line to wait in.
const (
	conflictPause    = 500 * time.Microsecond
	maxConflictPause = 50 * time.Millisecond
)

// guardedRounds is for how many rounds after a conflict a state that refers to memory is
// copied first, so that the next conflict need not read the whole log again.
const guardedRounds = 16

// round is what one pass over the waiting commands needs. It is kept for the next one.
type round struct {
	log     []types.Event
	records []store.CommandRecord
	pending []*request
}

var rounds = sync.Pool{New: func() any { return new(round) }}

func (r *round) free() {
	clear(r.log)
	clear(r.pending)
	clear(r.records)
	if cap(r.log) <= 1024 {
		rounds.Put(r)
	}
}

// commands answers the commands in w.open.
func (c *cell[S]) commands(w *work) {
	r := rounds.Get().(*round)
	c.passes(w, r)
	r.free() // not deferred: after a runtime.Goexit abort answers those in r.pending
}

// passes goes over the commands in w.open until all have an answer.
func (c *cell[S]) passes(w *work, r *round) {
	r.pending = append(r.pending[:0], w.open...)
	w.open = r.pending
	if err := c.hold(w.open[0].ctx); err != nil {
		c.answerAll(w, err)
		return
	}
	if c.loaded && (c.root.kind.ReadFirst || c.readsFirst()) {
		if _, err := c.refresh(w.open[0].ctx); err != nil {
			c.answerAll(w, err)
			return
		}
	}
	for len(w.open) > 0 {
		ctx := w.open[0].ctx
		if err := c.ensure(ctx); err != nil {
			c.answerAll(w, err)
			return
		}
		c.attempt(ctx, w, r)
	}
}

// attempt evaluates the open commands in order and commits what they lead to. Those without
// an answer stay open. It is the same for a round of the aggregate and for a command in a transaction.
func (c *cell[S]) attempt(ctx context.Context, w *work, r *round) {
	if c.wanted.Load() > 0 && c.takeTurns(ctx) {
		defer c.reserved.unlock()
	}
	line, err := c.lineUp(ctx)
	if line != nil {
		defer line.Abort(c.background(ctx))
	}
	if err == nil {
		err = c.hold(ctx)
	}
	if err != nil {
		c.answerAll(w, err)
		return
	}
	d, err := c.begin()
	if err != nil {
		c.answerAll(w, err)
		return
	}
	if !c.evaluateAll(w, r, &d) {
		c.rollback(&d)
		return
	}
	if len(w.open) == 0 {
		return
	}
	if len(r.log) == 0 && !c.confirm(ctx, w) {
		return
	}
	if len(r.log) == 0 && len(r.records) == 0 {
		c.answerVerdicts(w, nil)
		return
	}
	if !c.claimAll(w, r) {
		c.rollback(&d)
		return
	}
	started, seq, last := c.stopwatch(), c.seq, c.last
	commit := store.Commit{AggregateID: c.id, Events: r.log, Predecessor: c.last, Projections: c.root.kind.Projections, Commands: r.records}
	c.ahead = c.root.kind.clone != nil && !c.copied && d.seq != c.seq
	err = c.commit(ctx, commit, line)
	_ = c.hold(context.Background()) // who has it is in a handler, and is soon done
	c.ahead = false
	if !c.staged {
		c.reportCommit(ctx, w, r, started, err)
	}
	switch {
	case err == nil:
		c.draft, c.fresh = d, !c.staged
		c.rivals.streak = 0
		c.answerVerdicts(w, r)
		c.saveIfDue()
	case raced(err):
		c.rollback(&d)
		if missing(err, seq, last) {
			c.lost(ctx, seq, last)
		}
		c.again(ctx, w, r, err)
	default:
		c.rollback(&d)
		c.separate(w, r, err)
	}
}

// missing reports whether a refusal says that the log does not have the event that the commit was
// decided on, the one at seq.
func missing(err error, seq types.Sequence, last hlc.Timestamp) bool {
	if errors.Is(err, store.ErrNoPredecessor) {
		return true
	}
	told, ok := errors.AsType[*store.ConflictError](err)
	return ok && seq > 0 && len(told.Events) > 0 && told.Events[0].Timestamp != last
}

// raced reports whether a commit failed because the log is not what it was decided on.
func raced(err error) bool {
	return errors.Is(err, store.ErrConflict) || errors.Is(err, store.ErrDuplicateTimestamp) || errors.Is(err, store.ErrNoPredecessor)
}

// begin returns the draft on which a round works.
func (c *cell[S]) begin() (draft[S], error) {
	d := c.draft
	c.copied = c.guarded > 0 && c.root.kind.clone != nil
	if !c.copied {
		return d, nil
	}
	c.guarded--
	var err error
	d.state, err = c.root.kind.copied(d.state)
	return d, err
}

// rollback makes sure that a round which came to nothing leaves no trace. Where events were
// applied to a state that shares memory with the cell's, that is read again.
func (c *cell[S]) rollback(d *draft[S]) {
	if c.root.kind.clone != nil && !c.copied && (d.torn || d.seq != c.seq) {
		had := c.seq
		c.drop()
		c.had = had
	}
}

// evaluateAll evaluates the open commands in order, each on what the one before leaves. It
// returns false if the round has to begin anew.
func (c *cell[S]) evaluateAll(w *work, r *round, d *draft[S]) bool {
	r.log, r.records = r.log[:0], r.records[:0]
	base := d.seq
	kept := w.open[:0]
	for i, q := range w.open {
		if q.left() {
			continue
		}
		kept = append(kept, q)
		before := *d
		q.low, q.after = len(r.log), d.seq
		r.log, q.verdict = c.evaluate(q, d, base, r.log)
		q.top = len(r.log)
		if q.verdict != nil {
			if d.torn && c.root.kind.clone != nil {
				return c.exclude(w, q, base, kept, i)
			}
			*d = before
			continue
		}
		q.seq = d.seq
		if q.wantState {
			if q.state, q.verdict = c.stateOf(d); q.verdict != nil {
				return c.exclude(w, q, base, kept, i)
			}
		}
		if q.command.ID != "" {
			q.record.After, q.record.Last = q.after, d.seq
			r.records = append(r.records, *q.record)
		}
	}
	clear(w.open[len(kept):])
	w.open = kept
	return true
}

// exclude keeps a command that left the draft torn out of the next try, with the verdict it has.
func (c *cell[S]) exclude(w *work, q *request, base types.Sequence, kept []*request, i int) bool {
	q.excluded, q.excludedAt, q.excludedOn = q.verdict, q.after, base
	w.open = append(kept, w.open[i+1:]...)
	return false
}

// stateOf returns a copy of the draft's state for a caller.
func (c *cell[S]) stateOf(d *draft[S]) (any, error) { return c.root.kind.copied(d.state) }

// evaluate evaluates one command.
func (c *cell[S]) evaluate(q *request, d *draft[S], base types.Sequence, log []types.Event) ([]types.Event, error) {
	if err := q.ctx.Err(); err != nil {
		return log, fmt.Errorf("aggregate: before the commit: %w", err)
	}
	if q.excluded != nil && q.excludedAt == d.seq && q.excludedOn == base {
		return log, q.excluded
	}
	q.tries++
	if q.ctx.Done() != nil { // else nobody can leave while the handler runs
		c.current.Store(q)
		defer c.current.Store(nil)
	}
	log, err := c.root.kind.decide(q.ctx, c.family.sup.clock, d, c.id, q.command, q.handler.(CommandHandler[S]), log)
	c.reportPanic(q.ctx, q.command.Type, err)
	return log, err
}

// claimAll takes the commands whose events are about to be sent away from their callers. If one
// of them left meanwhile, the round has to begin anew without it.
func (c *cell[S]) claimAll(w *work, r *round) bool {
	for i, q := range w.open {
		if (q.top > q.low || q.command.ID != "") && q.verdict == nil && !q.claim(r.log[q.low:q.top]) {
			for _, claimed := range w.open[:i] {
				claimed.unclaim()
			}
			return false
		}
	}
	return true
}

// confirm reports whether it is certain that no old state was the reason why a round
// changes nothing (law 3).
func (c *cell[S]) confirm(ctx context.Context, w *work) bool {
	var news bool
	var err error
	if c.staged {
		err = c.own.send(ctx) // which shows whether the events before this command were decided on the latest state
	} else {
		news, err = c.refresh(ctx)
	}
	switch {
	case err != nil:
		c.answerAll(w, err)
	case news:
		c.spend(ctx, w, store.ErrConflict)
	}
	return err == nil && !news
}

// again prepares another attempt after a conflict: with the news that the refusal brought along, or
// after a read.
func (c *cell[S]) again(ctx context.Context, w *work, r *round, cause error) {
	c.guarded, c.fresh = guardedRounds, false
	for _, q := range w.open {
		q.unclaim()
	}
	if errors.Is(cause, store.ErrDuplicateTimestamp) {
		c.renewClock()
	}
	if !c.spend(ctx, w, cause) {
		return
	}
	if c.met() && !c.family.sup.pause(w.open[0].conflicts, conflictPause, maxConflictPause) {
		c.answerAll(w, ErrClosed)
		return
	}
	if err := c.learnFrom(ctx, r, cause); err != nil {
		c.answerAll(w, err)
	}
}

// learnFrom brings the state to what a refusal says of the log.
func (c *cell[S]) learnFrom(ctx context.Context, r *round, cause error) error {
	if err := c.ensure(ctx); err != nil { // the round may have dropped it
		return err
	}
	if c.fresh {
		return nil
	}
	var rival hlc.Timestamp
	if len(r.log) > 0 {
		rival = r.log[0].Timestamp
	}
	told, ok := errors.AsType[*store.ConflictError](cause)
	// Where a transaction of this process has moved the state on meanwhile, the refusal doesn't reach as far, which proves nothing.
	if ok && len(told.Events) > 0 && told.Events[len(told.Events)-1].Sequence >= c.seq {
		if _, err := c.learn(ctx, each(told.Events), rival); err != nil || !told.More {
			return err
		}
		c.fresh = false
	}
	_, err := c.readOn(ctx, rival)
	return err
}

// each yields events that are there already.
func each(events []types.Event) iter.Seq2[types.Event, error] {
	return func(yield func(types.Event, error) bool) {
		for _, e := range events {
			if !yield(e, nil) {
				return
			}
		}
	}
}

// spend answers the commands that had their last attempt, and reports whether others are left.
func (c *cell[S]) spend(ctx context.Context, w *work, cause error) bool {
	kept, most := w.open[:0], 0
	for _, q := range w.open {
		// Not q.tries: evaluations that neighbours in the batch are the cause of don't count.
		if q.conflicts++; q.conflicts >= c.family.sup.options.MaxAttempts {
			q.answer(&RetriesSpentError{AggregateID: c.id, Attempts: q.conflicts, Err: cause})
			continue
		}
		most = max(most, q.conflicts)
		kept = append(kept, q)
	}
	clear(w.open[len(kept):])
	w.open = kept
	if hook := c.family.sup.options.Hooks.Conflict; hook != nil {
		hook(ctx, Conflict{Root: c.family.name, AggregateID: c.id, Sequence: c.seq, Commands: len(kept), Attempt: most})
	}
	return len(kept) > 0
}

// stopwatch returns the time, if anybody wants to know.
func (c *cell[S]) stopwatch() (now time.Time) {
	if c.family.sup.options.Hooks.Commit != nil {
		now = time.Now()
	}
	return now
}

func (c *cell[S]) reportCommit(ctx context.Context, w *work, r *round, start time.Time, err error) {
	if hook := c.family.sup.options.Hooks.Commit; hook != nil {
		hook(ctx, Committed{
			Root: c.family.name, AggregateID: c.id, Commands: len(w.open), Events: len(r.log),
			Start: start, Duration: time.Since(start), Err: err,
		})
	}
}
