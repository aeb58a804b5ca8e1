package storetest

import (
	"errors"

	"github.com/eventmaestro/maestro/hlc"
	"github.com/eventmaestro/maestro/store"
	"github.com/eventmaestro/maestro/types"
	"pgregory.net/rapid"
)

func modelClauses() []clause {
	return []clause{
		{name: "any sequence of calls from three clients has the outcome of the model", run: sequentialModel},
		{name: "any calls of three clients at once have an outcome that some order explains", run: concurrentModel},
	}
}

// clients returns the store as three clients have it: in processes of their own where that is
// offered.
func (v *env) clients() []store.Adapter {
	if v.h.lacks(FeatureProcesses) {
		return []store.Adapter{v.a, v.a, v.a}
	}
	return v.processes()
}

// model is what the contract says of a store, in its simplest form.
type model struct {
	*rapid.T
	v       *env
	clients []*env
	ids     []hlc.Timestamp
	logs    map[hlc.Timestamp][]types.Event
	sns     map[hlc.Timestamp]*types.Snapshot
	sent    []types.Event // the last commit, whatever became of it
}

func sequentialModel(v *env) {
	adapters := v.clients()
	rapid.Check(v, func(t *rapid.T) {
		m := &model{T: t, v: v, logs: map[hlc.Timestamp][]types.Event{}, sns: map[hlc.Timestamp]*types.Snapshot{}}
		for _, a := range adapters {
			m.clients = append(m.clients, v.on(a))
			m.ids = append(m.ids, v.stamp())
		}
		t.Repeat(map[string]func(*rapid.T){
			"append":   func(*rapid.T) { m.append() },
			"behind":   func(*rapid.T) { m.behind() },
			"resend":   func(*rapid.T) { m.resend() },
			"events":   func(*rapid.T) { m.events() },
			"load":     func(*rapid.T) { m.load() },
			"save":     func(*rapid.T) { m.save() },
			"snapshot": func(*rapid.T) { m.snapshot() },
		})
	})
}

func (m *model) client() *env { return rapid.SampledFrom(m.clients).Draw(m.T, "client") }

func (m *model) id() hlc.Timestamp {
	return m.ids[rapid.IntRange(0, len(m.ids)-1).Draw(m.T, "aggregate")]
}

func (m *model) bounds(id hlc.Timestamp) store.Range {
	top := len(m.logs[id]) + 2
	return store.Range{
		After: types.Sequence(rapid.IntRange(0, top).Draw(m.T, "after")),
		Max:   types.Sequence(rapid.IntRange(0, top).Draw(m.T, "max")),
	}
}

// make makes a commit of one to four events, by a clock that may be slow.
func (m *model) make(id hlc.Timestamp, first types.Sequence) []types.Event {
	events := m.v.events(id, first, rapid.IntRange(1, 4).Draw(m.T, "count"))
	if rapid.Bool().Draw(m.T, "slow clock") {
		for i := range events {
			events[i].Timestamp = m.v.at(events[i].Timestamp.Milliseconds() - 1_000_000_000)
		}
	}
	return events
}

// commit commits and checks the answer.
func (m *model) commit(events []types.Event, want error) {
	if err := m.client().commit(events...); !errors.Is(err, want) {
		m.Fatalf("commit of %d events from %d: %v instead of %v", len(events), events[0].Sequence, err, want)
	}
	m.sent = events
	if want == nil {
		id := events[0].AggregateID
		m.logs[id] = append(m.logs[id], events...)
	}
}

func (m *model) append() {
	id := m.id()
	m.commit(m.make(id, types.Sequence(len(m.logs[id])+1)), nil)
}

func (m *model) behind() {
	id := m.id()
	if n := len(m.logs[id]); n > 0 {
		m.commit(m.make(id, types.Sequence(rapid.IntRange(1, n).Draw(m.T, "sequence"))), store.ErrConflict)
	}
}

// resend sends the last commit again: the log has got its sequences by now, from it or from
// another.
func (m *model) resend() {
	if m.sent != nil {
		m.commit(m.sent, store.ErrConflict)
	}
}

func (m *model) events() {
	id := m.id()
	r := m.bounds(id)
	got, err := readAll(m.v.Context(), m.client().a, id, r)
	m.compare(within(m.logs[id], r), got, err)
}

func (m *model) load() {
	id := m.id()
	r := m.bounds(id)
	sn, got, err := loadAll(m.v.Context(), m.client().a, id, r)
	want := m.sns[id]
	if want != nil && !r.Contains(want.Sequence) {
		want = nil
	}
	if want != nil {
		r.After = want.Sequence - 1
	}
	m.compareSnapshot(want, sn)
	m.compare(within(m.logs[id], r), got, err)
}

func (m *model) save() {
	id := m.id()
	sn := snapshot(id, types.Sequence(rapid.IntRange(1, len(m.logs[id])+1).Draw(m.T, "sequence")))
	if err := m.client().a.CommitSnapshot(m.v.Context(), sn); err != nil {
		m.Fatal(err)
	}
	if m.sns[id] == nil || m.sns[id].Sequence < sn.Sequence {
		m.sns[id] = &sn
	}
}

func (m *model) snapshot() {
	id := m.id()
	r := m.bounds(id)
	got, err := m.client().a.LatestSnapshot(m.v.Context(), id, r)
	if err != nil {
		m.Fatal(err)
	}
	want := m.sns[id]
	if want != nil && !r.Contains(want.Sequence) {
		want = nil
	}
	m.compareSnapshot(want, got)
}

func (m *model) compare(want, got []types.Event, err error) {
	if err != nil {
		m.Fatal(err)
	}
	if diff := difference(want, got); diff != "" {
		m.Fatal(diff)
	}
}

func (m *model) compareSnapshot(want, got *types.Snapshot) {
	switch {
	case want == nil && got == nil:
	case want == nil || got == nil:
		m.Fatalf("snapshot %+v instead of %+v", got, want)
	case want.AggregateID != got.AggregateID || want.Sequence != got.Sequence || !sameJSON(want.Body, got.Body):
		m.Fatalf("snapshot %+v instead of %+v", *got, *want)
	}
}
