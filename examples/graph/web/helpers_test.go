package web_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/eventmaestro/maestro/aggregate"
	"github.com/eventmaestro/maestro/examples/graph/editor"
	"github.com/eventmaestro/maestro/examples/graph/web"
	"github.com/eventmaestro/maestro/store"
	"github.com/eventmaestro/maestro/store/memory"
)

// process is one of the processes that share a store, without its network.
type process struct {
	t   *testing.T
	web *web.Server
	log *logged
}

// logged is a log that tests can read.
type logged struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// processes starts some that share a store.
func processes(t *testing.T, n int) []*process {
	t.Helper()
	s := memory.New()
	return sharing(t, n, s, editor.NewMemoryNames(s), time.Millisecond)
}

func sharing(t *testing.T, n int, adapter store.Adapter, names editor.Names, poll time.Duration) []*process {
	t.Helper()
	var all []*process
	for range n {
		sup, err := aggregate.NewSupervisor(adapter, &aggregate.Options{
			Hooks:         aggregate.Hooks{Evaluate: web.Attempts},
			SettleTimeout: time.Millisecond,
		})
		require.NoError(t, err)
		t.Cleanup(func() { require.NoError(t, sup.Shutdown(context.WithoutCancel(t.Context()))) })
		graphs, err := aggregate.NewRoot(sup, editor.Definition(names.Projection()))
		require.NoError(t, err)
		p := &process{t: t, log: &logged{}}
		p.web = web.New(web.Config{
			Graphs: graphs, Names: names, Node: sup.Clock().Node(), Poll: poll,
			Log: slog.New(slog.NewTextHandler(p.log, nil)),
		})
		all = append(all, p)
	}
	return all
}

// answer is a response, with what tests look at.
type answer struct {
	status int
	header http.Header
	body   string

	Error struct {
		Code    string
		Message string
	}
	Attempts int
	Events   []event
	View     *view
	view     // of a GET
}

type view struct {
	ID       string
	Sequence int
	Name     string
	Nodes    []struct {
		ID, X, Y int
		Name     string
	}
	Edges      []struct{ From, To int }
	Events     []event
	Undo, Redo int
	Node       string
}

type event struct {
	Sequence        int
	Type, Timestamp string
	Time            time.Time
	Counter         int
	Node            string
	Body            map[string]any
}

// do sends a request and reads the answer.
func (p *process) do(method, path, body string, headers ...string) answer {
	p.t.Helper()
	r := httptest.NewRequestWithContext(p.t.Context(), method, "http://localhost"+path, strings.NewReader(body))
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	p.web.ServeHTTP(w, r)
	raw, err := io.ReadAll(w.Body)
	require.NoError(p.t, err)
	a := answer{status: w.Code, header: w.Header(), body: string(raw)}
	if w.Header().Get("Content-Type") == "application/json" && raw[0] == '{' {
		require.NoError(p.t, json.Unmarshal(raw, &a), "%s", raw)
		a.view.Events = a.Events
	}
	return a
}

// creates makes a graph and returns the path of its API.
func (p *process) creates(name string) string {
	p.t.Helper()
	a := p.do("POST", "/api/graphs", `{"name": "`+name+`"}`)
	require.Equal(p.t, http.StatusCreated, a.status, a.body)
	return "/api/graphs/" + a.View.ID
}

// command sends one and expects it to be carried out.
func (p *process) command(graph, body string) answer {
	p.t.Helper()
	a := p.do("POST", graph+"/commands", body)
	require.Equal(p.t, http.StatusOK, a.status, a.body)
	return a
}

// refuses sends a request and expects an error.
func (p *process) refuses(status int, code, message, method, path, body string) {
	p.t.Helper()
	a := p.do(method, path, body)
	require.Equal(p.t, status, a.status, a.body)
	require.Equal(p.t, code, a.Error.Code, a.body)
	require.Contains(p.t, a.Error.Message, message)
}
