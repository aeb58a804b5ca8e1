package editor

import (
	"maps"
	"slices"
)

// Graph is the state of one graph: what its events so far add up to. It has no time of making,
// since its id is a timestamp.
type Graph struct {
	Name  string          `json:"name"`
	Nodes map[NodeID]Node `json:"nodes"`

	// Edges leads from a node to those its arrows point to, in rising order. A node without
	// arrows has no entry, so that equal graphs are equal values.
	Edges map[NodeID][]NodeID `json:"edges"`

	// LastNode is the highest id given to a node so far. Ids are never used again: a late
	// "move node 7" of another page must not move some other node.
	LastNode NodeID `json:"last_node"`
}

// NodeID names a node within its graph. The first is 1.
type NodeID int

// Node is a named place on the canvas.
type Node struct {
	Name string `json:"name"`
	X    int    `json:"x"` // -ReachX to ReachX
	Y    int    `json:"y"` // -ReachY to ReachY
}

// New returns the state before the first event. The library asks for a new one each time: maps
// made once and handed out twice would be shared by all graphs.
func New() Graph {
	return Graph{Nodes: map[NodeID]Node{}, Edges: map[NodeID][]NodeID{}}
}

// Clone returns a copy that shares no memory with g. maps.Clone alone would not do for Edges:
// the two maps would hold the same slices.
func (g Graph) Clone() Graph {
	g.Nodes = maps.Clone(g.Nodes)
	edges := make(map[NodeID][]NodeID, len(g.Edges))
	for from, to := range g.Edges {
		edges[from] = slices.Clone(to)
	}
	g.Edges = edges
	return g
}

// HasEdge reports whether an arrow leads from one node to the other.
func (g Graph) HasEdge(from, to NodeID) bool {
	_, found := slices.BinarySearch(g.Edges[from], to)
	return found
}

// connect adds an arrow, in place.
func (g Graph) connect(from, to NodeID) {
	if i, found := slices.BinarySearch(g.Edges[from], to); !found {
		g.Edges[from] = slices.Insert(g.Edges[from], i, to)
	}
}

// disconnect takes an arrow away, in place.
func (g Graph) disconnect(from, to NodeID) {
	i, found := slices.BinarySearch(g.Edges[from], to)
	if !found {
		return
	}
	if rest := slices.Delete(g.Edges[from], i, i+1); len(rest) > 0 {
		g.Edges[from] = rest
	} else {
		delete(g.Edges, from)
	}
}

// AllNodes returns the ids of the nodes in rising order. Maps have no order of their own, and what
// a command decides must not depend on chance.
func (g Graph) AllNodes() []NodeID { return slices.Sorted(maps.Keys(g.Nodes)) }

// AllEdges returns the arrows, by where they begin and then by where they end.
func (g Graph) AllEdges() []Edge {
	var all []Edge
	for _, from := range slices.Sorted(maps.Keys(g.Edges)) {
		for _, to := range g.Edges[from] {
			all = append(all, Edge{From: from, To: to})
		}
	}
	return all
}

// Edge is an arrow from one node to another.
type Edge struct {
	From NodeID `json:"from"`
	To   NodeID `json:"to"`
}
