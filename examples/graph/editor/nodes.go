package editor

import (
	"github.com/eventmaestro/maestro/aggregate"
	"github.com/eventmaestro/maestro/types"
)

// AddNode is the data of add_node. Without a name the node is called after its id, or after the
// next number that no other node is called after.
type AddNode struct {
	Name string `json:"name"`
	X    int    `json:"x"`
	Y    int    `json:"y"`
}

// MoveNode is the data of move_node.
type MoveNode struct {
	ID NodeID `json:"id"`
	X  int    `json:"x"`
	Y  int    `json:"y"`
}

// MoveNodes is the data of move_nodes: one wish, so one undo takes it back as a whole.
type MoveNodes struct {
	Places []MoveNode `json:"places"`
}

// RenameNode is the data of rename_node.
type RenameNode struct {
	ID   NodeID `json:"id"`
	Name string `json:"name"`
}

// RemoveNode is the data of remove_node.
type RemoveNode struct {
	ID NodeID `json:"id"`
}

// addNode takes the id from the state. Where two processes add a node at the same moment, the later
// one is evaluated again and takes the next id.
func addNode(g Graph, cmd AddNode) ([]types.Uncommitted, error) {
	if len(g.Nodes) >= MaxNodes {
		return nil, aggregate.Reject("The graph is full: it has %d nodes.", len(g.Nodes))
	}
	if err := onCanvas(cmd.X, cmd.Y); err != nil {
		return nil, err
	}
	id := g.LastNode + 1
	if cmd.Name == "" {
		cmd.Name = g.freeName(id)
	}
	name, err := g.nodeName(id, cmd.Name)
	if err != nil {
		return nil, err
	}
	return types.Events(types.NewEvent("node_added", NodeAdded{ID: id, Name: name, X: cmd.X, Y: cmd.Y})), nil
}

func moveNode(g Graph, cmd MoveNode) ([]types.Uncommitted, error) {
	n, err := g.find(cmd.ID)
	if err != nil {
		return nil, err
	}
	if err := onCanvas(cmd.X, cmd.Y); err != nil {
		return nil, err
	}
	if n.X == cmd.X && n.Y == cmd.Y {
		return nil, nil
	}
	return types.Events(types.NewEvent("node_moved", NodeMoved(cmd))), nil
}

// moveNodes moves all or none.
func moveNodes(g Graph, cmd MoveNodes) ([]types.Uncommitted, error) {
	if len(cmd.Places) > MaxNodes {
		return nil, aggregate.Reject("A graph has at most %d nodes to move; these are %d.", MaxNodes, len(cmd.Places))
	}
	moved := map[NodeID]bool{}
	var events []types.Uncommitted
	for _, place := range cmd.Places {
		if moved[place.ID] {
			return nil, aggregate.Reject("Node %d can't be moved to two places.", place.ID)
		}
		moved[place.ID] = true
		one, err := moveNode(g, place)
		if err != nil {
			return nil, err
		}
		events = append(events, one...)
	}
	return events, nil
}

func renameNode(g Graph, cmd RenameNode) ([]types.Uncommitted, error) {
	n, err := g.find(cmd.ID)
	if err != nil {
		return nil, err
	}
	name, err := g.nodeName(cmd.ID, cmd.Name)
	if err != nil || name == n.Name {
		return nil, err
	}
	return types.Events(types.NewEvent("node_renamed", NodeRenamed{ID: cmd.ID, Name: name})), nil
}

// removeNode leads to several events, which are stored together or not at all: no arrow is ever
// left without its end.
func removeNode(g Graph, cmd RemoveNode) ([]types.Uncommitted, error) {
	if _, err := g.find(cmd.ID); err != nil {
		return nil, err
	}
	var events []types.Uncommitted
	for _, e := range g.AllEdges() {
		if e.From == cmd.ID || e.To == cmd.ID {
			events = append(events, types.NewEvent("edge_removed", EdgeRemoved(e)))
		}
	}
	return append(events, types.NewEvent("node_removed", NodeRemoved(cmd))), nil
}
