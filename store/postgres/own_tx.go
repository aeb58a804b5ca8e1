package postgres

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"time"

	"github.com/eventmaestro/maestro/hlc"
	"github.com/eventmaestro/maestro/store"
	"github.com/eventmaestro/maestro/types"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// ownTx is a transaction that the library began. What it is asked for is sent when it has to be,
// together with what came before.
type ownTx struct {
	s      *Store
	conn   *pgxpool.Conn // nil until something is sent
	tx     pgx.Tx        // nil until it has begun
	staged []*stagedCommit
	locked map[hlc.Timestamp]struct{}
	last   hlc.Timestamp // the highest id that it has locked, or stored events of
	ended  bool
	err    error // what it was refused for: it can only be aborted
}

var (
	_ store.Transactor = (*Store)(nil)
	_ store.OwnTx      = (*ownTx)(nil)
	_ store.CommandLog = (*ownTx)(nil)
)

var errNotEnded = errors.New("postgres: the transaction ends with the function of Transact")

var errOwnTxEnded = fmt.Errorf("postgres: the transaction has ended: %w", pgx.ErrTxClosed)

// BeginTx returns a transaction of the library; see store.Transactor. It takes a connection when it
// first has to send something, and gives it back at its end. If it sends nothing before its end, it
// may share one transaction of the server with other transactions of the store that end at the same
// moment. The values of ctx then reach the pool's hooks and tracers only if it leads. It is stored
// as a whole or not at all, whatever becomes of the others.
func (s *Store) BeginTx(context.Context) (store.OwnTx, error) {
	return &ownTx{s: s, locked: make(map[hlc.Timestamp]struct{})}, nil
}

// TxOf returns the driver's transaction that tx works in, for statements of the application. If tx
// is of [Store.BeginTx], TxOf begins it on the server if necessary, and sends what is staged, now
// and before every later statement. Commit and Rollback of such a transaction return an error:
// whoever began it ends it.
func TxOf(ctx context.Context, tx store.Tx) (pgx.Tx, error) {
	switch tx := tx.(type) {
	case *txStore:
		return tx.tx, nil
	case *ownTx:
		if _, err := tx.open(ctx); err != nil {
			return nil, err
		}
		return &appTx{borrowedTx{tx.tx, errNotEnded}, tx}, nil
	case interface{ Unwrap() store.Adapter }:
		if inner, ok := tx.Unwrap().(store.Tx); ok {
			return TxOf(ctx, inner)
		}
	}
	return nil, fmt.Errorf("%w: a transaction of package postgres: this one is a %T", store.ErrUnsupported, tx)
}

func (o *ownTx) Base() store.Adapter { return o.s }

// usable returns why nothing more can be done in the transaction, or nil.
func (o *ownTx) usable() error {
	if o.ended {
		return errOwnTxEnded
	}
	return o.err
}

// connect takes a connection, if there is none yet.
func (o *ownTx) connect(ctx context.Context) (err error) {
	if o.conn == nil {
		o.conn, err = o.s.acquire(ctx)
	}
	return err
}

// open returns the adapter of the transaction, which has begun then, and has sent what was staged.
func (o *ownTx) open(ctx context.Context) (*txStore, error) {
	if err := o.Send(ctx); err != nil {
		return nil, err
	}
	if o.tx == nil {
		if err := o.connect(ctx); err != nil {
			return nil, err
		}
		tx, err := o.conn.Conn().BeginTx(ctx, readCommitted)
		if err != nil {
			return nil, o.fail(ctx, notSent(ctx, "begin a transaction", err))
		}
		o.tx = tx
	}
	return &txStore{s: o.s, tx: o.tx}, nil
}

// Stage keeps c; see store.OwnTx. A batched projection that fails before anything is sent does so
// here.
func (o *ownTx) Stage(c store.Commit) error {
	if err := o.usable(); err != nil {
		return err
	}
	if err := o.s.check(&c); err != nil {
		return err
	}
	staged, err := newStaged(c)
	if err != nil {
		return err
	}
	for _, earlier := range o.staged {
		if earlier.commit.AggregateID == c.AggregateID {
			return earlier.append(staged)
		}
	}
	o.staged = append(o.staged, staged)
	return nil
}

// Send sends what is staged; see store.OwnTx.
func (o *ownTx) Send(ctx context.Context) error {
	if err := o.usable(); err != nil {
		return err
	}
	if len(o.staged) == 0 {
		return nil
	}
	return o.send(ctx, false)
}

// End sends what is staged and commits; see store.OwnTx.
func (o *ownTx) End(ctx context.Context) error {
	if err := o.usable(); err != nil {
		return err
	}
	defer o.Abort(ctx)
	if o.conn == nil && len(o.staged) == 0 {
		return nil
	}
	if o.sharable() {
		if settled, err := o.endShared(ctx); settled {
			return err
		}
	}
	return o.send(ctx, true)
}

// Abort rolls back; see store.OwnTx.
func (o *ownTx) Abort(ctx context.Context) {
	o.ended = true
	o.leave(ctx)
}

// leave gives the connection back, outside of the transaction.
func (o *ownTx) leave(ctx context.Context) {
	if o.conn == nil {
		return
	}
	ctx, cancel := o.s.sending(ctx)
	defer cancel()
	leave(ctx, o.conn)
	o.conn.Release()
	o.conn, o.tx = nil, nil
}

// fail ends the transaction on the server for err, so that its locks are gone, and returns err.
func (o *ownTx) fail(ctx context.Context, err error) error {
	o.leave(ctx)
	o.err, o.staged = err, nil
	return err
}

// send sends what is staged, and COMMIT if it is the end, in one round trip, unless a projection
// has to see results in between.
func (o *ownTx) send(ctx context.Context, end bool) error {
	if ctx.Err() != nil {
		return notSent(ctx, "commit events", ctx.Err())
	}
	if err := o.connect(ctx); err != nil {
		return err
	}
	slices.SortStableFunc(o.staged, func(a, b *stagedCommit) int { return a.commit.AggregateID.Compare(b.commit.AggregateID) })
	batch, inline := make([]*pending, len(o.staged)), true
	for i, staged := range o.staged {
		batch[i] = &staged.pending
		inline = inline && !staged.apart
	}
	lock, ordered := o.s.longLock, o.inOrder(batch)
	if !ordered {
		lock = o.s.sharedLock
	}
	if o.tx != nil && o.conn.Conn().PgConn().TxStatus() == 'E' {
		return o.fail(ctx, errors.New("postgres: commit events: a statement of the transaction failed, and it went on"))
	}
	sending, done := o.s.seenThrough(ctx, o.conn, batch)
	defer done()
	w := work{begin: o.tx == nil, commit: end && inline, batch: batch, lock: lock}
	at, err := o.s.pipeline(sending, o.conn, &w)
	if w.begin && err != nil && fateOf(err) == fateStale {
		leave(sending, o.conn)
		at, err = o.s.pipeline(sending, o.conn, &w)
	}
	err = o.s.heard(o.conn, err)
	if w.tx != nil {
		o.tx = w.tx
	}
	if err == nil && !inline {
		err = o.project(sending)
		if err == nil && end {
			w.commit = true
			if _, err = o.s.pipeline(sending, o.conn, &work{commit: true}); err != nil {
				at, err = conclude(o.conn, batch, reached{phase: phaseCommit}, err)
			}
			err = o.s.heard(o.conn, err)
		}
	}
	if err != nil {
		return o.fail(ctx, o.refusal(sending, batch, at, w.commit, ordered, err))
	}
	o.staged = nil
	return nil
}

// inOrder reports whether no stranger who takes aggregates in their order can be waiting for this
// transaction while it waits for the rows of batch. It notes them as taken.
func (o *ownTx) inOrder(batch []*pending) bool {
	ordered := true
	for _, p := range batch {
		id := p.commit.AggregateID
		if _, locked := o.locked[id]; !locked && !o.last.Before(id) {
			ordered = false
		}
		if o.last.Before(id) {
			o.last = id
		}
	}
	return ordered
}

// project runs the projections of what is staged that could not go with it.
func (o *ownTx) project(ctx context.Context) error {
	for _, staged := range o.staged {
		if !staged.apart {
			continue
		}
		for _, run := range staged.runs {
			if err := run.projection.run(ctx, o.tx, staged.commit.Events[run.event]); err != nil {
				return err
			}
		}
	}
	return nil
}

// refusal says what err means, which ended the attempt at batch. The transaction is rolled back,
// the connection still there.
func (o *ownTx) refusal(ctx context.Context, batch []*pending, at *pending, committing, ordered bool, err error) error {
	s := o.s
	leave(ctx, o.conn)
	if at == nil && isRefusal(err) {
		asked := slices.DeleteFunc(slices.Clone(batch), func(p *pending) bool { return len(p.commit.Events) == 0 })
		if len(asked) > 0 && s.askNews(ctx, o.conn, asked) == nil {
			for _, p := range asked {
				if refused := p.verdict(); refused != nil {
					return refused
				}
			}
		}
	}
	switch f := fateOf(err); {
	case f == fateUnknown && !committing:
		return beforeCommit(o.conn, err)
	case f == fateRaced, f == fateStale, f == fateBlocked && !ordered:
		return fmt.Errorf("%w: commit events: %w", store.ErrDeadlock, err)
	case f == fateBlocked:
		return translate("wait for a lock", err)
	case f != fateParticular:
		return translate("commit events", err)
	}
	if len(batch) == 0 {
		return plainError("commit", err) // a deferred constraint of the application's, most likely
	}
	for _, p := range batch {
		p.err = err
		var nobody *store.InvalidEventError
		switch refused := s.refusal(ctx, o.conn, p, 1); {
		case refused == nil, errors.As(refused, &nobody) && nobody.Sequence == 0 && len(batch) > 1:
		default:
			return refused
		}
	}
	return fmt.Errorf("%w: commit events: %w", store.ErrUnavailable, err)
}

// Repeatable reports whether err is a deadlock, or a conflict of serializable transactions; see
// store.OwnTx.
func (*ownTx) Repeatable(err error) bool {
	pgErr := pgError(err)
	return pgErr != nil && (pgErr.Code == codeDeadlock || pgErr.Code == codeSerialization)
}

// apart reports whether what is read of the aggregate is the same outside of the transaction: it
// has not begun, so that it has no view of the database and no locks, and keeps nothing of that
// aggregate back. A read outside takes no rows early.
func (o *ownTx) apart(id hlc.Timestamp) bool {
	return o.conn == nil && o.usable() == nil &&
		!slices.ContainsFunc(o.staged, func(c *stagedCommit) bool { return c.commit.AggregateID == id })
}

// Load, and what follows, is as in the transaction of the application.
func (o *ownTx) Load(ctx context.Context, id hlc.Timestamp, r store.Range) iter.Seq2[store.Entry, error] {
	return func(yield func(store.Entry, error) bool) {
		if o.apart(id) {
			o.s.Load(ctx, id, r)(yield)
			return
		}
		t, err := o.open(ctx)
		if err != nil {
			yield(store.Entry{}, err)
			return
		}
		t.Load(ctx, id, r)(yield)
	}
}

func (o *ownTx) Events(ctx context.Context, id hlc.Timestamp, r store.Range) iter.Seq2[types.Event, error] {
	return func(yield func(types.Event, error) bool) {
		if o.apart(id) {
			o.s.Events(ctx, id, r)(yield)
			return
		}
		t, err := o.open(ctx)
		if err != nil {
			yield(types.Event{}, err)
			return
		}
		t.Events(ctx, id, r)(yield)
	}
}

func (o *ownTx) LatestSnapshot(ctx context.Context, id hlc.Timestamp, r store.Range) (*types.Snapshot, error) {
	t, err := o.open(ctx)
	if err != nil {
		return nil, err
	}
	return t.LatestSnapshot(ctx, id, r)
}

func (o *ownTx) CommitSnapshot(ctx context.Context, snapshot types.Snapshot) error {
	t, err := o.open(ctx)
	if err != nil {
		return err
	}
	return t.CommitSnapshot(ctx, snapshot)
}

func (o *ownTx) Commit(ctx context.Context, c store.Commit) error {
	t, err := o.open(ctx)
	if err != nil {
		return err
	}
	return t.Commit(ctx, c)
}

func (o *ownTx) LookupCommand(ctx context.Context, aggregateID hlc.Timestamp, commandID string) (*store.CommandRecord, error) {
	if o.apart(aggregateID) {
		return o.s.LookupCommand(ctx, aggregateID, commandID)
	}
	t, err := o.open(ctx)
	if err != nil {
		return nil, err
	}
	return t.LookupCommand(ctx, aggregateID, commandID)
}

func (o *ownTx) PruneCommands(ctx context.Context, before time.Time) (int64, error) {
	t, err := o.open(ctx)
	if err != nil {
		return 0, err
	}
	return t.PruneCommands(ctx, before)
}
