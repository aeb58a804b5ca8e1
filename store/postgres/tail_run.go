package postgres

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime/debug"
	"sync"
	"time"

	"github.com/eventmaestro/maestro/hlc"
	"github.com/eventmaestro/maestro/store"
	"github.com/eventmaestro/maestro/types"
	"github.com/jackc/pgx/v5"
)

// TailFunc is given a batch of events: those of an aggregate stand together and in order, and none is left out between two of them. What
// it writes through tx is kept if and only if the tail goes on behind the batch; an error or a panic takes both back, and the same batch
// comes again. What it does elsewhere may happen more than once.
//
// tx can't be committed by it. The events are the function's own.
type TailFunc func(ctx context.Context, tx pgx.Tx, events []types.Event) error

// Run hands out events until ctx ends, whose error it returns then, or until the tail refuses to work, by a *[store.TailError]. All
// other failures it tries again. In which goroutine f runs is not said; with TailOptions.Of there are as many calls at once.
//
// Several processes may run the same tail: the transaction of a batch holds the row of its part, so that one of them works
// on it, and another one takes over as soon as the server has noticed the death of that one. Where that may take long, as a host can vanish without a word,
// set the server's tcp_keepalives_idle or tcp_user_timeout.
func (t *Tail) Run(ctx context.Context, f TailFunc) error {
	if f == nil {
		return errors.New("postgres: the function is nil: give Run one")
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	begin := tailWorker{t: t}
	for prepared := false; !prepared; {
		err := t.failure(ctx, "begin", t.prepare(ctx))
		var refused *store.TailError
		if errors.As(err, &refused) || ctx.Err() != nil {
			return errors.Join(err, ctx.Err())
		}
		if prepared = err == nil; !prepared {
			begin.failed(ctx, err)
		}
	}
	var group sync.WaitGroup
	wake := make([]chan struct{}, t.o.Of)
	for part := range t.o.Of {
		wake[part] = make(chan struct{}, 1)
		w := &tailWorker{t: t, part: part, f: f, wake: wake[part]}
		group.Go(func() {
			ended := errors.New("postgres: the function of the tail ended its goroutine")
			defer func() { cancel(ended) }()
			ended = w.run(ctx)
		})
	}
	group.Go(func() { t.listen(ctx, wake) })
	group.Wait()
	return context.Cause(ctx)
}

// tailWorker works on one part.
type tailWorker struct {
	t    *Tail
	part int
	f    TailFunc
	wake chan struct{}

	attempt int
	again   *snapshot // what the batch that failed was limited by
	place   string    // what the following are about: the place as it was saved
	idle    snapshot  // up to here there was nothing for this part
	last    map[hlc.Timestamp]types.Sequence
}

// manyAggregates bounds what a worker remembers of those it has seen.
const manyAggregates = 1 << 16

// outcome is what came of a step.
type outcome int

const (
	stepNothing outcome = iota // nothing to do, or somebody else does it
	stepMore
)

func (w *tailWorker) run(ctx context.Context) error {
	for ctx.Err() == nil {
		did, err := w.step(ctx)
		if errors.Is(err, errNoPlace) {
			err = w.t.prepare(ctx)
		}
		err = w.t.failure(ctx, "batch", err)
		var refused *store.TailError
		switch {
		case ctx.Err() != nil:
		case errors.As(err, &refused):
			return err
		case err != nil:
			w.failed(ctx, err)
		case did == stepNothing:
			w.attempt = 0
			w.wait(ctx, w.t.o.Poll)
		default:
			w.attempt = 0
		}
	}
	return context.Cause(ctx)
}

// failed tells of a failure and waits.
func (w *tailWorker) failed(ctx context.Context, err error) {
	w.attempt++
	w.t.o.Logger.Warn("maestro: a batch of a tail failed and comes again", "tail", w.t.o.Name, "part", w.part, "attempt", w.attempt, "error", err)
	if w.t.o.Failed != nil {
		w.t.o.Failed(err, w.attempt)
	}
	pause := min(w.t.o.MaxBackoff, 100*time.Millisecond<<min(w.attempt-1, 20))
	w.wait(ctx, pause/2+rand.N(pause/2+1))
}

// wait ends with a notification only where there is somebody to wake.
func (w *tailWorker) wait(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	wake := w.wake
	if w.attempt > 0 {
		wake = nil
	}
	select {
	case <-ctx.Done():
	case <-timer.C:
	case <-wake:
	}
}

// step hands out one batch, if there is one.
func (w *tailWorker) step(ctx context.Context) (did outcome, err error) {
	tx, err := w.t.pool.BeginTx(ctx, pgx.TxOptions{IsoLevel: pgx.ReadCommitted, AccessMode: pgx.ReadWrite})
	if err != nil {
		return stepNothing, err
	}
	// The context may have ended, but the connection is to be given back in good order.
	defer func() { _ = tx.Rollback(context.WithoutCancel(ctx)) }()
	var p place
	var text, cluster string
	err = p.scan(tx.QueryRow(ctx, w.t.sql.lock, w.t.o.Name, w.t.o.Of, w.part), &text, &cluster)
	if errors.Is(err, pgx.ErrNoRows) {
		return stepNothing, w.noPlace(ctx, tx)
	}
	if err != nil {
		return stepNothing, err
	}
	limit, err := parseSnapshot(text)
	if err != nil {
		return stepNothing, err
	}
	if err := w.t.accepts(p, limit, cluster); err != nil {
		return stepNothing, err
	}
	p.cluster = cluster
	w.remember(p)
	switch {
	case p.stop != nil:
		limit = *p.stop
	case w.again != nil:
		limit = *w.again
	}
	if !limit.contains(p.seenOrNothing()) {
		return stepMore, nil // somebody else was faster, between the statement's view and its lock
	}
	next, err := w.window(ctx, tx, p, limit)
	if err != nil {
		return stepNothing, err
	}
	if len(next.rows) == 0 && !next.more && p.stop == nil && p.until == nil && p.seen != nil {
		w.idle, w.again = *next.then.seen, nil // nothing to save: a tail at rest does not write
		return stepNothing, nil
	}
	w.again = &limit
	if err := w.hand(ctx, tx, next); err != nil {
		return stepNothing, err
	}
	if err := w.finish(ctx, tx, next); err != nil {
		return stepNothing, err
	}
	w.again = nil
	w.handed(next)
	if next.more || p.stop != nil {
		return stepMore, nil
	}
	return stepNothing, nil
}

// remember drops what is known of another place.
func (w *tailWorker) remember(p place) {
	key := fmt.Sprint(p.round, p.part, p.seen, p.until, p.afterAggregate, p.afterSequence, p.stop)
	if w.place != key {
		w.place, w.idle, w.again, w.last = key, nothing, nil, nil
	}
}

// handed remembers what was saved.
func (w *tailWorker) handed(next *window) {
	if w.last == nil || len(w.last) > manyAggregates {
		w.last = make(map[hlc.Timestamp]types.Sequence)
	}
	for i := range next.rows {
		r := &next.rows[i]
		w.last[r.AggregateID] = max(w.last[r.AggregateID], r.Sequence)
	}
	p := next.then
	w.place = fmt.Sprint(p.round, p.part, p.seen, p.until, p.afterAggregate, p.afterSequence, p.stop)
	w.idle = nothing
}

// hand calls the function, if there is an event for it.
func (w *tailWorker) hand(ctx context.Context, tx pgx.Tx, next *window) (err error) {
	events := make([]types.Event, 0, len(next.rows))
	for i := range next.rows {
		if next.rows[i].asked {
			events = append(events, next.rows[i].Event)
		}
	}
	if len(events) == 0 {
		return nil
	}
	defer func() {
		if v := recover(); v != nil {
			err = &store.PanicError{Value: v, Stack: debug.Stack()}
		}
	}()
	next.then.delivered += int64(len(events))
	if err := w.f(ctx, tailTx{tx}, events); err != nil {
		return err
	}
	switch pg := tx.Conn().PgConn(); {
	case pg.IsBusy():
		return errors.New("postgres: the function of the tail left rows or a batch open")
	case pg.TxStatus() == 'E':
		return errors.New("postgres: the function of the tail ignored an error of its transaction")
	case pg.TxStatus() != 'T':
		return errTailTx
	}
	return nil
}

// finish saves the place, or removes it where it is at its stop, and commits.
func (w *tailWorker) finish(ctx context.Context, tx pgx.Tx, next *window) error {
	p := next.then
	var err error
	if p.stop != nil && p.until == nil && p.seen != nil && p.seen.contains(*p.stop) {
		_, err = tx.Exec(ctx, w.t.sql.finish, w.t.o.Name, p.round, p.part, p.delivered)
	} else {
		err = w.t.save(ctx, tx, p)
	}
	if err != nil {
		return err
	}
	return tx.Commit(ctx)
}

// noPlace says why there is no row to work on: somebody else has it, or it is gone.
func (w *tailWorker) noPlace(ctx context.Context, tx pgx.Tx) error {
	rows, err := w.t.places(ctx, tx)
	if err != nil {
		return err
	}
	if len(rows) > 0 && int(rows[len(rows)-1].parts) != w.t.o.Of {
		return w.t.refusal(store.TailOtherParts, "another process has dealt it out to %d parts, not %d: start this one with the same TailOptions.Of",
			rows[len(rows)-1].parts, w.t.o.Of)
	}
	if len(rows) == 0 {
		return errNoPlace
	}
	return nil
}

var errNoPlace = errors.New("postgres: the tail has no place")

// listen wakes the workers when somebody notifies TailChannel. Without a connection to spare, or a server that notifies, they poll.
func (t *Tail) listen(ctx context.Context, wake []chan struct{}) {
	for ctx.Err() == nil && int(t.pool.Config().MaxConns) >= t.o.Of+2 {
		t.hear(ctx, wake)
		pause := time.NewTimer(t.o.MaxBackoff)
		select {
		case <-ctx.Done():
		case <-pause.C:
		}
		pause.Stop()
	}
}

// hear listens on one connection for as long as that lasts.
func (t *Tail) hear(ctx context.Context, wake []chan struct{}) {
	conn, err := t.pool.Acquire(ctx)
	if err != nil {
		return
	}
	defer func() {
		_ = conn.Conn().Close(context.WithoutCancel(ctx)) // so that nobody gets one that listens
		conn.Release()
	}()
	if _, err := conn.Exec(ctx, "LISTEN "+TailChannel); err != nil {
		return
	}
	for {
		if _, err := conn.Conn().WaitForNotification(ctx); err != nil {
			return
		}
		for _, w := range wake {
			select {
			case w <- struct{}{}:
			default:
			}
		}
	}
}

// tailTx keeps the function from ending the transaction that the tail's place is a part of.
type tailTx struct{ pgx.Tx }

var errTailTx = errors.New("postgres: the transaction of a tail ends with the batch")

func (tailTx) Commit(context.Context) error   { return errTailTx }
func (tailTx) Rollback(context.Context) error { return errTailTx }
