package aggregate

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/eventmaestro/maestro/store"
)

// TestAMarkComesOffAsItWentOn: whatever JSON a state is, and whatever keys it has.
func TestAMarkComesOffAsItWentOn(t *testing.T) {
	t.Parallel()
	m := mark{Mark: store.Mark{At: "00ff", Generation: 3}, Shape: "s", Beside: &beside{"t", "11", 4, json.RawMessage(`{"a": 1}`)}}
	for _, state := range []string{
		`{}`, `{"a": 1}`, `{"a": "\"maestro\": }{,", "maestros": [{}, "maestro"]}`, `{"maestro": 1}`, `[1, {"maestro": 2}]`, `"maestro"`, `7`, `null`,
	} {
		whole, err := m.marked(json.RawMessage(state))
		require.NoError(t, err)
		require.Equal(t, m.Mark, store.MarkOf(whole))
		got, rest := unmark(whole)
		require.NotNil(t, got, state)
		require.JSONEq(t, state, string(rest))
		got.State = nil
		require.Equal(t, m, *got)
	}
	for _, foreign := range []string{`{"maestro": 1, "a": 2}`, `{"maestro": {}}`, `["maestro"]`, `"maestro"`, `{"a": "maestro"}`, `{"maestro"`} {
		got, rest := unmark(json.RawMessage(foreign))
		require.Nil(t, got, foreign)
		require.Equal(t, foreign, string(rest))
		require.Zero(t, store.MarkOf(json.RawMessage(foreign)))
	}
}
