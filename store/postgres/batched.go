package postgres

import (
	"context"
	"fmt"
	"slices"

	"github.com/eventmaestro/maestro/store"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// maxRegroups is how often a crowd is sent again without the one that spoiled its transaction,
// before each of the rest goes alone.
const maxRegroups = 4

// runProjected stores a batch of commits whose projections only queue statements.
func (s *Store) runProjected(ctx context.Context, conn *pgxpool.Conn, batch []*pending) {
	sortBatch(batch)
	budget := maxBlocked
	s.shareTx(ctx, conn, batch, s.sharedLock, &budget, 0)
}

// shareTx stores batch and its projections in one transaction. If that fails and the server's
// answer says for which of them, the others are sent again; if it doesn't, that one is looked for
// by halves.
func (s *Store) shareTx(ctx context.Context, conn *pgxpool.Conn, batch []*pending, lock string, budget *int, regroups int) {
	if len(batch) == 0 {
		return
	}
	if conn.Conn().IsClosed() || *budget <= 0 || regroups > maxRegroups {
		leaveAlone(batch)
		return
	}
	at, err := s.transact(ctx, conn, batch, lock)
	err = s.heard(conn, err)
	switch f := fateOf(err); {
	case err == nil:
		for _, p := range batch {
			p.err = nil
		}
	case f == fateUnknown || f == fateGeneral:
		err = translate("commit events", err)
		for _, p := range batch {
			p.err = err
		}
	case isRefusal(err) && at == nil && s.regroup(ctx, conn, batch, lock, budget, regroups):
	case at != nil:
		at.refer(err)
		rest := slices.DeleteFunc(slices.Clone(batch), func(p *pending) bool { return p == at })
		s.shareTx(ctx, conn, rest, lock, budget, regroups+1)
	case len(batch) == 1:
		s.blocked(err, budget)
		batch[0].refer(err)
	case f == fateSettled || f == fateStale:
		leaveAlone(batch)
	default:
		s.blocked(err, budget)
		s.isolate(batch, err, func(part []*pending) { s.shareTx(ctx, conn, part, s.isolatingLock, budget, regroups) })
	}
}

// regroup answers the commits that the log has something against and sends the others again. It
// reports whether it found any.
func (s *Store) regroup(ctx context.Context, conn *pgxpool.Conn, batch []*pending, lock string, budget *int, regroups int) bool {
	asking, end := s.seenThrough(ctx, conn, nil)
	defer end()
	if err := s.askNews(asking, conn, batch); err != nil {
		return false
	}
	var rest []*pending
	for _, p := range batch {
		if p.err = p.verdict(); p.err == nil {
			rest = append(rest, p)
		}
	}
	if len(rest) == len(batch) {
		return false
	}
	s.conflicts.tell(len(batch), len(batch)-len(rest), 0)
	s.shareTx(ctx, conn, rest, lock, budget, regroups)
	return true
}

// tryProjected is the attempt for a commit whose projections only queue statements.
func (s *Store) tryProjected(ctx context.Context, conn *pgxpool.Conn, p *pending, lock string) error {
	_, err := s.transact(ctx, conn, []*pending{p}, lock)
	p.stored = err == nil
	return err
}

// transact stores batch and its projections in one transaction and one round trip. An error comes
// with the commit whose projection it struck, if it is known; that the rows of others are in the
// same transaction is a possible reason of it.
func (s *Store) transact(ctx context.Context, conn *pgxpool.Conn, batch []*pending, lock string) (*pending, error) {
	ctx, end := s.seenThrough(ctx, conn, batch)
	defer end()
	at, err := s.pipeline(ctx, conn, &work{begin: true, commit: true, batch: batch, lock: lock})
	if err != nil {
		leave(ctx, conn)
		return at, err
	}
	s.conflicts.tell(len(batch), 0, 0)
	return nil, nil
}

// work is what is sent to the server in one go: a transaction, or a part of one.
type work struct {
	begin, commit bool
	batch         []*pending // to store, and then to do what their projections queued
	lock          string     // how long to wait for each row
	routed        []statement
	tx            pgx.Tx // set where it began and didn't commit
}

// pipeline does w in one round trip. An error comes with the commit whose projection it struck, if
// it is known.
func (s *Store) pipeline(ctx context.Context, conn *pgxpool.Conn, w *work) (*pending, error) {
	b := &pgx.Batch{QueuedQueries: make([]*pgx.QueuedQuery, 0, 3+len(w.batch))}
	switch {
	case w.begin && w.commit:
		b.Queue("BEGIN ISOLATION LEVEL READ COMMITTED")
	case w.begin:
		b.BeginTx(readCommitted)
	}
	if s.routes() {
		w.routed = s.queueRouted(b, w.batch...)
	} else if len(w.batch) > 0 {
		sql, args, release := s.plainCall(w.batch, w.lock)
		defer release()
		b.Queue(sql, args...)
	}
	for _, p := range w.batch {
		for _, q := range p.queued {
			// A queued query is used up by sending it.
			b.Queue(q.SQL, q.Arguments...)
		}
	}
	if w.commit {
		b.Queue("COMMIT")
	}

	results := conn.SendBatch(ctx, b)
	reached, err := w.receive(results)
	if closeErr := results.Close(); err == nil {
		err = closeErr
	}
	w.tx = results.Tx()
	if err == nil {
		return nil, nil
	}
	return conclude(conn, w.batch, reached, err)
}

// reached says which statement of a transaction was the last to be answered.
type reached struct {
	phase phase
	p     *pending    // in phaseQueries, whose query it was
	query queuedQuery // the same
}

type phase int

const (
	phaseBegin phase = iota
	phaseEvents
	phaseQueries
	phaseCommit
)

// receive reads the results until an error.
func (w *work) receive(results pgx.BatchResults) (reached, error) {
	if w.begin {
		if _, err := results.Exec(); err != nil {
			return reached{phase: phaseBegin}, err
		}
	}
	if err := w.receiveEvents(results); err != nil {
		return reached{phase: phaseEvents}, err
	}
	for _, p := range w.batch {
		for _, q := range p.queued {
			if _, err := results.Exec(); err != nil {
				return reached{phaseQueries, p, q}, err
			}
		}
	}
	if !w.commit {
		return reached{}, nil
	}
	tag, err := results.Exec()
	if err == nil && tag.String() != "COMMIT" {
		err = fmt.Errorf("%w: the server answered %s to COMMIT", store.ErrOutcomeUnknown, tag)
	}
	return reached{phase: phaseCommit}, err
}

func (w *work) receiveEvents(results pgx.BatchResults) error {
	switch {
	case w.routed != nil:
		return receiveRouted(results, w.routed)
	case len(w.batch) == 0:
		return nil
	}
	tag, err := results.Exec()
	if err != nil {
		return err
	}
	return complete(tag, w.batch)
}

// conclude says what an error in a transaction means, and whose it is if that is known.
func conclude(conn *pgxpool.Conn, batch []*pending, r reached, err error) (*pending, error) {
	if sql, never := unsent(err); never {
		if said := pgError(err); said == nil && conn.Conn().IsClosed() && !unencodable(err) || said != nil && !definite(said) {
			// The connection broke while the statements were prepared: that is nobody's fault.
			return nil, fmt.Errorf("%w: prepare: %w", store.ErrUnavailable, err)
		}
		return whose(batch, sql, err)
	}
	answered := pgError(err) != nil && definite(pgError(err))
	switch {
	case answered && r.phase == phaseQueries:
		return r.p, &store.ProjectionError{Event: r.p.commit.Events[r.query.event], Err: projections{r.query.by}.meaning(err)}
	case answered && r.phase == phaseCommit && len(batch) > 0 && fateOf(err) != fateUnknown:
		// A deferred constraint: anyone's.
		return nil, atTheEnd(batch, err)
	case pgError(err) == nil && r.phase == phaseBegin && !conn.Conn().IsClosed():
		// The connection is well and nothing began: an argument that the driver could not encode.
		return nil, &store.ProjectionError{Event: batch[0].firstEvent(), Err: err}
	}
	return nil, err
}

// whose is conclude for a statement that was not sent. An argument that can't be encoded is the
// fault of one of those who queued that statement, and which one the driver does not say.
func whose(batch []*pending, sql string, err error) (*pending, error) {
	var first *pending
	var refused *store.ProjectionError
	for _, p := range batch {
		for _, q := range p.queued {
			switch {
			case q.SQL != sql:
			case first == nil:
				first, refused = p, &store.ProjectionError{Event: p.commit.Events[q.event], Err: err}
			case first != p && unencodable(err):
				return nil, refused
			}
		}
	}
	if first == nil {
		return nil, err
	}
	return first, refused
}

// leave ends what is left of a transaction that failed, so that the connection is good for more or
// closed.
func leave(ctx context.Context, conn *pgxpool.Conn) {
	pg := conn.Conn().PgConn()
	if pg.IsClosed() || pg.TxStatus() == 'I' && !pg.IsBusy() {
		return
	}
	if _, err := conn.Exec(ctx, "ROLLBACK"); err != nil {
		discard(conn)
	}
}
