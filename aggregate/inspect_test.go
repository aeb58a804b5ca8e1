package aggregate_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/eventmaestro/maestro/aggregate"
	"github.com/eventmaestro/maestro/hlc"
	"github.com/eventmaestro/maestro/store"
	"github.com/eventmaestro/maestro/types"
)

// inspected returns the inspection of a log that is rows. A row without id,
// sequence or timestamp gets what fits its place.
func inspected(t *testing.T, rows []types.Event, change ...func(*aggregate.Definition[tally])) *aggregate.Inspection[tally] {
	t.Helper()
	a := newTap()
	root := newRoot(t, a, nil, change...)
	id := newID(t, root)
	a.events = logIs(t, id, rows)
	in, err := root.Inspect(t.Context(), id)
	require.NoError(t, err)
	_, live := root.Whereis(id)
	require.True(t, live)
	require.Zero(t, a.loads.Load(), "the aggregate was loaded")
	require.Equal(t, id, in.AggregateID)
	require.Equal(t, len(rows), in.Rows)
	return in
}

// logIs is a tap with the rows.
func logIs(t *testing.T, id hlc.Timestamp, rows []types.Event) func(context.Context, iter.Seq2[types.Event, error]) iter.Seq2[types.Event, error] {
	t.Helper()
	rows = slices.Clone(rows)
	for i := range rows {
		e := &rows[i]
		if e.AggregateID.IsZero() {
			e.AggregateID = id
		}
		if e.Sequence == 0 {
			e.Sequence = types.Sequence(i + 1)
		}
		if e.Timestamp.IsZero() {
			e.Timestamp = at(t, i)
		}
	}
	return func(context.Context, iter.Seq2[types.Event, error]) iter.Seq2[types.Event, error] {
		return func(yield func(types.Event, error) bool) {
			for _, e := range rows {
				if !yield(e, nil) {
					return
				}
			}
		}
	}
}

func at(t *testing.T, i int) hlc.Timestamp {
	t.Helper()
	stamp, err := hlc.New(int64(1_700_000_000_000+i), 0, 7)
	require.NoError(t, err)
	return stamp
}

func row(eventType, body string) types.Event {
	return types.Event{Type: eventType, Body: json.RawMessage(body)}
}

func kinds(in *aggregate.Inspection[tally]) (list []string) {
	for _, f := range in.Faults {
		list = append(list, fmt.Sprintf("%s %d/%d", f.Kind, f.Row, f.Sequence))
	}
	return list
}

func TestInspectFindsNothingWrongWithAGoodLog(t *testing.T) {
	t.Parallel()
	root, id := tallyOf(t)
	in, err := root.Inspect(t.Context(), id)
	require.NoError(t, err)
	require.True(t, in.OK())
	require.Zero(t, in.Rows)
	require.Zero(t, in.Latest.Sequence)

	evaluate(t, root, adds(id, 1), notes(id, "a", "b"))
	require.NoError(t, root.Snapshot(t.Context(), id))
	evaluate(t, root, adds(id, 2))
	in, err = root.Inspect(t.Context(), id)
	require.NoError(t, err)
	require.True(t, in.OK(), "%v", in)
	require.Nil(t, in.Bad)
	require.Equal(t, 4, in.Rows)
	require.EqualValues(t, 4, in.Latest.Sequence)
	require.Equal(t, get(t, root, id), in.Latest.State)
	require.EqualValues(t, 3, in.Snapshot.Snapshot.Sequence)
	require.Equal(t, fmt.Sprintf("aggregate %v: 4 rows, sequence 4, nothing wrong\nsnapshot at 3: good", id), in.String())
}

func TestInspectNamesTheFirstBadEventWithTheStatesAroundIt(t *testing.T) {
	t.Parallel()
	in := inspected(t, []types.Event{
		row("added", `{"By": 1}`), row("noted", `{"Text": "a"}`), row("bomb", `{"How": "error"}`), row("added", `{"By": "x"}`),
		row("noted", `{"Text": "b"}`), row("bomb", `{"How": "panic"}`), row("lost", `{}`), row("added", `{"By": 5}`),
	})
	bad := in.Bad
	require.Equal(t, 3, bad.Row)
	require.Equal(t, "bomb", bad.Event.Type)
	require.JSONEq(t, `{"How": "error"}`, string(bad.Event.Body))
	require.ErrorIs(t, bad.Err, errApply)
	require.ErrorIs(t, bad.Err, aggregate.ErrCorruptLog)
	before := tally{Total: 1, Notes: []string{"a"}, Marks: map[string]int{"a": 1}}
	require.Equal(t, aggregate.Instance[tally]{ID: in.AggregateID, Sequence: 2, State: before}, bad.Before)
	after := tally{Total: 1, Notes: []string{"a", "b"}, Marks: map[string]int{"a": 1, "b": 1}}
	require.Equal(t, aggregate.Instance[tally]{ID: in.AggregateID, Sequence: 5, State: after}, *bad.After)
	after.Total = 6
	require.Equal(t, aggregate.Instance[tally]{ID: in.AggregateID, Sequence: 8, State: after}, in.Latest)
	require.Equal(t, []string{"unreadable 3/3", "unreadable 4/4", "unreadable 6/6", "unreadable 7/7"}, kinds(in))
	require.ErrorIs(t, in.Faults[3].Err, aggregate.ErrUnknownEvent)
	p, ok := errors.AsType[*types.PanicError](in.Faults[2].Err)
	require.True(t, ok)
	require.Equal(t, "boom", p.Value)
	require.False(t, in.OK())
	for _, text := range []string{"bad: row 3", `body: {"How": "error"}`, "state before it, at 2: {Total:1", "state after the next, at 5", "unreadable: row 7"} {
		require.Contains(t, in.String(), text)
	}
}

func TestInspectSeesGapsRepeatsForeignRowsAndTimeThatGoesBack(t *testing.T) {
	t.Parallel()
	rows := make([]types.Event, 9)
	for i := range rows {
		rows[i] = row("added", `{"By": 1}`)
	}
	for i, s := range []types.Sequence{1, 2, 5, 4, 5, 6, 6, 7, 8} {
		rows[i].Sequence = s
	}
	rows[5].Timestamp = at(t, 3)
	rows[7].AggregateID = at(t, 77)
	in := inspected(t, rows)
	require.Equal(t, []string{"gap 3/5", "repeat 4/4", "repeat 5/5", "time back 6/6", "repeat 7/6", "foreign 8/7", "gap 9/8"}, kinds(in))
	require.Equal(t, aggregate.FaultGap, in.Bad.Kind)
	require.EqualValues(t, 2, in.Bad.Before.Sequence)
	require.EqualValues(t, 5, in.Bad.After.Sequence)
	require.Equal(t, 5, in.Latest.State.Total)
	require.EqualValues(t, 8, in.Latest.Sequence)
}

func TestInspectDoesNotCallALogBadForItsTimestamps(t *testing.T) {
	t.Parallel()
	rows := []types.Event{row("added", `{"By": 1}`), row("added", `{"By": 1}`)}
	rows[1].Timestamp = at(t, -1)
	in := inspected(t, rows)
	require.Nil(t, in.Bad)
	require.False(t, in.OK())
	require.Equal(t, []string{"time back 2/2"}, kinds(in))
	require.Equal(t, 2, in.Latest.State.Total)
}

func TestInspectPassesOverUnknownEventsWhereTheDefinitionDoes(t *testing.T) {
	t.Parallel()
	rows := []types.Event{row("lost", `{}`), row("added", `{"By": 1}`)}
	require.Equal(t, aggregate.FaultUnreadable, inspected(t, rows).Bad.Kind)
	require.True(t, inspected(t, rows, func(d *aggregate.Definition[tally]) { d.SkipUnknownEvents = true }).OK())
}

func TestInspectChangesNothing(t *testing.T) {
	t.Parallel()
	a := newTap()
	root := newRoot(t, a, nil)
	id := newID(t, root)
	evaluate(t, root, notes(id, "a"), emits(id, types.NewEvent("bomb", bomb{})))
	kept := get(t, root, id)
	was := logOf(t, a, id)
	commits, snapshots := a.commits.Load(), a.snapshots.Load()
	in, err := root.Inspect(t.Context(), id)
	require.NoError(t, err)
	in.Latest.State.Marks["a"] = 100
	require.Equal(t, kept, get(t, root, id))
	require.Equal(t, was, logOf(t, a, id))
	require.Equal(t, commits, a.commits.Load())
	require.Equal(t, snapshots, a.snapshots.Load())
}

func TestInspectReturnsWhatItReadBeforeTheStoreFailed(t *testing.T) {
	t.Parallel()
	a := newTap()
	root := newRoot(t, a, nil)
	id := newID(t, root)
	evaluate(t, root, adds(id, 1))
	a.set(func(a *tap) {
		a.events = func(_ context.Context, next iter.Seq2[types.Event, error]) iter.Seq2[types.Event, error] {
			return func(yield func(types.Event, error) bool) {
				for e, err := range next {
					if !yield(e, err) {
						return
					}
				}
				yield(types.Event{}, store.ErrUnavailable)
			}
		}
	})
	in, err := root.Inspect(t.Context(), id)
	require.ErrorIs(t, err, store.ErrUnavailable)
	require.Equal(t, 1, in.Rows)
	require.Equal(t, 1, in.Latest.State.Total)

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = root.Inspect(ctx, id)
	require.ErrorIs(t, err, context.Canceled)
	_, err = root.Inspect(t.Context(), hlc.Timestamp{})
	require.ErrorIs(t, err, aggregate.ErrInvalidID)
}
