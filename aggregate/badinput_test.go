package aggregate_test

import (
	"context"
	"encoding/json"
	"errors"
	"iter"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/eventmaestro/maestro/aggregate"
	"github.com/eventmaestro/maestro/hlc"
	"github.com/eventmaestro/maestro/internal/lab/pgtest"
	"github.com/eventmaestro/maestro/store"
	"github.com/eventmaestro/maestro/store/memory"
	"github.com/eventmaestro/maestro/types"
)

func TestBadCommandsAreRefusedWithATypedErrorAndNothingIsStored(t *testing.T) {
	t.Parallel()
	onEveryStore(t, func(t *testing.T, open func() store.Adapter) {
		s := open()
		root := newRoot(t, s, nil)
		id := newID(t, root)
		evaluate(t, root, adds(id, 1))
		for name, test := range map[string]struct {
			command types.Command
			is      error
			text    string
		}{
			"unknown type": {types.Command{AggregateID: id, Type: "nonsense"}, aggregate.ErrUnknownCommand, `aggregate: tally has no handler for command type "nonsense"`},
			"empty type":   {types.Command{AggregateID: id}, aggregate.ErrUnknownCommand, `no handler for command type ""`},
			"long type":    {types.Command{AggregateID: id, Type: strings.Repeat("x", 257)}, aggregate.ErrUnknownCommand, "no handler"},
			"zero id":      {adds(hlc.Timestamp{}, 1), aggregate.ErrInvalidID, "the aggregate id is zero"},
			"another type": {types.Command{AggregateID: id, Type: "add", Data: added{1}}, aggregate.ErrInvalidData, `aggregate: command "add" of tally: data is aggregate_test.added, want aggregate_test.add`},
			"no data":      {types.Command{AggregateID: id, Type: "add"}, aggregate.ErrInvalidData, "is nil, want"},
			"nil pointer":  {types.Command{AggregateID: id, Type: "add", Data: (*add)(nil)}, aggregate.ErrInvalidData, "is a nil *aggregate_test.add, want"},
			"broken JSON":  {types.Command{AggregateID: id, Type: "add", Data: json.RawMessage(`{"By": `)}, aggregate.ErrInvalidData, "unexpected EOF"},
			"other JSON":   {types.Command{AggregateID: id, Type: "add", Data: json.RawMessage(`{"By": "x"}`)}, aggregate.ErrInvalidData, "cannot unmarshal"},
			"extra field":  {types.Command{AggregateID: id, Type: "add", Data: json.RawMessage(`{"By": 1, "To": 2}`)}, aggregate.ErrInvalidData, "unknown field"},
			"two values":   {types.Command{AggregateID: id, Type: "add", Data: json.RawMessage(`{"By": 1} {}`)}, aggregate.ErrInvalidData, "more than one JSON value"},
		} {
			err := root.Evaluate(t.Context(), test.command)
			require.ErrorIs(t, err, test.is, name)
			require.ErrorContains(t, err, test.text, name)
			if errors.Is(err, aggregate.ErrInvalidData) {
				require.ErrorContains(t, err, `aggregate: command "add" of tally: `, name)
			}
		}
		require.Len(t, logOf(t, s, id), 1)
		require.Empty(t, logOf(t, s, hlc.Timestamp{}))
		evaluate(t, root, adds(id, 1))
	})
}

func TestEveryEntryPointRefusesAZeroID(t *testing.T) {
	t.Parallel()
	root, _ := tallyOf(t)
	var zero hlc.Timestamp
	_, err := root.Get(t.Context(), zero)
	require.ErrorIs(t, err, aggregate.ErrInvalidID)
	_, err = root.Fetch(t.Context(), zero)
	require.ErrorIs(t, err, aggregate.ErrInvalidID)
	_, err = root.Replay(t.Context(), zero, 1)
	require.ErrorIs(t, err, aggregate.ErrInvalidID)
	require.ErrorIs(t, root.Snapshot(t.Context(), zero), aggregate.ErrInvalidID)
	require.ErrorIs(t, root.Call(t.Context(), zero, nil), aggregate.ErrInvalidID)
}

func TestBadEventsAreRefusedWithATypedErrorAndNothingIsStored(t *testing.T) {
	t.Parallel()
	raw := func(s string) types.Uncommitted { return types.NewEvent("noted", json.RawMessage(s)) }
	onEveryStore(t, func(t *testing.T, open func() store.Adapter) {
		s := open()
		root := newRoot(t, s, nil)
		id := newID(t, root)
		evaluate(t, root, notes(id, "a"))
		want := get(t, root, id)
		for name, test := range map[string]struct {
			event types.Uncommitted
			is    error
			text  string
		}{
			"unknown type":       {types.NewEvent("mystery", nil), aggregate.ErrUnknownEvent, `new event "mystery"`},
			"empty type":         {types.NewEvent("", nil), store.ErrInvalidEvent, "type is empty"},
			"long type":          {types.NewEvent(strings.Repeat("x", 257), nil), store.ErrInvalidEvent, "type has 257 bytes, more than 256"},
			"type with NUL":      {types.NewEvent("a\x00b", nil), store.ErrInvalidEvent, "type contains a NUL byte"},
			"type not UTF-8":     {types.NewEvent("a\xff", nil), store.ErrInvalidEvent, "type is not valid UTF-8"},
			"NUL in raw":         {raw(`{"Text": "a\u0000b"}`), store.ErrInvalidEvent, `\u0000`},
			"NUL encoded":        {types.NewEvent("noted", noted{"a\x00b"}), store.ErrInvalidEvent, `\u0000`},
			"NUL in a key":       {raw(`{"Text": "x", "\u0000": 1}`), store.ErrInvalidEvent, `\u0000`},
			"lone surrogate":     {raw(`{"Text": "\ud800"}`), store.ErrInvalidEvent, "surrogate"},
			"low before high":    {raw(`{"Text": "\udc00\ud800"}`), store.ErrInvalidEvent, "surrogate"},
			"huge number":        {raw(`{"Text": "x", "n": 1e200000}`), store.ErrInvalidEvent, "beyond the range of numeric"},
			"tiny number":        {raw(`{"Text": "x", "n": 1e-20000}`), store.ErrInvalidEvent, "beyond the range of numeric"},
			"too deep":           {raw(`{"Text": "x", "n": ` + strings.Repeat("[", 5001) + strings.Repeat("]", 5001) + `}`), store.ErrInvalidEvent, "nested deeper"},
			"broken JSON":        {raw(`{"Text": `), store.ErrInvalidEvent, "body can't be stored"},
			"empty raw":          {raw(``), store.ErrInvalidEvent, "body can't be stored"},
			"two values":         {raw(`{} {}`), store.ErrInvalidEvent, "body can't be stored"},
			"not encodable":      {types.NewEvent("noted", func() {}), store.ErrInvalidEvent, "unsupported type"},
			"NaN":                {types.NewEvent("noted", map[string]any{"n": nan()}), store.ErrInvalidEvent, "unsupported value"},
			"another shape":      {raw(`{"Text": 7}`), nil, "decode the body into aggregate_test.noted"},
			"Apply refuses":      {types.NewEvent("bomb", bomb{"error"}), errApply, "can't be applied"},
			"not even an object": {raw(`[]`), nil, "decode the body"},
		} {
			for _, events := range [][]types.Uncommitted{{test.event}, {types.NewEvent("noted", noted{"b"}), test.event, types.NewEvent("noted", noted{"c"})}} {
				err := root.Evaluate(t.Context(), emits(id, events...))
				require.ErrorContains(t, err, test.text, name)
				if test.is != nil {
					require.ErrorIs(t, err, test.is, name)
				}
				var refused *aggregate.EventError
				var invalid *store.InvalidEventError
				require.True(t, errors.As(err, &refused) || errors.As(err, &invalid), name)
				require.NotErrorIs(t, err, aggregate.ErrCorruptLog, name)
			}
		}
		require.Len(t, logOf(t, s, id), 1)
		require.Equal(t, want, get(t, root, id))
		evaluate(t, root, notes(id, "b"))
	})
}

func nan() float64 { zero := 0.0; return zero / zero }

func TestNoSequenceIsPastTheLastOne(t *testing.T) {
	t.Parallel()
	s := newTap()
	root := newRoot(t, s, nil)
	id := newID(t, root)
	anchor := types.Event{Timestamp: newIDOf(t), AggregateID: id, Sequence: types.MaxSequence - 1, Type: "added", Body: json.RawMessage(`{}`)}
	s.load = func(context.Context, iter.Seq2[store.Entry, error]) iter.Seq2[store.Entry, error] {
		return func(yield func(store.Entry, error) bool) {
			_ = yield(store.Entry{Snapshot: &types.Snapshot{AggregateID: id, Sequence: anchor.Sequence, Body: json.RawMessage(`{"total": 5, "notes": null, "marks": null}`)}}, nil) &&
				yield(store.Entry{Event: anchor}, nil)
		}
	}
	s.events = func(context.Context, iter.Seq2[types.Event, error]) iter.Seq2[types.Event, error] {
		return func(yield func(types.Event, error) bool) { yield(anchor, nil) }
	}
	err := root.Evaluate(t.Context(), notes(id, "a", "b"))
	var invalid *store.InvalidEventError
	require.ErrorAs(t, err, &invalid)
	require.Equal(t, types.MaxSequence+1, invalid.Sequence)
	require.ErrorContains(t, err, "sequence is past the last one, 2147483647")
	require.Zero(t, s.commits.Load())

	var last types.Sequence
	s.set(func(s *tap) {
		s.commit = func(_ context.Context, c store.Commit, _ func() error) error {
			last, anchor = c.Events[0].Sequence, c.Events[0]
			return nil
		}
	})
	evaluate(t, root, notes(id, "a"))
	require.Equal(t, types.MaxSequence, last, "the last one is legal")
	require.ErrorIs(t, root.Evaluate(t.Context(), notes(id, "b")), store.ErrInvalidEvent)
}

func TestPostgresRefusesASequenceThatItCantHold(t *testing.T) {
	t.Parallel()
	pool := pgtest.Plain(t, fewConnections)
	id := newIDOf(t)
	insertRow(t, pool, types.Event{Timestamp: newIDOf(t), AggregateID: id, Sequence: types.MaxSequence, Type: "added", Body: json.RawMessage(`{"By": 1}`)})
	s := pgtest.Store(t, pool, nil)
	require.NoError(t, s.CommitSnapshot(t.Context(), types.Snapshot{AggregateID: id, Sequence: types.MaxSequence, Body: json.RawMessage(`{"total": 5, "notes": null, "marks": null}`)}))
	root := newRoot(t, s, nil)
	require.Equal(t, 5, get(t, root, id).Total)
	require.ErrorIs(t, root.Evaluate(t.Context(), adds(id, 1)), store.ErrInvalidEvent)
	var n int
	require.NoError(t, pool.QueryRow(t.Context(), "SELECT count(*) FROM event_log").Scan(&n))
	require.Equal(t, 1, n)
}

func TestAStoreThatIsDownRefusesAndServesLater(t *testing.T) {
	t.Parallel()
	s := newTap()
	root := newRoot(t, s, nil)
	id := newID(t, root)
	down := func(s *tap) {
		s.load, s.events = failLoad(store.ErrUnavailable), failEvents(store.ErrUnavailable)
		s.commit = func(context.Context, store.Commit, func() error) error { return store.ErrUnavailable }
	}
	up := func(s *tap) { s.load, s.events, s.commit = nil, nil, nil }

	s.set(down) // at start
	require.ErrorIs(t, root.Evaluate(t.Context(), adds(id, 1)), store.ErrUnavailable)
	_, err := root.Get(t.Context(), id)
	require.ErrorIs(t, err, store.ErrUnavailable)
	require.EqualError(t, err, "aggregate: load: store: unavailable")
	s.set(up)
	evaluate(t, root, notes(id, "a"))

	s.set(down) // later
	err = root.Evaluate(t.Context(), notes(id, "b"))
	require.ErrorIs(t, err, store.ErrUnavailable)
	require.ErrorIs(t, root.Evaluate(t.Context(), adds(id, -1)), store.ErrUnavailable, "a rejection that can't be confirmed is none")
	require.ErrorIs(t, root.Evaluate(t.Context(), adds(id, 0)), store.ErrUnavailable)
	_, err = root.Fetch(t.Context(), id)
	require.ErrorIs(t, err, store.ErrUnavailable)
	s.set(up)
	require.Len(t, logOf(t, s, id), 1)
	require.Equal(t, []string{"a"}, get(t, root, id).Notes)
	evaluate(t, root, notes(id, "c"))
	require.Equal(t, []string{"a", "c"}, get(t, root, id).Notes)
}

func TestAMemoryProjectionThatRefusesRefusesTheCommand(t *testing.T) {
	t.Parallel()
	s, full := memory.New(), errors.New("full")
	root := newRoot(t, s, nil, func(d *aggregate.Definition[tally]) {
		d.Projections = []store.Projection{memory.Projection(func(_ context.Context, _ *memory.ProjectionTx, e types.Event) error {
			if e.Sequence > 1 {
				return full
			}
			return nil
		})}
	})
	id := newID(t, root)
	evaluate(t, root, notes(id, "a"))
	err := root.Evaluate(t.Context(), notes(id, "b"))
	var refused *store.ProjectionError
	require.ErrorAs(t, err, &refused)
	require.ErrorIs(t, err, full)
	require.Len(t, logOf(t, s, id), 1)
	require.Equal(t, []string{"a"}, get(t, root, id).Notes)
}
