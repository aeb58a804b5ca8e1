package postgres

import (
	"context"
	"encoding/hex"
	"fmt"
	"slices"

	"github.com/eventmaestro/maestro/store"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// maxRegroups is how often a crowd is sent again without the one that spoiled its transaction, before each
// of the rest goes alone.
const maxRegroups = 4

// runProjected stores a batch of commits whose projections only queue statements.
func (s *Store) runProjected(ctx context.Context, conn *pgxpool.Conn, batch []*pending) {
	sortBatch(batch)
	s.shareTx(ctx, conn, batch, s.sharedLock, 0)
}

// shareTx stores batch and its projections in one transaction. If that fails and the server's answer says for which of
// them, the others are sent again; if it doesn't, that one is looked for by halves.
func (s *Store) shareTx(ctx context.Context, conn *pgxpool.Conn, batch []*pending, lock string, regroups int) {
	if len(batch) == 0 {
		return
	}
	if conn.Conn().IsClosed() || regroups > maxRegroups {
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
	case isGuard(err):
		s.regroup(ctx, conn, batch, unstored(batch, err), lock, regroups)
	case at != nil:
		at.refer(err)
		rest := slices.DeleteFunc(slices.Clone(batch), func(p *pending) bool { return p == at })
		s.shareTx(ctx, conn, rest, lock, regroups+1)
	case len(batch) == 1:
		batch[0].refer(err)
	case f == fateSettled || f == fateStale:
		leaveAlone(batch)
	default:
		isolate(batch, err, func(part []*pending) { s.shareTx(ctx, conn, part, s.isolatingLock, regroups) })
	}
}

// regroup answers the commits that the guard named and sends the others again.
func (s *Store) regroup(ctx context.Context, conn *pgxpool.Conn, batch, refused []*pending, lock string, regroups int) {
	if len(refused) == 0 {
		leaveAlone(batch)
		return
	}
	s.calm.note(len(refused), len(batch))
	for _, p := range refused {
		p.stored = false
		p.answer()
	}
	rest := slices.DeleteFunc(slices.Clone(batch), func(p *pending) bool { return slices.Contains(refused, p) })
	s.shareTx(ctx, conn, rest, lock, regroups)
}

// unstored are the commits that a strict statement named when it failed.
func unstored(batch []*pending, guard error) []*pending {
	var list []*pending
	for _, name := range guardNames(guard) {
		for _, p := range batch {
			if hex.EncodeToString(p.commit.AggregateID[:]) == name {
				list = append(list, p)
			}
		}
	}
	return list
}

// tryProjected is the attempt for a commit whose projections only queue statements.
func (s *Store) tryProjected(ctx context.Context, conn *pgxpool.Conn, p *pending, lock string) error {
	_, err := s.transact(ctx, conn, []*pending{p}, lock)
	if err != nil && isGuard(err) && len(guardNames(err)) > 0 {
		return nil // it is not marked as stored
	}
	p.stored = err == nil
	return err
}

// transact stores batch and its projections in one transaction and one round trip. An error comes with the
// commit whose projection it struck, if it is known; that the rows of others are in the same transaction is a
// possible reason of it.
func (s *Store) transact(ctx context.Context, conn *pgxpool.Conn, batch []*pending, lock string) (*pending, error) {
	ctx, end := s.seenThrough(ctx, conn)
	defer end()
	if s.calm.holds() {
		sql, args, release := s.plainCall(batch, lock)
		at, err := s.pipeline(ctx, conn, batch, sql, args, false)
		release()
		if err == nil || at != nil || !isUnique(err) {
			return at, err
		}
		s.calm.ends()
	}
	sql, args, release := s.generalCall(batch, lock, true)
	defer release()
	at, err := s.pipeline(ctx, conn, batch, sql, args, true)
	if err == nil {
		s.calm.note(0, len(batch))
	}
	return at, err
}

// pipeline sends a transaction that inserts by sql, carefully or not, and then does what the projections queued.
func (s *Store) pipeline(ctx context.Context, conn *pgxpool.Conn, batch []*pending, sql string, args []any, careful bool) (*pending, error) {
	b := &pgx.Batch{QueuedQueries: make([]*pgx.QueuedQuery, 0, 3+len(batch))}
	b.Queue("BEGIN ISOLATION LEVEL READ COMMITTED")
	b.Queue(sql, args...)
	for _, p := range batch {
		for _, q := range p.queued {
			// A queued query is used up by sending it.
			b.Queue(q.SQL, q.Arguments...)
		}
	}
	b.Queue("COMMIT")

	results := conn.SendBatch(ctx, b)
	reached, err := receive(results, batch, careful)
	if closeErr := results.Close(); err == nil {
		err = closeErr
	}
	if err == nil {
		return nil, nil
	}
	at, err := conclude(conn, batch, reached, err)
	leave(ctx, conn)
	return at, err
}

// reached says which statement of a transaction was the last to be answered.
type reached struct {
	phase phase
	p     *pending // in phaseQueries, with the index of the event
	event int
}

type phase int

const (
	phaseBegin phase = iota
	phaseEvents
	phaseQueries
	phaseCommit
)

// receive reads the results of a transaction until an error.
func receive(results pgx.BatchResults, batch []*pending, careful bool) (reached, error) {
	if _, err := results.Exec(); err != nil {
		return reached{phase: phaseBegin}, err
	}
	if careful {
		if err := scanStored(results.QueryRow(), batch); err != nil {
			return reached{phase: phaseEvents}, err
		}
	} else if tag, err := results.Exec(); err != nil {
		return reached{phase: phaseEvents}, err
	} else if err := complete(tag, batch); err != nil {
		return reached{phase: phaseEvents}, err
	}
	for _, p := range batch {
		for _, q := range p.queued {
			if _, err := results.Exec(); err != nil {
				return reached{phaseQueries, p, q.event}, err
			}
		}
	}
	tag, err := results.Exec()
	if err == nil && tag.String() != "COMMIT" {
		err = fmt.Errorf("%w: the server answered %s to COMMIT", store.ErrOutcomeUnknown, tag)
	}
	return reached{phase: phaseCommit}, err
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
		return r.p, &store.ProjectionError{Event: r.p.commit.Events[r.event], Err: err}
	case answered && r.phase == phaseCommit:
		// A deferred constraint: anyone's.
		return nil, &store.ProjectionError{Event: batch[0].firstEvent(), Err: err}
	case pgError(err) == nil && r.phase == phaseBegin && !conn.Conn().IsClosed():
		// The connection is well and nothing began: an argument that the driver could not encode.
		return nil, &store.ProjectionError{Event: batch[0].firstEvent(), Err: err}
	}
	return nil, err
}

// whose is conclude for a statement that was not sent. An argument that can't be encoded is the fault of one of those who
// queued that statement, and which one the driver does not say.
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

// leave ends what is left of a transaction that failed, so that the connection is good for more or closed.
func leave(ctx context.Context, conn *pgxpool.Conn) {
	pg := conn.Conn().PgConn()
	if pg.IsClosed() || pg.TxStatus() == 'I' && !pg.IsBusy() {
		return
	}
	if _, err := conn.Exec(ctx, "ROLLBACK"); err != nil {
		discard(conn)
	}
}
