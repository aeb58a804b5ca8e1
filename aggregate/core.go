package aggregate

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/eventmaestro/maestro/hlc"
	"github.com/eventmaestro/maestro/internal/mailbox"
	"github.com/eventmaestro/maestro/internal/panics"
	"github.com/eventmaestro/maestro/store"
	"github.com/eventmaestro/maestro/types"
)

// core works on one aggregate: it reads, decides and commits. The live aggregate has one, over the
// supervisor's store; its fields belong to the mailbox' goroutine while that has the
// turn, or to who holds the mailbox' lock while it is idle. A transaction has a core of its own for
// each aggregate, with a state of its own, and the turn of the live one, its host.
type core[S any] struct {
	*live
	root *Root[S]
	draft[S]
	saved types.Sequence // that of the last snapshot known to be stored or on its way
	had   types.Sequence // that of a state which a failed round took with it; 0 once it is read again
	round *round         // that Serve is at work on

	host   *core[S]     // of a transaction's core; else nil
	tx     store.Tx     // of a transaction's core; else nil
	own    *transaction // where the library began tx; else nil
	staged bool         // own keeps events of this aggregate that were not sent yet

	// guarded counts the rounds for which a state that refers to memory is copied
	// before it is worked on, because other processes were first lately.
	guarded int8
	copied  bool // the round works on a copy of the state
	loaded  bool // the draft is the state as of seq
	fresh   bool // it was also the latest at some moment of the present batch
	ahead   bool // a commit is under way whose events were applied to the very memory of state
	holding bool // the turn
	single  int  // how many commands of the batch are to be committed one by one

	rivals rivals
}

// newCore returns the mailbox of a live aggregate that is cold.
func (r *Root[S]) newCore(id hlc.Timestamp) *mailbox.Mailbox {
	a := new(struct { // one allocation
		live live
		core core[S]
	})
	a.live.family = &r.family
	a.live.Init(id, &r.family.Family, &a.core)
	a.core.live, a.core.root = &a.live, r
	return &a.live.Mailbox
}

// Serve answers a batch: runs of commands together, functions one by one.
func (c *core[S]) Serve(batch []*mailbox.Request) {
	r := rounds.Get().(*round)
	for _, q := range batch {
		r.all = append(r.all, q.Wish.(*request))
	}
	c.round, r.batch = r, r.all
	c.fresh = false
	for len(r.batch) > 0 {
		n := 1
		for c.single == 0 && r.batch[0].run == nil && n < len(r.batch) && r.batch[n].run == nil {
			n++
		}
		c.single = max(0, c.single-1)
		r.open, r.batch = r.batch[:n:n], r.batch[n:]
		if q := r.open[0]; q.run != nil {
			c.function(r, q)
		} else {
			c.commands(r)
		}
	}
	c.yield()
	c.round = nil
	r.free() // not deferred: after a runtime.Goexit Aborted answers those in it
}

// adapter is the store that the core works on.
func (c *core[S]) adapter() store.Adapter {
	if c.tx != nil {
		return c.tx
	}
	return c.family.sup.store
}

// function runs a function in the aggregate's goroutine.
func (c *core[S]) function(r *round, q *request) {
	if q.Left() {
		return
	}
	err := q.Ctx.Err()
	if err == nil {
		_ = c.hold(q.Ctx) // which can't fail here
		err = c.reportPanic(q.Ctx, "", q.protected(c))
		c.current.Store(nil)
	}
	c.yield()
	r.open = nil // not deferred: after a runtime.Goexit Aborted answers q
	q.Answer(err)
}

// protected runs the function, whose answer it leaves in err.
func (r *request) protected(o mailbox.Owner) (err error) {
	defer panics.Recover(&err)
	return r.run(o)
}

// Aborted drops what an unfinished Serve may have left half done, and answers whom it has not
// answered.
func (c *core[S]) Aborted() {
	r := c.round
	c.round = nil
	c.current.Store(nil)
	c.drop()
	c.single = 0
	c.yield()
	told := map[*request]bool{} // one that is told is its caller's again
	for _, q := range slices.Concat(r.open, r.batch) {
		if told[q] {
			continue
		}
		told[q] = true
		err := c.panicked(q.command.Type, &types.PanicError{Value: panics.ErrGoexit})
		if q.Phase() == mailbox.Claimed {
			err = q.unknown(c.ID, errors.Join(store.ErrOutcomeUnknown, err))
		}
		q.Answer(err)
	}
}

// drop forgets the state: it is read again before it is used again.
func (c *core[S]) drop() {
	if c.host == nil {
		_ = c.hold(context.Background()) // which can't fail here
	}
	c.draft = draft[S]{}
	c.loaded, c.fresh = false, false
}

// ensure reads the state of a cold aggregate.
func (c *core[S]) ensure(ctx context.Context) error {
	if c.loaded {
		return nil
	}
	sup := c.family.sup
	start := time.Now()
	read, cancel := c.reading(ctx)
	l, err := c.root.kind.hydrate(read, c.reads(), c.ID, 0)
	cancel()
	if hook := sup.options.Hooks.Load; hook != nil {
		hook(ctx, Loaded{
			Root: c.family.name, AggregateID: c.ID, Sequence: l.seq, Snapshot: l.snapshot,
			Events: l.replayed, Start: start, Duration: time.Since(start), Err: err,
		})
	}
	if l.unused != nil {
		sup.log.Log(ctx, unusedLevel(l.unused), "snapshot passed over", "root", c.family.name, "aggregate", c.ID, "err", l.unused)
	}
	err = c.reportPanic(ctx, "", err)
	if err != nil {
		return sup.orClosed(c.family.orOther(err))
	}
	if err := c.hold(ctx); err != nil {
		return err
	}
	if c.loaded { // by a transaction of this process, meanwhile
		return nil
	}
	c.draft, c.saved, c.had = l.draft, l.snapshot, 0
	c.loaded, c.fresh = true, true
	c.observe()
	if limit := c.root.kind.Snapshots.AfterReplay; limit > 0 && l.replayed > limit {
		c.save()
	}
	return nil
}

// restore reads the state that a round took with it, where all of the log can't be read because a
// newer version of the program wrote to it: that state was valid, and Get may be stale.
func (c *core[S]) restore(ctx context.Context, cause error) error {
	if c.had == 0 || !errors.Is(cause, ErrUnknownEvent) {
		return cause
	}
	read, cancel := c.reading(ctx)
	defer cancel()
	l, err := c.root.kind.hydrate(read, c.reads(), c.ID, c.had)
	if err != nil || c.hold(ctx) != nil {
		return cause
	}
	if !c.loaded { // else by a transaction of this process, meanwhile
		c.draft, c.saved, c.had, c.loaded = l.draft, l.snapshot, 0, true
		c.guarded = guardedRounds // so that the next round leaves it
	}
	return nil
}

// observe lets the clock take note of the newest event.
func (c *core[S]) observe() {
	if c.last.IsZero() {
		return
	}
	if err := c.family.sup.clock.Observe(c.last); errors.Is(err, hlc.ErrDrift) {
		c.family.sup.log.Warn("the log is ahead of the clock", "root", c.family.name, "aggregate", c.ID, "timestamp", c.last, "err", err)
	}
}

// renewClock is the remedy when another clock turns out to have the same node id.
func (c *core[S]) renewClock() {
	old := c.family.sup.clock.Node()
	renewed := c.family.sup.clock.Renew()
	c.family.sup.log.Warn("another clock has the same node id; this one has a new id now",
		"root", c.family.name, "aggregate", c.ID, "node", old, "renewed", renewed)
}

// reading is the context of a read. What several callers wait for must not end with one of them; a
// transaction has one caller.
func (c *core[S]) reading(ctx context.Context) (context.Context, context.CancelFunc) {
	if c.tx != nil {
		return context.WithCancel(ctx)
	}
	sup := c.family.sup
	return context.WithTimeoutCause(c.background(ctx), sup.options.ReadTimeout, sup.overdue)
}

// background is a context with the supervisor's life and the values of a caller's, such as
// the span it is part of: what several callers wait for must not end with one of them.
func (c *core[S]) background(values context.Context) context.Context {
	if c.tx != nil {
		return values
	}
	if values == context.Background() {
		return c.family.sup.base
	}
	return &valuesOf{Context: c.family.sup.base, values: values}
}

type valuesOf struct {
	context.Context
	values context.Context
}

// Value looks in the caller's context, but not for its cancellation: package context would
// find that in place of the supervisor's, and start a goroutine for each context that is derived.
func (v *valuesOf) Value(key any) any {
	if found := context.WithoutCancel(v.values).Value(key); found != nil {
		return found
	}
	return v.Context.Value(key)
}
