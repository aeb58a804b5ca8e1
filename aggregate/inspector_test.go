package aggregate_test

import (
	"encoding/json"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/eventmaestro/maestro/aggregate"
	"github.com/eventmaestro/maestro/store/memory"
	"github.com/eventmaestro/maestro/types"
)

func TestInspectShowsTheStepsOfTheUpcasts(t *testing.T) {
	t.Parallel()
	steps := func(d *aggregate.Definition[tally]) {
		d.Upcasts = aggregate.Upcasts{
			"v1": aggregate.Rename("v2"),
			"v2": {To: []string{"v3", "gone", "added"}, Func: func(e types.Event) ([]aggregate.Upcasted, error) {
				return []aggregate.Upcasted{{Type: "gone", Body: e.Body}, {Type: "v3", Body: e.Body}, {Type: "added", Body: e.Body}}, nil
			}},
			"gone": aggregate.Drop(),
			"v3": aggregate.Rewrite("added", func(b json.RawMessage) (json.RawMessage, error) {
				if string(b) == "null" {
					return nil, errors.New("no body")
				}
				return json.RawMessage(`{"By": true}`), nil
			}),
			"wild": {To: []string{"added"}, Func: func(types.Event) ([]aggregate.Upcasted, error) { panic("wild") }},
		}
	}
	in := inspected(t, []types.Event{row("v1", `{"By": 1}`)}, steps)
	var texts []string
	for _, s := range in.Bad.Upcasts {
		texts = append(texts, s.String())
	}
	require.Equal(t, []string{
		`upcast of v1 {"By": 1}: v2 {"By": 1}`,
		`upcast of v2 {"By": 1}: gone {"By": 1}, v3 {"By": 1}, added {"By": 1}`,
		`upcast of gone {"By": 1}: dropped`,
		`upcast of v3 {"By": 1}: added {"By": true}`,
	}, texts)
	require.Contains(t, in.String(), texts[3])

	in = inspected(t, []types.Event{row("v1", `null`)}, steps)
	require.Len(t, in.Bad.Upcasts, 4)
	require.Contains(t, in.Bad.Upcasts[3].String(), "no body")
	in = inspected(t, []types.Event{row("wild", `{}`)}, steps)
	require.ErrorContains(t, in.Bad.Upcasts[0].Err, "wild")
}

func TestInspectBoundsWhatItKeeps(t *testing.T) {
	t.Parallel()
	rows := make([]types.Event, 1000)
	for i := range rows {
		if rows[i] = row("noted", `{"Text": "a"}`); i%3 == 2 {
			rows[i] = row("bomb", `{"How": "panic"}`)
		}
	}
	in := inspected(t, rows)
	require.Len(t, in.Faults, aggregate.MaxFaults)
	require.Equal(t, 233, in.MoreFaults)
	require.Equal(t, 667, in.Latest.State.Marks["a"])
	require.Len(t, in.Latest.State.Notes, 667)
	require.Zero(t, in.Latest.State.Marks["torn"], "an event that failed left a trace")
	require.Contains(t, in.String(), "and 233 more")
}

func TestInspectJudgesTheSnapshot(t *testing.T) {
	t.Parallel()
	log := func() []types.Event { return []types.Event{row("added", `{"By": 1}`), row("noted", `{"Text": "a"}`)} }
	for name, c := range map[string]struct {
		sequence types.Sequence
		body     string
		rows     []types.Event
		err      string
		fromLog  string
	}{
		"good":           {2, `{"total": 1, "notes": ["a"], "marks": {"a": 1}}`, log(), "", `{"marks": {"a": 1}, "notes": ["a"], "total": 1}`},
		"another shape":  {1, `{"total": 1, "notes": null, "marks": null, "old": true}`, log(), "", `{"total": 1}`},
		"another state":  {1, `{"total": 2, "notes": null, "marks": null}`, log(), `holds another state than the log gives: {"total": 2}, not {"total": 1}`, `{"total": 1}`},
		"undecodable":    {1, `{"total": "x", "notes": null, "marks": null}`, log(), "cannot unmarshal", `{"total": 1}`},
		"a field lacks":  {1, `{"total": 1}`, log(), "snapshot at sequence 1: lacks the field S.Notes", `{"total": 1}`},
		"newer":          {3, `{"total": 1, "notes": null, "marks": null}`, log(), "snapshot at sequence 3 is newer than the log", ""},
		"after bad rows": {2, `{"total": 1, "notes": null, "marks": null}`, []types.Event{row("lost", `{}`), row("added", `{"By": 1}`)}, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := newTap()
			root := newRoot(t, a, nil)
			id := newID(t, root)
			a.events = logIs(t, id, c.rows)
			require.NoError(t, a.CommitSnapshot(t.Context(), types.Snapshot{AggregateID: id, Sequence: c.sequence, Body: json.RawMessage(c.body)}))
			in, err := root.Inspect(t.Context(), id)
			require.NoError(t, err)
			if c.err == "" {
				require.NoError(t, in.Snapshot.Err)
			} else {
				require.ErrorContains(t, in.Snapshot.Err, c.err)
				require.False(t, in.OK())
				require.Contains(t, in.String(), c.err)
			}
			require.Equal(t, c.fromLog, string(in.Snapshot.FromLog))
		})
	}
}

func TestInspectReportsAStateThatCannotBeMade(t *testing.T) {
	t.Parallel()
	root, id := tallyOf(t, func(d *aggregate.Definition[tally]) { d.Initial = butFirst("no") })
	_, err := root.Inspect(t.Context(), id)
	require.ErrorContains(t, err, "aggregate: inspect: initial state: panic: no")

	a := memory.New()
	evaluateOn := newRoot(t, a, nil)
	id = newID(t, evaluateOn)
	evaluate(t, evaluateOn, notes(id, "a"))
	root = newRoot(t, a, nil, func(d *aggregate.Definition[tally]) {
		d.Clone = func(s tally) tally {
			if len(s.Notes) > 0 {
				panic("can't")
			}
			return s
		}
	})
	_, err = root.Inspect(t.Context(), id)
	require.ErrorContains(t, err, "can't")
}

func TestInspectGoesBackAShortWayOnly(t *testing.T) {
	t.Parallel()
	good := func(int) types.Event { return row("noted", `{"Text": "a"}`) }
	bad := func(int) types.Event { return row("lost", `{}`) }
	for name, c := range map[string]struct {
		make    func(int) types.Event
		applied int // at most
	}{
		"one bad event behind many": {func(i int) types.Event {
			if i == 999 {
				return bad(i)
			}
			return good(i)
		}, 999 + 256},
		"many bad events": {func(i int) types.Event {
			if i%2 == 1 {
				return bad(i)
			}
			return good(i)
		}, 500 + 500},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rows := make([]types.Event, 1000)
			for i := range rows {
				rows[i] = c.make(i)
			}
			applied := 0
			inspected(t, rows, func(d *aggregate.Definition[tally]) {
				d.Events["noted"] = aggregate.Event(func(s tally, e noted) tally {
					applied++
					return applyNoted(s, e)
				})
			})
			require.LessOrEqual(t, applied, c.applied)
		})
	}
}
