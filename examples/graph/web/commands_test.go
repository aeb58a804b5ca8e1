package web_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/eventmaestro/maestro/examples/graph/editor"
	"github.com/eventmaestro/maestro/store"
	"github.com/eventmaestro/maestro/store/memory"
)

const nobody = "/api/graphs/2026-01-01T00:00:00.000Z-0000-00000000000000AA"

func TestACommandIsAnsweredWithItsEventsAndTheGraph(t *testing.T) {
	t.Parallel()
	p := processes(t, 1)[0]
	created := p.do("POST", "/api/graphs", `{"name": " Rail "}`)
	require.Equal(t, http.StatusCreated, created.status)
	require.Equal(t, "/graphs/"+created.View.ID, created.header.Get("Location"))
	require.Equal(t, "Rail", created.View.Name)

	a := p.command("/api/graphs/"+created.View.ID, `{"type": "add_node", "data": {"name": "Bern", "x": 3, "y": 4}, "seen": 1}`)
	require.Equal(t, 1, a.Attempts)
	require.Len(t, a.Events, 1)
	require.Equal(t, "node_added", a.Events[0].Type)
	require.Equal(t, map[string]any{"id": 1., "name": "Bern", "x": 3., "y": 4.}, a.Events[0].Body)
	require.Equal(t, a.Events, a.View.Events, "only what the page has not seen")
	require.Equal(t, 2, a.View.Sequence)
	require.Equal(t, "Bern", a.View.Nodes[0].Name)
	require.Equal(t, 1, a.View.Undo)
}

func TestACommandThatChangesNothingHasNoEvents(t *testing.T) {
	t.Parallel()
	p := processes(t, 1)[0]
	path := p.creates("Rail")
	a := p.command(path, `{"type": "rename_graph", "data": {"name": "Rail"}, "seen": 1}`)
	require.Empty(t, a.Events)
	require.Contains(t, a.body, `"events":[]`)
	require.Equal(t, 1, a.View.Sequence)
}

func TestAnAnswerSaysThatAnotherProcessWasFirst(t *testing.T) {
	t.Parallel()
	both := processes(t, 2)
	path := both[0].creates("Rail")
	add := `{"type": "add_node", "data": {"x": 1, "y": 1}}`
	require.Equal(t, 1, both[0].command(path, add).Attempts)
	require.Equal(t, 1, both[1].command(path, add).Attempts, "a cold aggregate reads first")
	a := both[0].command(path, add)
	require.Equal(t, 2, a.Attempts)
	require.Equal(t, 3., a.Events[0].Body["id"], "decided again, on what the other one left")
	require.NotEqual(t, a.View.Events[2].Node, a.View.Events[3].Node, "two clocks")
	require.Equal(t, a.View.Node, a.Events[0].Node)
}

func TestACommandThatIsSentAgainRunsOnce(t *testing.T) {
	t.Parallel()
	both := processes(t, 2)
	path := both[0].creates("Rail")
	add := `{"type": "add_node", "data": {"x": 1, "y": 1}, "id": "once"}`
	first := both[0].command(path, add)
	for _, p := range both {
		again := p.command(path, add)
		require.Equal(t, first.Events, again.Events)
		require.Len(t, again.View.Nodes, 1)
	}
	both[0].refuses(http.StatusConflict, "command_reused", "used for another command",
		"POST", path+"/commands", `{"type": "add_node", "data": {"x": 2, "y": 2}, "id": "once"}`)
}

func TestUndoAndRedoAreReverts(t *testing.T) {
	t.Parallel()
	p := processes(t, 1)[0]
	path := p.creates("Rail")
	p.command(path, `{"type": "add_node", "data": {"name": "A"}}`)
	p.command(path, `{"type": "add_node", "data": {"name": "B"}}`)
	p.command(path, `{"type": "add_edge", "data": {"from": 1, "to": 2}}`)
	a := p.command(path, `{"type": "remove_node", "data": {"id": 1}, "seen": 4}`)
	require.Len(t, a.Events, 2, "the edge and the node")

	undone := p.command(path, `{"type": "revert_graph", "data": {"to": 4}, "expected": 6, "seen": 6}`)
	require.Equal(t, "graph_reverted", undone.Events[0].Type)
	require.Len(t, undone.View.Nodes, 2)
	require.Len(t, undone.View.Edges, 1)
	require.Equal(t, [2]int{3, 6}, [2]int{undone.View.Undo, undone.View.Redo})

	redone := p.command(path, `{"type": "revert_graph", "data": {"to": 6}, "expected": 9}`)
	require.Len(t, redone.View.Nodes, 1)
	require.Equal(t, [2]int{4, 0}, [2]int{redone.View.Undo, redone.View.Redo})
}

func TestAStalePageIsToldSo(t *testing.T) {
	t.Parallel()
	both := processes(t, 2)
	path := both[0].creates("Rail")
	both[0].command(path, `{"type": "add_node", "data": {}}`)
	both[1].command(path, `{"type": "add_node", "data": {}}`)
	both[0].refuses(http.StatusConflict, "stale", "you saw event 2, it is at 3. Nothing was done",
		"POST", path+"/commands", `{"type": "revert_graph", "data": {"to": 1}, "expected": 2}`)
	both[0].refuses(http.StatusConflict, "stale", "you saw event 1, it is at 3",
		"POST", path+"/commands", `{"type": "remove_node", "data": {"id": 1}, "expected": 1}`)
	require.Equal(t, 3, both[0].do("GET", path, "").Sequence)
}

func TestWhatCanNotBeReadIsABadRequest(t *testing.T) {
	t.Parallel()
	p := processes(t, 1)[0]
	path := p.creates("Rail") + "/commands"
	for body, message := range map[string]string{
		``:                          "can't be read: EOF",
		`{"type": "add_node"`:       "unexpected EOF",
		`<xml>`:                     "invalid character",
		`{"type": 1}`:               "cannot unmarshal number",
		`{"kind": "add_node"}`:      `unknown field "kind"`,
		`{"type": "add_node"} {}`:   "more after the JSON value",
		strings.Repeat(" ", 65<<10): "too large",
		`{"type": "revert_graph", "data": {"to": 1}}`:                    "needs expected",
		`{"type": "revert_graph", "data": {"to": "then"}, "expected":1}`: "cannot unmarshal string",
	} {
		p.refuses(http.StatusBadRequest, "bad_request", message, "POST", path, body)
	}
	p.refuses(http.StatusBadRequest, "bad_request", "EOF", "POST", "/api/graphs", `{"name"`)
	for body, message := range map[string]string{
		`{"type": "add_node", "data": {"x": "left"}}`:     "cannot unmarshal string",
		`{"type": "add_node", "data": {"x": 1.5}}`:        "cannot unmarshal number",
		`{"type": "add_node", "data": {"colour": "red"}}`: `unknown field "colour"`,
		`{"type": "add_node"}`:                            "want editor.AddNode",
	} {
		p.refuses(http.StatusBadRequest, "bad_data", message, "POST", path, body)
	}
}

func TestWhatIsNotThereIsNotFound(t *testing.T) {
	t.Parallel()
	p := processes(t, 1)[0]
	path := p.creates("Rail")
	for _, graph := range []string{nobody, "/api/graphs/nonsense", strings.ToLower(path)} {
		for method, routes := range map[string][]string{"GET": {"", "/at/1", "/stream"}, "POST": {"/commands"}} {
			for _, route := range routes {
				p.refuses(http.StatusNotFound, "unknown_graph", "no such graph", method, graph+route, `{"type": "add_node", "data": {}}`)
			}
		}
	}
	p.refuses(http.StatusNotFound, "unknown_graph", "", "POST", nobody+"/commands", `{"type": "revert_graph", "data": {"to": 1}, "expected": 1}`)
	p.refuses(http.StatusNotFound, "unknown_command", `no command "paint_node"`, "POST", path+"/commands", `{"type": "paint_node"}`)
	p.refuses(http.StatusNotFound, "unknown_address", "", "GET", "/api/nodes", "")
	require.Empty(t, p.log.String(), "none of it is the program's fault")
}

func TestARefusalIsInWordsForAPerson(t *testing.T) {
	t.Parallel()
	p := processes(t, 1)[0]
	path := p.creates("Rail")
	p.refuses(http.StatusConflict, "name_taken", "Another graph has this name", "POST", "/api/graphs", `{"name": "Rail"}`)
	p.refuses(http.StatusUnprocessableEntity, "rejected", "Please give the graph a name.", "POST", "/api/graphs", `{"name": " "}`)
	p.refuses(http.StatusUnprocessableEntity, "rejected", "There is no node 7.", "POST", path+"/commands", `{"type": "remove_node", "data": {"id": 7}}`)
	p.refuses(http.StatusUnprocessableEntity, "rejected", "created before", "POST", path+"/commands", `{"type": "create_graph", "data": {"name": "x"}}`)
}

// ailing is a store that does not work. It has no transactions of its own, by which a command could
// get around Commit.
type ailing struct {
	plain
	err error
}

type plain interface {
	store.Adapter
	store.CommandLog
}

func (a *ailing) Commit(ctx context.Context, c store.Commit) error {
	if a.err != nil {
		return a.err
	}
	return a.plain.Commit(ctx, c)
}

func TestAStoreThatAilsIsToldToThePageAndToTheLog(t *testing.T) {
	t.Parallel()
	for err, want := range map[error]struct {
		status int
		code   string
	}{
		store.ErrUnavailable:           {http.StatusServiceUnavailable, "unavailable"},
		store.ErrOutcomeUnknown:        {http.StatusServiceUnavailable, "outcome_unknown"},
		store.ErrConflict:              {http.StatusServiceUnavailable, "unavailable"},
		errors.New("the disk is gone"): {http.StatusInternalServerError, "internal"},
	} {
		t.Run(err.Error(), func(t *testing.T) {
			t.Parallel()
			s := memory.New()
			a := &ailing{plain: s}
			p := sharing(t, 1, a, editor.NewMemoryNames(s), time.Millisecond)[0]
			path := p.creates("Rail")
			a.err = err
			p.refuses(want.status, want.code, "", "POST", path+"/commands", `{"type": "add_node", "data": {}}`)
			require.Contains(t, p.log.String(), want.code)
			require.Contains(t, p.log.String(), strings.TrimPrefix(err.Error(), "store: "), "an unknown outcome is told in the aggregate's words")
		})
	}
}

func TestOtherSitesCanNotSendCommands(t *testing.T) {
	t.Parallel()
	p := processes(t, 1)[0]
	require.Equal(t, http.StatusForbidden, p.do("POST", "/api/graphs", `{"name": "x"}`, "Sec-Fetch-Site", "cross-site").status)
	require.Equal(t, http.StatusForbidden, p.do("POST", "/api/graphs", `{"name": "x"}`, "Origin", "https://example.com").status)
	require.Equal(t, http.StatusCreated, p.do("POST", "/api/graphs", `{"name": "x"}`, "Sec-Fetch-Site", "same-origin").status)
}
