package editor_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/eventmaestro/maestro/aggregate"
	"github.com/eventmaestro/maestro/examples/graph/editor"
	"github.com/eventmaestro/maestro/store/memory"
	"github.com/eventmaestro/maestro/types"
)

func TestACloneSharesNoMemory(t *testing.T) {
	t.Parallel()
	make := func() editor.Graph {
		return editor.Graph{
			Name:     "G",
			Nodes:    map[editor.NodeID]editor.Node{1: {Name: "A"}, 2: {Name: "B"}, 3: {Name: "C"}},
			Edges:    map[editor.NodeID][]editor.NodeID{1: {2, 3}},
			LastNode: 3,
		}
	}
	original := make()
	clone := original.Clone()
	require.Equal(t, original, clone)
	clone.Nodes[1] = editor.Node{Name: "changed"}
	clone.Edges[1][0] = 99
	clone.Edges[2] = append(clone.Edges[2], 1)
	require.Equal(t, make(), original)
}

// What a caller gets is the caller's: changing it changes nothing.
func TestAStateThatWasReadIsTheReadersOwn(t *testing.T) {
	t.Parallel()
	graphs := inMemory(t)
	id := draw(t, graphs, "add_node", editor.AddNode{Name: "A"}, "add_node", editor.AddNode{Name: "B"}, "add_edge", editor.AddEdge{From: 1, To: 2})
	mine, err := graphs.Get(t.Context(), id)
	require.NoError(t, err)
	mine.Nodes[1] = editor.Node{Name: "changed"}
	mine.Edges[1][0] = 99
	theirs, err := graphs.Get(t.Context(), id)
	require.NoError(t, err)
	require.Equal(t, "A", theirs.Nodes[1].Name)
	require.True(t, theirs.HasEdge(1, 2))
}

// The reason for two processes: the one that comes late decides again on what the first left.
func TestTwoProcessesThatAddANodeGiveItTwoIDs(t *testing.T) {
	t.Parallel()
	s := memory.New()
	names := editor.NewMemoryNames(s)
	one, other := open(t, s, names), open(t, s, names)
	id := draw(t, one)
	add := types.Command{AggregateID: id, Type: "add_node", Data: editor.AddNode{}}
	for _, process := range []*aggregate.Root[editor.Graph]{one, other, one, other} {
		require.NoError(t, process.Evaluate(t.Context(), add))
	}
	g, err := one.Fetch(t.Context(), id)
	require.NoError(t, err)
	require.Equal(t, []editor.NodeID{1, 2, 3, 4}, g.AllNodes())
}

// What is refused is refused on the newest graph, also by a process that has not seen it yet.
func TestOfTwoProcessesThatTakeANameOneIsRefused(t *testing.T) {
	t.Parallel()
	s := memory.New()
	names := editor.NewMemoryNames(s)
	one, other := open(t, s, names), open(t, s, names)
	id := draw(t, one, "add_node", editor.AddNode{Name: "A"})
	add := types.Command{AggregateID: id, Type: "add_node", Data: editor.AddNode{Name: "B"}}
	require.NoError(t, other.Evaluate(t.Context(), types.Command{AggregateID: id, Type: "add_node", Data: editor.AddNode{Name: "C"}}))
	require.NoError(t, one.Evaluate(t.Context(), add))
	require.ErrorIs(t, other.Evaluate(t.Context(), add), aggregate.ErrRejected)
}
