package postgres

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"time"

	"github.com/eventmaestro/maestro/hlc"
	"github.com/eventmaestro/maestro/store"
	"github.com/eventmaestro/maestro/types"
	"github.com/jackc/pgx/v5"
)

// txStore is the adapter inside of a transaction of the application.
type txStore struct {
	s  *Store
	tx pgx.Tx
}

var (
	_ store.Tx         = (*txStore)(nil)
	_ store.CommandLog = (*txStore)(nil)
)

func (t *txStore) Base() store.Adapter { return t.s }

func (t *txStore) Load(ctx context.Context, id hlc.Timestamp, r store.Range) iter.Seq2[store.Entry, error] {
	return t.s.loadFrom(ctx, t.tx, id, r)
}

func (t *txStore) Events(ctx context.Context, id hlc.Timestamp, r store.Range) iter.Seq2[types.Event, error] {
	return t.s.eventsFrom(ctx, t.tx, id, r)
}

func (t *txStore) LatestSnapshot(ctx context.Context, id hlc.Timestamp, r store.Range) (*types.Snapshot, error) {
	return t.s.snapshotFrom(ctx, t.tx, id, r)
}

// LookupCommand finds the command IDs that the transaction used, too.
func (t *txStore) LookupCommand(ctx context.Context, aggregateID hlc.Timestamp, commandID string) (*store.CommandRecord, error) {
	if err := t.s.recording(); err != nil {
		return nil, err
	}
	return t.s.lookupFrom(ctx, t.tx, aggregateID, commandID)
}

func (t *txStore) PruneCommands(ctx context.Context, before time.Time) (int64, error) {
	return t.s.pruneFrom(ctx, t.tx, before)
}

func (t *txStore) CommitSnapshot(ctx context.Context, snapshot types.Snapshot) error {
	return t.s.isolated(ctx, t.tx, func(q querier) error { return t.s.saveSnapshot(ctx, q, snapshot) })
}

// Commit stores the events in a savepoint. As the server commits nothing before the application
// says so, a lost answer is not an unknown outcome here: the transaction is lost with it.
func (t *txStore) Commit(ctx context.Context, c store.Commit) error {
	if err := t.s.check(&c); err != nil {
		return err
	}
	if ctx.Err() != nil {
		return notSent(ctx, "commit events", ctx.Err())
	}
	p := &pending{commit: &c}
	for races := 0; races <= maxRaces; races++ {
		p.stored, p.told = false, false
		p.err = t.s.isolated(ctx, t.tx, func(q querier) error { return t.try(ctx, q.(pgx.Tx), p) })
		if p.err == nil && p.stored {
			return nil
		}
		if err := t.refusal(ctx, p, races); err != nil {
			return err
		}
	}
	return fmt.Errorf("%w: commit events: %w", store.ErrUnavailable, errOr(p.err))
}

// try stores the events and runs the projections inside of tx, which is a savepoint.
func (t *txStore) try(ctx context.Context, tx pgx.Tx, p *pending) error {
	if err := t.store(ctx, tx, p); err != nil || !p.stored {
		return err
	}
	for _, e := range p.commit.Events {
		for _, projection := range ownProjections(p.commit.Projections) {
			if err := projection.run(ctx, tx, e); err != nil {
				return err
			}
		}
	}
	return nil
}

// store stores the events, if p is marked, and what stands against them otherwise.
func (t *txStore) store(ctx context.Context, tx pgx.Tx, p *pending) error {
	if t.s.routes() {
		return t.s.storeIn(ctx, tx, p)
	}
	return t.s.insertCareful(ctx, tx, []*pending{p}, "")
}

func (t *txStore) refusal(ctx context.Context, p *pending, races int) error {
	var projection *store.ProjectionError
	if p.err != nil && !errors.Is(p.err, errTaken) {
		pgErr := pgError(p.err)
		switch f := fateOf(p.err); {
		case ctx.Err() != nil:
			return notSent(ctx, "commit events", p.err)
		case errors.As(p.err, &projection), f == fateSettled:
			return p.err
		case f == fateStale:
			return nil // the savepoint is gone, and with it nothing
		case f == fateUnknown:
			return fmt.Errorf("%w: commit events: the transaction is lost: %w", store.ErrUnavailable, p.err)
		case pgErr != nil && pgErr.Code == codeSerialization:
			// The row that is in the way was committed after the transaction's view of the database was
			// taken.
			return fmt.Errorf("%w: %w", store.ErrConflict, p.err)
		case f != fateParticular:
			return translate("commit events", p.err)
		}
	}
	return t.s.inSnapshot(ctx, t.tx, t.s.refusal(ctx, t.tx, p, races))
}

// inSnapshot turns an ErrNoPredecessor into an ErrConflict where tx looks at an older view of the
// database than the one that the commit was decided on: nothing is lost, it is only not seen.
func (s *Store) inSnapshot(ctx context.Context, tx pgx.Tx, err error) error {
	var missing *store.PredecessorError
	if !errors.As(err, &missing) {
		return err
	}
	var level string
	if tx.QueryRow(ctx, `SELECT current_setting('transaction_isolation')`).Scan(&level) == nil && level != "read committed" {
		return fmt.Errorf("%w: the predecessor was committed after the transaction's snapshot was taken: %w", store.ErrConflict, errors.New(err.Error()))
	}
	return err
}

// isolated runs f so that a refusal by the server leaves q usable: within a savepoint, if q is a
// transaction.
func (s *Store) isolated(ctx context.Context, q querier, f func(q querier) error) error {
	tx, ok := q.(pgx.Tx)
	if !ok {
		return f(q)
	}
	savepoint, err := tx.Begin(ctx)
	if errors.Is(err, pgx.ErrTxClosed) {
		return errTxEnded
	}
	if err != nil {
		return notSent(ctx, "begin a savepoint", err)
	}
	err = f(savepoint)
	// Where ctx ended meanwhile, the savepoint must not stay open: what it holds would be committed
	// with the transaction.
	ending, cancel := s.sending(ctx)
	defer cancel()
	if err != nil {
		// If this fails the connection is gone, which the next statement of the application will say.
		_ = savepoint.Rollback(ending)
		return err
	}
	if err := savepoint.Commit(ending); err != nil {
		return notSent(ctx, "release a savepoint", err)
	}
	return nil
}
