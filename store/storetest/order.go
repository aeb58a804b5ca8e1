package storetest

import (
	"encoding/json"
	"fmt"

	"github.com/eventmaestro/maestro/hlc"
	"github.com/eventmaestro/maestro/store"
	"github.com/eventmaestro/maestro/types"
	"github.com/stretchr/testify/require"
)

func orderClauses() []clause {
	return []clause{
		{name: "events are read by sequence where a later commit has an earlier timestamp", run: slowClock},
		{name: "a load is by sequence where a later commit has an earlier timestamp", run: slowClockLoad},
		{name: "a range is of sequences where timestamps fall", run: fallingTimestamps},
		{name: "sequences are ordered as numbers", run: numericOrder},
		{name: "the aggregates' timestamps may be interleaved", run: interleaved},
	}
}

// falling stores n commits, each by a clock that is behind the one before.
func (v *env) falling(id hlc.Timestamp, n int) []types.Event {
	v.Helper()
	var all []types.Event
	for i := range n {
		e := v.event(id, types.Sequence(i+1))
		e.Timestamp = v.at(1_600_000_000_000 - int64(i)*3_600_000)
		v.must(e)
		all = append(all, e)
	}
	return all
}

func slowClock(v *env) {
	id := v.stamp()
	fast := v.events(id, 1, 2)
	v.must(fast...)
	slow := v.event(id, 3)
	slow.Timestamp = v.at(1_600_000_000_000)
	v.must(slow)
	next := v.event(id, 4)
	v.must(next)
	v.holds(id, fast[0], fast[1], slow, next)
}

func slowClockLoad(v *env) {
	id := v.stamp()
	all := v.falling(id, 6)
	v.save(snapshot(id, 2))
	sn, events := v.load(id, store.Range{})
	require.NotNil(v, sn)
	v.same(all[1:], events)
}

func fallingTimestamps(v *env) {
	id := v.stamp()
	all := v.falling(id, 6)
	v.same(all[2:5], v.read(id, store.Range{After: 2, Max: 5}))
	_, events := v.load(id, store.Range{After: 1, Max: 3})
	v.same(all[1:3], events)
}

func numericOrder(v *env) {
	id := v.stamp()
	all := v.events(id, 1, 1001)
	v.must(all...)
	v.same(all[8:11], v.read(id, store.Range{After: 8, Max: 11}))
	v.same(all[98:101], v.read(id, store.Range{After: 98, Max: 101}))
	v.same(all[998:1001], v.read(id, store.Range{After: 998}))
}

func interleaved(v *env) {
	ids := []hlc.Timestamp{v.stamp(), v.stamp(), v.stamp()}
	logs := make([][]types.Event, len(ids))
	for n := range 12 {
		k := n % len(ids)
		e := v.event(ids[k], types.Sequence(len(logs[k])+1))
		e.Body = json.RawMessage(fmt.Sprintf(`{"aggregate": %d}`, k))
		v.must(e)
		logs[k] = append(logs[k], e)
	}
	for k, id := range ids {
		v.holds(id, logs[k]...)
	}
}
