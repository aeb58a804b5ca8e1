package postgres

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/eventmaestro/maestro/hlc"
	"github.com/eventmaestro/maestro/internal/panics"
	"github.com/eventmaestro/maestro/store"
	"github.com/eventmaestro/maestro/types"
)

// tailStep hands out batches on one connection for as long as one follows the other, each in a
// transaction of its own. The end of one and the beginning of the next are one round trip.
type tailStep struct {
	*tailWorker
	conn    *pgxpool.Conn
	tx      pgx.Tx // of all batches: the driver is not told that one ends and the next begins
	started string // tells which server it is
	place   place
	limit   snapshot
	ahead   *[]*tailRow // what comes after the place, where it was read before
}

// step hands out what there is, if nobody else does.
func (w *tailWorker) step(ctx context.Context) (more bool, err error) {
	conn, err := w.t.pool.Acquire(ctx)
	if err != nil {
		return false, err
	}
	defer conn.Release()
	// The context may have ended, but the connection is to be given back in good order.
	defer leave(context.WithoutCancel(ctx), conn)
	s := &tailStep{tailWorker: w, conn: conn}
	has, err := s.begin(ctx)
	for has && err == nil {
		more, has, err = s.batch(ctx)
	}
	return more, err
}

// begin begins a transaction that has the place for itself, and reports whether there is one to
// have.
func (s *tailStep) begin(ctx context.Context) (bool, error) {
	b := &pgx.Batch{}
	b.BeginTx(pgx.TxOptions{IsoLevel: pgx.ReadCommitted, AccessMode: pgx.ReadWrite})
	b.Queue(s.t.sql.lock, s.t.o.Name, s.t.o.Of, s.part)
	results := s.conn.SendBatch(ctx, b)
	s.tx = results.Tx()
	var text, cluster string
	_, err := results.Exec()
	if err == nil {
		err = s.place.scan(results.QueryRow(), &text, &cluster, &s.started, &s.reached)
	}
	if closed := results.Close(); err == nil {
		err = closed
	}
	if errors.Is(err, pgx.ErrNoRows) {
		return false, s.noPlace(ctx)
	}
	if err == nil {
		s.limit, err = parseSnapshot(text)
	}
	if err == nil {
		err = s.t.accepts(s.place, s.limit, cluster)
	}
	if err != nil {
		return false, err
	}
	s.place.cluster = cluster
	s.remember(s.place)
	switch {
	case s.place.stop != nil:
		s.limit = *s.place.stop
	case s.again != nil:
		s.limit = *s.again
	}
	return true, nil
}

// batch hands out one batch, and reports whether the place behind it is this step's too.
func (s *tailStep) batch(ctx context.Context) (more, has bool, err error) {
	p := s.place
	if !s.limit.contains(p.seenOrNothing()) {
		return true, false, nil // somebody else was faster, between the statement's view and its lock
	}
	next, err := s.window(ctx, s.tx, p, s.limit, s.ahead)
	if err != nil {
		return false, false, err
	}
	if len(next.rows) == 0 && !next.more && p.stop == nil && p.until == nil && p.seen != nil {
		s.idle, s.again = *next.then.seen, nil // nothing to save: a tail at rest does not write
		s.rows, s.spare = tailRows{}, tailRows{}
		return false, false, nil
	}
	limit := s.limit
	s.again = &limit
	var ahead *tailAhead
	if next.then.ends() {
		next.more = false // but of the next round
	}
	if next.more && s.t.readsAhead() {
		ahead = s.readAhead(ctx, next.then)
		defer ahead.end() // it must not outlive the step
	}
	if err := s.hand(ctx, next); err != nil {
		return false, false, err
	}
	has, err = s.end(ctx, next, ahead)
	return err == nil && (next.more || p.stop != nil), has, err
}

// remember drops what is known of another place.
func (w *tailWorker) remember(p place) {
	key := p.key()
	if w.place != key {
		w.place, w.idle, w.again, w.last = key, nothing, nil, nil
	}
}

// handed remembers what was saved.
func (w *tailWorker) handed(next *window) {
	if w.last == nil || len(w.last) > manyAggregates {
		w.last = make(map[hlc.Timestamp]types.Sequence)
	}
	for i, r := range next.rows {
		if i+1 == len(next.rows) || next.rows[i+1].AggregateID != r.AggregateID {
			w.last[r.AggregateID] = r.Sequence
		}
	}
	w.place = next.then.key()
	w.idle = nothing
}

// hand calls the function, if there is an event for it.
func (s *tailStep) hand(ctx context.Context, next *window) (err error) {
	events := make([]types.Event, 0, len(next.rows))
	for _, r := range next.rows {
		if r.asked {
			events = append(events, r.Event)
		}
	}
	if len(events) == 0 {
		return nil
	}
	defer panics.Recover(&err)
	next.then.delivered += int64(len(events))
	if err := s.f(ctx, borrowedTx{s.tx, errTailTx}, events); err != nil {
		return err
	}
	switch pg := s.conn.Conn().PgConn(); {
	case pg.IsBusy():
		return errors.New("postgres: the function of the tail left rows or a batch open")
	case pg.TxStatus() == 'E':
		return errors.New("postgres: the function of the tail ignored an error of its transaction")
	case pg.TxStatus() != 'T':
		return errTailTx
	}
	return nil
}

// end saves the place, or removes it if it is at its stop, and commits. If more is to come, the
// same round trip begins the next transaction, takes the place again and reads on. has tells that
// nobody else took the place.
func (s *tailStep) end(ctx context.Context, next *window, ahead *tailAhead) (has bool, err error) {
	p := next.then
	b := &pgx.Batch{}
	if p.ends() {
		b.Queue(s.t.sql.finish, s.t.o.Name, p.round, p.part, p.delivered)
	} else {
		b.Queue(s.t.sql.save, s.t.savedAs(p)...)
	}
	if !next.more {
		b.Queue("COMMIT")
	} else {
		b.Queue("COMMIT AND CHAIN")
		b.Queue(s.t.sql.again, s.t.o.Name, p.round, p.part)
	}
	if next.more && ahead == nil && s.t.o.Replica == nil {
		sql, args := s.question(p, s.limit)
		b.Queue(sql, args...)
	}
	results := s.conn.SendBatch(ctx, b)
	has, err = s.receive(results, next, ahead)
	if closed := results.Close(); err == nil {
		err = closed
	}
	return has && err == nil, err
}

func (s *tailStep) receive(results pgx.BatchResults, next *window, ahead *tailAhead) (has bool, err error) {
	if _, err := results.Exec(); err != nil {
		return false, s.t.goneOr(err)
	}
	tag, err := results.Exec()
	if err == nil && tag.String() != "COMMIT" {
		err = fmt.Errorf("the server answered %s to COMMIT", tag)
	}
	if err != nil {
		return false, err
	}
	s.again, s.loop.Attempt = nil, 0
	s.handed(next)
	if !next.more {
		return false, nil
	}
	s.place = place{}
	if err := s.place.scan(results.QueryRow()); err != nil {
		if errors.Is(err, pgx.ErrNoRows) {
			return false, nil
		}
		return false, err
	}
	has = s.place.key() == next.then.key()
	if ahead != nil {
		s.ahead = ahead.end()
		s.rows, s.spare = s.spare, s.rows
		return has, nil
	}
	if s.ahead = nil; s.t.o.Replica != nil {
		return has, nil // window reads, there
	}
	rows, err := results.Query()
	if err != nil {
		return false, err
	}
	err = s.decode(rows, &s.rows)
	read := s.rows.all
	s.ahead = &read
	return has, err
}

// noPlace says why there is no row to work on: somebody else has it, or it is gone.
func (s *tailStep) noPlace(ctx context.Context) error {
	rows, err := s.t.places(ctx, s.tx)
	if err != nil {
		return err
	}
	if len(rows) > 0 && int(rows[len(rows)-1].parts) != s.t.o.Of {
		return s.t.refusal(store.TailOtherParts, "another process has dealt it out to %d parts, not %d: start this one with the same TailOptions.Of",
			rows[len(rows)-1].parts, s.t.o.Of)
	}
	if len(rows) == 0 {
		return errNoPlace
	}
	return nil
}

var errTailTx = errors.New("postgres: the transaction of a tail ends with the batch")
