package storetest

import (
	"context"
	"testing"

	"github.com/eventmaestro/maestro/hlc"
	"github.com/eventmaestro/maestro/store"
	"github.com/eventmaestro/maestro/types"
	"github.com/stretchr/testify/require"
)

func ownTxClauses() []clause {
	clauses := []clause{
		{name: "what is staged is stored by the end of the transaction, and not before", run: stagedAtEnd},
		{name: "staged commits of several aggregates are stored together", run: stagedTogether},
		{name: "staged commits are stored all or none, whatever refuses one", run: stagedAllOrNone},
		{name: "staged commits of one aggregate keep their order", run: stagedInOrder},
		{name: "what is sent is seen by the transaction and by nobody else", run: sentIsolated},
		{name: "after a staged commit was refused the transaction can only be aborted", run: sentRefused},
		{name: "an abort leaves nothing of what was staged, sent and committed", run: abortLeavesNothing},
		{name: "after its end a transaction refuses everything", run: endedRefuses},
		{name: "an abort after the end does nothing", run: abortAfterEnd},
		{name: "a transaction that did nothing can end", run: nothingEnds},
		{name: "an end whose context has ended stores nothing", run: endWithEndedContext},
		{name: "staged commits use their command IDs", run: stagedCommands, needs: FeatureCommands},
		{name: "projections of staged commits are stored with them or not at all", run: stagedProjections, needs: FeatureProjections},
	}
	// What holds for a transaction of the application holds for this one.
	for _, c := range transactionClauses() {
		run := c.run
		c.name, c.also = "of the library: "+c.name, ""
		c.run = func(v *env) {
			h := *v.h
			h.Begin = beginOwn
			v.h = &h
			run(v)
		}
		clauses = append(clauses, c)
	}
	return needing(FeatureOwnTransactions, clauses)
}

func beginOwn(t testing.TB, a store.Adapter) Transaction {
	t.Helper()
	tx, err := a.(store.Transactor).BeginTx(t.Context())
	require.NoError(t, err)
	return Transaction{Adapter: tx, Commit: tx.End, Rollback: func(ctx context.Context) error {
		tx.Abort(ctx)
		return nil
	}}
}

// ownTx begins a transaction of the library, which is aborted with the test if it still runs.
func (v *env) ownTx() (*env, store.OwnTx) {
	v.Helper()
	tx, err := v.a.(store.Transactor).BeginTx(v.Context())
	require.NoError(v, err)
	v.Cleanup(func() { tx.Abort(v.ended()) })
	return v.on(tx), tx
}

func of(events ...types.Event) store.Commit {
	return store.Commit{AggregateID: events[0].AggregateID, Events: events}
}

func stagedAtEnd(v *env) {
	id := v.stamp()
	log := v.history(id, 2)
	_, tx := v.ownTx()
	c := of(v.events(id, 3, 2)...)
	c.Predecessor = log[1].Timestamp
	require.NoError(v, tx.Stage(c))
	v.holds(id, log...)
	require.NoError(v, tx.End(v.Context()))
	v.holds(id, append(log, c.Events...)...)
}

func stagedTogether(v *env) {
	a, b, c := v.stamp(), v.stamp(), v.stamp()
	ofB := v.history(b, 1)
	_, tx := v.ownTx()
	moreC, moreB, moreA := v.events(c, 1, 2), v.event(b, 2), v.events(a, 1, 3)
	for _, staged := range []store.Commit{of(moreC...), of(moreB), of(moreA...)} { // not in the order of the ids
		require.NoError(v, tx.Stage(staged))
	}
	require.NoError(v, tx.End(v.Context()))
	v.holds(a, moreA...)
	v.holds(b, append(ofB, moreB)...)
	v.holds(c, moreC...)
}

// refusals are commits that can't be stored behind a log of two events.
func (v *env) refusals(log []types.Event) map[error]store.Commit {
	id := log[0].AggregateID
	bad, twice := v.event(id, 3), v.event(id, 3)
	bad.Body = []byte(`{"text": "\u0000"}`)
	twice.Timestamp = log[0].Timestamp
	all := map[error]store.Commit{
		store.ErrConflict:           of(v.event(id, 2)),
		store.ErrInvalidEvent:       of(bad),
		store.ErrDuplicateTimestamp: of(twice),
		store.ErrNoPredecessor:      of(v.event(id, 4)),
	}
	if !v.h.lacks(FeatureProjections) {
		c := of(v.event(id, 3))
		c.Projections = []store.Projection{v.refusing(3)}
		all[errRefused] = c
	}
	return all
}

func stagedAllOrNone(v *env) {
	id := v.stamp()
	log := v.history(id, 2)
	for want, bad := range v.refusals(log) {
		before := of(v.events(v.stamp(), 1, 2)...)
		_, tx := v.ownTx()
		require.NoError(v, tx.Stage(before))
		require.NoError(v, tx.Stage(bad))
		after := v.stamp()
		require.NoError(v, tx.Stage(of(v.event(after, 1))))
		require.ErrorIs(v, tx.End(v.Context()), want)
		tx.Abort(v.Context())
		v.holds(before.AggregateID)
		v.holds(after)
		v.holds(id, log...)
		v.must(before.Events...)
	}
}

func stagedInOrder(v *env) {
	id, other := v.stamp(), v.stamp()
	_, tx := v.ownTx()
	all := v.events(id, 1, 6)
	for i := range all {
		require.NoError(v, tx.Stage(of(all[i])))
		require.NoError(v, tx.Stage(of(v.event(other, types.Sequence(i+1)))))
	}
	require.NoError(v, tx.End(v.Context()))
	v.holds(id, all...)
	require.Len(v, v.read(other, store.Range{}), 6)
}

func sentIsolated(v *env) {
	id := v.stamp()
	log := v.history(id, 1)
	inside, tx := v.ownTx()
	sent, more := inside.events(id, 2, 2), inside.event(id, 4)
	require.NoError(v, tx.Stage(of(sent...)))
	require.NoError(v, tx.Send(v.Context()))
	inside.holds(id, append(log, sent...)...)
	v.holds(id, log...)
	require.NoError(v, tx.Stage(of(more)))
	require.NoError(v, tx.Send(v.Context()))
	require.NoError(v, tx.Send(v.Context()), "of nothing")
	v.holds(id, log...)
	require.NoError(v, tx.End(v.Context()))
	v.holds(id, append(append(log, sent...), more)...)
}

func sentRefused(v *env) {
	id := v.stamp()
	log := v.history(id, 2)
	for want, bad := range v.refusals(log) {
		_, tx := v.ownTx()
		first := v.event(v.stamp(), 1)
		require.NoError(v, tx.Stage(of(first)))
		require.NoError(v, tx.Stage(bad))
		require.ErrorIs(v, tx.Send(v.Context()), want)
		require.Error(v, tx.Commit(v.Context(), of(v.event(v.stamp(), 1))))
		require.Error(v, tx.End(v.Context()))
		tx.Abort(v.Context())
		v.holds(first.AggregateID)
		v.holds(id, log...)
	}
}

func abortLeavesNothing(v *env) {
	staged, sent, committed := v.stamp(), v.stamp(), v.stamp()
	inside, tx := v.ownTx()
	require.NoError(v, tx.Stage(of(v.event(sent, 1))))
	require.NoError(v, tx.Send(v.Context()))
	inside.must(v.event(committed, 1))
	inside.save(snapshot(committed, 1))
	require.NoError(v, tx.Stage(of(v.event(staged, 1))))
	tx.Abort(v.ended())
	for _, id := range []hlc.Timestamp{staged, sent, committed} {
		v.loads(id, store.Range{}, 0, nil)
		v.must(v.event(id, 1))
	}
}

func endedRefuses(v *env) {
	for _, abort := range []bool{true, false} {
		inside, tx := v.ownTx()
		id := v.stamp()
		if abort {
			tx.Abort(v.Context())
		} else {
			require.NoError(v, tx.End(v.Context()))
		}
		_, _, err := tx.Lock(v.Context(), id, 1)
		require.Error(v, err)
		require.Error(v, inside.commit(v.event(id, 1)))
		if tx.Stage(of(v.event(id, 1))) == nil {
			require.Error(v, tx.Send(v.Context()))
		}
		require.Error(v, tx.End(v.Context()))
		_, err = readAll(v.Context(), tx, id, store.Range{})
		require.Error(v, err)
		_, _, err = loadAll(v.Context(), tx, id, store.Range{})
		require.Error(v, err)
		_, err = tx.LatestSnapshot(v.Context(), id, store.Range{})
		require.Error(v, err)
		require.Error(v, tx.CommitSnapshot(v.Context(), snapshot(id, 1)))
		v.loads(id, store.Range{}, 0, nil)
	}
}

func abortAfterEnd(v *env) {
	id := v.stamp()
	_, tx := v.ownTx()
	first := v.event(id, 1)
	require.NoError(v, tx.Stage(of(first)))
	require.NoError(v, tx.End(v.Context()))
	tx.Abort(v.Context())
	tx.Abort(v.Context())
	v.holds(id, first)
}

func nothingEnds(v *env) {
	_, tx := v.ownTx()
	require.NoError(v, tx.End(v.Context()))
	_, tx = v.ownTx()
	_, _, err := tx.Lock(v.Context(), v.stamp(), 1)
	require.NoError(v, err)
	require.NoError(v, tx.End(v.Context()))
	_, tx = v.ownTx()
	tx.Abort(v.Context())
}

func endWithEndedContext(v *env) {
	id := v.stamp()
	_, tx := v.ownTx()
	first := v.event(id, 1)
	require.NoError(v, tx.Stage(of(first)))
	require.ErrorIs(v, tx.End(v.ended()), context.Canceled)
	tx.Abort(v.Context())
	v.holds(id)
	v.must(first)
}

func stagedCommands(v *env) {
	a, b := v.stamp(), v.stamp()
	stage := func(tx store.OwnTx) {
		c := of(v.event(a, 1))
		c.Commands = []store.CommandRecord{command("a", 0, 1)}
		require.NoError(v, tx.Stage(c))
		require.NoError(v, tx.Stage(store.Commit{AggregateID: b, Commands: []store.CommandRecord{command("b", 0, 0)}}))
	}
	_, tx := v.ownTx()
	stage(tx)
	require.NoError(v, tx.Send(v.Context()))
	require.Nil(v, v.lookup(a, "a"))
	tx.Abort(v.Context())
	require.Nil(v, v.lookup(b, "b"))
	_, tx = v.ownTx()
	stage(tx)
	require.NoError(v, tx.End(v.Context()))
	require.Equal(v, command("a", 0, 1), *v.lookup(a, "a"))
	require.Equal(v, command("b", 0, 0), *v.lookup(b, "b"))
	_, tx = v.ownTx()
	require.NoError(v, tx.Stage(of(v.event(a, 2))))
	require.NoError(v, tx.Stage(store.Commit{AggregateID: b, Commands: []store.CommandRecord{command("b", 0, 0)}}))
	require.ErrorIs(v, tx.End(v.Context()), store.ErrDuplicateCommand)
	tx.Abort(v.Context())
	require.Len(v, v.read(a, store.Range{}), 1)
}

func stagedProjections(v *env) {
	r := v.h.Recorder(v, v.a)
	projected := func(events ...types.Event) store.Commit {
		c := of(events...)
		c.Projections = []store.Projection{r.Projection}
		return c
	}
	a, b := v.events(v.stamp(), 1, 2), v.events(v.stamp(), 1, 1)
	_, tx := v.ownTx()
	require.NoError(v, tx.Stage(projected(a...)))
	require.NoError(v, tx.Send(v.Context()))
	v.rows(r)
	tx.Abort(v.Context())
	v.rows(r)
	_, tx = v.ownTx()
	require.NoError(v, tx.Stage(projected(a...)))
	require.NoError(v, tx.Stage(projected(b...)))
	require.NoError(v, tx.End(v.Context()))
	v.rows(r, append(a, b...)...)
}
