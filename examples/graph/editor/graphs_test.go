package editor_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/eventmaestro/maestro/aggregate"
	"github.com/eventmaestro/maestro/examples/graph/editor"
)

func TestAGraphIsCreatedOnce(t *testing.T) {
	t.Parallel()
	given(t).
		When("create_graph", editor.CreateGraph{Name: "  Rail network "}).
		Then(created("Rail network")).
		When("create_graph", editor.CreateGraph{Name: "Again"}).
		ThenRejected("This graph was created before.")
}

func TestAGraphNeedsANameThatPeopleCanRead(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"":                       "Please give the graph a name.",
		" \t ":                   "Please give the graph a name.",
		strings.Repeat("é", 61):  "at most 60 characters; this one has 61",
		"two\nlines":             "one line of plain text",
		"not UTF-8: \xff":        "one line of plain text",
		"a bell \a rings \x00 x": "one line of plain text",
	} {
		given(t).When("create_graph", editor.CreateGraph{Name: name}).ThenRejected(want)
		given(t, created("Old")).When("rename_graph", editor.RenameGraph{Name: name}).ThenRejected(want)
	}
	longest := strings.Repeat("é", 60)
	given(t).When("create_graph", editor.CreateGraph{Name: longest}).Then(created(longest))
}

func TestAGraphIsRenamed(t *testing.T) {
	t.Parallel()
	given(t, created("Old")).
		When("rename_graph", editor.RenameGraph{Name: "New"}).
		Then(renamed("New", "Old")).
		When("rename_graph", editor.RenameGraph{Name: " New "}).
		ThenNothing()
}

func TestAGraphThatWasNeverCreatedTakesNoCommand(t *testing.T) {
	t.Parallel()
	for name, data := range map[string]any{
		"rename_graph": editor.RenameGraph{Name: "x"},
		"add_node":     editor.AddNode{Name: "x"},
		"move_node":    editor.MoveNode{ID: 1},
		"move_nodes":   editor.MoveNodes{},
		"rename_node":  editor.RenameNode{ID: 1, Name: "x"},
		"remove_node":  editor.RemoveNode{ID: 1},
		"add_edge":     editor.AddEdge{From: 1, To: 2},
		"remove_edge":  editor.RemoveEdge{From: 1, To: 2},
		"revert_graph": editor.RevertGraph{To: 1},
	} {
		given(t).When(name, data).ThenError(editor.ErrNoGraph)
	}
}

func TestACommandTakesNoFieldsThatItDoesNotKnow(t *testing.T) {
	t.Parallel()
	given(t, created("Old")).
		When("rename_graph", json.RawMessage(`{"name": "New", "colour": "red"}`)).
		ThenError(aggregate.ErrInvalidData)
}
