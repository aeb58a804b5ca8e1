package editor_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/eventmaestro/maestro/aggregate"
	"github.com/eventmaestro/maestro/aggregate/aggregatetest"
	"github.com/eventmaestro/maestro/examples/graph/editor"
	"github.com/eventmaestro/maestro/store"
	"github.com/eventmaestro/maestro/store/memory"
	"github.com/eventmaestro/maestro/types"
)

// given begins a story of a graph. Every When also checks that handlers keep their hands off what
// is not theirs, and that memory, log and snapshot agree.
func given(t *testing.T, events ...types.Uncommitted) *aggregatetest.Case[editor.Graph] {
	t.Helper()
	return aggregatetest.New(t, editor.Definition()).Given(events...)
}

// The events, short enough to tell stories with.

func created(name string) types.Uncommitted {
	return types.NewEvent("graph_created", editor.GraphCreated{Name: name})
}

func renamed(name, was string) types.Uncommitted {
	return types.NewEvent("graph_renamed", editor.GraphRenamed{Name: name, Was: was})
}

func reverted(to types.Sequence) types.Uncommitted {
	return types.NewEvent("graph_reverted", editor.GraphReverted{To: to})
}

func nodeAdded(id editor.NodeID, name string, x, y int) types.Uncommitted {
	return types.NewEvent("node_added", editor.NodeAdded{ID: id, Name: name, X: x, Y: y})
}

func nodeMoved(id editor.NodeID, x, y int) types.Uncommitted {
	return types.NewEvent("node_moved", editor.NodeMoved{ID: id, X: x, Y: y})
}

func nodeRenamed(id editor.NodeID, name string) types.Uncommitted {
	return types.NewEvent("node_renamed", editor.NodeRenamed{ID: id, Name: name})
}

func nodeRemoved(id editor.NodeID) types.Uncommitted {
	return types.NewEvent("node_removed", editor.NodeRemoved{ID: id})
}

func edgeAdded(from, to editor.NodeID) types.Uncommitted {
	return types.NewEvent("edge_added", editor.EdgeAdded{From: from, To: to})
}

func edgeRemoved(from, to editor.NodeID) types.Uncommitted {
	return types.NewEvent("edge_removed", editor.EdgeRemoved{From: from, To: to})
}

// triangle is a graph with three nodes and three edges.
func triangle() []types.Uncommitted {
	return types.Events(created("Triangle"),
		nodeAdded(1, "A", 100, 100), nodeAdded(2, "B", 200, 100), nodeAdded(3, "C", 150, 200),
		edgeAdded(1, 2), edgeAdded(2, 3), edgeAdded(3, 1))
}

// open returns the graphs of a store and its index, as a program has them.
func open(t *testing.T, adapter store.Adapter, names editor.Names) *aggregate.Root[editor.Graph] {
	t.Helper()
	sup, err := aggregate.NewSupervisor(adapter, nil)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, sup.Shutdown(context.WithoutCancel(t.Context()))) })
	graphs, err := aggregate.NewRoot(sup, editor.Definition(names.Projection()))
	require.NoError(t, err)
	return graphs
}

func inMemory(t *testing.T) *aggregate.Root[editor.Graph] {
	t.Helper()
	s := memory.New()
	return open(t, s, editor.NewMemoryNames(s))
}

// contextOf returns the context of a *testing.T or *rapid.T.
func contextOf(t require.TestingT) context.Context {
	return t.(interface{ Context() context.Context }).Context()
}
