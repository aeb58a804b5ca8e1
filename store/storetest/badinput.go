package storetest

import (
	"encoding/json"
	"slices"
	"strings"

	"github.com/eventmaestro/maestro/hlc"
	"github.com/eventmaestro/maestro/store"
	"github.com/eventmaestro/maestro/types"
	"github.com/stretchr/testify/require"
)

func badInputClauses() []clause {
	clauses := []clause{
		{name: "a commit of nothing is refused", run: commitOfNothing},
		{name: "the error of a refused event names its place", run: namesPlace},
		{name: "a fault in the last event of a commit refuses all of it", run: faultInLast},
		{name: "a timestamp that the aggregate has is refused", run: duplicateTimestamp},
		{name: "a timestamp that another aggregate has is refused", run: duplicateElsewhere, needs: FeatureGlobalTimestamps},
		{name: "a duplicate timestamp in the middle of a commit refuses all of it", run: duplicateInMiddle},
		{name: "the log goes on after a refusal", run: goesOn},
	}
	for _, b := range badEvents {
		clauses = append(clauses, clause{name: "an event is refused: " + b.name, run: b.check})
	}
	return clauses
}

// badEvent spoils the second event of a commit of three.
type badEvent struct {
	name  string
	spoil func(v *env, events []types.Event)
}

var badEvents = []badEvent{
	{"its aggregate id is zero", func(_ *env, e []types.Event) { e[1].AggregateID = hlc.Timestamp{} }},
	{"it belongs to another aggregate", func(v *env, e []types.Event) { e[1].AggregateID = v.stamp() }},
	{"its sequence is zero", func(_ *env, e []types.Event) { e[1].Sequence = 0 }},
	{"its sequence is negative", func(_ *env, e []types.Event) { e[1].Sequence = -1 }},
	{"its sequence is that of the one before", func(_ *env, e []types.Event) { e[1].Sequence = e[0].Sequence }},
	{"its sequence leaves one out", func(_ *env, e []types.Event) { e[1].Sequence++; e[2].Sequence++ }},
	{"its sequence is above the highest", func(_ *env, e []types.Event) { e[1].Sequence = types.MaxSequence + 1 }},
	{"its timestamp is zero", func(_ *env, e []types.Event) { e[1].Timestamp = hlc.Timestamp{} }},
	{"its timestamp is that of the one before", func(_ *env, e []types.Event) { e[1].Timestamp = e[0].Timestamp }},
	{"its timestamp is before that of the one before", func(v *env, e []types.Event) { e[1].Timestamp = v.at(1) }},
	{"its type is empty", func(_ *env, e []types.Event) { e[1].Type = "" }},
	{"its type has 257 bytes", func(_ *env, e []types.Event) { e[1].Type = strings.Repeat("t", 257) }},
	{"its type has 129 characters in 258 bytes", func(_ *env, e []types.Event) { e[1].Type = strings.Repeat("é", 129) }},
	{"its type is not UTF-8", func(_ *env, e []types.Event) { e[1].Type = "a\xff" }},
	{"its type has a NUL byte", func(_ *env, e []types.Event) { e[1].Type = "a\x00b" }},
	{"its body is nil", func(_ *env, e []types.Event) { e[1].Body = nil }},
	{"its body is empty", func(_ *env, e []types.Event) { e[1].Body = json.RawMessage{} }},
	{"its body is not JSON", body(`{"a":`)},
	{"its body has something after the JSON", body(`{} {}`)},
	{"its body is white space", body("  ")},
	{"its body has the character U+0000", body(`{"text": "a\u0000b"}`)},
	{"its body has half a surrogate pair", body(`{"text": "\ud83c"}`)},
	{"its body is not UTF-8", body("{\"text\": \"\xff\"}")},
	{"its body has a number that no numeric can hold", body(`1e200000`)},
}

func body(text string) func(*env, []types.Event) {
	return func(_ *env, e []types.Event) { e[1].Body = json.RawMessage(text) }
}

func (b *badEvent) check(v *env) {
	id := v.stamp()
	log := v.history(id, 2)
	events := v.events(id, 3, 3)
	good := slices.Clone(events)
	b.spoil(v, events)
	err := v.try(store.Commit{AggregateID: id, Events: events})
	require.ErrorIs(v, err, store.ErrInvalidEvent)
	v.holds(id, log...)
	v.must(good...)
	v.holds(id, append(log, good...)...)
}

func commitOfNothing(v *env) {
	id := v.stamp()
	require.ErrorIs(v, v.try(store.Commit{AggregateID: id}), store.ErrInvalidEvent)
	require.ErrorIs(v, v.try(store.Commit{}), store.ErrInvalidEvent)
	require.ErrorIs(v, v.try(store.Commit{Events: v.events(hlc.Timestamp{}, 1, 1)}), store.ErrInvalidEvent)
	v.holds(id)
}

func namesPlace(v *env) {
	id := v.stamp()
	for _, text := range []string{"", `{"text": "\u0000"}`} {
		events := v.events(id, 1, 3)
		events[2].Body = json.RawMessage(text)
		var fault *store.InvalidEventError
		require.ErrorAs(v, v.commit(events...), &fault)
		require.Equal(v, id, fault.AggregateID)
		require.Equal(v, types.Sequence(3), fault.Sequence, "of %q", text)
		require.Equal(v, "body", fault.Field)
		require.NotEmpty(v, fault.Reason)
	}
}

func faultInLast(v *env) {
	id := v.stamp()
	events := v.events(id, 1, 1000)
	events[999].Body = json.RawMessage(`{"text": "\u0000"}`)
	require.ErrorIs(v, v.commit(events...), store.ErrInvalidEvent)
	v.holds(id)
	v.must(events[:999]...)
}

// refuses checks that the events are refused for a timestamp, and that the log stays what it was.
func (v *env) refusesTimestamp(log []types.Event, events ...types.Event) {
	v.Helper()
	err := v.commit(events...)
	require.ErrorIs(v, err, store.ErrDuplicateTimestamp)
	require.NotErrorIs(v, err, store.ErrConflict)
	v.holds(events[0].AggregateID, log...)
}

func duplicateTimestamp(v *env) {
	id := v.stamp()
	log := v.history(id, 3)
	e := v.event(id, 4)
	e.Timestamp = log[1].Timestamp
	v.refusesTimestamp(log, e)
}

func duplicateElsewhere(v *env) {
	a, b := v.stamp(), v.stamp()
	ofA, ofB := v.history(a, 2), v.history(b, 1)
	e := v.event(b, 2)
	e.Timestamp = ofA[1].Timestamp
	v.refusesTimestamp(ofB, e)
	first := v.event(v.stamp(), 1)
	first.Timestamp = ofA[0].Timestamp
	v.refusesTimestamp(nil, first)
}

func duplicateInMiddle(v *env) {
	id := v.stamp()
	events := v.events(id, 2, 3)
	first := v.event(id, 1)
	first.Timestamp = events[1].Timestamp
	v.must(first)
	v.refusesTimestamp([]types.Event{first}, events...)
	events[1].Timestamp = v.stamp()
	events[2].Timestamp = v.stamp()
	v.must(events...)
}

func goesOn(v *env) {
	id := v.stamp()
	log := v.history(id, 1)
	e := v.event(id, 2)
	for range 20 {
		bad := e
		bad.Body = json.RawMessage(`]`)
		require.ErrorIs(v, v.commit(bad), store.ErrInvalidEvent)
		bad = e
		bad.Timestamp = log[0].Timestamp
		require.ErrorIs(v, v.commit(bad), store.ErrDuplicateTimestamp)
	}
	v.must(e)
	v.holds(id, log[0], e)
}
