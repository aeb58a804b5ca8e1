package storetest

import (
	"context"
	"time"

	"github.com/eventmaestro/maestro/store"
	"github.com/eventmaestro/maestro/types"
	"github.com/stretchr/testify/require"
)

func contextClauses() []clause {
	return []clause{
		{name: "a commit with an ended context stores nothing", run: endedCommit},
		{name: "a commit past its deadline stores nothing", run: commitPastDeadline},
		{name: "a read with an ended context ends with its error", run: endedRead},
		{name: "a snapshot with an ended context is not stored", run: endedSnapshot},
		{name: "a loop whose context ends midway ends with its error", run: endedMidway},
		{name: "an ended context leaves the store usable", run: usableAfterwards},
	}
}

func (v *env) ended() context.Context {
	ctx, cancel := context.WithCancel(v.Context())
	cancel()
	return ctx
}

func endedCommit(v *env) {
	id := v.stamp()
	e := v.event(id, 1)
	err := v.a.Commit(v.ended(), store.Commit{AggregateID: id, Events: []types.Event{e}})
	require.ErrorIs(v, err, context.Canceled)
	v.holds(id)
	v.must(e)
	v.holds(id, e)
}

func commitPastDeadline(v *env) {
	id := v.stamp()
	ctx, cancel := context.WithDeadline(v.Context(), time.Unix(0, 0))
	defer cancel()
	err := v.a.Commit(ctx, store.Commit{AggregateID: id, Events: v.events(id, 1, 3)})
	require.ErrorIs(v, err, context.DeadlineExceeded)
	v.holds(id)
}

func endedRead(v *env) {
	id := v.stamp()
	v.history(id, 3)
	v.save(snapshot(id, 2))
	events, err := readAll(v.ended(), v.a, id, store.Range{})
	require.ErrorIs(v, err, context.Canceled)
	require.Empty(v, events)
	sn, events, err := loadAll(v.ended(), v.a, id, store.Range{})
	require.ErrorIs(v, err, context.Canceled)
	require.Nil(v, sn)
	require.Empty(v, events)
	sn, err = v.a.LatestSnapshot(v.ended(), id, store.Range{})
	require.ErrorIs(v, err, context.Canceled)
	require.Nil(v, sn)
}

func endedSnapshot(v *env) {
	id := v.stamp()
	require.ErrorIs(v, v.a.CommitSnapshot(v.ended(), snapshot(id, 2)), context.Canceled)
	require.Nil(v, v.snapshotIn(id, store.Range{}))
}

// endedMidway reads a log that is larger than a connection's buffers. An adapter may deliver what
// it has received already, but not all of it as if nothing had happened.
func endedMidway(v *env) {
	const n = 20_000
	id := v.stamp()
	v.must(v.events(id, 1, n)...)
	ctx, cancel := context.WithCancel(v.Context())
	defer cancel()
	count := 0
	var ended error
	for e, err := range v.a.Events(ctx, id, store.Range{}) {
		if err != nil {
			require.Zero(v, e)
			require.NoError(v, ended, "an error is the last that a loop gets")
			ended = err
			continue
		}
		if count++; count == 3 {
			cancel()
		}
	}
	require.ErrorIs(v, ended, context.Canceled)
	require.Less(v, count, n)
}

func usableAfterwards(v *env) {
	id := v.stamp()
	for range 50 {
		_ = v.a.Commit(v.ended(), store.Commit{AggregateID: id, Events: v.events(id, 1, 1)})
		_, _ = readAll(v.ended(), v.a, id, store.Range{})
		_, _, _ = loadAll(v.ended(), v.a, id, store.Range{})
	}
	log := v.history(id, 2)
	v.holds(id, log...)
}
