package aggregate_test

import (
	"encoding/json"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/eventmaestro/maestro/aggregate"
	"github.com/eventmaestro/maestro/hlc"
	"github.com/eventmaestro/maestro/store"
	"github.com/eventmaestro/maestro/store/memory"
	"github.com/eventmaestro/maestro/types"
)

// logged returns a store with a log that an older program wrote, and its aggregate.
func logged(t testing.TB, events ...types.Uncommitted) (*memory.Store, hlc.Timestamp) {
	t.Helper()
	s, clock := memory.New(), hlc.NewClock(nil)
	id, err := clock.Now()
	require.NoError(t, err)
	c := store.Commit{AggregateID: id}
	for i, e := range events {
		at, err := clock.Now()
		require.NoError(t, err)
		body, err := json.Marshal(e.Body)
		require.NoError(t, err)
		c.Events = append(c.Events, types.Event{Timestamp: at, AggregateID: id, Sequence: types.Sequence(i + 1), Type: e.Type, Body: body})
	}
	require.NoError(t, s.Commit(t.Context(), c))
	return s, id
}

func upcasts(u aggregate.Upcasts) func(*aggregate.Definition[tally]) {
	return func(d *aggregate.Definition[tally]) { d.Upcasts = u }
}

func TestUpcastsBringOldEventsToWhatIsKnown(t *testing.T) {
	t.Parallel()
	s, id := logged(t,
		types.NewEvent("plus", added{1}),                           // renamed, twice
		types.NewEvent("plus_text", map[string]string{"by": "20"}), // rewritten
		types.NewEvent("noted_all", []string{"a", "b"}),            // split
		types.NewEvent("noise", nil),                               // dropped
		types.NewEvent("added", added{300}),                        // as it is
	)
	root := newRoot(t, s, nil, upcasts(aggregate.Upcasts{
		"plus":      aggregate.Rename("increased"),
		"increased": aggregate.Rename("added"),
		"plus_text": aggregate.Rewrite("plus", func(body json.RawMessage) (json.RawMessage, error) {
			var b struct{ By json.Number }
			err := json.Unmarshal(body, &b)
			return json.RawMessage(`{"By":` + b.By + `}`), err
		}),
		"noted_all": {To: []string{"noted", "added"}, Func: func(e types.Event) (list []aggregate.Upcasted, err error) {
			var texts []string
			err = json.Unmarshal(e.Body, &texts)
			for _, text := range texts {
				body, _ := json.Marshal(noted{text})
				list = append(list, aggregate.Upcasted{Type: "noted", Body: body})
			}
			return append(list, aggregate.Upcasted{Type: "added", Body: json.RawMessage(`{"By":4000}`)}), err
		}},
		"noise": aggregate.Drop(),
	}))
	before := logOf(t, s, id)
	evaluate(t, root, adds(id, 50000))
	require.Equal(t, tally{Total: 54321, Notes: []string{"a", "b"}, Marks: map[string]int{"a": 1, "b": 1}}, get(t, root, id))
	require.Equal(t, before, logOf(t, s, id)[:5], "the log is never rewritten")
	require.Equal(t, "added", logOf(t, s, id)[5].Type)

	var types []string
	for e, err := range root.History(t.Context(), id, store.Range{Max: 2}) {
		require.NoError(t, err)
		types = append(types, e.Type)
	}
	require.Equal(t, []string{"plus", "plus_text"}, types, "the history is the log")

	state, err := root.Replay(t.Context(), id, 4)
	require.NoError(t, err)
	require.Equal(t, 4021, state.Total)
}

func TestAnUpcastSeesTheWholeEventAndItsBody(t *testing.T) {
	t.Parallel()
	s, id := logged(t, types.NewEvent("old", added{7}))
	root := newRoot(t, s, nil, upcasts(aggregate.Upcasts{"old": {To: []string{"added"}, Func: func(e types.Event) ([]aggregate.Upcasted, error) {
		require.Equal(t, logOf(t, s, id)[0], e)
		return []aggregate.Upcasted{{Type: "added", Body: e.Body}, {Type: "added", Body: e.Body}}, nil
	}}}))
	require.Equal(t, 14, get(t, root, id).Total)
}

func TestAnUpcastThatFailsMakesTheLogUnreadableAtItsPlace(t *testing.T) {
	t.Parallel()
	oops := errors.New("oops")
	for name, f := range map[string]func(types.Event) ([]aggregate.Upcasted, error){
		`upcast of "old": oops`: func(types.Event) ([]aggregate.Upcasted, error) { return nil, oops },
		`upcast of "old": returned type "noted", which To does not list`: func(types.Event) ([]aggregate.Upcasted, error) {
			return []aggregate.Upcasted{{Type: "noted"}}, nil
		},
		"panic: oops": func(types.Event) ([]aggregate.Upcasted, error) { panic(oops) },
	} {
		s, id := logged(t, types.NewEvent("added", added{1}), types.NewEvent("old", nil))
		root := newRoot(t, s, nil, upcasts(aggregate.Upcasts{"old": {To: []string{"added"}, Func: f}}))
		_, err := root.Get(t.Context(), id)
		var place *aggregate.EventError
		require.ErrorAs(t, err, &place)
		require.ErrorIs(t, err, aggregate.ErrCorruptLog)
		require.Equal(t, "old", place.Type)
		require.EqualValues(t, 2, place.Sequence)
		require.ErrorContains(t, err, name)
		state, err := root.Replay(t.Context(), id, 1)
		require.NoError(t, err)
		require.Equal(t, 1, state.Total, "what is before can be read")
	}
}

func TestAStoredEventWithoutAHandlerNamesItsPlaceOrIsSkipped(t *testing.T) {
	t.Parallel()
	s, id := logged(t, types.NewEvent("added", added{1}), types.NewEvent("mystery", nil), types.NewEvent("added", added{2}))
	strict := newRoot(t, s, nil)
	_, err := strict.Get(t.Context(), id)
	require.ErrorIs(t, err, aggregate.ErrUnknownEvent)
	require.ErrorIs(t, err, aggregate.ErrCorruptLog)
	require.EqualError(t, err, `aggregate: stored event "mystery", aggregate `+id.String()+`, sequence 2: unknown event type: a newer version of the program wrote it, or the id belongs to another root: add it to Events or Upcasts of tally`)
	require.ErrorIs(t, strict.Evaluate(t.Context(), adds(id, 1)), aggregate.ErrUnknownEvent)
	require.Len(t, logOf(t, s, id), 3)

	lenient := newRoot(t, s, nil, func(d *aggregate.Definition[tally]) { d.SkipUnknownEvents = true })
	require.Equal(t, 3, get(t, lenient, id).Total)
	evaluate(t, lenient, adds(id, 4))
	require.Equal(t, 7, get(t, lenient, id).Total)
	require.ErrorIs(t, lenient.Evaluate(t.Context(), emits(id, types.NewEvent("mystery", nil))), aggregate.ErrUnknownEvent, "a new one is refused")
}
