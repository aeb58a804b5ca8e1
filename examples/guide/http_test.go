package main

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/eventmaestro/maestro/store/memory"
)

// ask sends a request and returns the answer's status, ETag and body.
func ask(t *testing.T, h http.Handler, method, path, body string, headers ...string) (status int, tag, text string) {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), method, path, strings.NewReader(body))
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Code, w.Header().Get("ETag"), strings.TrimSpace(w.Body.String())
}

func TestClientsThatRepeatThemselves(t *testing.T) {
	events := memory.New()
	var replicas []http.Handler
	for range 2 {
		bank, err := NewBank(events, slog.Default())
		if err != nil {
			t.Fatal(err)
		}
		defer bank.Close()
		replicas = append(replicas, bank.Handler())
	}
	var once sync.Map
	var all sync.WaitGroup
	for i := range 64 {
		all.Go(func() {
			status, _, text := ask(t, replicas[i%2], "POST", "/accounts", `{"Owner": "Ada"}`, "Idempotency-Key", "k1")
			if status != http.StatusOK {
				t.Errorf("%d %s", status, text)
			}
			once.Store(text, true)
		})
	}
	all.Wait()
	var created []string
	once.Range(func(text, _ any) bool { created = append(created, text.(string)); return true })
	if len(created) != 1 {
		t.Fatalf("64 repeats got %d answers: %v", len(created), created)
	}
	_, rest, _ := strings.Cut(created[0], `"id":"`)
	account, _, _ := strings.Cut(rest, `"`)
	for _, step := range []struct {
		method, path, body, key, match string
		status                         int
		want                           string
	}{
		{"POST", "/deposit_money", `{"Cents": 500}`, "k2", `"1"`, 200, `"balance":500`},
		{"POST", "/deposit_money", `{"Cents": 500}`, "k2", `"1"`, 200, `"balance":500`},
		{"POST", "/deposit_money", `{"Cents": 501}`, "k2", `"1"`, 409, `the key was used for another command`},
		{"POST", "/withdraw_money", `{"Cents": 1}`, "k3", `"1"`, 412, `it has changed: it is at 2, not at 1`},
		{"POST", "/withdraw_money", `{"Cents": 501}`, "k4", "", 422, `withdraw 501: the balance is 500`},
		{"POST", "/withdraw_money", `{"Euros": 5}`, "k5", "", 400, `unknown field "Euros"`},
		{"POST", "/rob", `{}`, "k6", "", 404, `there is no command "rob"`},
		{"GET", "", "", "", "", 200, `"balance":500`},
		{"GET", "?at=2001-01-01T00:00:00Z", "", "", "", 200, `"balance":0`},
		{"GET", "/events", "", "", "", 200, `"type":"money_deposited"`},
	} {
		status, _, text := ask(t, replicas[0], step.method, "/accounts/"+account+step.path, step.body, "Idempotency-Key", step.key, "If-Match", step.match)
		if status != step.status || !strings.Contains(text, step.want) {
			t.Errorf("%s %s %s: got %d %s, want %d %s", step.method, step.path, step.body, status, text, step.status, step.want)
		}
	}
	for _, path := range []string{"/accounts/2026-11-21T19:43:29.036Z-0001-000000000547B5A1", "/accounts/nobody"} {
		if status, _, text := ask(t, replicas[1], "GET", path, ""); status != http.StatusNotFound {
			t.Errorf("%s: %d %s", path, status, text)
		}
	}
}
