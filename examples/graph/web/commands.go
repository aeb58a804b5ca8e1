package web

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"net/http"

	"github.com/eventmaestro/maestro/aggregate"
	"github.com/eventmaestro/maestro/examples/graph/editor"
	"github.com/eventmaestro/maestro/types"
)

// maxBody bounds a request: the largest command moves every node of a full graph.
const maxBody = 64 << 10

// request is the body of a POST to …/commands.
type request struct {
	Type string          `json:"type"`
	Data json.RawMessage `json:"data"` // decoded by aggregate.Command, into the type its handler takes

	// ID names the wish. A page that lost the answer sends the same again, and the command is not
	// carried out twice.
	ID string `json:"id"`

	// Expected is the sequence that the wish rests on, if it rests on one.
	Expected *types.Sequence `json:"expected"`

	// Seen is the last sequence the page has; the answer brings the events after it.
	Seen types.Sequence `json:"seen"`
}

// outcome answers a command that was carried out.
type outcome struct {
	Events   []viewEvent `json:"events"`   // the command's own; none if there was nothing to do
	Attempts int         `json:"attempts"` // over 1: another process was first, and it was evaluated again
	View     *view       `json:"view"`
}

func (s *Server) command(w http.ResponseWriter, r *http.Request) (any, error) {
	id, err := pathID(r)
	if err != nil {
		return nil, err
	}
	var q request
	if err := decode(w, r, &q); err != nil {
		return nil, err
	}
	if q.ID == "" {
		q.ID = rand.Text()
	}
	cmd := types.Command{AggregateID: id, Type: q.Type, Expected: q.Expected}
	if q.Data != nil {
		cmd.Data = q.Data
	}
	if q.Type == editor.RevertCommand {
		if cmd, err = s.revert(r.Context(), cmd, q); err != nil {
			return nil, err
		}
	}
	cmd.ID = q.ID
	return s.evaluate(r.Context(), cmd, q.Seen)
}

// revert looks up what the graph was, which the command has to bring along.
func (s *Server) revert(ctx context.Context, cmd types.Command, q request) (types.Command, error) {
	var data editor.RevertGraph
	if err := json.Unmarshal(q.Data, &data); err != nil {
		return cmd, &badRequest{err}
	}
	if q.Expected == nil {
		return cmd, &badRequest{fmt.Errorf("%s needs expected, the sequence that it was asked for at", q.Type)}
	}
	return editor.Revert(ctx, s.Graphs, cmd.AggregateID, data.To, *q.Expected)
}

func (s *Server) create(w http.ResponseWriter, r *http.Request) (any, error) {
	var q struct {
		editor.CreateGraph
		ID string `json:"id"` // of the command, as in request
	}
	if err := decode(w, r, &q); err != nil {
		return nil, err
	}
	if q.ID == "" {
		q.ID = rand.Text()
	}
	id, err := s.Graphs.NewID(r.Context())
	if err != nil {
		return nil, err
	}
	answer, err := s.evaluate(r.Context(), types.Command{AggregateID: id, Type: "create_graph", Data: q.CreateGraph, ID: q.ID}, 0)
	if err != nil {
		return nil, err
	}
	w.Header().Set("Location", "/graphs/"+id.String())
	w.WriteHeader(http.StatusCreated)
	return answer, nil
}

// evaluate carries a command out and shows what came of it.
func (s *Server) evaluate(ctx context.Context, cmd types.Command, seen types.Sequence) (*outcome, error) {
	attempts := new(int)
	ctx = context.WithValue(ctx, attemptsKey{}, attempts)
	events, err := s.Graphs.EvaluateEvents(ctx, cmd)
	if err != nil {
		return nil, err
	}
	v, err := s.view(ctx, cmd.AggregateID, seen)
	if err != nil {
		return nil, err
	}
	return &outcome{Events: viewEvents(events), Attempts: *attempts, View: v}, nil
}

type attemptsKey struct{}

// Attempts is a hook for the supervisor. It leaves the number of a command's attempts where the
// command's sender, whose context it gets, will look for it.
func Attempts(ctx context.Context, e aggregate.Evaluation) {
	if attempts, ok := ctx.Value(attemptsKey{}).(*int); ok {
		*attempts = e.Attempts
	}
}

// decode reads a request's body, one JSON value without fields that nobody knows.
func decode(w http.ResponseWriter, r *http.Request, into any) error {
	d := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxBody))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return &badRequest{err}
	}
	if _, err := d.Token(); err != io.EOF {
		return &badRequest{fmt.Errorf("there is more after the JSON value")}
	}
	return nil
}
