package web_test

import (
	"encoding/json"
	"net/http"
	"regexp"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestTheListHasEveryGraphWithTheTimeOfItsMaking(t *testing.T) {
	t.Parallel()
	p := processes(t, 1)[0]
	require.JSONEq(t, "[]", p.do("GET", "/api/graphs", "").body)
	p.creates("A")
	p.creates("B")
	var list []struct {
		ID, Name string
		Created  time.Time
	}
	require.NoError(t, json.Unmarshal([]byte(p.do("GET", "/api/graphs", "").body), &list))
	require.Len(t, list, 2)
	require.Equal(t, "B", list[0].Name)
	require.WithinDuration(t, time.Now(), list[0].Created, time.Minute)
	require.Contains(t, list[0].ID, list[0].Created.Format("2006-01-02T15:04:05.000Z"))
}

func TestAViewShowsTheTimestampOfEachEventTakenApart(t *testing.T) {
	t.Parallel()
	p := processes(t, 1)[0]
	path := p.creates("A")
	v := p.do("GET", path, "").view
	require.Empty(t, v.Nodes)
	require.Len(t, v.Events, 1)
	e := v.Events[0]
	require.Regexp(t, regexp.MustCompile(`^\d{4}-.*Z-[0-9A-F]{4}-`+v.Node+`$`), e.Timestamp)
	require.Equal(t, v.Node, e.Node)
	require.Contains(t, e.Timestamp, e.Time.Format("2006-01-02T15:04:05.000Z"))
	require.Equal(t, map[string]any{"name": "A"}, e.Body)
}

func TestThePastCanBeSeenAtEverySequence(t *testing.T) {
	t.Parallel()
	p := processes(t, 1)[0]
	path := p.creates("A")
	p.command(path, `{"type": "add_node", "data": {"name": "N", "x": 1, "y": 1}}`)
	p.command(path, `{"type": "move_node", "data": {"id": 1, "x": 9, "y": 9}}`)
	p.command(path, `{"type": "remove_node", "data": {"id": 1}}`)
	for at, want := range map[string]int{"1": 0, "2": 1, "3": 9, "4": 0} {
		v := p.do("GET", path+"/at/"+at, "").view
		x := 0
		for _, n := range v.Nodes {
			x = n.X
		}
		require.Equal(t, want, x, "at %s", at)
		require.Empty(t, v.Events)
	}
	for at, message := range map[string]string{
		"5": "has no event 5 yet", "0": "not a sequence", "-1": "not a sequence", "x": "not a sequence", "99999999999": "not a sequence",
	} {
		p.refuses(http.StatusBadRequest, "bad_request", message, "GET", path+"/at/"+at, "")
	}
}

func TestThePagesAreServedWithAllTheyNeed(t *testing.T) {
	t.Parallel()
	p := processes(t, 1)[0]
	local := regexp.MustCompile(`(?:href|src)="(/static/[^"#]+)|from "\./([^"]+)"|"(/static/js/tidy-worker\.js)"|from "\.\./(vendor/[^"]+)"`)
	found := map[string]bool{"/": true, "/graphs/x": true}
	for pages := []string{"/", "/graphs/x"}; len(pages) > 0; pages = pages[1:] {
		a := p.do("GET", pages[0], "")
		require.Equal(t, http.StatusOK, a.status, pages[0])
		require.Contains(t, a.header.Get("Content-Security-Policy"), "default-src 'self'")
		require.NotContains(t, a.body, "https://", "%s asks nobody else", pages[0])
		for _, m := range local.FindAllStringSubmatch(a.body, -1) {
			path := m[1] + m[3]
			if m[2] != "" {
				path = "/static/js/" + m[2]
			}
			if m[4] != "" {
				path = "/static/" + m[4]
			}
			if !found[path] {
				found[path] = true
				pages = append(pages, path)
			}
		}
	}
	require.Greater(t, len(found), 20)
	require.Contains(t, found, "/static/vendor/dagre.esm.js")
	require.Equal(t, http.StatusNotFound, p.do("GET", "/static/none.js", "").status)
	require.Equal(t, http.StatusNotFound, p.do("GET", "/none", "").status)
}
