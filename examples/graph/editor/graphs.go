package editor

import (
	"context"

	"github.com/eventmaestro/maestro/aggregate"
	"github.com/eventmaestro/maestro/types"
)

// CreateGraph is the data of create_graph, the first command of every graph.
type CreateGraph struct {
	Name string `json:"name"`
}

// RenameGraph is the data of rename_graph.
type RenameGraph struct {
	Name string `json:"name"`
}

// createGraph can't know whether the name is free: one graph does not see the others. The
// projection can, in the transaction that commits the event.
func createGraph(_ context.Context, g aggregate.Instance[Graph], cmd CreateGraph) ([]types.Uncommitted, error) {
	if g.Sequence > 0 {
		return nil, aggregate.Reject("This graph was created before.")
	}
	name, err := cleanName("graph", cmd.Name)
	if err != nil {
		return nil, err
	}
	return types.Events(types.NewEvent("graph_created", GraphCreated{Name: name})), nil
}

func renameGraph(g Graph, cmd RenameGraph) ([]types.Uncommitted, error) {
	name, err := cleanName("graph", cmd.Name)
	if err != nil || name == g.Name {
		return nil, err // the same name: nothing happens, and nothing is stored
	}
	return types.Events(types.NewEvent("graph_renamed", GraphRenamed{Name: name, Was: g.Name})), nil
}
