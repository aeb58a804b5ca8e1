package aggregate_test

import (
	"context"
	"encoding/json"
	"errors"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/eventmaestro/maestro/aggregate"
	"github.com/eventmaestro/maestro/store/memory"
	"github.com/eventmaestro/maestro/types"
)

func TestEvaluateStoresWhatTheHandlerReturns(t *testing.T) {
	t.Parallel()
	s := memory.New()
	root := newRoot(t, s, nil)
	id := newID(t, root)
	evaluate(t, root, adds(id, 3), notes(id, "a", "b"))

	log := logOf(t, s, id)
	require.Equal(t, []string{"added", "noted", "noted"}, typesOf(log))
	require.JSONEq(t, `{"By":3}`, string(log[0].Body))
	require.JSONEq(t, `{"Text":"b"}`, string(log[2].Body))
	require.True(t, log[0].Timestamp.After(id), "the events come after the aggregate's id")
	require.Equal(t, tally{Total: 3, Notes: []string{"a", "b"}, Marks: map[string]int{"a": 1, "b": 1}}, get(t, root, id))
}

func TestEvaluateEventsReturnsTheStoredEventsAsTheCallersOwn(t *testing.T) {
	t.Parallel()
	s := memory.New()
	root := newRoot(t, s, nil)
	id := newID(t, root)
	events, err := root.EvaluateEvents(t.Context(), notes(id, "a", "b"))
	require.NoError(t, err)
	require.Equal(t, logOf(t, s, id), events)

	clear(events[0].Body)
	require.JSONEq(t, `{"Text":"a"}`, string(logOf(t, s, id)[0].Body))

	events, err = root.EvaluateEvents(t.Context(), adds(id, 0))
	require.NoError(t, err)
	require.Empty(t, events)
	events, err = root.EvaluateEvents(t.Context(), adds(id, -1))
	require.ErrorIs(t, err, aggregate.ErrRejected)
	require.Empty(t, events)
}

func TestAReturnedEventIsNotTheOneThatAStateKeeps(t *testing.T) {
	t.Parallel()
	root, err := aggregate.NewRoot(newSupervisor(t, memory.New(), nil), aggregate.Definition[[]json.RawMessage]{
		Commands: aggregate.Commands[[]json.RawMessage]{"say": aggregate.Command(func(_ context.Context, _ aggregate.Instance[[]json.RawMessage], text string) ([]types.Uncommitted, error) {
			return types.Events(types.NewEvent("said", text)), nil
		})},
		Events: aggregate.Events[[]json.RawMessage]{"said": aggregate.EventFunc[[]json.RawMessage](func(s []json.RawMessage, e types.Event) ([]json.RawMessage, error) {
			return append(s, e.Body), nil
		})},
	})
	require.NoError(t, err)
	id := newID(t, root)
	events, err := root.EvaluateEvents(t.Context(), types.Command{AggregateID: id, Type: "say", Data: "a"})
	require.NoError(t, err)
	clear(events[0].Body)
	require.Equal(t, []json.RawMessage{[]byte(`"a"`)}, get(t, root, id))
}

func TestEvaluateStateReturnsTheStateRightAfterTheCommand(t *testing.T) {
	t.Parallel()
	root, id := tallyOf(t)
	state, err := root.EvaluateState(t.Context(), adds(id, 3))
	require.NoError(t, err)
	require.Equal(t, tally{Total: 3}, state)

	state, err = root.EvaluateState(t.Context(), adds(id, 0))
	require.NoError(t, err)
	require.Equal(t, tally{Total: 3}, state, "of a command that changes nothing, too")

	state, err = root.EvaluateState(t.Context(), adds(id, -1))
	require.ErrorIs(t, err, aggregate.ErrRejected)
	require.Zero(t, state)
}

func TestEvaluateStateOfManyAtOnceReturnsToEachItsOwn(t *testing.T) {
	t.Parallel()
	root, id := tallyOf(t)
	var mu sync.Mutex
	seen := map[int]bool{}
	var all sync.WaitGroup
	for range 100 {
		all.Go(func() {
			state, err := root.EvaluateState(t.Context(), adds(id, 1))
			require.NoError(t, err)
			mu.Lock()
			defer mu.Unlock()
			require.False(t, seen[state.Total], "each increment has a state of its own")
			seen[state.Total] = true
		})
	}
	all.Wait()
	require.Len(t, seen, 100)
}

func TestEvaluateStateOfAnInterfaceThatIsNilIsNil(t *testing.T) {
	t.Parallel()
	root, err := aggregate.NewRoot(newSupervisor(t, memory.New(), nil), aggregate.Definition[any]{
		Commands: aggregate.Commands[any]{"touch": aggregate.Command(func(context.Context, aggregate.Instance[any], struct{}) ([]types.Uncommitted, error) {
			return types.Events(types.NewEvent("touched", nil)), nil
		})},
		Events: aggregate.Events[any]{"touched": aggregate.Event(func(s any, _ struct{}) any { return s })},
	})
	require.NoError(t, err)
	state, err := root.EvaluateState(t.Context(), types.Command{AggregateID: newID(t, root), Type: "touch"})
	require.NoError(t, err)
	require.Nil(t, state)
}

func TestARejectionReachesTheCallerAsItIs(t *testing.T) {
	t.Parallel()
	s := memory.New()
	root := newRoot(t, s, nil)
	id := newID(t, root)
	err := root.Evaluate(t.Context(), adds(id, -2))
	var rejected *aggregate.RejectedError
	require.ErrorAs(t, err, &rejected)
	require.Equal(t, "add -2 to 0: must not be negative", rejected.Message)
	require.ErrorIs(t, err, aggregate.ErrRejected)

	custom := errors.New("out of stock")
	err = root.Evaluate(t.Context(), runs(id, func(context.Context, aggregate.Instance[tally]) ([]types.Uncommitted, error) {
		return types.Events(types.NewEvent("added", added{1})), custom
	}))
	require.Same(t, custom, err, "any error refuses")
	require.Empty(t, logOf(t, s, id))
}

func TestDataMayBeTheTypeAPointerToItOrItsJSON(t *testing.T) {
	t.Parallel()
	root, id := tallyOf(t)
	for _, data := range []any{add{1}, &add{1}, json.RawMessage(`{"By": 1}`)} {
		evaluate(t, root, types.Command{AggregateID: id, Type: "add", Data: data})
	}
	require.Equal(t, 3, get(t, root, id).Total)
}

func TestNilIsTheDataOfACommandWithoutFields(t *testing.T) {
	t.Parallel()
	root, id := tallyOf(t, func(d *aggregate.Definition[tally]) {
		d.Commands["one"] = aggregate.Command(func(context.Context, aggregate.Instance[tally], struct{}) ([]types.Uncommitted, error) {
			return types.Events(types.NewEvent("added", added{1})), nil
		})
	})
	evaluate(t, root, types.Command{AggregateID: id, Type: "one"})
	require.Equal(t, 1, get(t, root, id).Total)
}

func TestTheHandlerSeesIDSequenceAndState(t *testing.T) {
	t.Parallel()
	root, id := tallyOf(t)
	evaluate(t, root, adds(id, 4), notes(id, "x", "y"))
	evaluate(t, root, runs(id, func(_ context.Context, c aggregate.Instance[tally]) ([]types.Uncommitted, error) {
		require.Equal(t, id, c.ID)
		require.EqualValues(t, 3, c.Sequence)
		require.Equal(t, 4, c.State.Total)
		return nil, nil
	}))
}

func TestInitialIsTheStateBeforeTheFirstEvent(t *testing.T) {
	t.Parallel()
	root, id := tallyOf(t, func(d *aggregate.Definition[tally]) {
		d.Initial = func() tally { return tally{Total: 100} }
	})
	require.Equal(t, 100, get(t, root, id).Total)
	evaluate(t, root, adds(id, 1))
	require.Equal(t, 101, get(t, root, id).Total)
	state, err := root.Replay(t.Context(), id, 0)
	require.NoError(t, err)
	require.Equal(t, 100, state.Total)
}

func TestANilBodyIsAnEmptyObject(t *testing.T) {
	t.Parallel()
	s := memory.New()
	root := newRoot(t, s, nil)
	id := newID(t, root)
	evaluate(t, root, emits(id, types.NewEvent("added", nil)))
	require.Equal(t, "{}", string(logOf(t, s, id)[0].Body))
}

func TestAnExpectedSequenceIsHeldToAndNotRetried(t *testing.T) {
	t.Parallel()
	s := memory.New()
	here, there := newRoot(t, s, nil), newRoot(t, s, nil)
	id := newID(t, here)
	at := func(n types.Sequence) types.Command {
		c := adds(id, 1)
		c.Expected = types.At(n)
		return c
	}
	evaluate(t, here, at(0), at(1))
	evaluate(t, there, adds(id, 10))

	err := here.Evaluate(t.Context(), at(2))
	var unexpected *aggregate.UnexpectedSequenceError
	require.ErrorAs(t, err, &unexpected)
	require.ErrorIs(t, err, aggregate.ErrUnexpectedSequence)
	require.Equal(t, aggregate.UnexpectedSequenceError{AggregateID: id, Expected: 2, Actual: 3}, *unexpected)
	require.EqualError(t, err, "aggregate: expected sequence 2 of aggregate "+id.String()+", which is at 3")
	require.Len(t, logOf(t, s, id), 3)

	current, err := here.FetchInstance(t.Context(), id)
	require.NoError(t, err)
	evaluate(t, here, at(current.Sequence))
	require.Equal(t, 13, get(t, here, id).Total)
}

func TestAnExpectedSequenceIsMetOnAStaleCacheToo(t *testing.T) {
	t.Parallel()
	s := memory.New()
	here, there := newRoot(t, s, nil), newRoot(t, s, nil)
	id := newID(t, here)
	evaluate(t, here, adds(id, 1))
	evaluate(t, there, adds(id, 10))
	c := adds(id, 100)
	c.Expected = types.At(2)
	evaluate(t, here, c) // its cache is at 1
	require.Equal(t, 111, get(t, here, id).Total)
}
