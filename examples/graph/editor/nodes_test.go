package editor_test

import (
	"math"
	"testing"

	"github.com/eventmaestro/maestro/examples/graph/editor"
	"github.com/eventmaestro/maestro/types"
)

func TestANodeIsAddedUnderTheNextID(t *testing.T) {
	t.Parallel()
	given(t, created("G")).
		When("add_node", editor.AddNode{Name: " A ", X: 10, Y: 20}).
		Then(nodeAdded(1, "A", 10, 20)).
		When("add_node", editor.AddNode{X: editor.ReachX, Y: editor.ReachY}).
		Then(nodeAdded(2, "Node 2", editor.ReachX, editor.ReachY)).
		ThenState(editor.Graph{
			Name:     "G",
			Nodes:    map[editor.NodeID]editor.Node{1: {Name: "A", X: 10, Y: 20}, 2: {Name: "Node 2", X: editor.ReachX, Y: editor.ReachY}},
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
	for _, at := range [][2]int{{-editor.ReachX - 1, 0}, {0, -editor.ReachY - 1}, {editor.ReachX + 1, 0}, {0, editor.ReachY + 1}, {math.MinInt, 0}} {
		given(t, created("G")).
			When("add_node", editor.AddNode{X: at[0], Y: at[1]}).
			ThenRejected("outside of the canvas, which goes from -6000, -4000 to 6000, 4000")
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

func TestNodesAreMovedTogetherOrNotAtAll(t *testing.T) {
	t.Parallel()
	places := func(p ...editor.MoveNode) editor.MoveNodes { return editor.MoveNodes{Places: p} }
	given(t, triangle()...).
		When("move_nodes", places(editor.MoveNode{ID: 1, X: 7, Y: 7}, editor.MoveNode{ID: 2, X: 200, Y: 100}, editor.MoveNode{ID: 3, X: 9, Y: 9})).
		Then(nodeMoved(1, 7, 7), nodeMoved(3, 9, 9)). // the second was there already
		When("move_nodes", places()).
		ThenNothing()
	for want, p := range map[string]editor.MoveNodes{
		"There is no node 9.":                      places(editor.MoveNode{ID: 1, X: 7, Y: 7}, editor.MoveNode{ID: 9}),
		"Node 1 can't be moved to two places.":     places(editor.MoveNode{ID: 1, X: 7, Y: 7}, editor.MoveNode{ID: 1}),
		"outside of the canvas":                    places(editor.MoveNode{ID: 1, X: 7, Y: 7}, editor.MoveNode{ID: 2, X: editor.ReachX + 1}),
		"at most 500 nodes to move; these are 501": places(make([]editor.MoveNode, 501)...),
	} {
		given(t, triangle()...).When("move_nodes", p).ThenRejected(want)
	}
}

func TestANameIsThereOnceInAGraph(t *testing.T) {
	t.Parallel()
	given(t, triangle()...).
		When("add_node", editor.AddNode{Name: " B "}).
		ThenRejected(`There is a node "B" already. Please choose another name.`).
		When("rename_node", editor.RenameNode{ID: 1, Name: "B"}).
		ThenRejected(`There is a node "B" already. Please choose another name.`).
		When("rename_node", editor.RenameNode{ID: 2, Name: "B"}).
		ThenNothing(). // its own
		When("rename_node", editor.RenameNode{ID: 2, Name: "b"}).
		Then(nodeRenamed(2, "b")).
		When("add_node", editor.AddNode{Name: "B"}). // free again
		Then(nodeAdded(4, "B", 0, 0))
}

func TestANodeThatNobodyNamedTakesAFreeName(t *testing.T) {
	t.Parallel()
	given(t, created("G"), nodeAdded(1, "Node 2", 0, 0), nodeAdded(2, "Node 3", 0, 0)).
		When("add_node", editor.AddNode{}).
		Then(nodeAdded(3, "Node 4", 0, 0)).
		When("remove_node", editor.RemoveNode{ID: 1}).
		Then(nodeRemoved(1)).
		When("add_node", editor.AddNode{Name: "Node 2"}).
		Then(nodeAdded(4, "Node 2", 0, 0))
}

func TestANodeIsRenamed(t *testing.T) {
	t.Parallel()
	given(t, triangle()...).
		When("rename_node", editor.RenameNode{ID: 2, Name: "  Bern"}).
		Then(nodeRenamed(2, "Bern")).
		When("rename_node", editor.RenameNode{ID: 3, Name: "New  \u00a0 York"}).
		Then(nodeRenamed(3, "New York")).
		When("add_node", editor.AddNode{Name: "New   York"}). // looks the same
		ThenRejected(`There is a node "New York" already.`).
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
