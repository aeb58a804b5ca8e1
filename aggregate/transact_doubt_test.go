package aggregate_test

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/eventmaestro/maestro/aggregate"
	"github.com/eventmaestro/maestro/store"
)

// answerless loses the answers to the ends of transactions: after they were carried out, or before.
type answerless struct {
	store.Adapter
	store.CommandLog
	begins store.Transactor
	lose   atomic.Int32 // how many are still to be lost
	after  bool
	late   store.OwnTx // the last one that was lost, where they are to arrive later
	keep   bool        // … which they are
}

func (a *answerless) BeginTx(ctx context.Context) (store.OwnTx, error) {
	tx, err := a.begins.BeginTx(ctx)
	return &answerlessTx{tx, a}, err
}

type answerlessTx struct {
	store.OwnTx
	a *answerless
}

func (tx *answerlessTx) Base() store.Adapter { return tx.a }

func (tx *answerlessTx) End(ctx context.Context) error {
	if tx.a.lose.Add(-1) < 0 {
		return tx.OwnTx.End(ctx)
	}
	if tx.a.keep {
		tx.a.late = tx.OwnTx
		return fmt.Errorf("%w: the answer got lost", store.ErrOutcomeUnknown)
	}
	if tx.a.after {
		if err := tx.OwnTx.End(ctx); err != nil {
			return err
		}
	} else {
		tx.Abort(ctx)
	}
	return fmt.Errorf("%w: the answer got lost", store.ErrOutcomeUnknown)
}

func (tx *answerlessTx) Abort(ctx context.Context) {
	if tx.a.late != tx.OwnTx {
		tx.OwnTx.Abort(ctx)
	}
}

// An attempt whose answer got lost arrives while the next one is on its way: before that looks at
// the aggregates, between two of them, at its end, or when it has been stored.
func TestALateAttemptOfATransactionIsStoredInPlaceOfTheNextOrNotAtAll(t *testing.T) {
	t.Parallel()
	onEveryTransactor(t, func(t *testing.T, open func() store.Adapter) {
		for moment := range 5 {
			s := open()
			a := &answerless{Adapter: s, CommandLog: s.(store.CommandLog), begins: s.(store.Transactor), keep: true}
			p := newProcess(t, a, nil)
			x, y := newID(t, p.root), newID(t, p.root)
			require.NoError(t, p.both(t.Context(), adds(x, 10), adds(y, 10)))
			a.lose.Store(1)
			runs, arrives := 0, func() { require.NoError(t, a.late.End(t.Context())) }
			err := p.sup.Transact(t.Context(), func(ctx context.Context, tx store.Tx) error {
				if runs++; runs == 2 && moment == 0 {
					arrives()
				}
				if runs == 2 && moment == 1 {
					arrives()
					require.NoError(t, p.root.Evaluate(t.Context(), adds(newID(t, p.root), 1)))
					_, err := p.root.Fetch(t.Context(), x) // and the process knows it
					require.NoError(t, err)
				}
				if _, err := p.root.EvaluateTx(ctx, tx, adds(x, 1)); err != nil {
					return err
				}
				if runs == 2 && moment == 2 {
					arrives()
				}
				_, err := p.root.EvaluateTx(ctx, tx, adds(y, 1))
				if runs == 2 && moment == 3 {
					arrives()
				}
				return err
			})
			require.NoError(t, err, moment)
			if moment == 4 {
				require.ErrorIs(t, a.late.End(t.Context()), store.ErrConflict)
			}
			q := newProcess(t, s, nil)
			require.Equal(t, 11, totalOf(t, q, x), "moment %d", moment)
			require.Equal(t, 11, totalOf(t, q, y), "moment %d", moment)
		}
	})
}

// The first aggregate of an attempt in doubt stays where it was; a stranger takes the place of the
// second one. So the attempt can't arrive any more, and the next one does not wait for that.
func TestAnAttemptInDoubtOfWhichOnePlaceIsTakenIsForgotten(t *testing.T) {
	t.Parallel()
	onEveryTransactor(t, func(t *testing.T, open func() store.Adapter) {
		s := open()
		a := &answerless{Adapter: s, CommandLog: s.(store.CommandLog), begins: s.(store.Transactor), keep: true}
		p, other := newProcess(t, a, nil), newProcess(t, s, nil)
		x, y := newID(t, p.root), newID(t, p.root)
		require.NoError(t, p.both(t.Context(), adds(x, 10), adds(y, 10)))
		a.lose.Store(1)
		runs := 0
		require.NoError(t, p.sup.Transact(t.Context(), func(ctx context.Context, tx store.Tx) error {
			if runs++; runs == 2 {
				evaluate(t, other.root, adds(y, 5))
			}
			if _, err := p.root.EvaluateTx(ctx, tx, adds(x, 1)); err != nil {
				return err
			}
			_, err := p.root.EvaluateTx(ctx, tx, adds(y, 1))
			return err
		}))
		require.ErrorIs(t, a.late.End(t.Context()), store.ErrConflict)
		q := newProcess(t, s, nil)
		require.Equal(t, 11, totalOf(t, q, x))
		require.Equal(t, 16, totalOf(t, q, y))
	})
}

func TestALostAnswerToATransactionIsSettledByItsEvents(t *testing.T) {
	t.Parallel()
	onEveryTransactor(t, func(t *testing.T, open func() store.Adapter) {
		for _, after := range []bool{true, false} {
			s := open()
			a := &answerless{Adapter: s, CommandLog: s.(store.CommandLog), begins: s.(store.Transactor), after: after}
			p := newProcess(t, a, nil)
			x, y := newID(t, p.root), newID(t, p.root)
			a.lose.Store(1)
			runs := 0
			require.NoError(t, p.sup.Transact(t.Context(), func(ctx context.Context, tx store.Tx) error {
				runs++
				if _, err := p.root.EvaluateTx(ctx, tx, adds(x, 1)); err != nil {
					return err
				}
				_, err := p.root.EvaluateTx(ctx, tx, adds(y, 1))
				return err
			}))
			require.Equal(t, map[bool]int{true: 1, false: 2}[after], runs)
			q := newProcess(t, s, nil)
			require.Equal(t, 1, totalOf(t, q, x))
			require.Equal(t, 1, totalOf(t, q, y))

			// A repeat that comes to nothing leaves the first one open.
			a.lose.Store(1)
			runs = 0
			err := p.sup.Transact(t.Context(), func(ctx context.Context, tx store.Tx) error {
				if runs++; runs > 1 {
					return errors.New("changed my mind")
				}
				_, err := p.root.EvaluateTx(ctx, tx, adds(x, 1))
				return err
			})
			if after {
				require.NoError(t, err)
			} else {
				var unknown *aggregate.OutcomeUnknownError
				require.ErrorAs(t, err, &unknown)
				require.Len(t, unknown.Timestamps, 1)
			}
		}
	})
}
