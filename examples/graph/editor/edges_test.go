package editor_test

import (
	"testing"

	"github.com/eventmaestro/maestro/examples/graph/editor"
)

func TestTwoNodesAreConnected(t *testing.T) {
	t.Parallel()
	given(t, triangle()...).
		When("add_edge", editor.AddEdge{From: 1, To: 3}).
		Then(edgeAdded(1, 3)).
		When("add_edge", editor.AddEdge{From: 2, To: 1}).
		Then(edgeAdded(2, 1)).
		ThenState(editor.Graph{
			Name:     "Triangle",
			Nodes:    map[editor.NodeID]editor.Node{1: {Name: "A", X: 100, Y: 100}, 2: {Name: "B", X: 200, Y: 100}, 3: {Name: "C", X: 150, Y: 200}},
			Edges:    map[editor.NodeID][]editor.NodeID{1: {2, 3}, 2: {1, 3}, 3: {1}},
			LastNode: 3,
		})
}

func TestAnEdgeIsThereOnceAndLeadsElsewhere(t *testing.T) {
	t.Parallel()
	given(t, triangle()...).
		When("add_edge", editor.AddEdge{From: 1, To: 2}).
		ThenRejected(`"A" is connected to "B" already.`).
		When("add_edge", editor.AddEdge{From: 1, To: 1}).
		ThenRejected(`"A" can't be connected to itself.`).
		When("add_edge", editor.AddEdge{From: 9, To: 1}).
		ThenRejected("There is no node 9.")
}

func TestAGraphTakes5000Edges(t *testing.T) {
	t.Parallel()
	full := editor.New()
	for id := editor.NodeID(1); id <= 101; id++ {
		full.Nodes[id] = editor.Node{Name: "n"}
	}
	for from := editor.NodeID(1); from <= 50; from++ {
		for to := editor.NodeID(1); to <= 101; to++ {
			if to != from {
				full.Edges[from] = append(full.Edges[from], to)
			}
		}
	}
	given(t).GivenState(full).
		When("add_edge", editor.AddEdge{From: 51, To: 1}).
		ThenRejected("The graph is full: it has 5000 edges.")
}

func TestAnEdgeIsRemoved(t *testing.T) {
	t.Parallel()
	given(t, triangle()...).
		When("remove_edge", editor.RemoveEdge{From: 1, To: 2}).
		Then(edgeRemoved(1, 2)).
		When("remove_edge", editor.RemoveEdge{From: 1, To: 2}).
		ThenRejected("There is no edge from node 1 to node 2.").
		When("remove_edge", editor.RemoveEdge{From: 2, To: 1}).
		ThenRejected("There is no edge from node 2 to node 1.")
}
