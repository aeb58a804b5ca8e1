package storetest

import (
	"errors"

	"github.com/eventmaestro/maestro/hlc"
	"github.com/eventmaestro/maestro/store"
	"github.com/eventmaestro/maestro/types"
	"github.com/stretchr/testify/require"
)

func predecessorClauses() []clause {
	return []clause{
		{name: "a gap before the first event is refused", run: gapRefused},
		{name: "a commit behind its predecessor is stored, whether it names it or not", run: predecessorNamed},
		{name: "a commit behind an event with another timestamp is refused", run: predecessorDiffers},
		{name: "a predecessor means nothing where the events begin with sequence 1", run: predecessorOfFirst},
		{name: "a conflict is told before a missing predecessor", run: conflictBeforePredecessor},
		{name: "commits without their predecessor fail alone among others that run at the same moment", run: predecessorsAmongOthers},
		{name: "a commit behind a gap uses no command ID", run: predecessorCommands, needs: FeatureCommands},
		{name: "a command that was decided on an event that is not in the log uses no command ID", run: predecessorOfRecord, needs: FeatureCommands},
		{name: "a commit behind a gap leaves nothing of its projections", run: predecessorProjected, needs: FeatureProjections},
		{name: "a transaction looks for the predecessor, and stays usable without it", run: predecessorInTx, needs: FeatureTransactions},
		{name: "a transaction tells a conflict before a missing predecessor", run: conflictBeforePredecessorInTx, needs: FeatureTransactions},
		{name: "a commit behind events that the log has lost is refused", run: predecessorLost, needs: FeatureCheckpoint},
		{name: "a commit behind an event that the log has replaced is refused", run: predecessorReplaced, needs: FeatureCheckpoint},
		{name: "what the log has lost can be stored again, in order", run: lostStoredAgain, needs: FeatureCheckpoint},
	}
}

// behind commits events that were decided on the event with timestamp at.
func (v *env) behind(at hlc.Timestamp, events ...types.Event) error {
	return v.try(store.Commit{AggregateID: events[0].AggregateID, Events: events, Predecessor: at})
}

// misses checks that the events are refused for want of their predecessor, which the error names.
func (v *env) misses(at hlc.Timestamp, events ...types.Event) {
	v.Helper()
	err := v.behind(at, events...)
	require.ErrorIs(v, err, store.ErrNoPredecessor)
	for _, other := range []error{
		store.ErrConflict, store.ErrInvalidEvent, store.ErrDuplicateTimestamp, store.ErrOutcomeUnknown, store.ErrUnavailable,
	} {
		require.NotErrorIs(v, err, other)
	}
	var missing *store.PredecessorError
	require.ErrorAs(v, err, &missing)
	require.Equal(v, events[0].AggregateID, missing.AggregateID)
	require.Equal(v, events[0].Sequence-1, missing.Sequence)
	require.Equal(v, at, missing.Timestamp)
}

func gapRefused(v *env) {
	id := v.stamp()
	for _, s := range []types.Sequence{2, 3, 1000, types.MaxSequence} {
		v.misses(hlc.Timestamp{}, v.event(id, s))
		v.misses(v.stamp(), v.event(id, s))
	}
	log := v.history(id, 2)
	v.misses(hlc.Timestamp{}, v.event(id, 4))
	v.misses(log[1].Timestamp, v.event(id, 4))
	v.misses(log[1].Timestamp, v.events(id, 5, 3)...)
	v.holds(id, log...)
}

func predecessorNamed(v *env) {
	id := v.stamp()
	log := v.history(id, 3)
	next := v.events(id, 4, 2)
	require.NoError(v, v.behind(log[2].Timestamp, next...))
	last := v.event(id, 6)
	require.NoError(v, v.behind(hlc.Timestamp{}, last))
	v.holds(id, append(append(log, next...), last)...)
}

func predecessorDiffers(v *env) {
	id := v.stamp()
	log := v.history(id, 3)
	for _, at := range []hlc.Timestamp{v.stamp(), log[1].Timestamp, fill(0xff)} {
		v.misses(at, v.event(id, 4))
		v.misses(at, v.events(id, 4, 3)...)
	}
	v.holds(id, log...)
	next := v.event(id, 4)
	v.must(next)
	v.misses(log[2].Timestamp, v.event(id, 5))
	v.holds(id, append(log, next)...)
}

func predecessorOfFirst(v *env) {
	id := v.stamp()
	first := v.events(id, 1, 2)
	require.NoError(v, v.behind(v.stamp(), first...))
	v.holds(id, first...)
}

func conflictBeforePredecessor(v *env) {
	id := v.stamp()
	log := v.history(id, 3)
	for _, first := range []types.Sequence{2, 3} {
		err := v.behind(v.stamp(), v.events(id, first, 2)...)
		require.ErrorIs(v, err, store.ErrConflict)
		require.NotErrorIs(v, err, store.ErrNoPredecessor)
	}
	v.holds(id, log...)
}

// predecessorsAmongOthers sends commits at once, of which every third is in order.
func predecessorsAmongOthers(v *env) {
	const n = 18
	logs := make([][]types.Event, n)
	for i := range logs {
		logs[i] = v.history(v.stamp(), 2)
	}
	for range 5 {
		tries := make([][]types.Event, n)
		for i, log := range logs {
			end := log[len(log)-1]
			first := end.Sequence + 1
			if i%3 == 1 {
				first++
			}
			tries[i] = v.events(end.AggregateID, first, 1+i%2)
		}
		errs := race(n, func(i int) error {
			at := logs[i][len(logs[i])-1].Timestamp
			if i%3 == 2 {
				at = logs[i][0].Timestamp
			}
			return v.behind(at, tries[i]...)
		})
		for i, err := range errs {
			if i%3 != 0 {
				require.ErrorIs(v, err, store.ErrNoPredecessor)
				continue
			}
			require.NoError(v, err)
			logs[i] = append(logs[i], tries[i]...)
		}
	}
	for _, log := range logs {
		v.holds(log[0].AggregateID, log...)
	}
}

func predecessorOfRecord(v *env) {
	id := v.stamp()
	log := v.history(id, 2)
	record := func(name string, after types.Sequence, at hlc.Timestamp) error {
		return v.try(store.Commit{AggregateID: id, Predecessor: at, Commands: []store.CommandRecord{command(name, after, after)}})
	}
	for _, at := range []hlc.Timestamp{v.stamp(), log[0].Timestamp} {
		for _, after := range []types.Sequence{2, 3} {
			err := record("a", after, at)
			require.ErrorIs(v, err, store.ErrNoPredecessor)
			var missing *store.PredecessorError
			require.ErrorAs(v, err, &missing)
			require.Equal(v, store.PredecessorError{AggregateID: id, Sequence: after, Timestamp: at}, *missing)
			require.Nil(v, v.lookup(id, "a"))
		}
	}
	require.NoError(v, record("a", 2, log[1].Timestamp))
	require.NoError(v, record("b", 2, hlc.Timestamp{}))
	require.NoError(v, record("c", 1, log[0].Timestamp), "that others came after does not matter to what changes nothing")
	require.NoError(v, v.try(store.Commit{
		AggregateID: v.stamp(), Predecessor: v.stamp(), Commands: []store.CommandRecord{command("d", 0, 0)},
	}), "nothing comes before the first event")
	require.ErrorIs(v, record("a", 2, log[1].Timestamp), store.ErrDuplicateCommand)
	v.holds(id, log...)
}

func predecessorCommands(v *env) {
	id := v.stamp()
	v.history(id, 1)
	require.ErrorIs(v, v.used(id, v.events(id, 3, 1), command("a", 2, 3)), store.ErrNoPredecessor)
	require.Nil(v, v.lookup(id, "a"))
	require.NoError(v, v.used(id, v.events(id, 2, 1), command("a", 1, 2)))
}

func predecessorProjected(v *env) {
	r := v.h.Recorder(v, v.a)
	id := v.stamp()
	log := v.history(id, 1)
	all := []store.Projection{r.Projection}
	require.ErrorIs(v, v.project(all, v.event(id, 3)), store.ErrNoPredecessor)
	c := store.Commit{AggregateID: id, Events: v.events(id, 2, 1), Projections: all, Predecessor: v.stamp()}
	require.ErrorIs(v, v.try(c), store.ErrNoPredecessor)
	v.rows(r)
	c.Predecessor = log[0].Timestamp
	require.NoError(v, v.try(c))
	v.rows(r, c.Events...)
}

func predecessorInTx(v *env) {
	id := v.stamp()
	log := v.history(id, 2)
	inside, tx := v.begin()
	inside.misses(hlc.Timestamp{}, inside.event(id, 4))
	inside.misses(log[0].Timestamp, inside.event(id, 3))
	next := inside.events(id, 3, 2)
	require.NoError(v, inside.behind(log[1].Timestamp, next...))
	inside.misses(next[0].Timestamp, inside.event(id, 5))
	last := inside.event(id, 5)
	require.NoError(v, inside.behind(next[1].Timestamp, last))
	require.NoError(v, tx.Commit(v.Context()))
	v.holds(id, append(append(log, next...), last)...)
}

func conflictBeforePredecessorInTx(v *env) {
	id := v.stamp()
	log := v.history(id, 2)
	inside, tx := v.begin()
	err := inside.behind(v.stamp(), inside.event(id, 2))
	require.ErrorIs(v, err, store.ErrConflict)
	require.NotErrorIs(v, err, store.ErrNoPredecessor)
	require.NoError(v, tx.Commit(v.Context()))
	v.holds(id, log...)
}

func predecessorLost(v *env) {
	id, other := v.stamp(), v.stamp()
	log := v.history(id, 2)
	goBack := v.h.Checkpoint(v, v.a)
	lost := v.events(id, 3, 2)
	v.must(lost...)
	elsewhere := v.history(other, 3)
	goBack()
	v.holds(id, log...)
	v.misses(lost[1].Timestamp, v.event(id, 5))
	v.misses(elsewhere[2].Timestamp, v.event(other, 4))
	v.misses(hlc.Timestamp{}, v.event(other, 4))
	v.holds(id, log...)
	v.holds(other)
}

func predecessorReplaced(v *env) {
	id := v.stamp()
	log := v.history(id, 2)
	goBack := v.h.Checkpoint(v, v.a)
	lost := v.events(id, 3, 2)
	v.must(lost...)
	goBack()
	replaced := v.events(id, 3, 2)
	v.must(replaced...)
	v.misses(lost[1].Timestamp, v.event(id, 5))
	err := v.behind(lost[0].Timestamp, v.event(id, 4))
	require.ErrorIs(v, err, store.ErrConflict)
	v.holds(id, append(log, replaced...)...)
	next := v.event(id, 5)
	require.NoError(v, v.behind(replaced[1].Timestamp, next))
	v.holds(id, append(append(log, replaced...), next)...)
}

func lostStoredAgain(v *env) {
	id := v.stamp()
	log := v.history(id, 1)
	goBack := v.h.Checkpoint(v, v.a)
	lost := v.events(id, 2, 2)
	v.must(lost...)
	for range 2 { // a store may go back more than once
		goBack()
		v.misses(lost[0].Timestamp, lost[1])
		require.NoError(v, v.behind(log[0].Timestamp, lost[0]))
		require.NoError(v, v.behind(lost[0].Timestamp, lost[1]))
		v.holds(id, append(log, lost...)...)
	}
}

func newsClauses() []clause {
	return []clause{
		{name: "what a conflict brings along is the log from the predecessor on", run: newsOfConflict},
		{name: "what a conflict brings along may be the beginning of much", run: newsOfMuch},
		{name: "what a conflict brings along in a transaction is what the transaction sees", run: newsInTx, needs: FeatureTransactions},
	}
}

// news checks the conflict of a commit that began with first. It need not bring anything along.
func (v *env) news(log []types.Event, first types.Sequence, err error) {
	v.Helper()
	require.ErrorIs(v, err, store.ErrConflict)
	var conflict *store.ConflictError
	if !errors.As(err, &conflict) {
		return
	}
	require.Equal(v, log[0].AggregateID, conflict.AggregateID)
	v.told(log, first-1, conflict.Events, conflict.More)
}

// told checks what was told of a log from a sequence on, and that it belongs to the receiver.
func (v *env) told(log []types.Event, from types.Sequence, got []types.Event, more bool) {
	v.Helper()
	want := log[min(max(from, 1)-1, types.Sequence(len(log))):]
	if more {
		require.NotEmpty(v, got, "there may be more, but there is nothing")
		want = want[:min(len(want), len(got))]
	}
	v.same(want, got)
	for _, e := range got {
		scribble(e.Body)
	}
}

func newsOfConflict(v *env) {
	id := v.stamp()
	log := v.history(id, 12)
	for first := types.Sequence(1); first <= 12; first++ {
		v.news(log, first, v.commit(v.events(id, first, 1+int(first)%3)...))
	}
	v.news(log, 12, v.commit(log[11]))
	v.holds(id, log...)
}

func newsOfMuch(v *env) {
	id := v.stamp()
	log := v.events(id, 1, 3000)
	v.must(log...)
	for _, first := range []types.Sequence{1, 2, 1500, 3000} {
		v.news(log, first, v.commit(v.event(id, first)))
	}
}

func newsInTx(v *env) {
	id := v.stamp()
	log := v.history(id, 2)
	inside, tx := v.begin()
	own := inside.events(id, 3, 2)
	inside.must(own...)
	log = append(log, own...)
	inside.news(log, 2, inside.commit(inside.event(id, 2)))
	inside.news(log, 4, inside.commit(inside.event(id, 4)))
	require.NoError(v, tx.Commit(v.Context()))
	v.holds(id, log...)
}
