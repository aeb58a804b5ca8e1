package aggregate

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/eventmaestro/maestro/hlc"
	"github.com/eventmaestro/maestro/internal/mailbox"
	"github.com/eventmaestro/maestro/internal/panics"
	"github.com/eventmaestro/maestro/store"
)

// Transact runs f in a transaction of the library and commits it. f may evaluate commands of any
// roots of this supervisor with EvaluateTx, and run statements of its own on what the store makes
// of tx, such as postgres.TxOf. All of it is stored, or nothing is. After a conflict with another
// process or a deadlock it runs f again from the start, at most Options.MaxAttempts times, so f
// must have no effect but what it does with tx. An error of f rolls back and is returned as it is;
// a panic rolls back too.
//
// Events are held back until the transaction ends or the application uses it, and are then sent
// together. So a refusal by the database may appear only at the end. A transaction reserves each of
// its aggregates until it ends. Other transactions of this process wait for it, in the order of
// arrival.
//
// If the answer to COMMIT gets lost, the timestamps of the events in the log decide. If they can't,
// an *OutcomeUnknownError is returned: the database stays away, f stored no event, or f decided
// something else when it ran again. Commands with an ID make a repeat of the whole safe. If an
// earlier run turns out to be the stored one, what f handed out of its last run is not what is
// stored.
//
// If the store can't do it, the error is store.ErrUnsupported. f must not keep tx, end it, or call
// Transact or Evaluate for an aggregate that the transaction has.
func (s *Supervisor) Transact(ctx context.Context, f func(ctx context.Context, tx store.Tx) error) error {
	begins, ok := s.store.(store.Transactor)
	if !ok {
		return fmt.Errorf("%w: this store begins no transactions: use a store.Transactor", store.ErrUnsupported)
	}
	t := &transaction{sup: s}
	defer t.leave()
	start := time.Now()
	err := t.repeat(ctx, begins, f)
	if hook := s.options.Hooks.Transact; hook != nil {
		hook(ctx, Transacted{
			Aggregates: len(t.members), Events: t.events(), Attempts: t.runs,
			Start: start, Duration: time.Since(start), Err: err,
		})
	}
	return err
}

// repeat makes attempts until one is not to be repeated.
func (t *transaction) repeat(ctx context.Context, begins store.Transactor, f func(ctx context.Context, tx store.Tx) error) error {
	s := t.sup
	for attempt := 1; ; attempt++ {
		if err := ctx.Err(); err != nil {
			return t.orDoubt(ctx, during("before the commit", err))
		}
		if s.registry.Closed() {
			return t.orDoubt(ctx, ErrClosed)
		}
		if t.arrived(ctx) {
			return nil
		}
		err, again := t.run(ctx, begins, f)
		switch {
		case err == nil:
			return t.covered(ctx)
		case errors.Is(err, store.ErrOutcomeUnknown):
			return err
		case !again:
			return t.orDoubt(ctx, err)
		case attempt >= s.options.MaxAttempts:
			return t.orDoubt(ctx, retriesSpent(hlc.Timestamp{}, attempt, err))
		case !s.pause(attempt, conflictPause, maxConflictPause):
			return t.orDoubt(ctx, ErrClosed)
		}
	}
}

// transaction is one call of Transact. It is what f is given as a store.Tx.
type transaction struct {
	store.OwnTx // of the present attempt
	sup         *Supervisor

	members []member       // the aggregates of all attempts so far
	held    []*live        // those that are reserved
	commits []store.Commit // of the present attempt
	runs    int            // of the function, so far
	failed  error          // why the present attempt can only be aborted
	used    bool           // it, or the application, has sent something, and so may hold locks

	line  bool             // others were faster: its aggregates are wanted, and locked first
	look  bool             // command IDs are to be looked up first: one was used before
	doubt [][]store.Commit // of earlier attempts whose answer got lost, and which may still arrive
}

// member is the core of an aggregate in a transaction.
type member interface {
	// place is that of the live aggregate.
	place() *live

	// join begins an attempt of t.
	join(ctx context.Context, t *transaction) error

	// sent says that what was staged is in the database.
	sent()

	// ended ends an attempt of t, also for a member that could not join it. Its commit began at start.
	ended(ctx context.Context, t *transaction, start time.Time, err error)
}

// Unwrap is called by who hands the database's own transaction to the application.
func (t *transaction) Unwrap() store.Adapter {
	t.used = true
	return t.OwnTx
}

// run makes one attempt, and reports whether another may be luckier.
func (t *transaction) run(ctx context.Context, begins store.Transactor, f func(context.Context, store.Tx) error) (err error, again bool) { //nolint:revive // whether to repeat belongs to the error
	t.commits, t.failed, t.used = nil, nil, false
	if t.OwnTx, err = beginTx(ctx, begins); err != nil {
		return err, false
	}
	ending := context.WithoutCancel(ctx)
	defer t.release()
	defer t.OwnTx.Abort(ending)
	if err := t.reserveAll(ctx); err != nil {
		return err, errors.Is(err, store.ErrDeadlock)
	}
	t.runs++
	err = f(ctx, t)
	start := time.Now()
	switch {
	case t.failed != nil:
		err = t.failed
	case err != nil && !t.refused(err):
		return err, t.OwnTx.Repeatable(err)
	case err != nil: // what was staged was refused when the application used the transaction
	case ctx.Err() != nil:
		return during("before the commit", ctx.Err()), false
	case t.overtaken():
		err = store.ErrConflict // arrived tells whose events these are
	default:
		if err = t.end(ending); errors.Is(err, store.ErrOutcomeUnknown) {
			err = t.settle(ending, err)
		}
	}
	for _, m := range t.members {
		m.ended(ctx, t, start, err)
	}
	again = t.refused(err)
	if !t.line && (raced(err) || errors.Is(err, store.ErrDeadlock) && !errors.Is(err, errReserved)) {
		t.line = true
		for _, m := range t.members {
			m.place().wanted.Add(1) // rounds of the aggregate take turns with the transaction now
		}
	}
	t.look = t.look || errors.Is(err, store.ErrDuplicateCommand)
	return err, again
}

// refused reports whether err says that others were first, so that another attempt may be luckier.
func (t *transaction) refused(err error) bool {
	return raced(err) || errors.Is(err, store.ErrDeadlock) || errors.Is(err, store.ErrDuplicateCommand) && !t.look
}

func beginTx(ctx context.Context, begins store.Transactor) (tx store.OwnTx, err error) {
	defer panics.Recover(&err) // an adapter's panic
	if tx, err = begins.BeginTx(ctx); err != nil {
		return nil, during("begin a transaction", err)
	}
	return tx, nil
}

// end commits.
func (t *transaction) end(ctx context.Context) error {
	err := commitOnce(func() error { return t.OwnTx.End(ctx) })
	if err == nil || raced(err) || errors.Is(err, store.ErrOutcomeUnknown) {
		return err
	}
	return during("commit", err)
}

// stage keeps a commit until it is sent with others.
func (t *transaction) stage(c store.Commit) error {
	c.Events, c.Commands = slices.Clone(c.Events), slices.Clone(c.Commands)
	if err := t.OwnTx.Stage(c); err != nil {
		return err
	}
	t.commits = append(t.commits, c)
	return nil
}

// events is how many the present attempt has staged.
func (t *transaction) events() (n int) {
	for i := range t.commits {
		n += len(t.commits[i].Events)
	}
	return n
}

// send sends what is staged.
func (t *transaction) send(ctx context.Context) (err error) {
	defer panics.Recover(&err) // an adapter's panic
	t.used = true
	if t.failed = t.OwnTx.Send(ctx); t.failed != nil {
		return t.failed
	}
	for _, m := range t.members {
		m.sent()
	}
	return nil
}

// reservedPause bounds the wait for an aggregate that another transaction of this process has
// reserved, for one that may hold locks which that one waits for.
const reservedPause = 100 * time.Millisecond

// errReserved is the deadlock that no database has a part in.
var errReserved = fmt.Errorf("%w: another transaction of this process has the aggregate", store.ErrDeadlock)

// reserve makes other transactions of this process wait for the aggregate. In the order of the ids
// it waits for them, and so never in a circle. Out of order it fails at once, and the next attempt
// reserves in order.
func (t *transaction) reserve(ctx context.Context, m *live) error {
	bounded, late := ctx, slices.ContainsFunc(t.held, func(h *live) bool { return m.ID.Compare(h.ID) < 0 })
	if late || t.used {
		limit := reservedPause
		if late {
			limit = 0
		}
		var cancel context.CancelFunc
		bounded, cancel = context.WithTimeout(ctx, limit)
		defer cancel()
	}
	switch err := m.reserved.Lock(bounded); {
	case err == nil:
		t.held = append(t.held, m)
		return nil
	case ctx.Err() != nil:
		return during("waiting for another transaction", ctx.Err())
	}
	return errReserved
}

// reserveAll reserves what earlier attempts needed, in order.
func (t *transaction) reserveAll(ctx context.Context) error {
	slices.SortFunc(t.members, func(a, b member) int { return a.place().ID.Compare(b.place().ID) })
	for _, m := range t.members {
		if err := t.reserve(ctx, m.place()); err != nil {
			return err
		}
	}
	for _, m := range t.members {
		if err := m.join(ctx, t); err != nil {
			return err
		}
	}
	return nil
}

// release ends the reservations of an attempt.
func (t *transaction) release() {
	for _, m := range t.held {
		m.reserved.Unlock()
	}
	t.held = nil
}

// longestTurn bounds the wait of a round for a transaction whose function takes its time.
const longestTurn = time.Second

// giveWay waits for the end of a transaction that has the aggregate, and keeps others from it. It
// reports whether it came to that. In the server's line transactions have a place already.
func (c *core[S]) giveWay(ctx context.Context) bool {
	if c.host != nil || c.rivals.line > 0 {
		return false
	}
	c.yield()
	bounded, cancel := context.WithTimeout(c.background(ctx), longestTurn)
	defer cancel()
	return c.reserved.Lock(bounded) == nil
}

// leave ends the visits.
func (t *transaction) leave() {
	for _, m := range t.members {
		if t.line {
			m.place().wanted.Add(-1)
		}
		m.place().EndVisit()
	}
}

// memberOf returns the transaction's core of an aggregate.
func memberOf[S any](ctx context.Context, t *transaction, r *Root[S], id hlc.Timestamp) (*core[S], error) {
	if t.failed != nil {
		return nil, t.failed
	}
	for _, m := range t.members {
		if m.place().ID != id {
			continue
		}
		if c, ok := m.(*core[S]); ok && c.root == r {
			return c, nil
		}
		return nil, otherRoot(id, m.place().family.name, r.family.name)
	}
	host, err := r.reach(ctx, id, (*mailbox.Mailbox).Visit)
	if err != nil {
		return nil, err
	}
	c := host.guest()
	t.members = append(t.members, c)
	if t.line {
		c.place().wanted.Add(1)
	}
	if err = t.reserve(ctx, c.place()); err == nil {
		err = c.join(ctx, t)
	}
	if err != nil {
		t.failed = err
		return nil, err
	}
	return c, nil
}

// join lets the core take part in an attempt, with the state that its host has by now.
func (c *core[S]) join(ctx context.Context, t *transaction) error {
	c.tx, c.own = t.OwnTx, t
	if err := c.copyHost(ctx); err != nil || !t.line {
		return err
	}
	defer c.yield()
	return c.waitInLine(ctx, t.OwnTx, c.seq)
}

func (c *core[S]) sent() {
	c.staged, c.fresh = false, true
}

// ended moves the host's state to what was committed.
func (c *core[S]) ended(ctx context.Context, t *transaction, start time.Time, err error) {
	commands, events := 0, 0
	for _, commit := range t.commits {
		if commit.AggregateID == c.ID {
			commands++
			events += len(commit.Events)
		}
	}
	if commands > 0 {
		c.reportCommit(ctx, commands, events, start, err)
	}
	if raced(err) {
		c.reportConflict(ctx, commands, t.runs)
	}
	if err != nil || !c.loaded || c.torn || c.hold(context.WithoutCancel(ctx)) != nil {
		return
	}
	defer c.yield()
	if h := c.host; !h.ahead && (!h.loaded || h.seq < c.seq) {
		h.draft, h.saved, h.loaded = c.draft, max(h.saved, c.saved), true
		h.at.Store(int64(h.seq))
		h.saveIfDue()
	}
}
