package aggregate_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/eventmaestro/maestro/aggregate"
	"github.com/eventmaestro/maestro/store"
	"github.com/eventmaestro/maestro/store/memory"
	"github.com/eventmaestro/maestro/types"
)

func TestWhatWouldEndAProcessOfMaestroIsRefusedWhereItIsShared(t *testing.T) {
	t.Parallel()
	digits := strings.Repeat("9", 320)
	for body, reason := range map[string]string{
		`[1]`:                            "body is no JSON object, which Maestro can't read",
		`"text"`:                         "body is no JSON object",
		`null`:                           "body is no JSON object",
		`{"a": [` + digits + `.5]}`:      "body has a number with a fraction and 322 digits, past what Maestro can read",
		`{"a": [` + digits + `]}`:        "",
		`{"a": "` + digits + `.5"}`:      "",
		`{"a": 0.` + digits + `}`:        "",
		`{"a": 1e400}`:                   "", // an integer, as it is stored
		`{"a": 1.5, "b": {"c": [true]}}`: "",
	} {
		for _, shared := range []bool{true, false} {
			root := newRoot(t, memory.New(), nil, func(d *aggregate.Definition[tally]) {
				d.SharedWithMaestro = shared
				d.Events["any"] = aggregate.EventFunc[tally](func(s tally, _ types.Event) (tally, error) { return s, nil })
			})
			id := newID(t, root)
			err := root.Evaluate(t.Context(), emits(id, types.NewEvent("any", json.RawMessage(body))))
			if reason == "" || !shared {
				require.NoError(t, err, body)
				continue
			}
			require.ErrorIs(t, err, store.ErrInvalidEvent, body)
			require.ErrorContains(t, err, reason)
		}
	}
}

func TestASnapshotThatMaestroCouldNotReadIsRefusedWhereItIsShared(t *testing.T) {
	t.Parallel()
	unread(t, []int{7}, "S has a snapshot that is no JSON object, which Maestro can't read, and SharedWithMaestro is set")
	unread(t, map[string]int{"maestro": 1}, `S has a snapshot that has the key "maestro", where the library's mark has to be`)
	unread(t, countedV1{1}, "")
}

func unread[S any](t *testing.T, state S, reason string) {
	t.Helper()
	s := memory.New()
	d := becoming(func() S { return state }, func() S { return state })
	d.SharedWithMaestro = true
	root, _ := versioned(t, s, d)
	id := newID(t, root)
	evaluate(t, root, types.Command{AggregateID: id, Type: "become"})
	err := root.Snapshot(t.Context(), id)
	if reason == "" {
		require.NoError(t, err)
		require.JSONEq(t, `{"Total": 1}`, unmarked(t, snapshotOf(t, s, id)))
		return
	}
	require.ErrorAs(t, err, new(*aggregate.DefinitionError))
	require.ErrorContains(t, err, reason)
	require.Nil(t, snapshotOf(t, s, id))
}
