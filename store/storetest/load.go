package storetest

import (
	"fmt"
	"sync"

	"github.com/eventmaestro/maestro/hlc"
	"github.com/eventmaestro/maestro/store"
	"github.com/eventmaestro/maestro/types"
	"github.com/stretchr/testify/require"
)

func loadClauses() []clause {
	return []clause{
		{name: "without a snapshot a load is all events of the range", run: loadWithoutSnapshot},
		{name: "a load begins with the snapshot, and goes on with the event at its sequence", run: loadAnchor},
		{name: "a snapshot of the last event is loaded with that event", run: loadSnapshotAtEnd},
		{name: "a snapshot beyond Max is passed over", run: loadSnapshotBeyondMax},
		{name: "a snapshot that is not after After is passed over", run: loadSnapshotNotAfter},
		{name: "a snapshot in the range is used up to Max", run: loadSnapshotInRange},
		{name: "a snapshot newer than the log is loaded alone", run: loadSnapshotNewer},
		{name: "a load of an aggregate that has only a snapshot is that snapshot", run: loadSnapshotOnly},
		{name: "a load has nothing of another aggregate", run: loadApart},
		{name: "a load is of one moment while others write", run: loadConsistent},
	}
}

func loadWithoutSnapshot(v *env) {
	id := v.stamp()
	all := v.history(id, 5)
	v.loads(id, store.Range{}, 0, all)
	v.loads(id, store.Range{After: 2}, 0, all[2:])
}

// loads checks what a load yields: a snapshot of the sequence, none if it is zero, and the events.
func (v *env) loads(id hlc.Timestamp, r store.Range, sequence types.Sequence, events []types.Event) {
	v.Helper()
	sn, got := v.load(id, r)
	var want *types.Snapshot
	if sequence > 0 {
		s := snapshot(id, sequence)
		want = &s
	}
	v.sameSnapshot(want, sn)
	v.same(events, got)
}

func loadAnchor(v *env) {
	id := v.stamp()
	all := v.history(id, 6)
	v.save(snapshot(id, 4))
	v.loads(id, store.Range{}, 4, all[3:])
	v.loads(id, store.Range{After: 3}, 4, all[3:])
}

func loadSnapshotAtEnd(v *env) {
	id := v.stamp()
	all := v.history(id, 3)
	v.save(snapshot(id, 3))
	v.loads(id, store.Range{}, 3, all[2:])
	next := v.event(id, 4)
	v.must(next)
	v.loads(id, store.Range{}, 3, []types.Event{all[2], next})
}

func loadSnapshotBeyondMax(v *env) {
	id := v.stamp()
	all := v.history(id, 6)
	v.save(snapshot(id, 4))
	v.loads(id, store.Range{Max: 3}, 0, all[:3])
	v.loads(id, store.Range{After: 1, Max: 3}, 0, all[1:3])
}

func loadSnapshotNotAfter(v *env) {
	id := v.stamp()
	all := v.history(id, 6)
	v.save(snapshot(id, 4))
	v.loads(id, store.Range{After: 4}, 0, all[4:])
	v.loads(id, store.Range{After: 5}, 0, all[5:])
	v.loads(id, store.Range{After: 6}, 0, nil)
}

func loadSnapshotInRange(v *env) {
	id := v.stamp()
	all := v.history(id, 6)
	v.save(snapshot(id, 4))
	v.loads(id, store.Range{Max: 4}, 4, all[3:4])
	v.loads(id, store.Range{After: 2, Max: 5}, 4, all[3:5])
}

func loadSnapshotNewer(v *env) {
	id := v.stamp()
	v.history(id, 3)
	v.save(snapshot(id, 9))
	v.loads(id, store.Range{}, 9, nil)
	v.loads(id, store.Range{Max: 9}, 9, nil)
}

func loadSnapshotOnly(v *env) {
	id := v.stamp()
	v.save(snapshot(id, types.MaxSequence))
	v.loads(id, store.Range{}, types.MaxSequence, nil)
	v.loads(id, store.Range{After: types.MaxSequence - 1, Max: types.MaxSequence}, types.MaxSequence, nil)
}

func loadApart(v *env) {
	a, b := v.stamp(), v.stamp()
	ofA, ofB := v.history(a, 4), v.history(b, 7)
	v.save(snapshot(b, 6))
	v.loads(a, store.Range{}, 0, ofA)
	v.loads(b, store.Range{}, 6, ofB[5:])
}

// loadConsistent loads while one goroutine appends events and snapshots: no load may have a gap
// between its snapshot and its events, or among them.
func loadConsistent(v *env) {
	id := v.stamp()
	v.must(v.event(id, 1))
	var writer sync.WaitGroup
	var failed error
	done := make(chan struct{})
	writer.Go(func() {
		defer close(done)
		for s := types.Sequence(2); s <= 120 && failed == nil; s += 2 {
			failed = v.commit(v.events(id, s, 2)...)
			if s%4 == 0 && failed == nil {
				failed = v.a.CommitSnapshot(v.Context(), snapshot(id, s))
			}
		}
	})
	reading := true
	for reading {
		select {
		case <-done:
			reading = false // and one last time
		default:
		}
		if err := wholeLoad(v.load(id, store.Range{})); err != nil {
			require.NoError(v, err)
		}
	}
	writer.Wait()
	require.NoError(v, failed)
	require.Len(v, v.read(id, store.Range{}), 121)
}

// wholeLoad says what is missing in a load from the beginning.
func wholeLoad(sn *types.Snapshot, events []types.Event) error {
	next := types.Sequence(1)
	if sn != nil {
		next = sn.Sequence
	}
	if len(events) == 0 {
		return fmt.Errorf("no events from %d on", next)
	}
	for _, e := range events {
		if e.Sequence != next {
			return fmt.Errorf("event %d instead of %d", e.Sequence, next)
		}
		next++
	}
	if next%2 != 0 {
		return fmt.Errorf("half a commit: the log ends with %d", next-1)
	}
	return nil
}
