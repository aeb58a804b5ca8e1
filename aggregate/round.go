package aggregate

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

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

// round is one batch on its way. Every request that is not answered yet is in batch or in open,
// whenever the application's code runs. Its memory is kept for the next one.
type round struct {
	all   []*request // what is behind batch and open
	batch []*request // not begun
	open  []*request // begun

	log     []types.Event         // what the open commands lead to
	records []store.CommandRecord // the same
}

var rounds = sync.Pool{New: func() any { return new(round) }}

func (r *round) free() {
	clear(r.all)
	clear(r.log)
	clear(r.records)
	r.all, r.batch, r.open = r.all[:0], nil, nil
	if cap(r.log) <= 1024 { // one with room for 70,000 events would keep that for small ones
		rounds.Put(r)
	}
}

// commands makes attempts until all commands in r.open have an answer.
func (c *core[S]) commands(r *round) {
	if err := c.hold(r.open[0].Ctx); err != nil {
		c.answerAll(r, err)
		return
	}
	if c.loaded && (c.root.kind.ReadFirst || c.readsFirst()) {
		if _, err := c.refresh(r.open[0].Ctx); err != nil {
			c.answerAll(r, err)
			return
		}
	}
	for len(r.open) > 0 {
		ctx := r.open[0].Ctx
		if err := c.ensure(ctx); err != nil {
			c.answerAll(r, err)
			return
		}
		c.attempt(ctx, r)
	}
}

// attempt evaluates the open commands in order and commits what they lead to. Those without an
// answer stay open. It is the same for a round of the aggregate and for a command in a transaction.
func (c *core[S]) attempt(ctx context.Context, r *round) {
	if c.wanted.Load() > 0 && c.giveWay(ctx) {
		defer c.reserved.Unlock()
	}
	d, line, err := c.begin(ctx)
	if line != nil {
		defer line.Abort(c.background(ctx))
	}
	if err != nil {
		c.answerAll(r, err)
		return
	}
	if !c.evaluateAll(r, &d) {
		c.rollback(&d)
		return
	}
	if len(r.open) == 0 {
		return
	}
	if len(r.log) == 0 && !c.confirm(ctx, r) {
		return
	}
	if len(r.log) == 0 && len(r.records) == 0 {
		c.answerVerdicts(r)
		return
	}
	if !c.claimAll(r) {
		c.rollback(&d)
		return
	}
	started, seq, last := time.Now(), c.seq, c.last
	commit := store.Commit{AggregateID: c.ID, Events: r.log, Predecessor: c.last, Projections: c.root.kind.Projections, Commands: r.records}
	c.ahead = c.root.kind.clone != nil && !c.copied && d.seq != c.seq
	err = c.commit(ctx, commit, line)
	_ = c.hold(context.Background()) // who has it is in a handler, and is soon done
	c.ahead = false
	if !c.staged {
		c.reportCommit(ctx, len(r.open), len(r.log), started, err)
	}
	switch {
	case err == nil:
		c.draft, c.fresh = d, !c.staged
		c.rivals.streak, c.rivals.robbed = 0, false
		c.answerVerdicts(r)
		c.saveIfDue()
	case raced(err):
		c.rollback(&d)
		if missing(err, seq, last) {
			c.lost(ctx, seq, last)
		}
		c.again(ctx, r, err)
	default:
		c.rollback(&d)
		c.separate(r, err)
	}
}

// raced reports whether a commit failed because the log is not what it was decided on.
func raced(err error) bool {
	return errors.Is(err, store.ErrConflict) || errors.Is(err, store.ErrDuplicateTimestamp) || errors.Is(err, store.ErrNoPredecessor)
}

// begin waits in the server's line, if it has to, takes the turn, and returns the draft to work on
// and what has the place in the line.
func (c *core[S]) begin(ctx context.Context) (d draft[S], line store.OwnTx, err error) {
	if line, err = c.lineUp(ctx); err == nil {
		err = c.hold(ctx)
	}
	if err != nil {
		return d, line, err
	}
	d, c.copied = c.draft, c.guarded > 0 && c.root.kind.clone != nil
	if c.copied {
		c.guarded--
		d.state, err = c.root.kind.copied(d.state)
	}
	return d, line, err
}

// rollback makes sure that a round which came to nothing leaves no trace. Where events were
// applied to a state that shares memory with the core's, that is read again.
func (c *core[S]) rollback(d *draft[S]) {
	if c.root.kind.clone != nil && !c.copied && (d.torn || d.seq != c.seq) {
		had := c.seq
		c.drop()
		c.had = had
	}
}

// evaluateAll evaluates the open commands in order, each on what the one before leaves. It
// returns false if the round has to begin anew.
func (c *core[S]) evaluateAll(r *round, d *draft[S]) bool {
	r.log, r.records = r.log[:0], r.records[:0]
	base := d.seq
	kept := r.open[:0]
	for i, q := range r.open {
		if q.Left() {
			continue
		}
		kept = append(kept, q)
		before := *d
		q.low, q.after = len(r.log), d.seq
		r.log, q.verdict = c.evaluate(q, d, base, r.log)
		q.top = len(r.log)
		if q.verdict != nil {
			if d.torn && c.root.kind.clone != nil {
				return c.exclude(r, q, base, kept, i)
			}
			*d = before
			continue
		}
		q.seq = d.seq
		if q.wantState {
			if q.state, q.verdict = c.root.kind.copied(d.state); q.verdict != nil {
				return c.exclude(r, q, base, kept, i)
			}
		}
		if q.command.ID != "" {
			q.record.After, q.record.Last = q.after, d.seq
			r.records = append(r.records, *q.record)
		}
	}
	clear(r.open[len(kept):])
	r.open = kept
	return true
}

// exclude keeps a command that left the draft torn out of the next try, with the verdict it has.
func (c *core[S]) exclude(r *round, q *request, base types.Sequence, kept []*request, i int) bool {
	q.excluded, q.excludedAt, q.excludedOn = q.verdict, q.after, base
	r.open = append(kept, r.open[i+1:]...)
	return false
}

// evaluate evaluates one command.
func (c *core[S]) evaluate(q *request, d *draft[S], base types.Sequence, log []types.Event) ([]types.Event, error) {
	if err := q.Ctx.Err(); err != nil {
		return log, during("before the commit", err)
	}
	if q.excluded != nil && q.excludedAt == d.seq && q.excludedOn == base {
		return log, q.excluded
	}
	q.tries++
	if q.Ctx.Done() != nil && c.host == nil { // else nobody can leave while the handler runs
		c.current.Store(q)
		defer c.current.Store(nil)
	}
	log, err := c.root.kind.decide(q.Ctx, c.family.sup.clock, d, c.ID, q.command, q.handler.(CommandHandler[S]), log)
	return log, c.reportPanic(q.Ctx, q.command.Type, err)
}

// claimAll takes the commands whose events are about to be sent away from their callers. If one
// of them left meanwhile, the round has to begin anew without it.
func (c *core[S]) claimAll(r *round) bool {
	for i, q := range r.open {
		if (q.top > q.low || q.command.ID != "") && q.verdict == nil && !q.claim(r.log[q.low:q.top]) {
			for _, claimed := range r.open[:i] {
				claimed.Unclaim()
			}
			return false
		}
	}
	return true
}

// confirm reports whether it is certain that no old state was the reason why a round
// changes nothing (law 3).
func (c *core[S]) confirm(ctx context.Context, r *round) bool {
	var news bool
	var err error
	if c.staged {
		err = c.own.send(ctx) // shows whether what came before was decided on the latest state
	} else {
		news, err = c.refresh(ctx)
	}
	switch {
	case err != nil:
		c.answerAll(r, err)
	case news:
		c.spend(ctx, r, store.ErrConflict)
	}
	return err == nil && !news
}

// again prepares another attempt after a conflict: with the news that the refusal brought along, or
// after a read.
func (c *core[S]) again(ctx context.Context, r *round, cause error) {
	c.guarded, c.fresh = guardedRounds, false
	for _, q := range r.open {
		q.Unclaim()
	}
	if errors.Is(cause, store.ErrDuplicateTimestamp) {
		c.renewClock()
	}
	if !c.spend(ctx, r, cause) {
		return
	}
	if c.met(len(r.open) > 1) && !c.family.sup.pause(r.open[0].conflicts, conflictPause, maxConflictPause) {
		c.answerAll(r, ErrClosed)
		return
	}
	if err := c.learnFrom(ctx, r, cause); err != nil {
		c.answerAll(r, err)
	}
}

// spend answers the commands that had their last attempt, and reports whether others are left.
func (c *core[S]) spend(ctx context.Context, r *round, cause error) bool {
	most := 0
	r.open = slices.DeleteFunc(r.open, func(q *request) bool {
		// Not q.tries: evaluations that neighbours in the batch are the cause of don't count.
		if q.conflicts++; q.conflicts < c.family.sup.options.MaxAttempts {
			most = max(most, q.conflicts)
			return false
		}
		q.Answer(retriesSpent(c.ID, q.conflicts, cause))
		return true
	})
	c.reportConflict(ctx, len(r.open), most)
	return len(r.open) > 0
}
