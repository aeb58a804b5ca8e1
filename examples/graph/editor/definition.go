package editor

import (
	"context"

	"github.com/eventmaestro/maestro/aggregate"
	"github.com/eventmaestro/maestro/store"
	"github.com/eventmaestro/maestro/types"
)

// Definition is all there is to say about graphs. The projections are those of [Names].
func Definition(projections ...store.Projection) aggregate.Definition[Graph] {
	return aggregate.Definition[Graph]{
		Name: "graph",

		// What a command may do …
		Commands: aggregate.Commands[Graph]{
			"create_graph": aggregate.Command(createGraph),
			"rename_graph": edit(renameGraph),
			"add_node":     edit(addNode),
			"move_node":    edit(moveNode),
			"move_nodes":   edit(moveNodes),
			"rename_node":  edit(renameNode),
			"remove_node":  edit(removeNode),
			"add_edge":     edit(addEdge),
			"remove_edge":  edit(removeEdge),
			RevertCommand:  aggregate.Command(revertGraph),
		},

		// … and what can happen.
		Events: aggregate.Events[Graph]{
			"graph_created":  aggregate.Event(graphCreated),
			"graph_renamed":  aggregate.Event(graphRenamed),
			"graph_reverted": aggregate.Event(graphReverted),
			"node_added":     aggregate.Event(nodeAdded),
			"node_moved":     aggregate.Event(nodeMoved),
			"node_renamed":   aggregate.Event(nodeRenamed),
			"node_removed":   aggregate.Event(nodeRemoved),
			"edge_added":     aggregate.Event(edgeAdded),
			"edge_removed":   aggregate.Event(edgeRemoved),
		},

		// The state refers to memory: maps, and slices in one of them. Initial makes a new one for
		// each graph. Clone keeps what callers are handed apart from what the handlers hold;
		// without it the library would copy by reflection, just as right and slower.
		Initial: New,
		Clone:   Graph.Clone,

		Projections: projections,

		// A page replays at every step of its slider. A snapshot now and then keeps the start of a
		// long-lived graph short.
		Snapshots: aggregate.SnapshotPolicy{Every: 200},
	}
}

// edit makes a handler for a graph that has to be there, of a function that looks at nothing but
// the state. All commands but two are of that kind.
func edit[C any](decide func(Graph, C) ([]types.Uncommitted, error)) aggregate.CommandHandler[Graph] {
	return aggregate.Command(func(_ context.Context, g aggregate.Instance[Graph], cmd C) ([]types.Uncommitted, error) {
		if g.Sequence == 0 {
			return nil, ErrNoGraph
		}
		return decide(g.State, cmd)
	})
}
