package storetest

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/eventmaestro/maestro/hlc"
	"github.com/eventmaestro/maestro/store"
	"github.com/eventmaestro/maestro/store/memory"
	"github.com/eventmaestro/maestro/types"
	"github.com/stretchr/testify/require"
)

// staging begins a transaction that has an aggregate locked and its first event staged.
func (v *env) staging() (store.OwnTx, types.Event) {
	v.Helper()
	e := v.event(v.stamp(), 1)
	_, tx := v.ownTx()
	v.lock(tx, e.AggregateID)
	require.NoError(v, tx.Stage(of(e)))
	return tx, e
}

func TestEachFaultOfAnEndIsWhatItSays(t *testing.T) {
	t.Parallel()
	for fault, want := range outcomes {
		t.Run(fault.String(), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				v, f := faulty(t, 1, nil)
				tx, e := v.staging()
				f.Next(OpEnd, fault)
				err := tx.End(t.Context())
				require.ErrorIs(t, err, want.err)
				require.Equal(t, want.err != nil, err != nil)
				require.Equal(t, 1, f.Count(OpEnd, fault))
				_, next := v.ownTx()
				v.lock(next, e.AggregateID) // which nobody holds any more
				if want.stored {
					v.holds(e.AggregateID, e)
					return
				}
				require.ErrorIs(t, err, ErrInjected)
				v.holds(e.AggregateID)
				v.must(e)
			})
		})
	}
}

func TestAFaultInATransactionEndsIt(t *testing.T) {
	t.Parallel()
	for fault, want := range map[Fault]error{FaultRefused: store.ErrUnavailable, FaultDeadlock: store.ErrDeadlock} {
		for name, do := range map[string]func(tx store.OwnTx) error{
			"lock": func(tx store.OwnTx) error {
				_, _, err := tx.Lock(t.Context(), fill(1), 1)
				return err
			},
			"send":   func(tx store.OwnTx) error { return tx.Send(t.Context()) },
			"commit": func(tx store.OwnTx) error { return tx.Commit(t.Context(), of(types.Event{AggregateID: fill(1)})) },
		} {
			t.Run(fault.String()+" "+name, func(t *testing.T) {
				t.Parallel()
				v, f := faulty(t, 1, nil)
				tx, e := v.staging()
				f.Next(OpTx, fault)
				require.ErrorIs(t, do(tx), want)
				require.Error(t, tx.End(t.Context()))
				v.holds(e.AggregateID)
				_, next := v.ownTx()
				v.lock(next, e.AggregateID)
			})
		}
	}
}

func TestAPanicOfAnEndStoresNothing(t *testing.T) {
	t.Parallel()
	v, f := faulty(t, 1, nil)
	tx, e := v.staging()
	f.Next(OpEnd, FaultPanic)
	require.PanicsWithValue(t, ErrInjected, func() { _ = tx.End(t.Context()) })
	v.holds(e.AggregateID)
	_, next := v.ownTx()
	v.lock(next, e.AggregateID)
}

func TestALateEndHoldsItsLocksUntilItArrives(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		v, f := faulty(t, 1, &FaultOptions{Late: time.Second})
		tx, e := v.staging()
		f.Next(OpEnd, FaultLate)
		require.ErrorIs(t, tx.End(t.Context()), store.ErrOutcomeUnknown)
		tx.Abort(t.Context())
		_, err := readAll(t.Context(), tx, e.AggregateID, store.Range{})
		require.Error(t, err, "it has ended for its caller")
		v.holds(e.AggregateID)
		require.Equal(t, 1, f.Pending())
		_, next := v.ownTx()
		events, _, err := next.Lock(t.Context(), e.AggregateID, 1)
		require.NoError(t, err)
		v.same([]types.Event{e}, events)
		synctest.Wait()
		require.Zero(t, f.Pending())
	})
}

// TestALateEndLetsGoWhereNoTimePasses has nobody but the caller that would let it arrive.
func TestALateEndLetsGoWhereNoTimePasses(t *testing.T) {
	t.Parallel()
	v, f := faulty(t, 1, &FaultOptions{LateCalls: 1000})
	tx, e := v.staging()
	f.Next(OpEnd, FaultLate)
	require.ErrorIs(t, tx.End(t.Context()), store.ErrOutcomeUnknown)
	_, next := v.ownTx()
	v.lock(next, e.AggregateID)
	v.holds(e.AggregateID, e)

	table := memory.NewTable[hlc.Timestamp, bool](f.Unwrap().(*memory.Store))
	writing := []store.Projection{memory.Projection(func(_ context.Context, tx *memory.ProjectionTx, e types.Event) error {
		return table.In(tx).Insert(e.Timestamp, true)
	})}
	_, writer := v.ownTx()
	c := of(v.event(v.stamp(), 1))
	c.Projections = writing
	require.NoError(t, writer.Commit(t.Context(), c))
	f.Next(OpEnd, FaultLate)
	require.ErrorIs(t, writer.End(t.Context()), store.ErrOutcomeUnknown)
	require.NoError(t, v.project(writing, v.event(v.stamp(), 1)))
	require.Equal(t, 2, table.Len())
}

func TestALateEndLosesAgainstACommitThatOvertookIt(t *testing.T) {
	t.Parallel()
	v, f := faulty(t, 1, &FaultOptions{Late: time.Hour})
	tx, e := v.staging()
	f.Next(OpEnd, FaultLate)
	require.ErrorIs(t, tx.End(t.Context()), store.ErrOutcomeUnknown)
	v.must(e)
	f.Settle()
	v.holds(e.AggregateID, e)
}

func TestAMadeUpConflictOfAnEndIsNotUndoneByALateCommit(t *testing.T) {
	t.Parallel()
	v, f := faulty(t, 1, &FaultOptions{Late: time.Hour})
	tx, e := v.staging()
	f.Next(OpCommit, FaultLate)
	require.ErrorIs(t, v.commit(e), store.ErrOutcomeUnknown)
	f.Next(OpEnd, FaultConflict)
	require.ErrorIs(t, tx.End(t.Context()), store.ErrConflict)
	require.Zero(t, f.Pending())
	v.holds(e.AggregateID, e)
}

func TestAFlushMeetsItsFaults(t *testing.T) {
	t.Parallel()
	v, f := faulty(t, 1, nil)
	f.Next(OpFlush, FaultRefused)
	require.ErrorIs(t, f.Flush(t.Context(), hlc.Timestamp{}), store.ErrUnavailable)
	require.NoError(t, f.Flush(t.Context(), hlc.Timestamp{}))
	require.NoError(t, NewFaults(plain{memory.New()}, 1, nil).Flush(t.Context(), hlc.Timestamp{}), "visible is durable there")
	_, err := NewFaults(plain{memory.New()}, 1, nil).BeginTx(t.Context())
	require.ErrorIs(t, err, store.ErrUnsupported)
	require.False(t, errors.Is(v.commit(v.event(v.stamp(), 1)), ErrInjected))
}
