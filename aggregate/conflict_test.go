package aggregate_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/eventmaestro/maestro/aggregate"
	"github.com/eventmaestro/maestro/hlc"
	"github.com/eventmaestro/maestro/store"
	"github.com/eventmaestro/maestro/store/memory"
	"github.com/eventmaestro/maestro/types"
)

// rivals lets another process add an event right before each of the next n commits.
func rivals(t *testing.T, s *tap, id hlc.Timestamp, n int) {
	t.Helper()
	there := newRoot(t, s.Store, nil)
	s.set(func(s *tap) {
		s.commit = func(_ context.Context, _ store.Commit, next func() error) error {
			if n--; n >= 0 {
				evaluate(t, there, notes(id, "theirs"))
			}
			return next()
		}
	})
}

func TestAConflictRightAfterTheLoadIsReadUpOn(t *testing.T) {
	t.Parallel()
	s := newTap()
	root := newRoot(t, s, &aggregate.Options{MaxAttempts: 2})
	id := newID(t, root)
	rivals(t, s, id, 1)
	evaluate(t, root, notes(id, "mine"))
	require.Equal(t, []string{"theirs", "mine"}, get(t, root, id).Notes)
}

func TestConflictsLeaveNoTraceInTheState(t *testing.T) {
	t.Parallel()
	onEveryStore(t, func(t *testing.T, open func() store.Adapter) {
		const processes, each = 4, 10
		id := newIDOf(t)
		var all sync.WaitGroup
		var roots []*aggregate.Root[tally]
		for p := range processes {
			root := newRoot(t, open(), &aggregate.Options{MaxAttempts: 1000})
			roots = append(roots, root)
			all.Go(func() {
				for i := range each {
					if err := root.Evaluate(t.Context(), notes(id, fmt.Sprint(p), fmt.Sprint(i))); err != nil {
						t.Error(err)
					}
				}
			})
		}
		all.Wait()
		want := get(t, newRoot(t, open(), nil), id)
		require.Len(t, want.Notes, processes*each*2)
		for _, root := range roots {
			require.Equal(t, want, fetch(t, root, id))
		}
	})
}

func TestAConflictAfterAConflictDoesNotReadTheWholeLogAgain(t *testing.T) {
	t.Parallel()
	s := newTap()
	root := newRoot(t, s, nil)
	id := newID(t, root)
	evaluate(t, root, notes(id, "first"))
	for range 5 {
		rivals(t, s, id, 2)
		evaluate(t, root, notes(id, "mine"))
	}
	require.LessOrEqual(t, s.loads.Load(), int64(2), "the first load, and one after the first conflict")
	require.Equal(t, get(t, newRoot(t, s.Store, nil), id), get(t, root, id))
}

func TestACallerWhoLeavesABatchTakesNobodyAlong(t *testing.T) {
	t.Parallel()
	s := newTap()
	root := newRoot(t, s, nil)
	id := newID(t, root)
	evaluate(t, root, notes(id, "first"))
	errs := inOneBatch(t, root, id, 6, func(i int) error {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		if i != 3 {
			return root.Evaluate(ctx, notes(id, fmt.Sprint("note ", i)))
		}
		return root.Evaluate(ctx, runs(id, func(context.Context, aggregate.Instance[tally]) ([]types.Uncommitted, error) {
			cancel()
			return types.Events(types.NewEvent("noted", noted{"never"})), nil
		}))
	})
	require.ErrorIs(t, errs[3], context.Canceled)
	requireFates(t, root, s.Store, id, map[int]types.Command{3: {}}, errs)
}

// plainSum is a state without references, which is worked on without a copy.
type plainSum struct{ Total int }

func sums(t *testing.T, a store.Adapter, o *aggregate.Options) *aggregate.Root[plainSum] {
	t.Helper()
	root, err := aggregate.NewRoot(newSupervisor(t, a, o), aggregate.Definition[plainSum]{
		Commands: aggregate.Commands[plainSum]{"run": aggregate.CommandFunc[plainSum](func(_ context.Context, _ aggregate.Instance[plainSum], c types.Command) ([]types.Uncommitted, error) {
			return c.Data.([]types.Uncommitted), nil
		})},
		Events: aggregate.Events[plainSum]{
			"added": aggregate.Event(func(s plainSum, e added) plainSum { s.Total += e.By; return s }),
			"bomb":  aggregate.EventFunc[plainSum](func(s plainSum, _ types.Event) (plainSum, error) { s.Total = 99; return s, errApply }),
		},
	})
	require.NoError(t, err)
	return root
}

func TestAStateWithoutReferencesIsRolledBackToo(t *testing.T) {
	t.Parallel()
	s := newTap()
	root := sums(t, s, &aggregate.Options{SettleTimeout: time.Millisecond})
	id := newID(t, root)
	run := func(events ...types.Uncommitted) error {
		return root.Evaluate(t.Context(), types.Command{AggregateID: id, Type: "run", Data: events})
	}
	require.NoError(t, run(types.NewEvent("added", added{1})))
	require.ErrorIs(t, run(types.NewEvent("added", added{10}), types.NewEvent("bomb", nil)), errApply)
	require.Equal(t, 1, get(t, root, id).Total)

	for _, cause := range []error{errors.New("refused"), store.ErrUnavailable} {
		s.set(func(s *tap) { s.commit = func(context.Context, store.Commit, func() error) error { return cause } })
		require.ErrorIs(t, run(types.NewEvent("added", added{10})), cause)
		require.Equal(t, 1, get(t, root, id).Total)
	}
	s.set(func(s *tap) {
		s.commit = func(_ context.Context, _ store.Commit, next func() error) error {
			_ = next()
			return store.ErrOutcomeUnknown
		}
		s.events = failEvents(store.ErrUnavailable)
	})
	require.ErrorIs(t, run(types.NewEvent("added", added{100})), store.ErrOutcomeUnknown)
	require.Equal(t, 101, get(t, root, id).Total, "it was stored: what is in memory is read again")
	s.set(func(s *tap) { s.commit, s.events = nil, nil })
	require.NoError(t, run(types.NewEvent("added", added{1000})))
	require.Equal(t, 1101, get(t, root, id).Total)
}

func TestARefusedCommandLeavesNoTraceForItsNeighbours(t *testing.T) {
	t.Parallel()
	s := newTap()
	root := sums(t, s, nil)
	id := newID(t, root)
	errs := inOneBatch(t, root, id, 3, func(i int) error {
		data := types.Events(types.NewEvent("added", added{1}))
		if i == 1 {
			data = types.Events(types.NewEvent("added", added{10}), types.NewEvent("bomb", nil))
		}
		return root.Evaluate(t.Context(), types.Command{AggregateID: id, Type: "run", Data: data})
	})
	require.NoError(t, errs[0])
	require.ErrorIs(t, errs[1], errApply)
	require.NoError(t, errs[2])
	require.Len(t, logOf(t, s, id), 2)
	require.EqualValues(t, 1, s.commits.Load(), "their sequences follow one another at once")
	require.Equal(t, 2, get(t, root, id).Total)
}

func TestOnceInDoubtARefusalSettlesNothing(t *testing.T) {
	t.Parallel()
	for _, refusal := range []error{store.ErrUnavailable, store.ErrInvalidEvent, errors.New("refused"), store.ErrDuplicateTimestamp} {
		s := newTap()
		root := newRoot(t, s, nil)
		id := newID(t, root)
		n := 0
		s.commit = func(_ context.Context, _ store.Commit, next func() error) error {
			switch n++; n {
			case 1:
				require.NoError(t, next())
				return store.ErrOutcomeUnknown
			case 2, 3:
				return refusal
			}
			return next()
		}
		evaluate(t, root, notes(id, "mine"))
		require.Len(t, logOf(t, s, id), 1)
		require.Equal(t, []string{"mine"}, get(t, root, id).Notes)
	}
}

func TestOnceInDoubtAnothersEventIsATrueConflict(t *testing.T) {
	t.Parallel()
	s := newTap()
	root, there := newRoot(t, s, nil), newRoot(t, s.Store, nil)
	id := newID(t, root)
	n := 0
	s.commit = func(_ context.Context, _ store.Commit, next func() error) error {
		if n++; n == 1 { // it never arrives, and somebody else's does
			evaluate(t, there, notes(id, "theirs"))
			return store.ErrOutcomeUnknown
		}
		return next()
	}
	var seen []int
	events, err := root.EvaluateEvents(t.Context(), runs(id, func(_ context.Context, c aggregate.Instance[tally]) ([]types.Uncommitted, error) {
		seen = append(seen, len(c.State.Notes))
		return types.Events(types.NewEvent("noted", noted{"mine"})), nil
	}))
	require.NoError(t, err)
	require.Equal(t, []int{0, 1}, seen, "decided again")
	require.EqualValues(t, 2, events[0].Sequence)
	require.Equal(t, []string{"theirs", "mine"}, get(t, root, id).Notes)
	require.Len(t, logOf(t, s, id), 2)
}

func TestADuplicateTimestampRenewsTheClockAndIsRepeated(t *testing.T) {
	t.Parallel()
	s := newTap()
	j, clock := new(journal), hlc.NewClock(nil)
	root := newRoot(t, s, &aggregate.Options{Clock: clock, Logger: j.logger()})
	id, node, n := newID(t, root), clock.Node(), 0
	s.commit = func(_ context.Context, _ store.Commit, next func() error) error {
		if n++; n == 1 {
			return store.ErrDuplicateTimestamp
		}
		return next()
	}
	evaluate(t, root, notes(id, "a"))
	require.NotEqual(t, node, clock.Node())
	require.Equal(t, clock.Node(), logOf(t, s, id)[0].Timestamp.Node())
	require.Len(t, j.lines("same node id"), 1)
}

func TestATornStateIsNeverShown(t *testing.T) {
	t.Parallel()
	s := memory.New()
	root := newRoot(t, s, nil)
	id := newID(t, root)
	evaluate(t, root, notes(id, "a"))
	e := types.Event{Timestamp: newIDOf(t), AggregateID: id, Sequence: 2, Type: "bomb", Body: []byte(`{"How": "error"}`)}
	require.NoError(t, s.Commit(t.Context(), store.Commit{AggregateID: id, Events: []types.Event{e}}))
	_, err := root.Fetch(t.Context(), id)
	require.ErrorIs(t, err, aggregate.ErrCorruptLog)
	_, err = root.Get(t.Context(), id)
	require.ErrorIs(t, err, aggregate.ErrCorruptLog, "what the handler left half done is dropped")
}
