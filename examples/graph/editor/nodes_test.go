package editor_test

import (
	"testing"

	"github.com/eventmaestro/maestro/examples/graph/editor"
	"github.com/eventmaestro/maestro/types"
)

func TestANodeIsAddedUnderTheNextID(t *testing.T) {
	t.Parallel()
	given(t, created("G")).
		When("add_node", editor.AddNode{Name: " A ", X: 10, Y: 20}).
		Then(nodeAdded(1, "A", 10, 20)).
		When("add_node", editor.AddNode{X: editor.Width, Y: editor.Height}).
		Then(nodeAdded(2, "Node 2", editor.Width, editor.Height)).
		ThenState(editor.Graph{
			Name:     "G",
			Nodes:    map[editor.NodeID]editor.Node{1: {Name: "A", X: 10, Y: 20}, 2: {Name: "Node 2", X: editor.Width, Y: editor.Height}},
			LastNode: 2,
		})
}

func TestTheIDOfARemovedNodeIsNotGivenOutAgain(t *testing.T) {
	t.Parallel()
	given(t, created("G"), nodeAdded(1, "A", 0, 0), nodeRemoved(1)).
		When("add_node", editor.AddNode{Name: "B"}).
		Then(nodeAdded(2, "B", 0, 0))
}

func TestANodeIsOnTheCanvas(t *testing.T) {
	t.Parallel()
	for _, at := range [][2]int{{-1, 0}, {0, -1}, {editor.Width + 1, 0}, {0, editor.Height + 1}} {
		given(t, created("G")).
			When("add_node", editor.AddNode{X: at[0], Y: at[1]}).
			ThenRejected("outside of the canvas, which is 1200 wide and 680 high")
		given(t, triangle()...).
			When("move_node", editor.MoveNode{ID: 1, X: at[0], Y: at[1]}).
			ThenRejected("outside of the canvas")
	}
}

func TestAGraphTakes500Nodes(t *testing.T) {
	t.Parallel()
	full := editor.New()
	full.Name = "Full"
	for id := editor.NodeID(1); id <= editor.MaxNodes; id++ {
		full.Nodes[id] = editor.Node{Name: "n"}
	}
	full.LastNode = editor.MaxNodes
	given(t).GivenState(full).
		When("add_node", editor.AddNode{Name: "One more"}).
		ThenRejected("The graph is full: it has 500 nodes.").
		When("remove_node", editor.RemoveNode{ID: 7}).
		Then(nodeRemoved(7)).
		When("add_node", editor.AddNode{Name: "One more"}).
		Then(nodeAdded(501, "One more", 0, 0))
}

func TestANodeIsMoved(t *testing.T) {
	t.Parallel()
	given(t, triangle()...).
		When("move_node", editor.MoveNode{ID: 2, X: 300, Y: 50}).
		Then(nodeMoved(2, 300, 50)).
		When("move_node", editor.MoveNode{ID: 2, X: 300, Y: 50}).
		ThenNothing()
}

func TestANodeIsRenamed(t *testing.T) {
	t.Parallel()
	given(t, triangle()...).
		When("rename_node", editor.RenameNode{ID: 2, Name: "  Bern"}).
		Then(nodeRenamed(2, "Bern")).
		When("rename_node", editor.RenameNode{ID: 2, Name: "Bern"}).
		ThenNothing().
		When("rename_node", editor.RenameNode{ID: 2}).
		ThenRejected("Please give the node a name.")
}

func TestANodeIsRemovedWithItsEdges(t *testing.T) {
	t.Parallel()
	given(t, triangle()...).
		When("remove_node", editor.RemoveNode{ID: 1}).
		Then(edgeRemoved(1, 2), edgeRemoved(3, 1), nodeRemoved(1)).
		ThenState(editor.Graph{
			Name:     "Triangle",
			Nodes:    map[editor.NodeID]editor.Node{2: {Name: "B", X: 200, Y: 100}, 3: {Name: "C", X: 150, Y: 200}},
			Edges:    map[editor.NodeID][]editor.NodeID{2: {3}},
			LastNode: 3,
		})
}

func TestANodeThatIsNotThereIsRefused(t *testing.T) {
	t.Parallel()
	for id, want := range map[editor.NodeID]string{
		3: "Node 3 is not there any more: it was removed meanwhile.",
		9: "There is no node 9.",
		0: "There is no node 0.",
	} {
		for name, data := range map[string]any{
			"move_node":   editor.MoveNode{ID: id, X: 1, Y: 1},
			"rename_node": editor.RenameNode{ID: id, Name: "x"},
			"remove_node": editor.RemoveNode{ID: id},
			"add_edge":    editor.AddEdge{From: 1, To: id},
		} {
			given(t, append(triangle(), types.Events(edgeRemoved(2, 3), edgeRemoved(3, 1), nodeRemoved(3))...)...).
				When(name, data).
				ThenRejected(want)
		}
	}
}
