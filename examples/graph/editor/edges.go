package editor

import (
	"github.com/eventmaestro/maestro/aggregate"
	"github.com/eventmaestro/maestro/types"
)

// AddEdge is the data of add_edge.
type AddEdge struct {
	From NodeID `json:"from"`
	To   NodeID `json:"to"`
}

// RemoveEdge is the data of remove_edge.
type RemoveEdge struct {
	From NodeID `json:"from"`
	To   NodeID `json:"to"`
}

func addEdge(g Graph, cmd AddEdge) ([]types.Uncommitted, error) {
	from, err := g.find(cmd.From)
	if err != nil {
		return nil, err
	}
	to, err := g.find(cmd.To)
	switch {
	case err != nil:
		return nil, err
	case cmd.From == cmd.To:
		return nil, aggregate.Reject("%q can't be connected to itself.", from.Name)
	case g.HasEdge(cmd.From, cmd.To):
		return nil, aggregate.Reject("%q is connected to %q already.", from.Name, to.Name)
	case len(g.AllEdges()) >= MaxEdges:
		return nil, aggregate.Reject("The graph is full: it has %d edges.", MaxEdges)
	}
	return types.Events(types.NewEvent("edge_added", EdgeAdded(cmd))), nil
}

func removeEdge(g Graph, cmd RemoveEdge) ([]types.Uncommitted, error) {
	if !g.HasEdge(cmd.From, cmd.To) {
		return nil, aggregate.Reject("There is no edge from node %d to node %d.", cmd.From, cmd.To)
	}
	return types.Events(types.NewEvent("edge_removed", EdgeRemoved(cmd))), nil
}
