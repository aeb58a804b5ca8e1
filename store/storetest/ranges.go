package storetest

import (
	"context"
	"math"

	"github.com/eventmaestro/maestro/hlc"
	"github.com/eventmaestro/maestro/store"
	"github.com/eventmaestro/maestro/types"
	"github.com/stretchr/testify/require"
)

func rangeClauses() []clause {
	return []clause{
		{name: "After is excluded", run: afterExcluded},
		{name: "Max is included", run: maxIncluded},
		{name: "the zero range is everything", run: zeroRange},
		{name: "a range beyond the end is empty", run: beyondEnd},
		{name: "a range whose Max is not above After is empty", run: inverted},
		{name: "bounds may be as high as a sequence can be", run: highBounds},
		{name: "bounds that no sequence can have are bounds all the same", run: wildBounds},
		{name: "every range has the events that it contains", run: everyRange},
		{name: "the zero aggregate id names no aggregate", run: zeroID},
		{name: "what is new is as a range has it, for each of those who ask at once", run: followers},
		{name: "aggregates with events are listed in rising order, page by page", run: listed},
		{name: "a loop that ends early gives back what it held", run: earlyBreak},
		{name: "a sequence of events can be read twice", run: readTwice},
		{name: "a loop over events may commit", run: commitInLoop},
	}
}

// followers asks for what is new of several aggregates at once, if the adapter can tell.
func followers(v *env) {
	f, ok := v.a.(store.Follower)
	if !ok {
		return
	}
	logs := make([][]types.Event, 8)
	ids := make([]hlc.Timestamp, len(logs))
	for i := range logs {
		if ids[i] = v.stamp(); i > 0 { // the first has no events
			logs[i] = v.history(ids[i], 3*i)
		}
	}
	for from := range types.Sequence(24) {
		type news struct {
			events []types.Event
			more   bool
		}
		found := make([]news, len(logs))
		for _, err := range race(len(logs), func(i int) (err error) {
			found[i].events, found[i].more, err = f.Follow(v.Context(), ids[i], from)
			return err
		}) {
			require.NoError(v, err)
		}
		for i, n := range found {
			v.told(logs[i], from, n.events, n.more)
		}
	}
	much := v.events(v.stamp(), 1, 3000)
	v.must(much...)
	events, more, err := f.Follow(v.Context(), much[0].AggregateID, 2)
	require.NoError(v, err)
	v.told(much, 2, events, more)
	_, _, err = f.Follow(v.ended(), ids[1], 1)
	require.ErrorIs(v, err, context.Canceled)
}

// listed lists the aggregates, if the adapter can tell.
func listed(v *env) {
	l, ok := v.a.(store.Lister)
	if !ok {
		return
	}
	page := func(after hlc.Timestamp, limit int) []hlc.Timestamp {
		ids, err := l.ListAggregates(v.Context(), after, limit)
		require.NoError(v, err)
		return ids
	}
	require.Empty(v, page(hlc.Timestamp{}, 3))
	var all []hlc.Timestamp
	var between hlc.Timestamp // has no events
	for i := range 7 {
		if i == 3 {
			between = v.stamp()
		}
		all = append(all, v.stamp())
		v.history(all[i], 1+i%3)
	}
	v.stamp() // has no events
	for limit := 1; limit <= 8; limit++ {
		require.Equal(v, all[:min(limit, 7)], page(hlc.Timestamp{}, limit))
		require.Equal(v, all[3:min(3+limit, 7)], page(all[2], limit))
	}
	require.Equal(v, all[3:5], page(between, 2), "an id that is in no log has its place all the same")
	require.Empty(v, page(all[6], 1))
	var listed []hlc.Timestamp
	for id, err := range store.Aggregates(v.Context(), v.a) {
		require.NoError(v, err)
		listed = append(listed, id)
	}
	require.Equal(v, all, listed)
	_, err := l.ListAggregates(v.ended(), all[0], 1)
	require.ErrorIs(v, err, context.Canceled)
}

func afterExcluded(v *env) {
	id := v.stamp()
	all := v.history(id, 5)
	v.same(all[1:], v.read(id, store.Range{After: 1}))
	v.same(all[4:], v.read(id, store.Range{After: 4}))
	v.same(nil, v.read(id, store.Range{After: 5}))
}

func maxIncluded(v *env) {
	id := v.stamp()
	all := v.history(id, 5)
	v.same(all[:1], v.read(id, store.Range{Max: 1}))
	v.same(all[:4], v.read(id, store.Range{Max: 4}))
	v.same(all, v.read(id, store.Range{Max: 5}))
}

func zeroRange(v *env) {
	id := v.stamp()
	all := v.history(id, 5)
	v.same(all, v.read(id, store.Range{}))
	_, events := v.load(id, store.Range{})
	v.same(all, events)
}

func beyondEnd(v *env) {
	id := v.stamp()
	all := v.history(id, 3)
	v.same(nil, v.read(id, store.Range{After: 3, Max: 9}))
	v.same(all[2:], v.read(id, store.Range{After: 2, Max: 9}))
}

func inverted(v *env) {
	id := v.stamp()
	v.history(id, 5)
	v.save(snapshot(id, 3))
	for _, r := range []store.Range{{After: 3, Max: 3}, {After: 4, Max: 2}, {After: 5, Max: 1}} {
		v.same(nil, v.read(id, r))
		sn, events := v.load(id, r)
		require.Nil(v, sn)
		v.same(nil, events)
	}
}

func highBounds(v *env) {
	id := v.stamp()
	all := v.history(id, 3)
	v.same(all, v.read(id, store.Range{Max: types.MaxSequence}))
	v.same(nil, v.read(id, store.Range{After: types.MaxSequence}))
	v.same(nil, v.read(id, store.Range{After: types.MaxSequence - 1, Max: types.MaxSequence}))
	_, events := v.load(id, store.Range{After: 1, Max: types.MaxSequence})
	v.same(all[1:], events)
}

func wildBounds(v *env) {
	id := v.stamp()
	all := v.history(id, 3)
	for _, r := range []store.Range{
		{After: math.MaxInt64}, {Max: math.MaxInt64}, {After: math.MinInt64}, {After: -1}, {Max: -1}, {After: -2, Max: -1},
	} {
		want := within(all, r)
		v.same(want, v.read(id, r))
		_, loaded := v.load(id, r)
		v.same(want, loaded)
	}
}

func everyRange(v *env) {
	id := v.stamp()
	all := v.history(id, 6)
	for after := range types.Sequence(8) {
		for limit := range types.Sequence(9) {
			r := store.Range{After: after, Max: limit}
			want := within(all, r)
			v.same(want, v.read(id, r))
			_, loaded := v.load(id, r)
			v.same(want, loaded)
		}
	}
}

// within is the events that a range contains.
func within(events []types.Event, r store.Range) []types.Event {
	var in []types.Event
	for _, e := range events {
		if r.Contains(e.Sequence) {
			in = append(in, e)
		}
	}
	return in
}

func zeroID(v *env) {
	v.history(v.stamp(), 2)
	v.same(nil, v.read(hlc.Timestamp{}, store.Range{}))
	sn, events := v.load(hlc.Timestamp{}, store.Range{})
	require.Nil(v, sn)
	v.same(nil, events)
}

// earlyBreak leaves more loops than any pool has connections.
func earlyBreak(v *env) {
	id := v.stamp()
	v.must(v.events(id, 1, 200)...)
	v.save(snapshot(id, 100))
	for i := range 200 {
		n := 0
		for _, err := range v.a.Events(v.Context(), id, store.Range{}) {
			require.NoError(v, err)
			if n++; n > i%3 {
				break
			}
		}
		for e, err := range v.a.Load(v.Context(), id, store.Range{}) {
			require.NoError(v, err)
			require.NotNil(v, e.Snapshot)
			break
		}
	}
	v.must(v.event(id, 201))
}

func readTwice(v *env) {
	id := v.stamp()
	v.history(id, 2)
	events := v.a.Events(v.Context(), id, store.Range{})
	count := func() (n int) {
		for _, err := range events {
			require.NoError(v, err)
			n++
		}
		return n
	}
	require.Equal(v, 2, count())
	v.must(v.event(id, 3))
	require.Equal(v, 3, count(), "each loop reads what is there when it begins")
}

func commitInLoop(v *env) {
	id := v.stamp()
	v.history(id, 4)
	next, seen := types.Sequence(5), types.Sequence(0)
	for e, err := range v.a.Events(v.Context(), id, store.Range{Max: 4}) {
		require.NoError(v, err)
		seen++
		require.Equal(v, seen, e.Sequence)
		v.must(v.event(id, next))
		next++
	}
	require.Equal(v, types.Sequence(4), seen)
	require.Len(v, v.read(id, store.Range{}), 8)
}
