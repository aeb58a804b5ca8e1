package editor

import "github.com/eventmaestro/maestro/types"

// The bodies of the events, as they are stored for ever. Commands and events have types of their
// own even where the fields are the same today: a command can change its shape, an event can't.
type (
	// GraphCreated is the body of graph_created.
	GraphCreated struct {
		Name string `json:"name"`
	}

	// GraphRenamed is the body of graph_renamed. Was is for the projection, which sees no state.
	GraphRenamed struct {
		Name string `json:"name"`
		Was  string `json:"was"`
	}

	// GraphReverted is the body of graph_reverted. The events that bring the graph back follow it.
	GraphReverted struct {
		To types.Sequence `json:"to"`
	}

	// NodeAdded is the body of node_added.
	NodeAdded struct {
		ID   NodeID `json:"id"`
		Name string `json:"name"`
		X    int    `json:"x"`
		Y    int    `json:"y"`
	}

	// NodeMoved is the body of node_moved.
	NodeMoved struct {
		ID NodeID `json:"id"`
		X  int    `json:"x"`
		Y  int    `json:"y"`
	}

	// NodeRenamed is the body of node_renamed.
	NodeRenamed struct {
		ID   NodeID `json:"id"`
		Name string `json:"name"`
	}

	// NodeRemoved is the body of node_removed. Its edges were removed before.
	NodeRemoved struct {
		ID NodeID `json:"id"`
	}

	// EdgeAdded is the body of edge_added.
	EdgeAdded struct {
		From NodeID `json:"from"`
		To   NodeID `json:"to"`
	}

	// EdgeRemoved is the body of edge_removed.
	EdgeRemoved struct {
		From NodeID `json:"from"`
		To   NodeID `json:"to"`
	}
)

// An event handler applies what has happened and can't refuse. It may change the maps in
// place: the state it gets is its own.

func graphCreated(g Graph, e GraphCreated) Graph { g.Name = e.Name; return g }

func graphRenamed(g Graph, e GraphRenamed) Graph { g.Name = e.Name; return g }

func graphReverted(g Graph, _ GraphReverted) Graph { return g }

func nodeAdded(g Graph, e NodeAdded) Graph {
	g.Nodes[e.ID] = Node{Name: e.Name, X: e.X, Y: e.Y}
	g.LastNode = max(g.LastNode, e.ID) // a node that a revert brings back has an old id
	return g
}

func nodeMoved(g Graph, e NodeMoved) Graph {
	n := g.Nodes[e.ID]
	n.X, n.Y = e.X, e.Y
	g.Nodes[e.ID] = n
	return g
}

func nodeRenamed(g Graph, e NodeRenamed) Graph {
	n := g.Nodes[e.ID]
	n.Name = e.Name
	g.Nodes[e.ID] = n
	return g
}

func nodeRemoved(g Graph, e NodeRemoved) Graph { delete(g.Nodes, e.ID); return g }

func edgeAdded(g Graph, e EdgeAdded) Graph { g.connect(e.From, e.To); return g }

func edgeRemoved(g Graph, e EdgeRemoved) Graph { g.disconnect(e.From, e.To); return g }
