// Package web is the graph editor's HTTP layer: one page, a handful of routes, and a stream for
// what other pages and other processes do. It translates, and decides nothing.
//
// Read server.go for the routes, commands.go and errors.go for the way of a command and of its
// refusal, view.go, reads.go and stream.go for what pages are shown. The page itself is in static/.
package web

import (
	"embed"
	"io/fs"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/eventmaestro/maestro/aggregate"
	"github.com/eventmaestro/maestro/examples/graph/editor"
	"github.com/eventmaestro/maestro/hlc"
)

//go:embed static
var static embed.FS

// Config is what a server works with. All fields are required.
type Config struct {
	Graphs *aggregate.Root[editor.Graph]
	Names  editor.Names
	Node   uint64        // of the process' clock: whose events are its own
	Poll   time.Duration // how often an open page's stream looks for what other processes did
	Log    *slog.Logger
}

// Server answers the editor's requests. It has no state but the way to end its streams.
type Server struct {
	Config
	handler http.Handler
	ended   chan struct{}
	once    sync.Once
}

// New returns a server. Its supervisor's hooks must include [Attempts].
func New(c Config) *Server {
	mux := http.NewServeMux()
	s := &Server{Config: c, ended: make(chan struct{}), handler: http.NewCrossOriginProtection().Handler(mux)}
	files, err := fs.Sub(static, "static")
	if err != nil {
		panic(err) // static is part of the program
	}
	mux.HandleFunc("GET /{$}", s.page("index.html"))
	mux.HandleFunc("GET /graphs/{id}", s.page("graph.html"))
	mux.Handle("GET /static/", http.StripPrefix("/static/", http.FileServerFS(files)))

	mux.HandleFunc("GET /api/graphs", s.answer(s.list))
	mux.HandleFunc("POST /api/graphs", s.answer(s.create))
	mux.HandleFunc("GET /api/graphs/{id}", s.answer(s.show))
	mux.HandleFunc("GET /api/graphs/{id}/at/{sequence}", s.answer(s.showPast))
	mux.HandleFunc("GET /api/graphs/{id}/stream", s.stream)
	mux.HandleFunc("POST /api/graphs/{id}/commands", s.answer(s.command))
	mux.HandleFunc("/api/", s.answer(func(http.ResponseWriter, *http.Request) (any, error) { return nil, errNoRoute }))
	return s
}

// ServeHTTP serves the page and its API. Other sites' pages can't send commands.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Content-Security-Policy", "default-src 'self'; style-src 'self'; frame-ancestors 'none'")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cache-Control", "no-cache")
	s.handler.ServeHTTP(w, r)
}

// EndStreams ends the streams of all open pages, now and from now on, so that a server that shuts
// down need not wait for them. Pages ask again by themselves.
func (s *Server) EndStreams() { s.once.Do(func() { close(s.ended) }) }

// page serves one of the two pages; the rest is up to its script.
func (s *Server) page(name string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		http.ServeFileFS(w, r, static, "static/"+name)
	}
}

// pathID returns the graph that a route names.
func pathID(r *http.Request) (hlc.Timestamp, error) {
	id, err := hlc.Parse(r.PathValue("id"))
	if err != nil {
		return hlc.Timestamp{}, editor.ErrNoGraph // an id of another form was never given out
	}
	return id, nil
}
