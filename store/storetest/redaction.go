package storetest

import (
	"encoding/json"

	"github.com/eventmaestro/maestro/hlc"
	"github.com/eventmaestro/maestro/store"
	"github.com/eventmaestro/maestro/types"
	"github.com/stretchr/testify/require"
)

func redactionClauses() []clause {
	return needing(FeatureRedaction, []clause{
		{name: "a redacted event keeps everything but its body", run: redacted},
		{name: "a redaction drops a snapshot that contains the event", run: redactedSnapshot},
		{name: "a redaction keeps a snapshot from before the event", run: redactionKeepsSnapshot},
		{name: "a redaction of an event that is not there says so", run: redactedNothing},
		{name: "a redaction with a body that is refused changes nothing", run: redactionRefused},
		{name: "the log goes on after a redaction", run: afterRedaction},
		{name: "a redaction of many events is one", run: redactedMany},
		{name: "a redaction puts its snapshot in the place of the present one", run: redactionReplacesSnapshot},
		{name: "a redaction that another one overtook changes nothing", run: redactionOvertaken},
		{name: "a redaction drops the aggregate's command IDs", run: redactionForgetsCommands},
	})
}

func (v *env) redact(id hlc.Timestamp, s types.Sequence, text string) error {
	return v.forget(store.Redaction{AggregateID: id, Events: []types.Event{{Sequence: s, Body: json.RawMessage(text)}}})
}

func (v *env) forget(r store.Redaction) error { return v.a.(store.Redactor).Redact(v.Context(), r) }

func redacted(v *env) {
	id, other := v.stamp(), v.stamp()
	log, others := v.history(id, 5), v.history(other, 5)
	require.NoError(v, v.redact(id, 3, `{"redacted": true}`))
	log[2].Body = json.RawMessage(`{"redacted": true}`)
	v.holds(id, log...)
	v.holds(other, others...)
	v.loads(id, store.Range{After: 1}, 0, log[1:])
}

func redactedSnapshot(v *env) {
	for _, s := range []types.Sequence{3, 4} {
		id, other := v.stamp(), v.stamp()
		v.history(id, 5)
		v.save(snapshot(id, s))
		v.save(snapshot(other, s))
		require.NoError(v, v.redact(id, 3, `{}`))
		require.Nil(v, v.snapshotIn(id, store.Range{}))
		v.keeps(snapshot(other, s))
	}
}

func redactionKeepsSnapshot(v *env) {
	id := v.stamp()
	v.history(id, 5)
	v.save(snapshot(id, 2))
	require.NoError(v, v.redact(id, 3, `{}`))
	v.keeps(snapshot(id, 2))
}

func redactedNothing(v *env) {
	id := v.stamp()
	require.ErrorIs(v, v.redact(id, 1, `{}`), store.ErrNoEvent)
	log := v.history(id, 2)
	for _, s := range []types.Sequence{0, -1, 3, types.MaxSequence} {
		require.ErrorIs(v, v.redact(id, s, `{}`), store.ErrNoEvent)
	}
	v.holds(id, log...)
}

func redactionRefused(v *env) {
	id := v.stamp()
	log := v.history(id, 2)
	v.save(snapshot(id, 2))
	for _, text := range []string{``, `{`, `"\u0000"`} {
		require.ErrorIs(v, v.redact(id, 1, text), store.ErrInvalidEvent, text)
	}
	v.holds(id, log...)
	v.keeps(snapshot(id, 2))
}

func afterRedaction(v *env) {
	id := v.stamp()
	log := v.history(id, 3)
	require.NoError(v, v.redact(id, 3, `null`))
	log[2].Body = json.RawMessage(`null`)
	v.conflicts(v.event(id, 3))
	next := v.event(id, 4)
	v.must(next)
	v.save(snapshot(id, 4))
	v.holds(id, append(log, next)...)
	v.keeps(snapshot(id, 4))
}

func redactedMany(v *env) {
	id := v.stamp()
	log := v.history(id, 9)
	r := store.Redaction{AggregateID: id}
	for _, s := range []types.Sequence{9, 1, 4} {
		r.Events = append(r.Events, types.Event{Sequence: s, Body: json.RawMessage(`{"redacted": true}`)})
		log[s-1].Body, log[s-1].Metadata = json.RawMessage(`{"redacted": true}`), types.Metadata{}
	}
	require.NoError(v, v.forget(r))
	v.holds(id, log...)
	r.Events = append(r.Events, types.Event{Sequence: 10, Body: json.RawMessage(`{}`)})
	for i := range r.Events {
		r.Events[i].Body = json.RawMessage(`{"again": true}`)
	}
	require.ErrorIs(v, v.forget(r), store.ErrNoEvent)
	v.holds(id, log...)
	if v.h.lacks(FeatureMetadata) {
		return
	}
	named := v.event(id, 10)
	named.Metadata = types.Metadata{Actor: "ann", CommandID: "ann-7", CorrelationID: "c"}
	v.must(named)
	named.Metadata = types.Metadata{CorrelationID: "c"}
	require.NoError(v, v.forget(store.Redaction{AggregateID: id, Events: []types.Event{{Sequence: 10, Body: named.Body, Metadata: named.Metadata}}}))
	v.holds(id, append(log, named)...)
}

func redactionReplacesSnapshot(v *env) {
	id := v.stamp()
	log := v.history(id, 5)
	v.save(snapshot(id, 5))
	first := marked(id, 3, store.Mark{Generation: 1, At: store.Stamp(log[2].Timestamp)})
	require.NoError(v, v.forget(store.Redaction{AggregateID: id, Events: []types.Event{{Sequence: 4, Body: json.RawMessage(`{}`)}}, Snapshot: &first}))
	v.keeps(first)
	v.save(snapshot(id, 5)) // by a process that did not notice
	v.keeps(first)
	second := marked(id, 1, store.Mark{Generation: 2})
	require.NoError(v, v.forget(store.Redaction{AggregateID: id, Snapshot: &second}))
	v.keeps(second)
	other := v.stamp()
	v.history(other, 1)
	fresh := marked(other, 1, store.Mark{Generation: 1})
	require.NoError(v, v.forget(store.Redaction{AggregateID: other, Snapshot: &fresh}))
	v.keeps(fresh)
}

func redactionOvertaken(v *env) {
	id := v.stamp()
	log := v.history(id, 3)
	first := marked(id, 3, store.Mark{Generation: 1})
	require.NoError(v, v.forget(store.Redaction{AggregateID: id, Snapshot: &first}))
	for _, generation := range []int64{0, 1} {
		late := marked(id, 3, store.Mark{Generation: generation})
		err := v.forget(store.Redaction{AggregateID: id, Events: []types.Event{{Sequence: 1, Body: json.RawMessage(`{}`)}}, Snapshot: &late})
		require.ErrorIs(v, err, store.ErrConflict)
	}
	v.holds(id, log...)
	v.keeps(first)
}

func redactionForgetsCommands(v *env) {
	log, ok := v.a.(store.CommandLog)
	if !ok {
		return
	}
	id, other := v.stamp(), v.stamp()
	for _, a := range []hlc.Timestamp{id, other} {
		require.NoError(v, v.a.Commit(v.Context(), store.Commit{
			AggregateID: a, Events: v.events(a, 1, 1), Commands: []store.CommandRecord{{ID: "ann-7", After: 0, Last: 1}},
		}))
	}
	require.NoError(v, v.redact(id, 1, `{}`))
	record, err := log.LookupCommand(v.Context(), id, "ann-7")
	require.NoError(v, err)
	require.NotNil(v, record, "unless it is asked for")
	require.NoError(v, v.forget(store.Redaction{AggregateID: id, Commands: true}))
	record, err = log.LookupCommand(v.Context(), id, "ann-7")
	require.NoError(v, err)
	require.Nil(v, record)
	record, err = log.LookupCommand(v.Context(), other, "ann-7")
	require.NoError(v, err)
	require.NotNil(v, record)
}
