package postgres

import (
	"context"
	"errors"
	"fmt"

	"github.com/eventmaestro/maestro/store"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// readCommitted doesn't ask for READ WRITE: a server that can't write refuses that in the words for
// what it does not know, and one that is not to be written to would be.
var readCommitted = pgx.TxOptions{IsoLevel: pgx.ReadCommitted}

// tryDirect is the attempt for a commit whose projections use the transaction: one round trip to
// begin it and to store the events, those of the projections, one to commit.
//
// Until COMMIT is sent, whatever happens is definite: the server can't commit by itself.
func (s *Store) tryDirect(own projections) attempt {
	return func(ctx context.Context, conn *pgxpool.Conn, p *pending, lock string) error {
		ctx, end := s.seenThrough(ctx, conn, []*pending{p})
		defer end()
		tx, err := s.begin(ctx, conn, p, lock)
		if tx != nil {
			defer rollback(ctx, conn, tx)
		}
		if err != nil || !p.stored {
			return beforeCommit(conn, err)
		}
		for _, e := range p.commit.Events {
			for _, projection := range own {
				if err := projection.run(ctx, tx, e); err != nil {
					return beforeCommit(conn, err)
				}
			}
		}
		if conn.Conn().IsClosed() {
			return beforeCommit(conn, errors.New("a projection closed the connection"))
		}
		return s.commitTx(ctx, tx, p)
	}
}

// begin begins a transaction that has stored p, if p is marked, in one round trip.
func (s *Store) begin(ctx context.Context, conn *pgxpool.Conn, p *pending, lock string) (pgx.Tx, error) {
	batch := []*pending{p}
	b := &pgx.Batch{}
	b.BeginTx(readCommitted)
	var routed []statement
	if s.routes() {
		routed = s.queueRouted(b, p)
	} else {
		sql, args, release := s.carefulCall(batch, lock)
		defer release()
		b.Queue(sql, args...)
	}
	results := conn.SendBatch(ctx, b)
	_, err := results.Exec()
	switch {
	case err == nil && routed != nil:
		err = receiveRouted(results, routed)
		p.stored = err == nil
	case err == nil:
		err = s.readBatched(results, batch)
	}
	if closeErr := results.Close(); err == nil {
		err = closeErr
	}
	return results.Tx(), err
}

func (s *Store) commitTx(ctx context.Context, tx pgx.Tx, p *pending) error {
	err := tx.Commit(ctx)
	switch {
	case err == nil:
		return nil
	case errors.Is(err, pgx.ErrTxCommitRollback):
		return &store.ProjectionError{Event: p.firstEvent(), Err: fmt.Errorf("a statement failed and the projection went on: %w", err)}
	case pgError(err) != nil && fateOf(err) != fateUnknown:
		// A deferred constraint, most likely.
		return atTheEnd([]*pending{p}, err)
	}
	return err
}

// beforeCommit marks an error as definite where the connection broke before COMMIT was sent.
func beforeCommit(conn *pgxpool.Conn, err error) error {
	if err != nil && fateOf(err) == fateUnknown || err != nil && conn.Conn().IsClosed() {
		return fmt.Errorf("%w: commit events: before the end of the transaction: %w", store.ErrUnavailable, err)
	}
	return err
}

// rollback ends what is left of a transaction, so that the connection goes back clean or not at
// all.
func rollback(ctx context.Context, conn *pgxpool.Conn, tx pgx.Tx) {
	if err := tx.Rollback(ctx); err != nil && !errors.Is(err, pgx.ErrTxClosed) {
		discard(conn)
	}
}
