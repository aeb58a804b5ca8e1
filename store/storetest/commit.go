package storetest

import (
	"encoding/json"
	"strings"

	"github.com/eventmaestro/maestro/hlc"
	"github.com/eventmaestro/maestro/store"
	"github.com/eventmaestro/maestro/types"
	"github.com/stretchr/testify/require"
)

func commitClauses() []clause {
	return []clause{
		{name: "a new store has no events and no snapshot of any aggregate", run: emptyStore},
		{name: "an event reads back with every field as it was committed", run: oneEvent},
		{name: "the events of one commit are stored in their order", run: severalEvents},
		{name: "what one commit stored is followed by the next", run: commitsFollow},
		{name: "five hundred commits in a row make one history", run: longHistory},
		{name: "70,000 events are one commit", run: hugeCommit},
		{name: "an event type may have 256 bytes", run: longestType},
		{name: "types and bodies may be in any script", run: anyScript},
		{name: "a body of any JSON kind reads back as an equal value", run: anyJSON},
		{name: "a body of a mebibyte is stored", run: largeBody},
		{name: "any sixteen bytes but zeros name an aggregate", run: extremeIDs},
		{name: "the timestamp may be of any time", run: extremeTimes},
		{name: "the events of one aggregate are not another's", run: aggregatesApart},
	}
}

func emptyStore(v *env) {
	id := v.stamp()
	require.Empty(v, v.read(id, store.Range{}))
	sn, events := v.load(id, store.Range{})
	require.Nil(v, sn)
	require.Empty(v, events)
	sn, err := v.a.LatestSnapshot(v.Context(), id, store.Range{})
	require.NoError(v, err)
	require.Nil(v, sn)
}

func oneEvent(v *env) {
	id := v.stamp()
	e := v.event(id, 1)
	v.must(e)
	got := v.read(id, store.Range{})
	require.Len(v, got, 1)
	require.Equal(v, e.Timestamp, got[0].Timestamp)
	require.Equal(v, id, got[0].AggregateID)
	require.Equal(v, types.Sequence(1), got[0].Sequence)
	require.Equal(v, "counter_incremented", got[0].Type)
	require.JSONEq(v, string(e.Body), string(got[0].Body))
	require.True(v, got[0].Metadata.IsZero())
}

func severalEvents(v *env) {
	id := v.stamp()
	events := v.events(id, 1, 5)
	for i, kind := range []string{"a", "b", "c", "d", "e"} {
		events[i].Type = kind
	}
	v.must(events...)
	v.holds(id, events...)
}

func commitsFollow(v *env) {
	id := v.stamp()
	var all []types.Event
	for _, n := range []int{1, 3, 1, 2} {
		events := v.events(id, types.Sequence(len(all)+1), n)
		v.must(events...)
		all = append(all, events...)
		v.holds(id, all...)
	}
}

func longHistory(v *env) {
	id := v.stamp()
	all := v.events(id, 1, 500)
	for _, e := range all {
		v.must(e)
	}
	v.holds(id, all...)
}

func hugeCommit(v *env) {
	const n = 70_000
	id := v.stamp()
	all := v.events(id, 1, n)
	v.must(all...)
	count := 0
	for e, err := range v.a.Events(v.Context(), id, store.Range{}) {
		require.NoError(v, err)
		want := &all[count]
		count++
		if e.Sequence != want.Sequence || e.Timestamp != want.Timestamp || e.Type != want.Type {
			require.FailNow(v, "another event", "%+v instead of %+v", e, *want)
		}
	}
	require.Equal(v, n, count)
	v.must(v.event(id, n+1))
}

func longestType(v *env) {
	id := v.stamp()
	ascii, wide := v.event(id, 1), v.event(id, 2)
	ascii.Type = strings.Repeat("t", types.MaxTypeLength)
	wide.Type = strings.Repeat("é", types.MaxTypeLength/2)
	v.must(ascii, wide)
	v.holds(id, ascii, wide)
}

func anyScript(v *env) {
	id := v.stamp()
	events := v.events(id, 1, 3)
	for i, text := range []string{"größe_geändert", "数が増えた", "🎉.\"'\\ %s $1 \t"} {
		body, err := json.Marshal(map[string]string{text: text})
		require.NoError(v, err)
		events[i].Type, events[i].Body = text, body
	}
	v.must(events...)
	v.holds(id, events...)
}

func anyJSON(v *env) {
	bodies := []string{
		`null`, `true`, `false`, `0`, `-1.5`, `1e2`, `""`, `"text"`, `[]`, `{}`, `[null]`,
		`{"a": {"b": [1, 2, {"c": null}]}, "": ""}`,
		`9007199254740993`, `123456789012345678901234567890.123456789`,
		`"\u00e9\ud83c\udf89\n\t\"\\\/"`, ` { "white" : [ 1 ,	2 ] } `,
		`{"z": 1, "a": 2, "mm": 3}`, "\"\u2028\u2029\"", `"\u007f"`, `"<&>"`,
	}
	id := v.stamp()
	events := v.events(id, 1, len(bodies))
	for i, b := range bodies {
		events[i].Body = json.RawMessage(b)
	}
	v.must(events...)
	v.holds(id, events...)
}

func largeBody(v *env) {
	id := v.stamp()
	e := v.event(id, 1)
	e.Body = json.RawMessage(`{"text": "` + strings.Repeat("0123456789abcdef", 1<<16) + `"}`)
	v.must(e)
	v.holds(id, e)
}

func extremeIDs(v *env) {
	for _, id := range []hlc.Timestamp{{15: 1}, {0: 1}, {0xff, 0x80}, fill(0xff)} {
		e := v.event(id, 1)
		v.must(e)
		v.holds(id, e)
	}
}

func extremeTimes(v *env) {
	for _, at := range []hlc.Timestamp{{15: 1}, fill(0xff), v.at(hlc.MaxMilliseconds)} {
		e := v.event(v.stamp(), 1)
		e.Timestamp = at
		v.must(e)
		v.holds(e.AggregateID, e)
	}
}

func fill(b byte) (t hlc.Timestamp) {
	for i := range t {
		t[i] = b
	}
	return t
}

func aggregatesApart(v *env) {
	a, b, c := v.stamp(), v.stamp(), v.stamp()
	ofA, ofB := v.history(a, 4), v.history(b, 2)
	v.holds(a, ofA...)
	v.holds(b, ofB...)
	v.holds(c)
}
