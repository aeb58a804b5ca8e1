package storetest

import (
	"encoding/json"
	"slices"

	"github.com/eventmaestro/maestro/store"
	"github.com/eventmaestro/maestro/types"
	"github.com/stretchr/testify/require"
)

func ownershipClauses() []clause {
	return []clause{
		{name: "a body that changes after the commit changes nothing in the store", run: bodyChangesAfter},
		{name: "events that change after the commit change nothing in the store", run: eventsChangeAfter},
		{name: "a returned body that is written to changes nothing in the store", run: returnedBodyWritten},
		{name: "a returned body that is appended to changes no other event", run: returnedBodyAppended},
		{name: "a loaded body that is written to changes nothing in the store", run: loadedBodyWritten},
		{name: "a snapshot that changes after it was stored changes nothing in the store", run: snapshotChangesAfter},
		{name: "a returned snapshot that is written to changes nothing in the store", run: returnedSnapshotWritten},
		{name: "a commit does not write to what it is given", run: inputUntouched},
	}
}

// scribble overwrites a body, also in the room behind it.
func scribble(b json.RawMessage) {
	b = b[:cap(b)]
	for i := range b {
		b[i] = 'x'
	}
}

func bodyChangesAfter(v *env) {
	id := v.stamp()
	e := v.event(id, 1)
	want := e
	want.Body = slices.Clone(e.Body)
	v.must(e)
	scribble(e.Body)
	v.holds(id, want)
}

func eventsChangeAfter(v *env) {
	id := v.stamp()
	events := v.events(id, 1, 3)
	want := slices.Clone(events)
	v.must(events...)
	for i := range events {
		events[i] = types.Event{Type: "changed"}
	}
	v.holds(id, want...)
}

func returnedBodyWritten(v *env) {
	id := v.stamp()
	log := v.history(id, 3)
	for _, e := range v.read(id, store.Range{}) {
		scribble(e.Body)
	}
	v.holds(id, log...)
}

func returnedBodyAppended(v *env) {
	id := v.stamp()
	log := v.history(id, 5)
	got := v.read(id, store.Range{})
	for _, e := range got {
		_ = append(e.Body, "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"...)
	}
	v.same(log, got)
	v.holds(id, log...)
}

func loadedBodyWritten(v *env) {
	id := v.stamp()
	log := v.history(id, 3)
	v.save(snapshot(id, 1))
	sn, events := v.load(id, store.Range{})
	scribble(sn.Body)
	for _, e := range events {
		scribble(e.Body)
	}
	v.loads(id, store.Range{}, 1, log)
}

func snapshotChangesAfter(v *env) {
	sn := snapshot(v.stamp(), 3)
	v.save(sn)
	scribble(sn.Body)
	v.keeps(snapshot(sn.AggregateID, 3))
}

func returnedSnapshotWritten(v *env) {
	id := v.stamp()
	v.save(snapshot(id, 3))
	sn := v.snapshotIn(id, store.Range{})
	scribble(sn.Body)
	sn.Sequence = 9
	v.keeps(snapshot(id, 3))
}

func inputUntouched(v *env) {
	id := v.stamp()
	events := v.events(id, 1, 3)
	for i := range events {
		// Room behind the body, and a form that a database would change.
		events[i].Body = append(make(json.RawMessage, 0, 100), ` { "b":1e2 , "a" : "\u00e9" } `...)
	}
	given := clone(events)
	v.must(events...)
	require.Equal(v, given, events)
	sn := types.Snapshot{AggregateID: id, Sequence: 3, Body: events[0].Body}
	v.save(sn)
	for i := range events {
		room := events[i].Body[:cap(events[i].Body)]
		require.Equal(v, string(given[i].Body), string(room[:len(given[i].Body)]))
		require.Equal(v, make([]byte, 100-len(given[i].Body)), []byte(room[len(given[i].Body):]), "the room behind the body")
	}
}

// clone copies events, bodies included.
func clone(events []types.Event) []types.Event {
	copies := slices.Clone(events)
	for i := range copies {
		copies[i].Body = slices.Clone(copies[i].Body)
	}
	return copies
}
