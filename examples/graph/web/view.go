package web

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/eventmaestro/maestro/examples/graph/editor"
	"github.com/eventmaestro/maestro/hlc"
	"github.com/eventmaestro/maestro/store"
	"github.com/eventmaestro/maestro/types"
)

// view is a graph as a page gets it: drawn, without the state's inner shape.
type view struct {
	ID       string         `json:"id"`
	Sequence types.Sequence `json:"sequence"`
	Name     string         `json:"name"`
	Nodes    []viewNode     `json:"nodes"`
	Edges    []editor.Edge  `json:"edges"`

	// What only the present has.
	Events []viewEvent    `json:"events,omitempty"` // those the page has not seen yet
	Undo   types.Sequence `json:"undo,omitempty"`   // where undo leads, 0 for nowhere
	Redo   types.Sequence `json:"redo,omitempty"`
	Node   string         `json:"node,omitempty"` // of this process' clock
}

type viewNode struct {
	ID editor.NodeID `json:"id"`
	editor.Node
}

// viewEvent is an event with its timestamp taken apart.
type viewEvent struct {
	Sequence  types.Sequence  `json:"sequence"`
	Type      string          `json:"type"`
	Body      json.RawMessage `json:"body"`
	Timestamp string          `json:"timestamp"`
	Time      time.Time       `json:"time"`
	Counter   uint16          `json:"counter"`
	Node      string          `json:"node"`              // of the clock that stamped it: which process it was
	Command   string          `json:"command,omitempty"` // whose event it is; a page knows the ids it made up
}

// view returns the present, with the events after seen. It reads the store and not the state in
// memory: that stays as it is, and a command finds out by itself when it is out of date.
func (s *Server) view(ctx context.Context, id hlc.Timestamp, seen types.Sequence) (*view, error) {
	var history []types.Event
	for e, err := range s.Graphs.History(ctx, id, store.Range{}) {
		if err != nil {
			return nil, err
		}
		history = append(history, e)
	}
	if len(history) == 0 {
		return nil, editor.ErrNoGraph
	}
	v, err := s.viewAt(ctx, id, history[len(history)-1].Sequence)
	if err != nil {
		return nil, err
	}
	v.Undo, v.Redo = editor.Travel(history)
	v.Events = viewEvents(history[min(max(seen, 0), v.Sequence):])
	v.Node = nodeText(s.Node)
	return v, nil
}

// viewAt returns the graph as it was at a sequence.
func (s *Server) viewAt(ctx context.Context, id hlc.Timestamp, at types.Sequence) (*view, error) {
	g, err := s.Graphs.Replay(ctx, id, at)
	if err != nil {
		return nil, err
	}
	v := &view{ID: id.String(), Sequence: at, Name: g.Name, Nodes: []viewNode{}, Edges: append([]editor.Edge{}, g.AllEdges()...)}
	for _, node := range g.AllNodes() {
		v.Nodes = append(v.Nodes, viewNode{node, g.Nodes[node]})
	}
	return v, nil
}

func viewEvents(events []types.Event) []viewEvent {
	shown := make([]viewEvent, 0, len(events)) // never null, for the page's sake
	for _, e := range events {
		t := e.Timestamp
		shown = append(shown, viewEvent{e.Sequence, e.Type, e.Body, t.String(), t.Time(), t.Counter(), nodeText(t.Node()), e.Metadata.CommandID})
	}
	return shown
}

func nodeText(node uint64) string { return fmt.Sprintf("%016X", node) }
