package editor_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/eventmaestro/maestro/aggregate"
	"github.com/eventmaestro/maestro/examples/graph/editor"
	"github.com/eventmaestro/maestro/hlc"
	"github.com/eventmaestro/maestro/store"
	"github.com/eventmaestro/maestro/types"
)

func TestARevertAddsTheEventsThatBringTheGraphBack(t *testing.T) {
	t.Parallel()
	past := editor.Graph{
		Name:  "Then",
		Nodes: map[editor.NodeID]editor.Node{1: {Name: "One", X: 1, Y: 1}, 2: {Name: "B", X: 200, Y: 99}, 4: {Name: "D", X: 4, Y: 4}},
		Edges: map[editor.NodeID][]editor.NodeID{1: {2}, 2: {4}},
	}
	given(t, triangle()...).
		When(editor.RevertCommand, editor.RevertTo(5, past)).
		Then(reverted(5), edgeRemoved(2, 3), edgeRemoved(3, 1), nodeRemoved(3),
			nodeRenamed(1, "One"), nodeMoved(1, 1, 1), nodeMoved(2, 200, 99), nodeAdded(4, "D", 4, 4), edgeAdded(2, 4), renamed("Then", "Triangle")).
		ThenState(editor.Graph{Name: past.Name, Nodes: past.Nodes, Edges: past.Edges, LastNode: 4}).
		When(editor.RevertCommand, editor.RevertTo(5, past)).
		ThenNothing()
}

func TestARevertWithoutThePastIsRefused(t *testing.T) {
	t.Parallel()
	given(t, triangle()...).When(editor.RevertCommand, editor.RevertGraph{To: 1}).ThenError(editor.ErrNoPast)
}

func TestARevertRestsOnWhatThePersonSaw(t *testing.T) {
	t.Parallel()
	graphs := inMemory(t)
	id := draw(t, graphs, "add_node", editor.AddNode{}, "add_node", editor.AddNode{}, "add_node", editor.AddNode{})
	stale, err := editor.Revert(t.Context(), graphs, id, 2, 3)
	require.NoError(t, err)
	var unexpected *aggregate.UnexpectedSequenceError
	require.ErrorAs(t, graphs.Evaluate(t.Context(), stale), &unexpected)
	require.Equal(t, types.Sequence(4), unexpected.Actual)

	for _, to := range []types.Sequence{-1, 0, 5} {
		_, err = editor.Revert(t.Context(), graphs, id, to, 4)
		require.ErrorIs(t, err, aggregate.ErrRejected)
	}
}

// draw creates a graph and evaluates commands, given as pairs of type and data.
func draw(t require.TestingT, graphs *aggregate.Root[editor.Graph], commands ...any) hlc.Timestamp {
	ctx := contextOf(t)
	id, err := graphs.NewID(ctx)
	require.NoError(t, err)
	commands = append([]any{"create_graph", editor.CreateGraph{Name: id.String()}}, commands...)
	for i := 0; i < len(commands); i += 2 {
		require.NoError(t, graphs.Evaluate(ctx, types.Command{AggregateID: id, Type: commands[i].(string), Data: commands[i+1]}))
	}
	return id
}

func TestWhateverHappenedARevertLeadsBackToIt(t *testing.T) {
	t.Parallel()
	graphs := inMemory(t)
	rapid.Check(t, func(t *rapid.T) {
		id := draw(t, graphs)
		node := rapid.Map(rapid.IntRange(1, 6), func(n int) editor.NodeID { return editor.NodeID(n) })
		x, y := rapid.IntRange(-editor.ReachX, editor.ReachX), rapid.IntRange(-editor.ReachY, editor.ReachY)
		name := rapid.SampledFrom([]string{"A", "B", "C"})
		edit := func() types.Command {
			switch rapid.IntRange(0, 7).Draw(t, "command") {
			case 0:
				return types.Command{Type: "move_node", Data: editor.MoveNode{ID: node.Draw(t, "id"), X: x.Draw(t, "x"), Y: y.Draw(t, "y")}}
			case 1:
				return types.Command{Type: "rename_node", Data: editor.RenameNode{ID: node.Draw(t, "id"), Name: name.Draw(t, "name")}}
			case 2:
				return types.Command{Type: "remove_node", Data: editor.RemoveNode{ID: node.Draw(t, "id")}}
			case 3:
				return types.Command{Type: "add_edge", Data: editor.AddEdge{From: node.Draw(t, "from"), To: node.Draw(t, "to")}}
			case 4:
				return types.Command{Type: "remove_edge", Data: editor.RemoveEdge{From: node.Draw(t, "from"), To: node.Draw(t, "to")}}
			case 5:
				places := []editor.MoveNode{{ID: 1, X: x.Draw(t, "x"), Y: y.Draw(t, "y")}, {ID: 2, X: x.Draw(t, "x"), Y: y.Draw(t, "y")}}
				return types.Command{Type: "move_nodes", Data: editor.MoveNodes{Places: places}}
			default:
				return types.Command{Type: "add_node", Data: editor.AddNode{X: x.Draw(t, "x"), Y: y.Draw(t, "y")}}
			}
		}
		for range rapid.IntRange(1, 30).Draw(t, "commands") {
			c := edit()
			c.AggregateID = id
			if err := graphs.Evaluate(t.Context(), c); err != nil {
				require.ErrorIs(t, err, aggregate.ErrRejected)
			}
		}
		now, err := graphs.FetchInstance(t.Context(), id)
		require.NoError(t, err)
		to := types.Sequence(rapid.Int64Range(1, int64(now.Sequence)).Draw(t, "to"))
		back, err := editor.Revert(t.Context(), graphs, id, to, now.Sequence)
		require.NoError(t, err)
		got, err := graphs.EvaluateState(t.Context(), back)
		require.NoError(t, err)
		then, err := graphs.Replay(t.Context(), id, to)
		require.NoError(t, err)
		then.LastNode = now.State.LastNode // ids are never given out again
		require.Equal(t, then, got)
		for _, err := range graphs.History(t.Context(), id, store.Range{}) {
			require.NoError(t, err)
		}
	})
}
