package storetest

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/eventmaestro/maestro/store"
	"github.com/eventmaestro/maestro/store/memory"
	"github.com/eventmaestro/maestro/types"
	"github.com/stretchr/testify/require"
)

// faulty returns an environment whose adapter is a Faults around a memory store.
func faulty(t *testing.T, seed uint64, o *FaultOptions) (*env, *Faults) {
	t.Helper()
	f := NewFaults(memory.New(), seed, o)
	h := Harness{New: func(testing.TB) store.Adapter { return f }}
	return newEnv(t, &h), f
}

func TestWithoutFaultsTheAdapterIsWhatItWas(t *testing.T) {
	t.Parallel()
	Run(t, Harness{
		New:   func(testing.TB) store.Adapter { return NewFaults(memory.New(), 1, nil) },
		Lacks: []Feature{FeatureProcesses, FeatureConnections},
		Waiting: func(_ testing.TB, a store.Adapter) int {
			return a.(*Faults).Unwrap().(*memory.Store).Waiting()
		},
		Checkpoint: func(_ testing.TB, a store.Adapter) func() {
			return a.(*Faults).Unwrap().(*memory.Store).Checkpoint()
		},
		Projection: func(f func(context.Context, types.Event) error) store.Projection {
			return memory.Projection(ignoreTx(f))
		},
		Recorder: func(_ testing.TB, a store.Adapter) Recorder {
			r := (&broken{Store: a.(*Faults).Unwrap().(*memory.Store)}).recorder()
			r.Projection = unwrap(store.Commit{Projections: []store.Projection{r.Projection}}).Projections[0]
			return r
		},
		Begin: func(_ testing.TB, a store.Adapter) Transaction {
			inner := a.(*Faults).Unwrap().(*memory.Store)
			tx := began(inner)
			tx.Adapter = a.(*Faults).Tx(tx.Adapter)
			return tx
		},
	})
}

func ignoreTx(f func(context.Context, types.Event) error) func(context.Context, *memory.ProjectionTx, types.Event) error {
	return func(ctx context.Context, _ *memory.ProjectionTx, e types.Event) error { return f(ctx, e) }
}

func TestAnAdapterWithoutOptionalFeaturesHasNoneWithFaults(t *testing.T) {
	t.Parallel()
	f := NewFaults(plain{memory.New()}, 1, nil)
	_, err := f.LookupCommand(t.Context(), fill(1), "a")
	require.ErrorIs(t, err, store.ErrUnsupported)
	_, err = f.PruneCommands(t.Context(), time.Time{})
	require.ErrorIs(t, err, store.ErrUnsupported)
	require.ErrorIs(t, f.Redact(t.Context(), store.Redaction{AggregateID: fill(1)}), store.ErrUnsupported)
}

// outcomes are what comes of a commit, or of the end of a transaction, that has a fault.
var outcomes = map[Fault]struct {
	err    error
	stored bool
}{
	FaultNone:        {nil, true},
	FaultConflict:    {store.ErrConflict, false},
	FaultRefused:     {store.ErrUnavailable, false},
	FaultSlow:        {nil, true},
	FaultReplyLost:   {store.ErrOutcomeUnknown, true},
	FaultRequestLost: {store.ErrOutcomeUnknown, false},
}

func TestEachFaultOfACommitStoresWhatItSays(t *testing.T) {
	t.Parallel()
	for fault, want := range outcomes {
		t.Run(fault.String(), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				v, f := faulty(t, 1, nil)
				e := v.event(v.stamp(), 1)
				f.Next(OpCommit, fault)
				err := v.commit(e)
				require.ErrorIs(t, err, want.err)
				require.Equal(t, want.err != nil, err != nil)
				require.Equal(t, 1, f.Count(OpCommit, fault))
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

func TestAPanicStoresNothing(t *testing.T) {
	t.Parallel()
	v, f := faulty(t, 1, nil)
	e := v.event(v.stamp(), 1)
	f.Next(OpCommit, FaultPanic)
	require.PanicsWithValue(t, ErrInjected, func() { _ = v.commit(e) })
	v.holds(e.AggregateID)
}

func TestASlowCallEndsWithItsContextAndStoresNothing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		v, f := faulty(t, 1, &FaultOptions{Slow: time.Hour})
		ctx, cancel := context.WithTimeout(t.Context(), time.Nanosecond)
		defer cancel()
		e := v.event(v.stamp(), 1)
		f.Next(OpCommit, FaultSlow)
		err := f.Commit(ctx, store.Commit{AggregateID: e.AggregateID, Events: []types.Event{e}})
		require.ErrorIs(t, err, context.DeadlineExceeded)
		v.holds(e.AggregateID)
	})
}

func TestALateCommitArrivesAfterATime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		v, f := faulty(t, 1, &FaultOptions{Late: time.Second})
		e := v.event(v.stamp(), 1)
		given := clone([]types.Event{e})
		f.Next(OpCommit, FaultLate)
		require.ErrorIs(t, v.commit(given...), store.ErrOutcomeUnknown)
		scribble(given[0].Body) // the sender may do with it what it likes
		v.holds(e.AggregateID)
		require.Equal(t, 1, f.Pending())
		time.Sleep(time.Second)
		synctest.Wait()
		require.Zero(t, f.Pending())
		v.holds(e.AggregateID, e)
	})
}

func TestALateCommitArrivesBeforeALaterCall(t *testing.T) {
	t.Parallel()
	v, f := faulty(t, 1, &FaultOptions{LateCalls: 3})
	for range 20 {
		e := v.event(v.stamp(), 1)
		f.Next(OpCommit, FaultLate)
		require.ErrorIs(t, v.commit(e), store.ErrOutcomeUnknown)
		require.Equal(t, 1, f.Pending())
		for range 3 {
			v.read(fill(9), store.Range{})
		}
		require.Zero(t, f.Pending())
		v.holds(e.AggregateID, e)
	}
}

func TestALateCommitLosesAgainstItsOwnResend(t *testing.T) {
	t.Parallel()
	v, f := faulty(t, 1, &FaultOptions{Late: time.Hour})
	e := v.event(v.stamp(), 1)
	f.Next(OpCommit, FaultLate)
	require.ErrorIs(t, v.commit(e), store.ErrOutcomeUnknown)
	v.must(e)
	f.Settle()
	v.holds(e.AggregateID, e)
	v.must(v.event(e.AggregateID, 2))
}

func TestAMadeUpConflictIsNotUndoneByALateCommit(t *testing.T) {
	t.Parallel()
	v, f := faulty(t, 1, &FaultOptions{Late: time.Hour})
	first, other := v.event(v.stamp(), 1), v.event(v.stamp(), 1)
	f.Next(OpCommit, FaultLate, FaultLate, FaultConflict)
	require.ErrorIs(t, v.commit(first), store.ErrOutcomeUnknown)
	require.ErrorIs(t, v.commit(other), store.ErrOutcomeUnknown)
	require.ErrorIs(t, v.commit(first), store.ErrConflict)
	v.holds(first.AggregateID, first)
	v.holds(other.AggregateID)
	require.Equal(t, 1, f.Pending(), "that of another aggregate")
	f.Settle()
	v.holds(other.AggregateID, other)
}

func TestAMadeUpConflictWaitsForALateCommitThatIsOnItsWay(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		v, f := faulty(t, 1, &FaultOptions{LateCalls: 1})
		goOn, read, answer := make(chan struct{}), make(chan error, 1), make(chan error, 1)
		blocking := memory.Projection(ignoreTx(func(context.Context, types.Event) error { <-goOn; return nil }))
		e := v.event(v.stamp(), 1)
		f.Next(OpCommit, FaultLate, FaultConflict)
		require.ErrorIs(t, v.project([]store.Projection{blocking}, e), store.ErrOutcomeUnknown)
		go func() {
			_, err := readAll(t.Context(), f, e.AggregateID, store.Range{})
			read <- err
		}()
		synctest.Wait()
		go func() { answer <- v.commit(e) }()
		synctest.Wait()
		require.Empty(t, answer, "what is on its way may yet be stored")
		close(goOn)
		require.ErrorIs(t, <-answer, store.ErrConflict)
		require.NoError(t, <-read)
		v.holds(e.AggregateID, e)
	})
}

func TestACommitWithoutEventsMeetsNoConflict(t *testing.T) {
	t.Parallel()
	v, f := faulty(t, 1, nil)
	f.Next(OpCommit, FaultConflict)
	require.NoError(t, v.used(v.stamp(), nil, command("a", 0, 0)))
}

func TestAReadIsRefusedOrCut(t *testing.T) {
	t.Parallel()
	v, f := faulty(t, 1, nil)
	id := v.stamp()
	log := v.history(id, 20)
	for range 30 {
		f.Next(OpRead, FaultCut, FaultRefused)
		got, err := readAll(t.Context(), f, id, store.Range{})
		require.ErrorIs(t, err, store.ErrUnavailable)
		require.Less(t, len(got), 8)
		v.same(log[:len(got)], got)
		got, err = readAll(t.Context(), f, id, store.Range{})
		require.ErrorIs(t, err, store.ErrUnavailable)
		require.Empty(t, got)
	}
	f.Next(OpRead, FaultCut, FaultCut)
	_, err := f.LatestSnapshot(t.Context(), id, store.Range{})
	require.ErrorIs(t, err, store.ErrUnavailable)
	_, err = f.LookupCommand(t.Context(), id, "a")
	require.ErrorIs(t, err, store.ErrUnavailable)
}

func TestASnapshotMeetsItsFaults(t *testing.T) {
	t.Parallel()
	v, f := faulty(t, 1, nil)
	id := v.stamp()
	f.Next(OpCommitSnapshot, FaultRefused, FaultRequestLost, FaultReplyLost)
	require.ErrorIs(t, f.CommitSnapshot(t.Context(), snapshot(id, 1)), store.ErrUnavailable)
	require.ErrorIs(t, f.CommitSnapshot(t.Context(), snapshot(id, 2)), store.ErrOutcomeUnknown)
	require.Nil(t, v.snapshotIn(id, store.Range{}))
	require.ErrorIs(t, f.CommitSnapshot(t.Context(), snapshot(id, 3)), store.ErrOutcomeUnknown)
	v.keeps(snapshot(id, 3))
}
