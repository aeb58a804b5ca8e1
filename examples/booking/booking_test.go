package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/eventmaestro/maestro/aggregate/aggregatetest"
	"github.com/eventmaestro/maestro/internal/lab/pgtest"
	"github.com/eventmaestro/maestro/migrations"
	"github.com/eventmaestro/maestro/store"
	"github.com/eventmaestro/maestro/store/memory"
	"github.com/eventmaestro/maestro/store/postgres"
	"github.com/eventmaestro/maestro/types"
)

// TestMain lets the test's own program be a replica, too, for tests with processes.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "serve" {
		main()
		return
	}
	pgtest.Main(m)
}

func TestASeatIsTakenOnce(t *testing.T) {
	t.Parallel()
	aggregatetest.New(t, Shows(writerVersion)).
		Given(types.NewEvent("show_opened", ShowOpened{"Hamlet", 3}), types.NewEvent("seats_blocked", SeatsBlocked{[]int{3}})).
		When("take_seats", TakeSeats{"a", []int{1, 2}}).
		Then(types.NewEvent("seats_taken", SeatsTaken{"a", []int{1, 2}})).
		When("take_seats", TakeSeats{"b", []int{2}}).ThenRejected("seat 2 is taken").
		When("take_seats", TakeSeats{"b", []int{3}}).ThenRejected("seat 3 is taken").
		When("take_seats", TakeSeats{"b", []int{4}}).ThenRejected("there is no seat 4").
		When("take_seats", TakeSeats{"b", nil}).ThenRejected("say which seats")
}

// fleet is the replicas that run, behind a load balancer that takes one out before it is stopped.
type fleet struct {
	t     *testing.T
	store func() store.Adapter
	mu    sync.Mutex
	live  []*replica // guarded by mu
}

type replica struct {
	*httptest.Server
	service *Service
}

func (f *fleet) start(version int) {
	service, err := NewService(f.store(), version, slog.New(slog.NewTextHandler(f.t.Output(), nil)))
	require.NoError(f.t, err)
	r := &replica{httptest.NewServer(service.Handler()), service}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.live = append(f.live, r)
}

// stop ends the oldest replica: first no new requests, then those under way, then the aggregates.
func (f *fleet) stop() {
	f.mu.Lock()
	r := f.live[0]
	f.live = slices.Clone(f.live[1:])
	f.mu.Unlock()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(f.t.Context()), 30*time.Second)
	defer cancel()
	_ = r.Config.Shutdown(ctx)
	r.Close()
	require.NoError(f.t, r.service.Close(ctx))
}

func (f *fleet) urls() (urls []string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, r := range f.live {
		urls = append(urls, r.URL)
	}
	return urls
}

// deploy replaces the replicas one by one.
func (f *fleet) deploy(version int) {
	for range 2 {
		f.start(version)
		f.stop()
	}
}

func TestNoClientSeesADeploy(t *testing.T) {
	t.Parallel()
	t.Run("in memory", func(t *testing.T) {
		t.Parallel()
		s := memory.New()
		deployed(t, func() store.Adapter { return s })
	})
	t.Run("on Postgres", func(t *testing.T) {
		t.Parallel()
		pool := pgtest.With(t, &migrations.Options{Commands: true})
		deployed(t, func() store.Adapter { return pgtest.Store(t, pool, &postgres.Options{Commands: true}) })
	})
}

// deployed goes from version 1 to 3 by way of 2, while customers book, and counts.
func deployed(t *testing.T, s func() store.Adapter) {
	t.Helper()
	f := &fleet{t: t, store: s}
	f.start(firstVersion)
	f.start(firstVersion)
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	c := &client{http: &http.Client{Transport: transport, Timeout: time.Minute}, replicas: f.urls}
	reports := make(chan *report)
	steps := []int{firstVersion, readerVersion, writerVersion}
	for _, version := range steps {
		go func() {
			reports <- load(t.Context(), c, fmt.Sprint("v", version), 8, func(n int) bool { return n < 30 })
		}()
		if version > firstVersion {
			f.deploy(version)
		}
		r := <-reports
		require.Zero(t, r.shown.Load(), "%v: %v", r, texts(r))
		require.EqualValues(t, 240, r.booked.Load()+r.blocked.Load()+r.refused.Load()+r.early.Load())
		require.Positive(t, r.repeats.Load())
		counted(t, c, fmt.Sprint("v", version), r.booked.Load()+r.blocked.Load())
	}
	status, body, err := c.send(t.Context(), "/shows/"+showID(t, c, showKey("v1", 0, 0))+"/block", "b", BlockSeats{[]int{freeSeat(t, c)}})
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, status, "%s", body)
	f.stop()
	f.stop()
}

// counted compares what clients were told with what is in the shows.
func counted(t *testing.T, c *client, prefix string, told int64) {
	t.Helper()
	var taken int64
	for i := range 4 {
		taken += int64(len(showOf(t, c, showID(t, c, showKey(prefix, i, 0))).Taken))
	}
	require.Equal(t, told, taken, "a seat for each wish that a client was told is fulfilled, and no other")
}

func showID(t *testing.T, c *client, key string) string {
	t.Helper()
	id, err := c.openShow(t.Context(), key) // a repeat
	require.NoError(t, err)
	return id
}

func showOf(t *testing.T, c *client, id string) Show {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, c.replicas()[0]+"/shows/"+id, nil)
	require.NoError(t, err)
	w, err := c.http.Do(r)
	require.NoError(t, err)
	defer w.Body.Close()
	var a struct{ State Show }
	require.NoError(t, json.NewDecoder(w.Body).Decode(&a))
	return a.State
}

func freeSeat(t *testing.T, c *client) int {
	t.Helper()
	show := showOf(t, c, showID(t, c, showKey("v1", 0, 0)))
	for seat := 1; seat <= show.Seats; seat++ {
		if show.Taken[seat] == "" {
			return seat
		}
	}
	t.Fatal("the show is full")
	return 0
}

func texts(r *report) (all []string) {
	r.errors.Range(func(text, _ any) bool { all = append(all, text.(string)); return true })
	return all
}

func TestWhatClientsAreTold(t *testing.T) {
	t.Parallel()
	f := &fleet{t: t, store: func() store.Adapter { return memory.New() }}
	f.start(writerVersion)
	defer f.stop()
	c := &client{http: &http.Client{}, replicas: f.urls}
	defer c.http.CloseIdleConnections()
	show := "/shows/" + showID(t, c, "Hamlet")
	for _, step := range []struct {
		path, body, key, match string
		status                 int
		want                   string
	}{
		{show + "/bookings", `{"seats": [1, 2]}`, "k1", `"1"`, 200, `"seats":[1,2]`},
		{show + "/bookings", `{"seats": [1, 2]}`, "k1", `"1"`, 200, `"seats":[1,2]`},
		{show + "/bookings", `{"seats": [3]}`, "k1", "", 409, "the key was used for another command"},
		{show + "/bookings", `{"seats": [2]}`, "k2", "", 422, "seat 2 is taken"},
		{show + "/bookings", `{"seats": [3]}`, "k3", `"1"`, 412, "it has changed: it is at 2, not at 1"},
		{show + "/bookings", `{"seats": [3]}`, "", "", 400, "send an Idempotency-Key"},
		{show + "/block", `{"seats": "3"}`, "k4", "", 400, `field "Seats" is a JSON string, want an array`},
		{"/shows/2026-11-21T19:43:29.036Z-0001-000000000547B5A1/bookings", `{"seats": [3]}`, "k5", "", 404, "there is none with this id"},
		{"/shows/nobody/bookings", `{"seats": [3]}`, "k6", "", 404, "Not Found"},
	} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, f.urls()[0]+step.path, bytes.NewBufferString(step.body))
		require.NoError(t, err)
		r.Header.Set("Idempotency-Key", step.key)
		r.Header.Set("If-Match", step.match)
		w, err := c.http.Do(r)
		require.NoError(t, err)
		var text bytes.Buffer
		_, _ = text.ReadFrom(w.Body)
		_ = w.Body.Close()
		require.Equal(t, step.status, w.StatusCode, "%s %s: %s", step.path, step.body, text.String())
		require.Contains(t, text.String(), step.want)
	}
}
