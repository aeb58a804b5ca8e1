package storetest

import (
	"encoding/json"

	"github.com/eventmaestro/maestro/store"
	"github.com/eventmaestro/maestro/types"
	"github.com/stretchr/testify/require"
)

func conflictClauses() []clause {
	return []clause{
		{name: "a sequence that is taken is a conflict and stores nothing", run: takenSequence},
		{name: "a conflict is no other error", run: conflictOnly},
		{name: "the very same commit again is a conflict and the log has it once", run: resend},
		{name: "a commit that overlaps the end of the log stores none of its events", run: overlap},
		{name: "an old sequence is a conflict, however long ago it was taken", run: oldSequence},
		{name: "a conflict is told before a duplicate timestamp", run: conflictBeforeTimestamp},
		{name: "a conflict is told before a body that is refused", run: conflictBeforeBody},
		{name: "after a conflict the next free sequence can be committed", run: afterConflict},
		{name: "the same sequence of another aggregate is no conflict", run: otherAggregate},
		{name: "a snapshot takes no sequence", run: snapshotNoConflict},
	}
}

// conflicts checks that the events are refused as a conflict.
func (v *env) conflicts(events ...types.Event) {
	v.Helper()
	require.ErrorIs(v, v.commit(events...), store.ErrConflict)
}

func takenSequence(v *env) {
	id := v.stamp()
	first := v.event(id, 1)
	v.must(first)
	v.conflicts(v.event(id, 1))
	v.holds(id, first)
}

func conflictOnly(v *env) {
	id := v.stamp()
	v.must(v.event(id, 1))
	err := v.commit(v.event(id, 1))
	require.ErrorIs(v, err, store.ErrConflict)
	for _, other := range []error{
		store.ErrDuplicateTimestamp, store.ErrDuplicateCommand, store.ErrInvalidEvent,
		store.ErrOutcomeUnknown, store.ErrUnavailable, store.ErrUnsupported,
	} {
		require.NotErrorIs(v, err, other)
	}
}

func resend(v *env) {
	id := v.stamp()
	events := v.events(id, 1, 3)
	v.must(events...)
	for range 3 {
		v.conflicts(events...)
	}
	v.holds(id, events...)
}

func overlap(v *env) {
	id := v.stamp()
	log := v.history(id, 3)
	v.conflicts(v.events(id, 3, 2)...)
	v.conflicts(v.events(id, 2, 4)...)
	v.conflicts(v.events(id, 1, 100)...)
	v.holds(id, log...)
}

func oldSequence(v *env) {
	id := v.stamp()
	log := v.history(id, 20)
	for s := types.Sequence(1); s <= 20; s++ {
		v.conflicts(v.event(id, s))
	}
	v.holds(id, log...)
}

func conflictBeforeTimestamp(v *env) {
	id, other := v.stamp(), v.stamp()
	mine, theirs := v.event(id, 1), v.event(other, 1)
	v.must(mine)
	v.must(theirs)
	again := v.event(id, 1)
	again.Timestamp = theirs.Timestamp
	v.conflicts(again)
	again.Timestamp = mine.Timestamp
	v.conflicts(again)
}

func conflictBeforeBody(v *env) {
	id := v.stamp()
	log := v.history(id, 1)
	bad := v.event(id, 1)
	bad.Body = json.RawMessage(`{"text": "\u0000"}`)
	v.conflicts(bad)
	v.holds(id, log...)
}

func afterConflict(v *env) {
	id := v.stamp()
	log := v.history(id, 2)
	late := v.event(id, 2)
	v.conflicts(late)
	late.Sequence = 3
	v.must(late)
	v.holds(id, append(log, late)...)
}

func otherAggregate(v *env) {
	a, b := v.stamp(), v.stamp()
	v.history(a, 5)
	log := v.history(b, 5)
	v.holds(b, log...)
}

func snapshotNoConflict(v *env) {
	id := v.stamp()
	v.save(snapshot(id, 1))
	e := v.event(id, 1)
	v.must(e)
	v.holds(id, e)
}
