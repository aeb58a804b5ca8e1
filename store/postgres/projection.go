package postgres

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"

	"github.com/jackc/pgx/v5"

	"github.com/eventmaestro/maestro/internal/panics"
	"github.com/eventmaestro/maestro/store"
	"github.com/eventmaestro/maestro/types"
)

// Projection returns a projection: f runs inside of the transaction that commits the event. tx
// already sees the event. An error or a panic of f refuses the commit with a
// *store.ProjectionError, and so does an error that tx reported and f ignored. f must read to the
// end what it reads from tx. Commit and Rollback of tx return an error, Begin makes a savepoint.
//
// f may be called again for the same event in another transaction, after the first was rolled back.
// It runs in the goroutine of Commit's caller, with the values of its context.
// Options.CommitTimeout bounds it together with the whole commit.
func Projection(f func(ctx context.Context, tx pgx.Tx, e types.Event) error, refusals ...Refusals) store.Projection {
	if f == nil {
		return nil // which aggregate.NewRoot refuses
	}
	return &projection{direct: f, refusals: refusals}
}

// BatchProjection returns a projection for which f queues statements on b. They run inside of the
// transaction that commits the event, in order, and in the round trip that the commit needs anyway.
// It is the fast form: commits that have only batched projections and wait at the same moment share
// a transaction. If a statement fails, its commit is refused with a *store.ProjectionError, and the
// others are not affected.
//
// f is called once for each event, before anything is sent. Callbacks of a queued query get its
// result. A commit with callbacks travels alone, and an error of a callback refuses it.
func BatchProjection(f func(b *pgx.Batch, e types.Event) error, refusals ...Refusals) store.Projection {
	if f == nil {
		return nil // which aggregate.NewRoot refuses
	}
	return &projection{batch: f, refusals: refusals}
}

// Refusals says what violations of a projection's constraints mean to whoever sent the command. It
// leads from a constraint's name to an error, such as one of aggregate.Reject. That error becomes
// the cause of the *store.ProjectionError, before the driver's. The name is the one in the server's
// message: for a primary key the name of its table and _pkey, and on a partitioned table the
// partition's own. Don't change the map afterwards.
//
//	taken := aggregate.Reject("the name is taken")
//	postgres.BatchProjection(names, postgres.Refusals{"names_pkey": taken})
type Refusals map[string]error

// projection is what both forms are; one of the functions is set.
type projection struct {
	direct func(ctx context.Context, tx pgx.Tx, e types.Event) error
	batch  func(b *pgx.Batch, e types.Event) error

	refusals []Refusals
}

// meaning is err with what the first of ps says of the constraint that was violated, if one does.
func (ps projections) meaning(err error) error {
	violated := pgError(err)
	if violated == nil || violated.ConstraintName == "" {
		return err
	}
	for _, p := range ps {
		for _, known := range p.refusals {
			if means := known[violated.ConstraintName]; means != nil {
				return fmt.Errorf("%w: %w", means, err)
			}
		}
	}
	return err
}

// Refusals is for aggregate.Describe.
func (p *projection) Refusals() map[string]error {
	all := map[string]error{}
	for _, known := range slices.Backward(p.refusals) { // the first has the last word
		for constraint, means := range known {
			if means != nil {
				all[constraint] = means
			}
		}
	}
	return all
}

// StoreKind is Kind.
func (*projection) StoreKind() string { return Kind }

// projections are those of this package.
type projections []*projection

// ownProjections leaves the other adapters' kinds out.
func ownProjections(all []store.Projection) projections {
	var own projections
	for _, p := range all {
		if p, ok := p.(*projection); ok {
			own = append(own, p)
		}
	}
	return own
}

// batched reports whether all of them only queue statements.
func (ps projections) batched() bool {
	for _, p := range ps {
		if p.direct != nil {
			return false
		}
	}
	return true
}

// queuedQuery is a statement that a projection queued for the event with that index.
type queuedQuery struct {
	*pgx.QueuedQuery
	by    *projection
	event int
}

// queue collects what the projections, all batched, want done for the events.
func (ps projections) queue(events []types.Event) ([]queuedQuery, error) {
	var queued []queuedQuery
	for i := range events {
		for _, p := range ps {
			b, err := p.queue(events[i])
			if err != nil {
				return nil, err
			}
			for _, query := range b.QueuedQueries {
				queued = append(queued, queuedQuery{query, p, i})
			}
		}
	}
	return queued, nil
}

func (p *projection) queue(e types.Event) (b *pgx.Batch, err error) {
	defer recovered(e, &err)
	b = &pgx.Batch{}
	err = p.batch(b, e)
	for _, q := range b.QueuedQueries {
		if err == nil && endsTransaction(q.SQL) {
			err = fmt.Errorf("%w: %s", errNotYours, q.SQL)
		}
	}
	if err != nil {
		return nil, refusedBy(e, err)
	}
	return b, nil
}

// run carries a projection of either form out inside of tx.
func (p *projection) run(ctx context.Context, tx pgx.Tx, e types.Event) (err error) {
	defer recovered(e, &err)
	if p.direct != nil {
		err = p.direct(ctx, borrowedTx{tx, errNotYours}, e)
	} else {
		b, refused := p.queue(e)
		if refused != nil {
			return refused
		}
		err = tx.SendBatch(ctx, b).Close()
	}
	switch pg := tx.Conn().PgConn(); {
	case err != nil:
	case pg.IsBusy():
		err = errors.New("postgres: the projection left rows or a batch open")
	case pg.TxStatus() == 'E':
		err = errors.New("postgres: the projection ignored an error of its transaction")
	}
	if err != nil {
		return refusedBy(e, projections{p}.meaning(err))
	}
	return nil
}

// atTheEnd is the error if a constraint was violated at the end of the transaction, by any commit
// of batch.
func atTheEnd(batch []*pending, err error) error {
	var all projections
	for _, p := range batch {
		all = append(all, ownProjections(p.commit.Projections)...)
	}
	return &store.ProjectionError{Event: batch[0].firstEvent(), Err: all.meaning(err)}
}

// refusedBy is the error of a projection. A projection may use a store itself and return that
// store's error, which says nothing of this commit. Such an error is kept as text.
func refusedBy(e types.Event, err error) error {
	for _, sentinel := range []error{
		store.ErrOutcomeUnknown, store.ErrUnavailable, store.ErrConflict, store.ErrInvalidEvent,
		store.ErrDuplicateTimestamp, store.ErrDuplicateCommand,
	} {
		if errors.Is(err, sentinel) {
			err = errors.New(err.Error())
		}
	}
	return &store.ProjectionError{Event: e, Err: err}
}

// recovered turns a panic of a projection into its error, because it may run in another caller's
// goroutine.
func recovered(e types.Event, err *error) {
	if v := recover(); v != nil {
		*err = refusedBy(e, panics.New(v))
	}
}

// endsTransaction reports whether sql would end the transaction, which others share.
func endsTransaction(sql string) bool {
	switch strings.ToUpper(firstWord(sql)) {
	case "COMMIT", "END", "ROLLBACK", "ABORT", "BEGIN", "START", "PREPARE":
		return true
	}
	return false
}

// firstWord is the first of sql's words that is not in a comment.
func firstWord(sql string) string {
	for {
		sql = strings.TrimLeft(sql, " \t\r\n\f\v;")
		switch {
		case strings.HasPrefix(sql, "--"):
			_, sql, _ = strings.Cut(sql, "\n")
		case strings.HasPrefix(sql, "/*"):
			_, sql, _ = strings.Cut(sql, "*/")
		default:
			if end := strings.IndexFunc(sql, func(r rune) bool { return !unicode.IsLetter(r) }); end >= 0 {
				sql = sql[:end]
			}
			return sql
		}
	}
}

func hasCallbacks(queued []queuedQuery) bool {
	for _, q := range queued {
		if q.Fn != nil {
			return true
		}
	}
	return false
}

// borrowedTx keeps who is lent a transaction from ending it: it answers with an error.
type borrowedTx struct {
	pgx.Tx
	refusal error
}

var errNotYours = errors.New("postgres: the transaction of a projection ends with the commit")

func (t borrowedTx) Commit(context.Context) error   { return t.refusal }
func (t borrowedTx) Rollback(context.Context) error { return t.refusal }
