package aggregate_test

import (
	"context"
	"encoding/json"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/eventmaestro/maestro/aggregate"
	"github.com/eventmaestro/maestro/hlc"
	"github.com/eventmaestro/maestro/store/memory"
	"github.com/eventmaestro/maestro/types"
)

// FuzzCommandData sends JSON from outside as a command's data: it is decoded strictly, or refused
// with a typed error and nothing stored.
func FuzzCommandData(f *testing.F) {
	for _, s := range []string{`{"By": 1}`, `{"by": 1}`, `{"By": 1, "x": 2}`, `{"By": 1} {}`, `null`, `[]`, `{"By": 1e99}`, "\xff", ``, `{"By":-1}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		root, id := tallyOf(t)
		err := root.Evaluate(t.Context(), types.Command{AggregateID: id, Type: "add", Data: json.RawMessage(data)})
		state, getErr := root.Fetch(t.Context(), id)
		require.NoError(t, getErr)
		if err != nil {
			require.True(t, errors.Is(err, aggregate.ErrInvalidData) || errors.Is(err, aggregate.ErrRejected), "%v", err)
			require.Zero(t, state.Total)
			return
		}
		var want add
		require.NoError(t, json.Unmarshal(data, &want))
		require.Equal(t, want.By, state.Total)
	})
}

// FuzzEventBody lets a handler return any body: it is stored and reads back the same, or the
// command is refused and nothing is stored.
func FuzzEventBody(f *testing.F) {
	for _, s := range []string{`{"By": 1}`, `{"By": 1.5}`, `{"By":"x"}`, `{"By":1,"By":2}`, `"\u0000"`, `{"\ud800":1}`, `{"By":1e400}`, `nul`, ``, `{"b":1,"aa":[{}]}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		a := memory.New()
		root := newRoot(t, a, nil)
		id := newID(t, root)
		hot, err := root.EvaluateState(t.Context(), types.Command{AggregateID: id, Type: "run", Data: plan(func(context.Context, aggregate.Instance[tally]) ([]types.Uncommitted, error) {
			return types.Events(types.NewEvent("added", json.RawMessage(body))), nil
		})})
		cold, coldErr := newRoot(t, a, nil).Get(t.Context(), id)
		require.NoError(t, coldErr, "what is in the log can be read")
		if err != nil {
			require.Zero(t, cold, "a refused command leaves nothing")
			return
		}
		require.Equal(t, hot, cold)
	})
}

// FuzzSnapshot puts any body at any sequence into the snapshots: it is used or passed over, and
// never makes the aggregate unreadable or puts it ahead of its log.
func FuzzSnapshot(f *testing.F) {
	f.Add([]byte(`{"total": 2}`), int64(2))
	f.Add([]byte(`{"total":`), int64(1))
	f.Add([]byte(`[1,2]`), int64(2))
	f.Add([]byte(`{"total": "two"}`), int64(2))
	f.Add([]byte(`{"total": 2, "notes": null, "marks": null}`), int64(2))
	f.Add([]byte(`{"maestro": {"shape": "version 7", "state": {}, "beside": {"sequence": -1}}}`), int64(2))
	f.Add([]byte(`{"maestro": 1, "total": 99, "notes": [], "marks": {}}`), int64(99))
	f.Fuzz(func(t *testing.T, body []byte, at int64) {
		a := memory.New()
		writer := newRoot(t, a, nil)
		id := newID(t, writer)
		for range 3 {
			require.NoError(t, writer.Evaluate(t.Context(), adds(id, 1)))
		}
		stored := a.CommitSnapshot(t.Context(), types.Snapshot{AggregateID: id, Sequence: types.Sequence(at), Body: body}) == nil
		reader := newRoot(t, a, nil)
		instance, err := reader.FetchInstance(t.Context(), id)
		require.NoError(t, err)
		require.Equal(t, types.Sequence(3), instance.Sequence)
		if !stored || at > 3 {
			require.Equal(t, 3, instance.State.Total)
		}
		require.NoError(t, reader.Evaluate(t.Context(), adds(id, 1)), "it goes on")
	})
}

// FuzzCommandType sends any type string.
func FuzzCommandType(f *testing.F) {
	f.Add("add")
	f.Add("")
	f.Add("\x00\xff")
	f.Fuzz(func(t *testing.T, commandType string) {
		root := newRoot(t, memory.New(), nil)
		err := root.Evaluate(t.Context(), types.Command{AggregateID: hlc.Timestamp{1}, Type: commandType, Data: add{1}})
		switch commandType {
		case "add":
			require.NoError(t, err)
		case "note", "run":
			require.Error(t, err)
		default:
			require.ErrorIs(t, err, aggregate.ErrUnknownCommand)
		}
	})
}
