package web_test

import (
	"bufio"
	"context"
	"encoding/json"
	"iter"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/eventmaestro/maestro/examples/graph/editor"
	"github.com/eventmaestro/maestro/hlc"
	"github.com/eventmaestro/maestro/store"
	"github.com/eventmaestro/maestro/store/memory"
	"github.com/eventmaestro/maestro/types"
)

// message is one event of a stream.
type message struct{ kind, id, data string }

// follow opens a stream and returns a function that waits for its next message; it returns false at
// the end.
func (p *process) follow(path string, headers ...string) func() (message, bool) {
	p.t.Helper()
	server := httptest.NewServer(p.web)
	p.t.Cleanup(server.Close)
	ctx, cancel := context.WithTimeout(p.t.Context(), time.Minute)
	p.t.Cleanup(cancel) // before the server, which waits for its clients
	r, err := http.NewRequestWithContext(ctx, "GET", server.URL+path, nil)
	require.NoError(p.t, err)
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	response, err := http.DefaultClient.Do(r)
	require.NoError(p.t, err)
	p.t.Cleanup(func() { _ = response.Body.Close() })
	require.Equal(p.t, "text/event-stream", response.Header.Get("Content-Type"))
	lines := bufio.NewScanner(response.Body)
	lines.Buffer(nil, 1<<20)
	return func() (m message, ok bool) {
		for lines.Scan() {
			key, value, _ := strings.Cut(lines.Text(), ": ")
			switch key {
			case "event":
				m.kind = value
			case "id":
				m.id = value
			case "data":
				m.data = value
				return m, true
			}
		}
		return m, false
	}
}

func (m message) view(t *testing.T) (v view) {
	t.Helper()
	require.Equal(t, "change", m.kind, m.data)
	require.NoError(t, json.Unmarshal([]byte(m.data), &v))
	return v
}

func TestAStreamShowsWhatAnyProcessDoes(t *testing.T) {
	t.Parallel()
	both := processes(t, 2)
	path := both[0].creates("A")
	next := both[0].follow(path + "/stream?after=1")
	for i := range 3 {
		p := both[i%2]
		p.command(path, `{"type": "add_node", "data": {}}`)
		m, ok := next()
		require.True(t, ok)
		v := m.view(t)
		require.Equal(t, i+2, v.Sequence)
		require.Len(t, v.Nodes, i+1)
		require.Len(t, v.Events, 1)
		require.Equal(t, p == both[0], v.Events[0].Node == v.Node, "whose event it is")
	}
}

func TestAStreamGoesOnWhereThePageLostIt(t *testing.T) {
	t.Parallel()
	p := processes(t, 1)[0]
	path := p.creates("A")
	for range 3 {
		p.command(path, `{"type": "add_node", "data": {}}`)
	}
	for _, next := range []func() (message, bool){
		p.follow(path + "/stream?after=2"),
		p.follow(path+"/stream?after=0", "Last-Event-ID", "2"),
	} {
		m, ok := next()
		require.True(t, ok)
		require.Equal(t, "4", m.id)
		require.Len(t, m.view(t).Events, 2)
	}
	m, ok := p.follow(path + "/stream")()
	require.True(t, ok)
	require.Len(t, m.view(t).Events, 4)
}

func TestStreamsEndWhenTheServerDoes(t *testing.T) {
	t.Parallel()
	p := processes(t, 1)[0]
	path := p.creates("A")
	next := p.follow(path + "/stream?after=1")
	p.web.EndStreams()
	p.web.EndStreams()
	began := time.Now()
	_, ok := next()
	require.False(t, ok)
	require.Less(t, time.Since(began), 30*time.Second)
}

// moody is a store that can't be read at times.
type moody struct {
	*memory.Store
	down atomic.Bool
}

func (m *moody) Events(ctx context.Context, id hlc.Timestamp, r store.Range) iter.Seq2[types.Event, error] {
	if m.down.Load() {
		return func(yield func(types.Event, error) bool) { yield(types.Event{}, store.ErrUnavailable) }
	}
	return m.Store.Events(ctx, id, r)
}

func TestAStreamTellsOfTroubleAndGoesOn(t *testing.T) {
	t.Parallel()
	s := &moody{Store: memory.New()}
	p := sharing(t, 1, s, editor.NewMemoryNames(s.Store), time.Millisecond)[0]
	path := p.creates("A")
	next := p.follow(path + "/stream?after=1")
	s.down.Store(true)
	m, ok := next()
	require.True(t, ok)
	require.Equal(t, "trouble", m.kind)
	require.Contains(t, m.data, "unavailable")
	s.down.Store(false)
	p.command(path, `{"type": "add_node", "data": {}}`)
	for m.kind == "trouble" {
		m, ok = next()
		require.True(t, ok)
	}
	require.Equal(t, 2, m.view(t).Sequence)
}

func TestASilentStreamSaysThatItIsAlive(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := memory.New()
		p := sharing(t, 1, s, editor.NewMemoryNames(s), 250*time.Millisecond)[0]
		path := p.creates("A")
		ctx, cancel := context.WithCancel(t.Context())
		r := httptest.NewRequestWithContext(ctx, "GET", path+"/stream?after=1", nil)
		w := httptest.NewRecorder()
		done := make(chan struct{})
		go func() { p.web.ServeHTTP(w, r); close(done) }()
		time.Sleep(40 * time.Second)
		cancel()
		<-done
		require.Equal(t, 3, strings.Count(w.Body.String(), ": still here\n\n"), w.Body.String())
	})
}
