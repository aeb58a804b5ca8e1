package aggregate

import (
	"context"

	"github.com/eventmaestro/maestro/hlc"
	"github.com/eventmaestro/maestro/internal/mailbox"
	"github.com/eventmaestro/maestro/store"
	"github.com/eventmaestro/maestro/types"
)

// EvaluateTx is EvaluateEvents as part of a transaction: the one that Supervisor.Transact hands
// out, or one that the application began. For the latter make tx with the Tx method of the
// supervisor's store, or of the store to which a router deals the aggregate. Events, projections
// and command ID are stored with the transaction or not at all. The command sees what earlier
// commands in the transaction did; nobody else sees it before the transaction commits. After an
// error a transaction of the application is still usable.
//
// Until the transaction ends, commands of the same aggregate elsewhere wait for it in the database,
// up to the store's bound. So don't wait for such a command within the transaction. Two
// transactions of the application that take the same aggregates in different orders may wait for
// each other until the database ends one. If ctx ends, the transaction's statements end, and
// EvaluateTx returns only after that. So two goroutines never use the transaction at the same time.
//
// Handlers run in the goroutine of the caller, never at the same time as another handler of the
// aggregate. EvaluateTx does not wait for commands of the aggregate that wait for the database.
func (r *Root[S]) EvaluateTx(ctx context.Context, tx store.Tx, command types.Command) ([]types.Event, error) {
	if tx == nil {
		return nil, ErrOtherStore
	}
	told, err := r.evaluate(ctx, tx, errand{command: command, wantEvents: true})
	return told.events, err
}

// answerIn answers a command in a core that belongs to the transaction.
func (r *Root[S]) answerIn(q *request, tx store.Tx) error {
	q.Begin()
	if own, ok := tx.(*transaction); ok {
		c, err := memberOf(q.Ctx, own, r, q.command.AggregateID)
		if err != nil {
			return err
		}
		if own.look && q.record != nil {
			if found, err := c.recall(q); found || err != nil {
				q.Answer(err)
				return q.Late()
			}
		}
		return c.answerHere(q)
	}
	host, err := r.reach(q.Ctx, q.command.AggregateID, (*mailbox.Mailbox).Visit)
	if err != nil {
		return err
	}
	defer host.EndVisit()
	c := host.guest()
	c.tx = tx
	if err := c.copyHost(q.Ctx); err != nil {
		return err
	}
	began := c.seq
	err = c.answerHere(q)
	if c.seq-began >= nudgeAfter {
		host.nudge()
	}
	return err
}

// guest returns a core for a transaction.
func (c *core[S]) guest() *core[S] { return &core[S]{live: c.live, root: c.root, host: c} }

// copyHost gives the core a copy of its host's state. Where the host has none that can be had, the
// core reads it by itself.
func (c *core[S]) copyHost(ctx context.Context) (err error) {
	c.draft, c.loaded, c.fresh, c.staged = draft[S]{}, false, false, false
	if err := c.hold(ctx); err != nil {
		return err
	}
	defer c.yield()
	h := c.host
	if !h.loaded || h.ahead || h.torn {
		return nil
	}
	c.draft, c.saved, c.loaded = h.draft, h.saved, true
	c.state, err = c.root.kind.copied(h.state)
	return err
}

// answerHere evaluates a command in the goroutine of its caller.
func (c *core[S]) answerHere(q *request) error {
	defer c.yield()
	r := rounds.Get().(*round)
	r.all = append(r.all, q)
	r.open = r.all
	c.commands(r)
	r.free()
	return q.Late()
}

// nudgeAfter is how many events that its host doesn't have a transaction's core reads before the
// host is told to read them too.
const nudgeAfter = 16

// nudge has the aggregate's goroutine read what transactions of the application added. Nobody waits
// for it.
func (c *core[S]) nudge() {
	q := c.family.sup.newRequest(context.Background())
	q.run = func(o mailbox.Owner) error {
		live := o.(*core[S])
		_, err := live.refresh(q.Ctx)
		if err == nil {
			live.saveIfDue()
		}
		return err
	}
	c.Put(&q.Request)
}

// owns reports whether tx is of the supervisor's store: because it began it, or by what its store
// is.
func (s *Supervisor) owns(tx store.Tx, id hlc.Timestamp) bool {
	if own, ok := tx.(*transaction); ok {
		return own.sup == s
	}
	return !isNil(tx) && sameStore(tx.Base(), s.store, id)
}

// sameStore reports whether a is b, or something that b wraps, or the store to which b deals the
// aggregate.
func sameStore(a, b store.Adapter, id hlc.Timestamp) bool {
	for b != nil {
		if a == b {
			return true
		}
		if d, ok := b.(dealer); ok {
			b = d.For(id)
		} else {
			b = unwrap(b)
		}
	}
	return false
}

// dealer is a store that deals aggregates to others, such as a *router.Store.
type dealer interface {
	For(id hlc.Timestamp) store.Adapter
}

// unwrap returns what a wraps, or nil.
func unwrap(a store.Adapter) store.Adapter {
	if w, ok := a.(interface{ Unwrap() store.Adapter }); ok {
		return w.Unwrap()
	}
	return nil
}
