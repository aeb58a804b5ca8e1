package aggregate

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/eventmaestro/maestro/hlc"
	"github.com/eventmaestro/maestro/store"
)

// Transact runs f in a transaction of the library, and commits it: commands of any roots of this
// supervisor, by EvaluateTx, and the application's own statements, on what the store makes of tx, such
// as postgres.TxOf. All of it is stored, or nothing is. After a conflict with another process, or a
// deadlock, it runs f again from the start, at most Options.MaxAttempts times; so f must have no effect
// but what it does with tx. An error of f rolls back and is returned as it is; so does a panic.
//
// Events are kept back until the transaction ends, or the application uses it, and then sent together.
// So a refusal by the database may be told only at the end. A transaction reserves each aggregate
// until it ends: other transactions of this process wait for it, in the order of arrival.
//
// When the answer to COMMIT gets lost, the log tells by the events' timestamps. An
// *OutcomeUnknownError is returned where it can't: the database stays away, f stored no event, or f
// came to something else when it was run again. Commands with an ID make a repeat of the whole safe.
//
// A store that can't do it is store.ErrUnsupported. f must not keep tx, end it, or call Transact or
// Evaluate for an aggregate that it has.
func (s *Supervisor) Transact(ctx context.Context, f func(ctx context.Context, tx store.Tx) error) error {
	if s.wrong != nil {
		return s.wrong
	}
	begins, ok := s.store.(store.Transactor)
	if !ok {
		return fmt.Errorf("%w: this store begins no transactions: use a store.Transactor", store.ErrUnsupported)
	}
	t := &transaction{sup: s}
	defer t.leave()
	for attempt := 1; ; attempt++ {
		if err := ctx.Err(); err != nil {
			return t.orDoubt(ctx, fmt.Errorf("aggregate: before the commit: %w", err))
		}
		if s.closed.Load() {
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
			return t.orDoubt(ctx, &RetriesSpentError{Attempts: attempt, Err: err})
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
	held    []*mailbox     // those that are reserved
	highest hlc.Timestamp  // among held
	commits []store.Commit // of the present attempt
	failed  error          // why the present attempt can only be aborted
	used    bool           // the application has used it by itself, and so may hold locks

	line  bool             // aggregates are to be locked first: others were faster
	look  bool             // command IDs are to be looked up first: one was used before
	doubt [][]store.Commit // of earlier attempts whose answer got lost, and which may still arrive
}

// member is the cell of an aggregate in a transaction.
type member interface {
	box() *mailbox                                       // of the live aggregate
	join(ctx context.Context, t *transaction) error      // at the beginning of an attempt
	sent()                                               // what was staged is in the database
	ended(ctx context.Context, start time.Time, e error) // of an attempt that came to its end
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
	err = f(ctx, t)
	start := time.Now()
	switch {
	case t.failed != nil:
		err = t.failed
	case err != nil && !t.refused(err):
		return err, t.OwnTx.Repeatable(err)
	case err != nil: // what was staged was refused when the application used the transaction
	case ctx.Err() != nil:
		return fmt.Errorf("aggregate: before the commit: %w", ctx.Err()), false
	case t.passed():
		err = store.ErrConflict // arrived tells whose events these are
	default:
		if err = t.end(ending); errors.Is(err, store.ErrOutcomeUnknown) {
			err = t.settle(ending, err)
		}
	}
	for _, m := range t.members {
		m.ended(ctx, start, err)
	}
	again = t.refused(err)
	t.line = t.line || raced(err) || errors.Is(err, store.ErrDeadlock) && !errors.Is(err, errReserved)
	t.look = t.look || errors.Is(err, store.ErrDuplicateCommand)
	return err, again
}

// refused reports whether err says that others were first, so that another attempt may be luckier.
func (t *transaction) refused(err error) bool {
	return raced(err) || errors.Is(err, store.ErrDeadlock) || errors.Is(err, store.ErrDuplicateCommand) && !t.look
}

func beginTx(ctx context.Context, begins store.Transactor) (tx store.OwnTx, err error) {
	defer recovered(&err) // an adapter's panic
	if tx, err = begins.BeginTx(ctx); err != nil {
		return nil, during("begin a transaction", err)
	}
	return tx, nil
}

// end commits. A panic of the adapter leaves the outcome open.
func (t *transaction) end(ctx context.Context) error {
	err := send(ctx, func(ctx context.Context, _ store.Commit) error { return t.OwnTx.End(ctx) }, store.Commit{})
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

// send sends what is staged.
func (t *transaction) send(ctx context.Context) (err error) {
	defer recovered(&err) // an adapter's panic
	if t.failed = t.OwnTx.Send(ctx); t.failed != nil {
		return t.failed
	}
	for _, m := range t.members {
		m.sent()
	}
	return nil
}

// Bounds of the wait for an aggregate that another transaction of this process has reserved, for one
// that may hold locks which that one waits for.
const reservedPause = 100 * time.Millisecond

// errReserved is the deadlock that no database has a part in.
var errReserved = fmt.Errorf("%w: another transaction of this process has the aggregate", store.ErrDeadlock)

// reserve makes others of this process wait for the aggregate. Who comes in the order of the ids waits,
// as nobody can wait for it; who doesn't is told at once, and comes back in order.
func (t *transaction) reserve(ctx context.Context, m *mailbox) error {
	var err error
	switch {
	case m.id.Compare(t.highest) < 0:
		if !m.reserved.tryLock() {
			err = errReserved
		}
	case t.used:
		bounded, cancel := context.WithTimeout(ctx, reservedPause)
		defer cancel()
		if m.reserved.lock(bounded) != nil {
			err = errReserved
		}
	default:
		err = m.reserved.lock(ctx)
	}
	if ctx.Err() != nil && err != nil {
		return fmt.Errorf("aggregate: waiting for another transaction: %w", ctx.Err())
	}
	if err == nil {
		t.held = append(t.held, m)
		if m.id.Compare(t.highest) > 0 {
			t.highest = m.id
		}
	}
	return err
}

// reserveAll reserves what earlier attempts needed, in order.
func (t *transaction) reserveAll(ctx context.Context) error {
	slices.SortFunc(t.members, func(a, b member) int { return a.box().id.Compare(b.box().id) })
	for _, m := range t.members {
		if err := t.reserve(ctx, m.box()); err != nil {
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
		m.reserved.unlock()
	}
	t.held, t.highest = nil, hlc.Timestamp{}
}

// leave ends the visits.
func (t *transaction) leave() {
	for _, m := range t.members {
		m.box().leave()
	}
}

// settle finds out what became of an attempt whose answer got lost. Its first events are stored once
// more, in a transaction that is rolled back: the unique index makes that wait for the attempt, if it
// is still open, and decides.
func (t *transaction) settle(ctx context.Context, doubt error) error {
	sup := t.sup
	unknown := t.unknown(t.commits, doubt)
	probe, ok := probeOf(t.commits)
	if !ok {
		return unknown
	}
	sup.log.Warn("the answer to a transaction's commit got lost", "aggregate", probe.AggregateID, "err", doubt)
	deadline := time.Now().Add(sup.options.SettleTimeout)
	for attempt := 1; ; attempt++ {
		if !sup.pause(attempt, doubtPause, maxDoubtPause) || time.Now().After(deadline) {
			return unknown
		}
		switch err := tryOut(ctx, sup.store.(store.Transactor), probe); {
		case err == nil:
			// Not stored. It may still arrive: only events at the same place keep it out.
			t.doubt = append(t.doubt, t.commits)
			return store.ErrConflict
		case errors.Is(err, store.ErrNoPredecessor):
			return err
		case errors.Is(err, store.ErrConflict):
			ours, _, readErr := stored(ctx, sup.store, probe, sup.options.ReadTimeout)
			if readErr == nil && !ours {
				return err
			}
			if readErr == nil && flush(ctx, sup.store, sup.options.ReadTimeout) == nil {
				return nil
			}
		}
	}
}

// tryOut stores a commit and takes it back.
func tryOut(ctx context.Context, begins store.Transactor, c store.Commit) (err error) {
	defer recovered(&err) // an adapter's panic
	tx, err := begins.BeginTx(ctx)
	if err != nil {
		return err
	}
	defer tx.Abort(ctx)
	if err := tx.Stage(c); err != nil {
		return err
	}
	return tx.Send(ctx)
}

// unknown names one of the aggregates that have events: what became of it became of all.
func (t *transaction) unknown(commits []store.Commit, cause error) *OutcomeUnknownError {
	u := &OutcomeUnknownError{Err: cause}
	for _, c := range commits {
		if len(u.Timestamps) > 0 && c.AggregateID != u.AggregateID {
			continue
		}
		for i := range c.Events {
			u.AggregateID = c.AggregateID
			u.Timestamps = append(u.Timestamps, c.Events[i].Timestamp)
		}
	}
	return u
}

// probeOf returns the first events of an attempt. All of it is stored where they are.
func probeOf(commits []store.Commit) (probe store.Commit, ok bool) {
	i := slices.IndexFunc(commits, func(c store.Commit) bool { return len(c.Events) > 0 })
	if i < 0 {
		return probe, false
	}
	c := commits[i]
	return store.Commit{AggregateID: c.AggregateID, Events: c.Events, Predecessor: c.Predecessor}, true
}

// arrived reports whether an attempt whose answer got lost is stored by now. It forgets those whose place
// somebody else has taken.
func (t *transaction) arrived(ctx context.Context) (ours bool) {
	ctx = context.WithoutCancel(ctx)
	t.doubt = slices.DeleteFunc(t.doubt, func(commits []store.Commit) bool {
		probe, _ := probeOf(commits)
		found, taken, err := stored(ctx, t.sup.store, probe, t.sup.options.ReadTimeout)
		ours = ours || found && err == nil && flush(ctx, t.sup.store, t.sup.options.ReadTimeout) == nil
		return taken && !found && err == nil
	})
	return ours
}

// passed reports whether the present attempt was decided on events that stand where those of one in doubt
// would. Otherwise it takes their place, and keeps them out.
func (t *transaction) passed() bool {
	for _, late := range t.doubt {
		for _, l := range late {
			i := slices.IndexFunc(t.commits, func(c store.Commit) bool { return c.AggregateID == l.AggregateID && len(c.Events) > 0 })
			if i >= 0 && len(l.Events) > 0 && t.commits[i].Events[0].Sequence != l.Events[0].Sequence {
				return true
			}
		}
	}
	return false
}

// orDoubt is the answer to a transaction of which earlier attempts may have arrived, or still may.
func (t *transaction) orDoubt(ctx context.Context, err error) error {
	switch {
	case len(t.doubt) == 0:
		return err
	case t.arrived(ctx):
		return nil
	case len(t.doubt) == 0:
		return err
	}
	return t.unknown(t.doubt[0], errors.Join(store.ErrOutcomeUnknown, err))
}

// covered is the answer to a transaction that was stored. An earlier attempt that may still arrive is
// kept out by any event of the same aggregate: its place is taken.
func (t *transaction) covered(ctx context.Context) error {
	t.doubt = slices.DeleteFunc(t.doubt, func(late []store.Commit) bool {
		return slices.ContainsFunc(late, func(l store.Commit) bool {
			return len(l.Events) > 0 && slices.ContainsFunc(t.commits, func(c store.Commit) bool {
				return len(c.Events) > 0 && c.AggregateID == l.AggregateID
			})
		})
	})
	return t.orDoubt(ctx, nil)
}

// memberOf returns the transaction's cell of an aggregate.
func memberOf[S any](ctx context.Context, t *transaction, r *Root[S], id hlc.Timestamp) (*cell[S], error) {
	if t.failed != nil {
		return nil, t.failed
	}
	for _, m := range t.members {
		if m.box().id != id {
			continue
		}
		if c, ok := m.(*cell[S]); ok && c.root == r {
			return c, nil
		}
		return nil, &OtherRootError{AggregateID: id, Holder: m.box().family.name, Asked: r.family.name}
	}
	host, err := r.visit(ctx, id)
	if err != nil {
		return nil, err
	}
	c := host.guest()
	t.members = append(t.members, c)
	if err = t.reserve(ctx, c.box()); err == nil {
		err = c.join(ctx, t)
	}
	if err != nil {
		t.failed = err
		return nil, err
	}
	return c, nil
}

func (c *cell[S]) box() *mailbox { return &c.host.mailbox }

// join lets the cell take part in an attempt, with the state that its host has by now.
func (c *cell[S]) join(ctx context.Context, t *transaction) error {
	c.tx, c.own = t.OwnTx, t
	if err := c.copyHost(ctx); err != nil || !t.line {
		return err
	}
	defer c.yield()
	return c.takeLine(ctx, t.OwnTx, c.seq)
}

func (c *cell[S]) sent() {
	c.staged, c.fresh = false, true
}

// ended moves the host's state to what was committed.
func (c *cell[S]) ended(ctx context.Context, start time.Time, err error) {
	hooks := &c.family.sup.options.Hooks
	if c.stagedEvents+c.stagedCommands > 0 && hooks.Commit != nil {
		hooks.Commit(ctx, Committed{
			Root: c.family.name, AggregateID: c.id, Commands: c.stagedCommands, Events: c.stagedEvents,
			Start: start, Duration: time.Since(start), Err: err,
		})
	}
	if raced(err) && hooks.Conflict != nil {
		hooks.Conflict(ctx, Conflict{Root: c.family.name, AggregateID: c.id, Sequence: c.seq, Commands: c.stagedCommands, Attempt: 1})
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
