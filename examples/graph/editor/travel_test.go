package editor_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/eventmaestro/maestro/examples/graph/editor"
	"github.com/eventmaestro/maestro/types"
)

// story makes a history of words, a command each: "edit" and "big" (three events) change the graph,
// and "back to n" is a revert of two events.
func story(text string) []types.Event {
	var events []types.Event
	add := func(command int, eventType string, body any) {
		raw, _ := json.Marshal(body)
		events = append(events, types.Event{
			Sequence: types.Sequence(len(events) + 1), Type: eventType, Body: raw,
			Metadata: types.Metadata{CommandID: fmt.Sprint(command)},
		})
	}
	for i, word := range strings.Split(text, ", ") {
		var to int
		switch n, _ := fmt.Sscanf(word, "back to %d", &to); {
		case n == 1:
			add(i, "graph_reverted", editor.GraphReverted{To: types.Sequence(to)})
			add(i, "node_removed", nil)
		case word == "big":
			for range 3 {
				add(i, "edge_removed", nil)
			}
		default:
			add(i, "node_added", nil)
		}
	}
	return events
}

func TestUndoAndRedoFollowTheHistory(t *testing.T) {
	t.Parallel()
	for text, want := range map[string][2]types.Sequence{
		"edit":                                   {0, 0}, // the creation stays
		"edit, edit":                             {1, 0},
		"edit, edit, edit":                       {2, 0},
		"edit, big":                              {1, 0}, // all of a command at once
		"edit, big, edit":                        {4, 0},
		"edit, edit, edit, back to 2":            {1, 3},
		"edit, edit, edit, back to 2, back to 1": {0, 2}, // undone twice
		"edit, edit, edit, back to 2, back to 1, back to 2":       {1, 3}, // and redone once
		"edit, edit, edit, back to 2, back to 3":                  {2, 0},
		"edit, edit, edit, back to 2, edit":                       {2, 0}, // a new edit ends redo
		"edit, edit, edit, back to 2, edit, back to 2":            {1, 6},
		"edit, edit, edit, back to 2, edit, back to 2, back to 1": {0, 2},
		"edit, edit, edit, edit, back to 1":                       {0, 2}, // a jump with the slider
		"edit, edit, edit, edit, back to 1, back to 3":            {2, 4},
		"edit, edit, back to 1, edit, back to 2":                  {5, 0}, // to what undo had left behind: an edit like others
		"edit, edit, back to 1, edit, back to 2, back to 5":       {1, 2},
		"edit, big, back to 3":                                    {4, 0}, // into the middle of a command
	} {
		undo, redo := editor.Travel(story(text))
		require.Equal(t, want, [2]types.Sequence{undo, redo}, text)
	}
	undo, redo := editor.Travel(nil)
	require.Zero(t, undo+redo)
}

func TestEventsWithoutACommandIDAreUndoneOneByOne(t *testing.T) {
	t.Parallel()
	events := story("edit, big")
	for i := range events {
		events[i].Metadata = types.Metadata{}
	}
	undo, redo := editor.Travel(events)
	require.Equal(t, types.Sequence(3), undo)
	require.Zero(t, redo)
}
