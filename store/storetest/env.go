package storetest

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"sync/atomic"
	"testing"

	"github.com/eventmaestro/maestro/hlc"
	"github.com/eventmaestro/maestro/store"
	"github.com/eventmaestro/maestro/types"
	"github.com/stretchr/testify/require"
)

// env is what a clause works with: a store of its own and a source of timestamps. Its methods fail
// the test, so they belong into the test's goroutine; commit, try and stamp don't and may be used
// anywhere.
type env struct {
	testing.TB
	h    *Harness
	a    store.Adapter
	node uint64
	tick *atomic.Int64
}

func newEnv(t testing.TB, h *Harness) *env {
	t.Helper()
	v := &env{TB: t, h: h, a: h.New(t), node: rand.Uint64() | 1, tick: new(atomic.Int64)}
	v.tick.Store(1_700_000_000_000)
	return v
}

// on is the same environment with another adapter.
func (v *env) on(a store.Adapter) *env {
	other := *v
	other.a = a
	return &other
}

// stamp issues a timestamp that is later than all before.
func (v *env) stamp() hlc.Timestamp { return v.at(v.tick.Add(1)) }

// at is the timestamp of a clock that shows ms.
func (v *env) at(ms int64) hlc.Timestamp {
	t, err := hlc.New(ms, 0, v.node)
	if err != nil {
		panic(err)
	}
	return t
}

// event makes an event with a body that tells it from others.
func (v *env) event(id hlc.Timestamp, s types.Sequence) types.Event {
	at := v.stamp()
	return types.Event{
		Timestamp: at, AggregateID: id, Sequence: s, Type: "counter_incremented",
		Body: json.RawMessage(fmt.Sprintf(`{"at": "%v", "by": %d}`, at, s)),
	}
}

// events makes n events that begin with sequence first.
func (v *env) events(id hlc.Timestamp, first types.Sequence, n int) []types.Event {
	events := make([]types.Event, n)
	for i := range events {
		events[i] = v.event(id, first+types.Sequence(i))
	}
	return events
}

// commit commits events of one aggregate.
func (v *env) commit(events ...types.Event) error {
	return v.try(store.Commit{AggregateID: events[0].AggregateID, Events: events})
}

func (v *env) try(c store.Commit) error { return v.a.Commit(v.Context(), c) }

// must is commit without an error.
func (v *env) must(events ...types.Event) {
	v.Helper()
	require.NoError(v, v.commit(events...))
}

// history stores n events of an aggregate, in commits of up to three.
func (v *env) history(id hlc.Timestamp, n int) []types.Event {
	v.Helper()
	all := v.events(id, 1, n)
	for rest := all; len(rest) > 0; {
		k := min(3, len(rest))
		v.must(rest[:k]...)
		rest = rest[k:]
	}
	return all
}

// read returns the events of a range.
func (v *env) read(id hlc.Timestamp, r store.Range) []types.Event {
	v.Helper()
	events, err := readAll(v.Context(), v.a, id, r)
	require.NoError(v, err)
	return events
}

func readAll(ctx context.Context, a store.Adapter, id hlc.Timestamp, r store.Range) ([]types.Event, error) {
	var events []types.Event
	for e, err := range a.Events(ctx, id, r) {
		if err != nil {
			return events, err
		}
		events = append(events, e)
	}
	return events, nil
}

// load returns what a Load yields, which must be a snapshot first, if at all.
func (v *env) load(id hlc.Timestamp, r store.Range) (*types.Snapshot, []types.Event) {
	v.Helper()
	sn, events, err := loadAll(v.Context(), v.a, id, r)
	require.NoError(v, err)
	return sn, events
}

func loadAll(ctx context.Context, a store.Adapter, id hlc.Timestamp, r store.Range) (sn *types.Snapshot, events []types.Event, err error) {
	first := true
	for e, err := range a.Load(ctx, id, r) {
		switch {
		case err != nil:
			return sn, events, err
		case e.Snapshot != nil && !first:
			return sn, events, fmt.Errorf("a snapshot after the first entry")
		case e.Snapshot != nil:
			sn = e.Snapshot
		default:
			events = append(events, e.Event)
		}
		first = false
	}
	return sn, events, nil
}

// holds checks that the log of the aggregate is want, to every reader.
func (v *env) holds(id hlc.Timestamp, want ...types.Event) {
	v.Helper()
	v.same(want, v.read(id, store.Range{}))
}

// same compares events, bodies by their JSON value.
func (v *env) same(want, got []types.Event) {
	v.Helper()
	if diff := difference(want, got); diff != "" {
		require.FailNow(v, "not the events that were stored", diff)
	}
}

// difference says where two lists of events first differ, or nothing.
func difference(want, got []types.Event) string {
	for i := range want {
		if i == len(got) {
			return fmt.Sprintf("%d events instead of %d", len(got), len(want))
		}
		w, g := want[i], got[i]
		if !sameJSON(w.Body, g.Body) {
			return fmt.Sprintf("event %d has body %s instead of %s", i, g.Body, w.Body)
		}
		w.Body, g.Body = nil, nil
		if fmt.Sprint(w) != fmt.Sprint(g) {
			return fmt.Sprintf("event %d is\n%+v instead of\n%+v", i, g, w)
		}
	}
	if len(got) > len(want) {
		return fmt.Sprintf("%d events instead of %d", len(got), len(want))
	}
	return ""
}

// snapshot makes a snapshot with a body that tells it from others.
func snapshot(id hlc.Timestamp, s types.Sequence) types.Snapshot {
	return types.Snapshot{AggregateID: id, Sequence: s, Body: json.RawMessage(fmt.Sprintf(`{"value": %d}`, s))}
}

// save stores a snapshot.
func (v *env) save(sn types.Snapshot) {
	v.Helper()
	require.NoError(v, v.a.CommitSnapshot(v.Context(), sn))
}

// sameSnapshot compares snapshots, either of which may be nil.
func (v *env) sameSnapshot(want, got *types.Snapshot) {
	v.Helper()
	if want == nil || got == nil {
		require.Equal(v, want, got)
		return
	}
	require.Equal(v, want.AggregateID, got.AggregateID)
	require.Equal(v, want.Sequence, got.Sequence)
	require.True(v, sameJSON(want.Body, got.Body), "snapshot body %s instead of %s", got.Body, want.Body)
}
