package aggregate

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"time"

	"github.com/eventmaestro/maestro/hlc"
	"github.com/eventmaestro/maestro/store"
	"github.com/eventmaestro/maestro/types"
)

// cell works on one aggregate: it reads, decides and commits. The live aggregate is one, over the
// supervisor's store; all its fields beside the mailbox belong to its goroutine while that has the
// turn, or to who holds the mailbox' lock while it is idle. A transaction has a cell of its own for
// each aggregate, with a state of its own, and the turn of the live one, its host.
type cell[S any] struct {
	mailbox
	root *Root[S]
	draft[S]
	saved types.Sequence // that of the last snapshot known to be stored or on its way
	had   types.Sequence // that of a state which a round that came to nothing took with it; 0 once it is read again

	host   *cell[S]     // of a transaction's cell; else nil
	tx     store.Tx     // of a transaction's cell; else nil
	own    *transaction // where the library began tx; else nil
	staged bool         // own keeps events of this aggregate that were not sent yet

	stagedCommands, stagedEvents int // of the present attempt of own

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

func (r *Root[S]) newCell(id hlc.Timestamp) *mailbox {
	c := &cell[S]{root: r}
	c.id, c.family, c.owner = id, &r.family, c
	c.used.Store(r.family.now())
	return &c.mailbox
}

// serve answers a batch: runs of commands together, functions one by one.
func (c *cell[S]) serve(w *work) {
	c.fresh = false
	for len(w.batch) > 0 {
		n := 1
		if c.single > 0 {
			c.single--
		} else if w.batch[0].run == nil {
			for n < len(w.batch) && w.batch[n].run == nil {
				n++
			}
		}
		w.open, w.batch = w.batch[:n], w.batch[n:]
		if r := w.open[0]; r.run != nil {
			c.call(w, r)
		} else {
			c.commands(w)
		}
		_ = c.hold(context.Background()) // which can't fail here
		c.at.Store(int64(c.seq))
	}
	c.yield()
}

// adapter is the store that the cell works on.
func (c *cell[S]) adapter() store.Adapter {
	if c.tx != nil {
		return c.tx
	}
	return c.family.sup.store
}

// hold takes the turn: handlers are about to run, or the state is about to change.
func (c *cell[S]) hold(ctx context.Context) error {
	if c.holding {
		return nil
	}
	m := &c.mailbox
	if c.host != nil {
		m = &c.host.mailbox
	} else {
		ctx = context.Background() // whoever has it holds it while a handler runs, no longer
	}
	if err := m.turn.lock(ctx); err != nil {
		return fmt.Errorf("aggregate: waiting for another handler: %w", err)
	}
	c.holding = true
	return nil
}

// yield gives the turn back: the cell is about to wait for the store, or has nothing more to do.
func (c *cell[S]) yield() {
	if !c.holding {
		return
	}
	c.holding = false
	if c.host != nil {
		c.host.turn.unlock()
	} else {
		c.turn.unlock()
	}
}

// reads is the adapter for reads that call handlers. The turn is taken when the first row is there,
// so that nobody who has it waits for a connection.
func (c *cell[S]) reads() store.Adapter { return reads[S]{c.adapter(), c} }

type reads[S any] struct {
	store.Adapter
	c *cell[S]
}

func (r reads[S]) Load(ctx context.Context, id hlc.Timestamp, in store.Range) iter.Seq2[store.Entry, error] {
	return inTurn(ctx, r.c, r.Adapter.Load(ctx, id, in))
}

func (r reads[S]) Events(ctx context.Context, id hlc.Timestamp, in store.Range) iter.Seq2[types.Event, error] {
	return inTurn(ctx, r.c, r.Adapter.Events(ctx, id, in))
}

// Rises calls no handler, so that it needs no turn.
func (r reads[S]) Rises(ctx context.Context, id hlc.Timestamp, in store.Range) (bool, error) {
	r.c.yield()
	rise, err := rises(ctx, r.Adapter, id, in)
	if held := r.c.hold(ctx); err == nil {
		err = held
	}
	return rise, err
}

func inTurn[S, E any](ctx context.Context, c *cell[S], rows iter.Seq2[E, error]) iter.Seq2[E, error] {
	return func(yield func(E, error) bool) {
		c.yield()
		for e, err := range rows {
			if held := c.hold(ctx); held != nil {
				yield(*new(E), held)
				return
			}
			if !yield(e, err) {
				return
			}
		}
	}
}

// call runs a function in the aggregate's goroutine.
func (c *cell[S]) call(w *work, r *request) {
	if r.left() {
		return
	}
	err := r.ctx.Err()
	if err == nil {
		if r.manner == theirs {
			c.current.Store(r)
		}
		_ = c.hold(r.ctx) // which can't fail here
		err = r.protected(c)
		c.current.Store(nil)
		c.reportPanic(r.ctx, "", err)
	}
	c.yield()
	w.open = nil // not deferred: after a runtime.Goexit abort answers r
	r.answer(err)
}

// protected runs the function, whose answer it leaves in err.
func (r *request) protected(o owner) (err error) {
	defer recovered(&err)
	return r.run(o)
}

// aborted drops what an unfinished serve may have left half done.
func (c *cell[S]) aborted() {
	c.drop()
	c.single = 0
	c.yield()
}

// drop forgets the state: it is read again before it is used again.
func (c *cell[S]) drop() {
	if c.host == nil {
		_ = c.hold(context.Background()) // which can't fail here
	}
	c.draft = draft[S]{}
	c.loaded, c.fresh = false, false
}

// ensure reads the state of a cold aggregate.
func (c *cell[S]) ensure(ctx context.Context) error {
	if c.loaded {
		return nil
	}
	sup := c.family.sup
	start := time.Now()
	read, cancel := c.reading(ctx)
	l, err := c.root.kind.hydrate(read, c.reads(), c.id, 0)
	cancel()
	if hook := sup.options.Hooks.Load; hook != nil {
		hook(ctx, Loaded{
			Root: c.family.name, AggregateID: c.id, Sequence: l.seq, Snapshot: l.snapshot,
			Events: l.replayed, Start: start, Duration: time.Since(start), Err: err,
		})
	}
	if l.passed != nil {
		sup.log.Log(ctx, passedLevel(l.passed), "snapshot passed over", "root", c.family.name, "aggregate", c.id, "err", l.passed)
	}
	c.reportPanic(ctx, "", err)
	if err != nil {
		return sup.ended(c.family.orOther(err))
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

// restore reads the state that a round took with it, where all of the log can't be read because a newer version of the program
// wrote to it: that state was valid, and Get may be stale.
func (c *cell[S]) restore(ctx context.Context, cause error) error {
	if c.had == 0 || !errors.Is(cause, ErrUnknownEvent) {
		return cause
	}
	read, cancel := c.reading(ctx)
	defer cancel()
	l, err := c.root.kind.hydrate(read, c.reads(), c.id, c.had)
	if err != nil || c.hold(ctx) != nil {
		return cause
	}
	if !c.loaded { // else by a transaction of this process, meanwhile
		c.draft, c.saved, c.had, c.loaded = l.draft, l.snapshot, 0, true
		c.guarded = guardedRounds // so that the next round leaves it
	}
	return nil
}

// reading is the context of a read. What several callers wait for must not end with one of them; a
// transaction has one caller.
func (c *cell[S]) reading(ctx context.Context) (context.Context, context.CancelFunc) {
	if c.tx != nil {
		return context.WithCancel(ctx)
	}
	return c.family.sup.reading(c.background(ctx))
}

// observe lets the clock take note of the newest event.
func (c *cell[S]) observe() {
	if c.last.IsZero() {
		return
	}
	if err := c.family.sup.clock.Observe(c.last); errors.Is(err, hlc.ErrDrift) {
		c.family.sup.log.Warn("the log is ahead of the clock", "root", c.family.name, "aggregate", c.id, "timestamp", c.last, "err", err)
	}
}

// renewClock is the remedy when another clock turns out to have the same node id.
func (c *cell[S]) renewClock() {
	old := c.family.sup.clock.Node()
	renewed := c.family.sup.clock.Renew()
	c.family.sup.log.Warn("another clock has the same node id; this one has a new id now",
		"root", c.family.name, "aggregate", c.id, "node", old, "renewed", renewed)
}

func (c *cell[S]) reportPanic(ctx context.Context, command string, err error) {
	if err == nil {
		return
	}
	p, ok := errors.AsType[*PanicError](err)
	if !ok {
		return
	}
	if err == error(p) { //nolint:errorlint // what is around another one says where
		p.Root, p.AggregateID, p.Type = c.family.name, c.id, command
	}
	c.family.sup.log.Error("panic in a handler", "root", c.family.name, "aggregate", c.id, "type", command, "value", p.Value)
	if hook := c.family.sup.options.Hooks.Panic; hook != nil {
		hook(ctx, Panicked{Root: c.family.name, AggregateID: c.id, Type: command, Err: p})
	}
}

// background is a context with the supervisor's life and the values of a caller's, such as
// the span it is part of: what several callers wait for must not end with one of them.
func (c *cell[S]) background(values context.Context) context.Context {
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
