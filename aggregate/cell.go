package aggregate

import (
	"context"
	"errors"
	"time"

	"github.com/eventmaestro/maestro/hlc"
	"github.com/eventmaestro/maestro/types"
)

// cell is one live aggregate: its mailbox and what its goroutine keeps. All fields beside the
// mailbox belong to that goroutine, or to who holds the mailbox' lock while it is idle.
type cell[S any] struct {
	mailbox
	root *Root[S]
	draft[S]
	saved types.Sequence // that of the last snapshot known to be stored or on its way

	// guarded counts the rounds for which a state that refers to memory is copied
	// before it is worked on, because other processes were first lately.
	guarded int8
	copied  bool // the round works on a copy of the state
	loaded  bool // the draft is the state as of seq
	fresh   bool // it was also the latest at some moment of the present batch
	alone   int  // how many commands of the batch are to be committed alone
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
		if c.alone > 0 {
			c.alone--
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
		c.at.Store(int64(c.seq))
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
		err = r.protected(c)
		c.current.Store(nil)
		c.reportPanic(r.ctx, "", err)
	}
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
	c.alone = 0
}

// drop forgets the state: it is read again before it is used again.
func (c *cell[S]) drop() {
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
	read, cancel := sup.reading(c.background(ctx))
	l, err := c.root.kind.hydrate(read, sup.store, c.id, 0)
	cancel()
	if hook := sup.options.Hooks.Load; hook != nil {
		hook(ctx, Loaded{
			Root: c.family.name, AggregateID: c.id, Sequence: l.seq, Snapshot: l.snapshot,
			Events: l.replayed, Start: start, Duration: time.Since(start), Err: err,
		})
	}
	if l.passed != nil {
		sup.log.Warn("snapshot passed over", "root", c.family.name, "aggregate", c.id, "err", l.passed)
	}
	c.reportPanic(ctx, "", err)
	if err != nil {
		return sup.ended(err)
	}
	c.draft, c.saved = l.draft, l.snapshot
	c.loaded, c.fresh = true, true
	c.observe()
	if limit := c.root.kind.Snapshots.AfterReplay; limit > 0 && l.replayed > limit {
		c.save()
	}
	return nil
}

// refresh reads what other processes added and reports whether there was anything. Nothing
// is read if the state is known to be the latest as of this batch.
func (c *cell[S]) refresh(ctx context.Context) (news bool, _ error) {
	return c.refreshPast(ctx, hlc.Timestamp{})
}

// refreshPast is refresh after a conflict. An event with the very timestamp that the
// refused one had, rival, was stamped by another clock with the same node id.
func (c *cell[S]) refreshPast(ctx context.Context, rival hlc.Timestamp) (news bool, _ error) {
	if err := c.ensure(ctx); err != nil {
		return false, err
	}
	if c.fresh {
		return false, nil
	}
	sup := c.family.sup
	read, cancel := sup.reading(c.background(ctx))
	defer cancel()
	n, err := c.root.kind.catchUp(read, sup.store, c.id, &c.draft, 0, func(e *types.Event) {
		if e.Timestamp == rival {
			c.renewClock()
		}
	})
	if n > 0 {
		c.observe()
	}
	if err != nil {
		c.reportPanic(ctx, "", err)
		if c.torn || errors.Is(err, ErrCorruptLog) {
			c.drop()
		}
		return n > 0, sup.ended(err)
	}
	c.fresh = true
	return n > 0, nil
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
