package web

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	"github.com/eventmaestro/maestro/aggregate"
	"github.com/eventmaestro/maestro/examples/graph/editor"
	"github.com/eventmaestro/maestro/store"
)

// errNoRoute is for an address of the API that there isn't.
var errNoRoute = errors.New("web: no such address")

// badRequest is a request that could not be read.
type badRequest struct{ err error }

func (e *badRequest) Error() string { return "web: bad request: " + e.err.Error() }
func (e *badRequest) Unwrap() error { return e.err }

// problem is how a request is refused: in a word for the page, and in words for the person.
type problem struct {
	status  int
	Code    string `json:"code"`
	Message string `json:"message"`
}

// explain turns an error into an answer. What the library refuses has a type each, so nothing here
// looks at an error's text but to show it.
func explain(err error) problem {
	var (
		bad   *badRequest
		stale *aggregate.UnexpectedSequenceError
	)
	switch {
	case errors.As(err, &bad):
		return problem{http.StatusBadRequest, "bad_request", "The request can't be read: " + bad.err.Error() + "."}
	case errors.Is(err, aggregate.ErrInvalidData):
		return problem{http.StatusBadRequest, "bad_data", "The command's data is not what it takes: " + err.Error() + "."}
	case errors.Is(err, errNoRoute):
		return problem{http.StatusNotFound, "unknown_address", "There is nothing at this address."}
	case errors.Is(err, editor.ErrNoGraph), errors.As(err, &stale) && stale.Actual == 0:
		return problem{http.StatusNotFound, "unknown_graph", "There is no such graph. In memory, graphs last as long as the program runs."}
	case errors.Is(err, aggregate.ErrUnknownCommand):
		return problem{http.StatusNotFound, "unknown_command", "The graph can't do this: " + aggregate.ClientText(err) + "."}
	case errors.As(err, &stale):
		return problem{http.StatusConflict, "stale", fmt.Sprintf(
			"The graph has changed since you looked: you saw event %d, it is at %d. Nothing was done; look again, then decide.", stale.Expected, stale.Actual)}
	case editor.IsNameTaken(err):
		return problem{http.StatusConflict, "name_taken", "Another graph has this name. Please choose another one."}
	case errors.Is(err, aggregate.ErrCommandReused):
		return problem{http.StatusConflict, "command_reused", "This command id was used for another command."}
	case errors.Is(err, aggregate.ErrRejected):
		return problem{http.StatusUnprocessableEntity, "rejected", err.Error()}
	}
	return trouble(err)
}

// trouble is for errors that are nobody's fault on this side. The page repeats a command that
// met one of the first two, with the same id.
func trouble(err error) problem {
	switch {
	case errors.Is(err, store.ErrOutcomeUnknown):
		return problem{http.StatusServiceUnavailable, "outcome_unknown", "The database did not answer: it is not known whether the change was stored."}
	case errors.Is(err, store.ErrUnavailable), errors.Is(err, aggregate.ErrRetriesSpent), errors.Is(err, aggregate.ErrClosed),
		errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return problem{http.StatusServiceUnavailable, "unavailable", "The change could not be stored just now. Nothing was done."}
	}
	return problem{http.StatusInternalServerError, "internal", "Something went wrong in the program; its log says what."}
}

// answer makes an http.HandlerFunc of a function that returns what to say as JSON.
func (s *Server) answer(f func(http.ResponseWriter, *http.Request) (any, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		body, err := f(w, r)
		if err != nil {
			p := s.refuse(r, err)
			w.WriteHeader(p.status)
			body = map[string]problem{"error": p}
		}
		if err := json.NewEncoder(w).Encode(body); err != nil {
			s.Log.DebugContext(r.Context(), "the page left", "path", r.URL.Path, "err", err)
		}
	}
}

// refuse explains an error, and tells the log where it is the program's own. A page that left
// before its answer ends what was under way, which is no error.
func (s *Server) refuse(r *http.Request, err error) problem {
	p := explain(err)
	if p.status >= http.StatusInternalServerError && r.Context().Err() == nil {
		s.Log.ErrorContext(r.Context(), p.Code, "method", r.Method, "path", r.URL.Path, "err", err)
	}
	return p
}
