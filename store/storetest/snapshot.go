package storetest

import (
	"encoding/json"
	"math/rand/v2"
	"strings"
	"sync"

	"github.com/eventmaestro/maestro/hlc"
	"github.com/eventmaestro/maestro/store"
	"github.com/eventmaestro/maestro/types"
	"github.com/stretchr/testify/require"
)

func snapshotClauses() []clause {
	return []clause{
		{name: "a snapshot reads back as it was stored", run: snapshotReadsBack},
		{name: "a snapshot is replaced by a newer one", run: snapshotNewer},
		{name: "a snapshot is not replaced by an older one", run: snapshotOlder},
		{name: "a snapshot is replaced by another one of the same sequence", run: snapshotSame},
		{name: "a snapshot of a later generation replaces a newer one", run: snapshotGeneration},
		{name: "a snapshot of an event that the log has not is not stored", run: snapshotAnchored},
		{name: "a snapshot outside of the range is not returned", run: snapshotRange},
		{name: "a snapshot may have the highest sequence", run: snapshotHighest},
		{name: "snapshots of aggregates are apart", run: snapshotsApart},
		{name: "a snapshot of any JSON kind reads back as an equal value", run: snapshotJSON},
		{name: "of many writers' snapshots the newest remains", run: snapshotRace},
		{name: "a snapshot that no aggregate can have is refused", run: snapshotRefused},
	}
}

// keeps checks the aggregate's snapshot.
func (v *env) keeps(want types.Snapshot) {
	v.Helper()
	v.sameSnapshot(&want, v.snapshotIn(want.AggregateID, store.Range{}))
}

func (v *env) snapshotIn(id hlc.Timestamp, r store.Range) *types.Snapshot {
	v.Helper()
	sn, err := v.a.LatestSnapshot(v.Context(), id, r)
	require.NoError(v, err)
	return sn
}

func snapshotReadsBack(v *env) {
	id := v.stamp()
	v.history(id, 3)
	v.save(snapshot(id, 2))
	v.keeps(snapshot(id, 2))
}

func snapshotNewer(v *env) {
	id := v.stamp()
	for _, s := range []types.Sequence{1, 2, 10, 1000} {
		v.save(snapshot(id, s))
		v.keeps(snapshot(id, s))
	}
}

func snapshotOlder(v *env) {
	id := v.stamp()
	v.save(snapshot(id, 10))
	for _, s := range []types.Sequence{1, 2, 9} {
		v.save(snapshot(id, s))
		v.keeps(snapshot(id, 10))
	}
}

func snapshotSame(v *env) {
	id := v.stamp()
	first, second := snapshot(id, 5), snapshot(id, 5)
	second.Body = json.RawMessage(`{"value": "another"}`)
	v.save(first)
	v.save(second)
	v.keeps(second)
}

// marked is a snapshot with a mark.
func marked(id hlc.Timestamp, s types.Sequence, m store.Mark) types.Snapshot {
	text, err := json.Marshal(map[string]any{"value": s, store.MarkKey: m})
	if err != nil {
		panic(err)
	}
	return types.Snapshot{AggregateID: id, Sequence: s, Body: text}
}

func snapshotGeneration(v *env) {
	id := v.stamp()
	v.save(snapshot(id, 10))
	later := marked(id, 3, store.Mark{Generation: 1})
	v.save(later)
	v.keeps(later)
	for _, void := range []types.Snapshot{snapshot(id, 11), marked(id, 12, store.Mark{}), snapshot(id, 3)} {
		v.save(void)
		v.keeps(later)
	}
	newer := marked(id, 4, store.Mark{Generation: 1})
	v.save(newer)
	v.keeps(newer)
	for _, odd := range []string{`{"maestro": "text"}`, `{"maestro": {"generation": "9"}}`, `{"maestro": null}`, `["maestro"]`} {
		v.save(types.Snapshot{AggregateID: id, Sequence: 99, Body: json.RawMessage(odd)})
		v.keeps(newer)
	}
}

func snapshotAnchored(v *env) {
	id, other := v.stamp(), v.stamp()
	log, others := v.history(id, 3), v.history(other, 3)
	first := marked(id, 1, store.Mark{At: store.Stamp(log[0].Timestamp)})
	v.save(first)
	for name, sn := range map[string]types.Snapshot{
		"another timestamp":      marked(id, 2, store.Mark{At: store.Stamp(v.stamp())}),
		"another sequence's":     marked(id, 2, store.Mark{At: store.Stamp(log[2].Timestamp)}),
		"another aggregate's":    marked(id, 2, store.Mark{At: store.Stamp(others[1].Timestamp)}),
		"ahead of the log":       marked(id, 4, store.Mark{At: store.Stamp(v.stamp())}),
		"of a later generation":  marked(id, 4, store.Mark{At: store.Stamp(v.stamp()), Generation: 7}),
		"older than the present": marked(id, 1, store.Mark{At: store.Stamp(log[1].Timestamp)}),
	} {
		require.ErrorIs(v, v.a.CommitSnapshot(v.Context(), sn), store.ErrNoEvent, name)
		v.keeps(first)
	}
	last := marked(id, 3, store.Mark{At: store.Stamp(log[2].Timestamp)})
	v.save(last)
	v.keeps(last)
}

func snapshotRange(v *env) {
	id := v.stamp()
	v.save(snapshot(id, 5))
	for after := range types.Sequence(8) {
		for limit := range types.Sequence(9) {
			r := store.Range{After: after, Max: limit}
			require.Equal(v, r.Contains(5), v.snapshotIn(id, r) != nil, "%+v", r)
		}
	}
}

func snapshotHighest(v *env) {
	id := v.stamp()
	v.save(snapshot(id, types.MaxSequence-1))
	v.save(snapshot(id, types.MaxSequence))
	v.keeps(snapshot(id, types.MaxSequence))
}

func snapshotsApart(v *env) {
	a, b, c := v.stamp(), v.stamp(), v.stamp()
	v.save(snapshot(a, 3))
	v.save(snapshot(b, 2))
	v.keeps(snapshot(a, 3))
	v.keeps(snapshot(b, 2))
	require.Nil(v, v.snapshotIn(c, store.Range{}))
}

func snapshotJSON(v *env) {
	bodies := []string{
		`null`, `false`, `0`, `"größe 🎉"`, `[]`, `{}`, `{"b": [1, {"a": null}], "a": 1e2}`,
		`"` + strings.Repeat("0123456789abcdef", 1<<16) + `"`,
	}
	for _, body := range bodies {
		sn := types.Snapshot{AggregateID: v.stamp(), Sequence: 1, Body: json.RawMessage(body)}
		v.save(sn)
		v.keeps(sn)
	}
}

func snapshotRace(v *env) {
	id := v.stamp()
	var writers sync.WaitGroup
	failed := make([]error, 64)
	for i, s := range rand.Perm(len(failed)) {
		writers.Go(func() { failed[i] = v.a.CommitSnapshot(v.Context(), snapshot(id, types.Sequence(s+1))) })
	}
	writers.Wait()
	for _, err := range failed {
		require.NoError(v, err)
	}
	v.keeps(snapshot(id, types.Sequence(len(failed))))
}

func snapshotRefused(v *env) {
	id := v.stamp()
	for name, sn := range map[string]types.Snapshot{
		"zero aggregate id": snapshot(hlc.Timestamp{}, 1),
		"sequence zero":     snapshot(id, 0),
		"negative sequence": snapshot(id, -1),
		"sequence too high": snapshot(id, types.MaxSequence+1),
		"empty body":        {AggregateID: id, Sequence: 1},
		"no JSON":           {AggregateID: id, Sequence: 1, Body: json.RawMessage(`{`)},
		"NUL character":     {AggregateID: id, Sequence: 1, Body: json.RawMessage(`"\u0000"`)},
	} {
		require.ErrorIs(v, v.a.CommitSnapshot(v.Context(), sn), store.ErrInvalidEvent, name)
		require.Nil(v, v.snapshotIn(sn.AggregateID, store.Range{}), name)
	}
}
