package storetest

import (
	"github.com/eventmaestro/maestro/store"
	"github.com/eventmaestro/maestro/types"
	"github.com/stretchr/testify/require"
)

func transactionClauses() []clause {
	return needing(FeatureTransactions, []clause{
		{name: "a transaction sees what it stored and nobody else does", run: txIsolated},
		{name: "what a transaction stored is there after its commit", run: txCommitted},
		{name: "a rollback leaves nothing", run: txRolledBack},
		{name: "a transaction sees what was committed before and since", run: txReadCommitted},
		{name: "a conflict leaves the transaction usable", run: txConflict},
		{name: "a refusal of any kind leaves the transaction usable", run: txRefusals},
		{name: "a transaction may store events of several aggregates", run: txSeveral},
		{name: "a transaction's snapshot goes with it", run: txSnapshot},
		{name: "a transaction knows the adapter outside of it", run: txBase},
		{name: "a rollback undoes what projections wrote", run: txProjections, needs: FeatureProjections},
		{name: "a refused commit in a transaction undoes what its projections wrote", run: txProjectionRefused, needs: FeatureProjections},
		{name: "a rollback uses no command ID", run: txCommands, needs: FeatureCommands},
	})
}

// begin starts a transaction that is rolled back with the test, if it still runs.
func (v *env) begin() (*env, Transaction) {
	v.Helper()
	tx := v.h.Begin(v, v.a)
	v.Cleanup(func() { _ = tx.Rollback(v.ended()) })
	return v.on(tx.Adapter), tx
}

func txIsolated(v *env) {
	id := v.stamp()
	log := v.history(id, 2)
	inside, tx := v.begin()
	events := inside.events(id, 3, 2)
	inside.must(events...)
	inside.holds(id, append(log, events...)...)
	inside.loads(id, store.Range{After: 2}, 0, events)
	v.holds(id, log...)
	require.NoError(v, tx.Rollback(v.Context()))
}

func txCommitted(v *env) {
	id := v.stamp()
	inside, tx := v.begin()
	first, more := inside.event(id, 1), inside.events(id, 2, 2)
	inside.must(first)
	inside.must(more...)
	require.NoError(v, tx.Commit(v.Context()))
	v.holds(id, append([]types.Event{first}, more...)...)
	v.conflicts(v.event(id, 3))
	v.must(v.event(id, 4))
}

func txRolledBack(v *env) {
	id := v.stamp()
	inside, tx := v.begin()
	events := inside.events(id, 1, 2)
	inside.must(events...)
	inside.save(snapshot(id, 2))
	require.NoError(v, tx.Rollback(v.Context()))
	v.loads(id, store.Range{}, 0, nil)
	v.must(events...)
	v.holds(id, events...)
}

func txReadCommitted(v *env) {
	id := v.stamp()
	log := v.history(id, 2)
	inside, tx := v.begin()
	inside.holds(id, log...)
	since := v.event(id, 3)
	v.must(since)
	inside.holds(id, append(log, since)...)
	next := inside.event(id, 4)
	inside.must(next)
	require.NoError(v, tx.Commit(v.Context()))
	v.holds(id, append(log, since, next)...)
}

func txConflict(v *env) {
	id := v.stamp()
	log := v.history(id, 2)
	inside, tx := v.begin()
	inside.conflicts(inside.events(id, 2, 2)...)
	inside.conflicts(log...)
	next := inside.event(id, 3)
	inside.must(next)
	inside.conflicts(inside.event(id, 3))
	inside.conflicts(next)
	require.NoError(v, tx.Commit(v.Context()))
	v.holds(id, append(log, next)...)
}

func txRefusals(v *env) {
	id := v.stamp()
	log := v.history(id, 1)
	inside, tx := v.begin()
	bad := inside.event(id, 2)
	bad.Body = []byte(`{"text": "\u0000"}`)
	require.ErrorIs(v, inside.commit(bad), store.ErrInvalidEvent)
	bad = inside.event(id, 2)
	bad.Timestamp = log[0].Timestamp
	require.ErrorIs(v, inside.commit(bad), store.ErrDuplicateTimestamp)
	next := inside.events(id, 2, 2)
	inside.must(next...)
	bad = inside.event(id, 4)
	bad.Timestamp = next[0].Timestamp
	require.ErrorIs(v, inside.commit(bad), store.ErrDuplicateTimestamp)
	inside.holds(id, append(log, next...)...)
	require.NoError(v, tx.Commit(v.Context()))
	v.holds(id, append(log, next...)...)
}

func txSeveral(v *env) {
	a, b := v.stamp(), v.stamp()
	ofA := v.history(a, 2)
	inside, tx := v.begin()
	moreA, ofB := inside.event(a, 3), inside.events(b, 1, 2)
	inside.must(moreA)
	inside.must(ofB...)
	v.holds(b)
	require.NoError(v, tx.Commit(v.Context()))
	v.holds(a, append(ofA, moreA)...)
	v.holds(b, ofB...)
}

func txSnapshot(v *env) {
	id := v.stamp()
	log := v.history(id, 3)
	v.save(snapshot(id, 1))
	inside, tx := v.begin()
	inside.save(snapshot(id, 2))
	inside.keeps(snapshot(id, 2))
	inside.loads(id, store.Range{}, 2, log[1:])
	v.keeps(snapshot(id, 1))
	require.NoError(v, tx.Commit(v.Context()))
	v.keeps(snapshot(id, 2))
}

func txBase(v *env) {
	_, tx := v.begin()
	require.True(v, tx.Adapter.Base() == v.a)
	require.NoError(v, tx.Rollback(v.Context()))
}

func txProjections(v *env) {
	r := v.h.Recorder(v, v.a)
	id := v.stamp()
	all := []store.Projection{r.Projection}
	inside, tx := v.begin()
	require.NoError(v, inside.project(all, inside.events(id, 1, 2)...))
	v.rows(r)
	require.NoError(v, tx.Rollback(v.Context()))
	v.rows(r)
	inside, tx = v.begin()
	events := inside.events(id, 1, 3)
	require.NoError(v, inside.project(all, events[:1]...))
	require.NoError(v, inside.project(all, events[1:]...))
	v.rows(r)
	require.NoError(v, tx.Commit(v.Context()))
	v.rows(r, events...)
	v.holds(id, events...)
}

func txProjectionRefused(v *env) {
	r := v.h.Recorder(v, v.a)
	id := v.stamp()
	inside, tx := v.begin()
	first := inside.event(id, 1)
	require.NoError(v, inside.project([]store.Projection{r.Projection}, first))
	err := inside.project([]store.Projection{r.Projection, v.refusing(3)}, inside.events(id, 2, 2)...)
	require.ErrorIs(v, err, errRefused)
	inside.holds(id, first)
	next := inside.event(id, 2)
	require.NoError(v, inside.project([]store.Projection{r.Projection}, next))
	require.NoError(v, tx.Commit(v.Context()))
	v.rows(r, first, next)
	v.holds(id, first, next)
}

func txCommands(v *env) {
	id := v.stamp()
	inside, tx := v.begin()
	require.NoError(v, inside.used(id, inside.events(id, 1, 1), command("a", 0, 1)))
	require.ErrorIs(v, inside.used(id, nil, command("a", 1, 1)), store.ErrDuplicateCommand)
	require.Nil(v, v.lookup(id, "a"))
	require.NoError(v, tx.Rollback(v.Context()))
	require.NoError(v, v.used(id, nil, command("a", 0, 0)))
	inside, tx = v.begin()
	require.ErrorIs(v, inside.used(id, nil, command("a", 0, 0)), store.ErrDuplicateCommand)
	require.NoError(v, inside.used(id, nil, command("b", 0, 0)))
	require.NoError(v, tx.Commit(v.Context()))
	require.NotNil(v, v.lookup(id, "b"))
}
