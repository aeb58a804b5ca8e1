package web

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/eventmaestro/maestro/examples/graph/editor"
	"github.com/eventmaestro/maestro/hlc"
	"github.com/eventmaestro/maestro/store"
	"github.com/eventmaestro/maestro/types"
)

// show answers with the present and its whole history.
func (s *Server) show(_ http.ResponseWriter, r *http.Request) (any, error) {
	id, err := pathID(r)
	if err != nil {
		return nil, err
	}
	return s.view(r.Context(), id, 0)
}

// showPast answers each step of the page's slider.
func (s *Server) showPast(_ http.ResponseWriter, r *http.Request) (any, error) {
	id, err := pathID(r)
	if err != nil {
		return nil, err
	}
	at, err := strconv.ParseInt(r.PathValue("sequence"), 10, 32)
	if err != nil || at < 1 {
		return nil, &badRequest{fmt.Errorf("%q is not a sequence", r.PathValue("sequence"))}
	}
	switch there, err := s.has(r.Context(), id, types.Sequence(at)); {
	case err != nil:
		return nil, err
	case there:
		return s.viewAt(r.Context(), id, types.Sequence(at))
	}
	if err := s.mustExist(r.Context(), id); err != nil {
		return nil, err
	}
	return nil, &badRequest{fmt.Errorf("the graph has no event %d yet", at)}
}

// mustExist returns editor.ErrNoGraph for a graph that was never created.
func (s *Server) mustExist(ctx context.Context, id hlc.Timestamp) error {
	there, err := s.has(ctx, id, 1)
	if err == nil && !there {
		err = editor.ErrNoGraph
	}
	return err
}

// has reports whether the graph has an event at a sequence: a look-up in an index.
func (s *Server) has(ctx context.Context, id hlc.Timestamp, at types.Sequence) (bool, error) {
	for _, err := range s.Graphs.History(ctx, id, store.Range{After: at - 1, Max: at}) {
		return err == nil, err
	}
	return false, nil
}

// list answers with all graphs. The id of a graph says when it was made.
func (s *Server) list(_ http.ResponseWriter, r *http.Request) (any, error) {
	all, err := s.Names.All(r.Context())
	if err != nil {
		return nil, err
	}
	type entry struct {
		ID      string    `json:"id"`
		Name    string    `json:"name"`
		Created time.Time `json:"created"`
	}
	entries := []entry{}
	for _, n := range all {
		entries = append(entries, entry{n.ID.String(), n.Name, n.ID.Time()})
	}
	return entries, nil
}
