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
	})
}

func (v *env) redact(id hlc.Timestamp, s types.Sequence, text string) error {
	return v.a.(store.Redactor).Redact(v.Context(), id, s, json.RawMessage(text))
}

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
