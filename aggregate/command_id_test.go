package aggregate_test

import (
	"context"
	"encoding/json"
	"strings"
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

func withID(c types.Command, id string) types.Command {
	c.ID = id
	return c
}

func TestARepeatOfACommandReturnsTheFirstOutcome(t *testing.T) {
	t.Parallel()
	s := memory.New()
	root, other := newRoot(t, s, nil), newRoot(t, s, nil)
	id := newID(t, root)
	first, err := root.EvaluateEvents(t.Context(), withID(notes(id, "a", "b"), "x"))
	require.NoError(t, err)
	require.Equal(t, "x", first[0].Metadata.CommandID)
	evaluate(t, root, adds(id, 1))

	for _, r := range []*aggregate.Root[tally]{root, other, newRoot(t, s, nil)} {
		events, err := r.EvaluateEvents(t.Context(), withID(notes(id, "a", "b"), "x"))
		require.NoError(t, err)
		require.Equal(t, first, events)
		state, err := r.EvaluateState(t.Context(), withID(notes(id, "a", "b"), "x"))
		require.NoError(t, err)
		require.Equal(t, tally{Notes: []string{"a", "b"}, Marks: map[string]int{"a": 1, "b": 1}}, state, "the state of that time")
	}
	require.Len(t, logOf(t, s, id), 3)
	evaluate(t, root, withID(notes(newID(t, root), "a", "b"), "x")) // another aggregate's own
}

func TestARepeatOfACommandWithoutEventsReturnsNone(t *testing.T) {
	t.Parallel()
	s := memory.New()
	root := newRoot(t, s, nil)
	id := newID(t, root)
	runs := 0
	zero := func() types.Command {
		return withID(types.Command{AggregateID: id, Type: "run", Data: plan(func(context.Context, aggregate.Instance[tally]) ([]types.Uncommitted, error) {
			runs++
			return nil, nil
		})}, "x")
	}
	evaluate(t, root, zero())
	first := runs
	evaluate(t, root, adds(id, 1))
	events, err := root.EvaluateEvents(t.Context(), zero())
	require.NoError(t, err)
	require.Empty(t, events)
	state, err := root.EvaluateState(t.Context(), zero())
	require.NoError(t, err)
	require.Equal(t, tally{}, state)
	require.Equal(t, 1, first)
}

func TestANoOpWithAnIDIsRecordedOnlyOnTheLatestState(t *testing.T) {
	t.Parallel()
	s := memory.New()
	here, there := newRoot(t, s, nil), newRoot(t, s, nil)
	id := newID(t, here)
	get(t, here, id)
	evaluate(t, there, adds(id, 1))
	evaluate(t, here, withID(runs(id, func(_ context.Context, c aggregate.Instance[tally]) ([]types.Uncommitted, error) {
		if c.State.Total == 0 {
			return nil, nil // right only on the state that is out of date
		}
		return types.Events(types.NewEvent("added", added{5})), nil
	}), "x"))
	require.Equal(t, 6, fetch(t, there, id).Total)
}

func TestARepeatThatTheFirstTimeMadeImpossibleReturnsTheFirstOutcome(t *testing.T) {
	t.Parallel()
	root, id := tallyOf(t)
	once := func() types.Command {
		return withID(runs(id, func(_ context.Context, c aggregate.Instance[tally]) ([]types.Uncommitted, error) {
			if c.State.Total > 0 {
				return nil, aggregate.Reject("taken")
			}
			return types.Events(types.NewEvent("added", added{1})), nil
		}), "x")
	}
	first, err := root.EvaluateEvents(t.Context(), once())
	require.NoError(t, err)
	again, err := root.EvaluateEvents(t.Context(), once())
	require.NoError(t, err)
	require.Equal(t, first, again)
	require.ErrorIs(t, root.Evaluate(t.Context(), withID(once(), "y")), aggregate.ErrRejected)
}

func TestARefusedCommandDoesNotUseItsIDUp(t *testing.T) {
	t.Parallel()
	root, id := tallyOf(t)
	allowed := false
	c := withID(runs(id, func(context.Context, aggregate.Instance[tally]) ([]types.Uncommitted, error) {
		if !allowed {
			return nil, aggregate.Reject("not now")
		}
		return types.Events(types.NewEvent("added", added{1})), nil
	}), "x")
	require.ErrorIs(t, root.Evaluate(t.Context(), c), aggregate.ErrRejected)
	allowed = true
	evaluate(t, root, c, c)
	require.Equal(t, 1, get(t, root, id).Total)
}

func TestAnIDBelongsToOneTypeAndData(t *testing.T) {
	t.Parallel()
	s := memory.New()
	root := newRoot(t, s, nil)
	id := newID(t, root)
	evaluate(t, root, withID(adds(id, 1), "x"))
	for _, c := range []types.Command{adds(id, 2), {AggregateID: id, Type: "note", Data: note{}}} {
		err := root.Evaluate(t.Context(), withID(c, "x"))
		var reused *aggregate.CommandReusedError
		require.ErrorAs(t, err, &reused)
		require.ErrorIs(t, err, aggregate.ErrCommandReused)
		require.Equal(t, aggregate.CommandReusedError{AggregateID: id, CommandID: "x", Last: 1}, *reused)
		require.ErrorContains(t, err, `command id "x" of aggregate `+id.String())
	}
	require.Len(t, logOf(t, s, id), 1)
	evaluate(t, root, withID(types.Command{AggregateID: id, Type: "add", Data: json.RawMessage(` { "By" : 1 } `)}, "x")) // the same data
}

func TestManyRepeatsAtOnceRunOnce(t *testing.T) {
	t.Parallel()
	s := memory.New()
	here, there := newRoot(t, s, nil), newRoot(t, s, nil)
	id := newID(t, here)
	var all sync.WaitGroup
	for i := range 64 {
		all.Go(func() {
			root := []*aggregate.Root[tally]{here, there}[i%2]
			events, err := root.EvaluateEvents(t.Context(), withID(adds(id, 1), "x"))
			if err != nil || len(events) != 1 || events[0].Sequence != 1 {
				t.Errorf("%v %v", events, err)
			}
		})
	}
	all.Wait()
	require.Len(t, logOf(t, s, id), 1)
}

func TestAPrunedCommandRunsAgain(t *testing.T) {
	t.Parallel()
	s := memory.New()
	root := newRoot(t, s, nil)
	id := newID(t, root)
	evaluate(t, root, withID(adds(id, 1), "x"))
	n, err := s.PruneCommands(t.Context(), time.Now().Add(time.Hour))
	require.NoError(t, err)
	require.EqualValues(t, 1, n)
	evaluate(t, root, withID(adds(id, 1), "x"))
	require.Equal(t, 2, get(t, root, id).Total)
}

func TestIDsThatCantBeKept(t *testing.T) {
	t.Parallel()
	s := memory.New()
	root := newRoot(t, s, nil)
	id := newID(t, root)
	for text, c := range map[string]types.Command{
		"has 257 bytes":        withID(adds(id, 1), strings.Repeat("x", 257)),
		"contains a NUL byte":  withID(adds(id, 1), "a\x00"),
		"data is func(), want": {AggregateID: id, Type: "add", Data: func() {}, ID: "x"},
		"unexpected EOF":       {AggregateID: id, Type: "add", Data: json.RawMessage(`{"`), ID: "x"},
	} {
		err := root.Evaluate(t.Context(), c)
		require.ErrorIs(t, err, aggregate.ErrInvalidData)
		require.ErrorContains(t, err, `aggregate: command "add" of tally: `)
		require.ErrorContains(t, err, text)
	}
	require.Empty(t, logOf(t, s, id))

	plain := newRoot(t, struct{ store.Adapter }{s}, nil)
	err := plain.Evaluate(t.Context(), withID(adds(id, 1), "x"))
	require.ErrorIs(t, err, store.ErrUnsupported)
	require.Empty(t, logOf(t, s, id))
	evaluate(t, plain, adds(id, 1))
}

func TestMetadataTravelsFromTheCallersContextIntoTheLog(t *testing.T) {
	t.Parallel()
	s := memory.New()
	meta := types.Metadata{CorrelationID: "c", CausationID: "because", Actor: "me", TraceParent: "00-1-2-3"}
	var projected, handled types.Metadata
	var value any
	root := newRoot(t, s, nil, func(d *aggregate.Definition[tally]) {
		d.Projections = []store.Projection{memory.Projection(func(ctx context.Context, _ *memory.ProjectionTx, e types.Event) error {
			projected, value = e.Metadata, ctx.Value(ctxKey{})
			return nil
		})}
	})
	id := newID(t, root)
	ctx := context.WithValue(types.WithMetadata(t.Context(), meta), ctxKey{}, "mine")
	events, err := root.EvaluateEvents(ctx, withID(runs(id, func(ctx context.Context, _ aggregate.Instance[tally]) ([]types.Uncommitted, error) {
		handled = types.MetadataFrom(ctx)
		return types.Events(types.NewEvent("added", added{1})), nil
	}), "x"))
	require.NoError(t, err)
	require.Equal(t, meta, handled)
	require.Equal(t, "mine", value, "a projection sees the values of the caller's context")
	meta.CommandID = "x"
	require.Equal(t, meta, events[0].Metadata)
	require.Equal(t, meta, projected)
	require.Equal(t, meta, logOf(t, s, id)[0].Metadata)
	evaluate(t, root, adds(id, 1))
	require.True(t, logOf(t, s, id)[1].Metadata.IsZero())
}

func TestMetadataIsEachCallersOwnInASharedCommit(t *testing.T) {
	t.Parallel()
	s := memory.New()
	root := newRoot(t, s, nil)
	id := newID(t, root)
	inOneBatch(t, root, id, 10, func(i int) error {
		ctx := types.WithMetadata(t.Context(), types.Metadata{Actor: string('a' + rune(i))})
		return root.Evaluate(ctx, notes(id, string('a'+rune(i))))
	})
	for _, e := range logOf(t, s, id) {
		var n noted
		require.NoError(t, json.Unmarshal(e.Body, &n))
		require.Equal(t, n.Text, e.Metadata.Actor)
	}
}

// inOneBatch makes n calls wait in the mailbox of an aggregate together, and returns when all are
// answered.
func inOneBatch[S any](t *testing.T, root *aggregate.Root[S], id hlc.Timestamp, n int, call func(i int) error) []error {
	t.Helper()
	errs := make([]error, n)
	var all sync.WaitGroup
	require.NoError(t, root.Call(t.Context(), id, func(context.Context, aggregate.Instance[S]) error {
		for i := range n {
			all.Go(func() { errs[i] = call(i) })
			require.Eventually(t, func() bool { live, _ := root.Whereis(id); return live.Depth == i+1 }, time.Minute, 50*time.Microsecond)
		}
		return nil
	}))
	all.Wait()
	return errs
}
