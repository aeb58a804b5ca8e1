package editor

import (
	"context"

	"github.com/eventmaestro/maestro/aggregate"
	"github.com/eventmaestro/maestro/hlc"
	"github.com/eventmaestro/maestro/types"
)

// RevertCommand is the type of the command that [Revert] returns.
const RevertCommand = "revert_graph"

// RevertGraph is the data of revert_graph. Going back in time takes nothing out of the history: it
// adds the events that make the graph look as it did.
type RevertGraph struct {
	To types.Sequence `json:"to"`

	// past is the graph at To. A handler sees the latest state only, so whoever sends
	// the command brings it along; unexported, it can't come from outside.
	past *Graph
}

// Revert returns the command that brings a graph back to what it was at sequence to. seen is the
// sequence that the person looked at when they asked: the wish rests on it, so the command is
// refused, with an *aggregate.UnexpectedSequenceError, if the graph has moved on.
func Revert(ctx context.Context, graphs *aggregate.Root[Graph], id hlc.Timestamp, to, seen types.Sequence) (types.Command, error) {
	if to < 1 || to > seen {
		return types.Command{}, aggregate.Reject("A graph can go back to its first event at most, and to the present at least.")
	}
	past, err := graphs.Replay(ctx, id, to)
	if err != nil {
		return types.Command{}, err
	}
	return types.Command{
		AggregateID: id,
		Type:        RevertCommand,
		Data:        RevertGraph{To: to, past: &past},
		Expected:    types.At(seen),
	}, nil
}

func revertGraph(_ context.Context, g aggregate.Instance[Graph], cmd RevertGraph) ([]types.Uncommitted, error) {
	switch {
	case g.Sequence == 0:
		return nil, ErrNoGraph
	case cmd.past == nil:
		return nil, errNoPast
	}
	changes := difference(g.State, *cmd.past)
	if len(changes) == 0 {
		return nil, nil
	}
	return append(types.Events(types.NewEvent("graph_reverted", GraphReverted{To: cmd.To})), changes...), nil
}

// difference returns the events that make now look like past. Edges go before their nodes and
// come after them, so that every state on the way is a graph.
func difference(now, past Graph) []types.Uncommitted {
	var events []types.Uncommitted
	add := func(eventType string, body any) { events = append(events, types.NewEvent(eventType, body)) }

	for _, e := range now.AllEdges() {
		if !past.HasEdge(e.From, e.To) {
			add("edge_removed", EdgeRemoved(e))
		}
	}
	for _, id := range now.AllNodes() {
		if _, kept := past.Nodes[id]; !kept {
			add("node_removed", NodeRemoved{ID: id})
		}
	}
	for _, id := range past.AllNodes() {
		then := past.Nodes[id]
		n, there := now.Nodes[id]
		switch {
		case !there:
			add("node_added", NodeAdded{ID: id, Name: then.Name, X: then.X, Y: then.Y})
			continue
		case n.Name != then.Name:
			add("node_renamed", NodeRenamed{ID: id, Name: then.Name})
		}
		if n.X != then.X || n.Y != then.Y {
			add("node_moved", NodeMoved{ID: id, X: then.X, Y: then.Y})
		}
	}
	for _, e := range past.AllEdges() {
		if !now.HasEdge(e.From, e.To) {
			add("edge_added", EdgeAdded(e))
		}
	}
	if now.Name != past.Name {
		add("graph_renamed", GraphRenamed{Name: past.Name, Was: now.Name})
	}
	return events
}
