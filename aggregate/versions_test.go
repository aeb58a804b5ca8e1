package aggregate_test

import (
	"context"
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/eventmaestro/maestro/aggregate"
	"github.com/eventmaestro/maestro/hlc"
	"github.com/eventmaestro/maestro/internal/lab/pgtest"
	"github.com/eventmaestro/maestro/store"
	"github.com/eventmaestro/maestro/store/memory"
	"github.com/eventmaestro/maestro/store/postgres"
	"github.com/eventmaestro/maestro/types"
)

// Two versions of one program: the second keeps a field that old events fill.

type countedV1 struct{ Total int }

type countedV2 struct {
	Total int
	Times int `json:",omitempty"`
}

func counted[S any](apply func(S, added) S) aggregate.Definition[S] {
	return aggregate.Definition[S]{
		Name: "counted",
		Commands: aggregate.Commands[S]{"add": aggregate.Command(func(_ context.Context, _ aggregate.Instance[S], c add) ([]types.Uncommitted, error) {
			return types.Events(types.NewEvent("added", added(c))), nil
		})},
		Events: aggregate.Events[S]{"added": aggregate.Event(apply)},
	}
}

func v1() aggregate.Definition[countedV1] {
	return counted(func(s countedV1, e added) countedV1 { s.Total += e.By; return s })
}

func v2() aggregate.Definition[countedV2] {
	return counted(func(s countedV2, e added) countedV2 { s.Total += e.By; s.Times++; return s })
}

// versioned is a root of a process of its own; loads are its cold starts.
func versioned[S any](t *testing.T, a store.Adapter, d aggregate.Definition[S]) (root *aggregate.Root[S], last *aggregate.Loaded) {
	t.Helper()
	last = new(aggregate.Loaded)
	o := &aggregate.Options{Hooks: aggregate.Hooks{Load: func(_ context.Context, l aggregate.Loaded) { *last = l }}}
	root, err := aggregate.NewRoot(newSupervisor(t, a, o), d)
	require.NoError(t, err)
	return root, last
}

func TestAVersionWithAnotherStateReplaysWithoutASnapshotVersion(t *testing.T) {
	t.Parallel()
	onEveryStore(t, func(t *testing.T, open func() store.Adapter) {
		old, _ := versioned(t, open(), v1())
		id := newID(t, old)
		evaluate(t, old, adds(id, 1), adds(id, 2))
		require.NoError(t, old.Snapshot(t.Context(), id))
		young, load := versioned(t, open(), v2())
		require.Equal(t, countedV2{3, 2}, get(t, young, id), "not a field that stays zero for good")
		require.Zero(t, load.Snapshot)
		require.Equal(t, 2, load.Events)
	})
}

// TestTwoVersionsEachHaveTheirSnapshot: there is one row an aggregate. Whoever writes it keeps the
// other's, so that neither replays again and again, whichever is first, and however they take
// turns.
func TestTwoVersionsEachHaveTheirSnapshot(t *testing.T) {
	t.Parallel()
	onEveryStore(t, func(t *testing.T, open func() store.Adapter) {
		old, _ := versioned(t, open(), v1())
		id := newID(t, old)
		for range 10 {
			evaluate(t, old, adds(id, 1))
		}
		require.NoError(t, old.Snapshot(t.Context(), id))
		young, _ := versioned(t, open(), v2())
		require.NoError(t, young.Snapshot(t.Context(), id), "at the very same sequence: nothing happened since")
		begins := func(from1, from2 types.Sequence) {
			t.Helper()
			n := len(logOf(t, open(), id))
			one, load := versioned(t, open(), v1())
			require.Equal(t, countedV1{n}, get(t, one, id))
			require.Equal(t, from1, load.Snapshot, "the first version's")
			require.Equal(t, n-int(from1), load.Events)
			two, load := versioned(t, open(), v2())
			require.Equal(t, countedV2{n, n}, get(t, two, id))
			require.Equal(t, from2, load.Snapshot, "the second version's")
			require.Equal(t, n-int(from2), load.Events)
		}
		begins(10, 10)
		evaluate(t, young, adds(id, 1), adds(id, 1))
		require.NoError(t, young.Snapshot(t.Context(), id))
		begins(10, 12)
		evaluate(t, old, adds(id, 1))
		require.NoError(t, old.Snapshot(t.Context(), id))
		begins(13, 12)
		require.NoError(t, young.Snapshot(t.Context(), id))
		begins(13, 13)
		require.JSONEq(t, `{"Total": 13, "Times": 13}`, unmarked(t, snapshotOf(t, open(), id)), "Maestro reads the state of who was last")
		for range 14 {
			evaluate(t, young, adds(id, 1))
		}
		require.NoError(t, young.Snapshot(t.Context(), id))
		begins(0, 27) // half of a replay and more: what the first version left is given up
		one, _ := versioned(t, open(), v1())
		state, err := one.Replay(t.Context(), id, 12)
		require.NoError(t, err)
		require.Equal(t, countedV1{12}, state)
	})
}

// TestAnOlderSnapshotGoesBesideANewerOne: a version whose snapshot comes late does not lose it.
func TestAnOlderSnapshotGoesBesideANewerOne(t *testing.T) {
	t.Parallel()
	s := memory.New()
	old, _ := versioned(t, s, v1())
	id := newID(t, old)
	evaluate(t, old, adds(id, 1), adds(id, 1), adds(id, 1))
	d := v1()
	d.PrepareSnapshot = func(c aggregate.Instance[countedV1]) (any, error) {
		young, _ := versioned(t, s, v2()) // is quicker
		evaluate(t, young, adds(id, 1))
		require.NoError(t, young.Snapshot(t.Context(), id))
		return c.State, nil
	}
	behind, _ := versioned(t, s, d)
	require.NoError(t, behind.Snapshot(t.Context(), id))
	one, load := versioned(t, s, v1())
	require.Equal(t, countedV1{4}, get(t, one, id))
	require.EqualValues(t, 3, load.Snapshot)
	two, load := versioned(t, s, v2())
	require.Equal(t, countedV2{4, 4}, get(t, two, id))
	require.EqualValues(t, 4, load.Snapshot)
}

// TestAStateThatIsNoObjectCarriesItsMarkAround: the mark has no room in an array, or in an object
// that has the key.
func TestAStateThatIsNoObjectCarriesItsMarkAround(t *testing.T) {
	t.Parallel()
	comesBack(t, []int{1, 2})
	comesBack(t, map[string]int{"maestro": 1})
	comesBack(t, map[string]int{"a": 1})
	comesBack(t, map[string]int{})
}

func comesBack[S any](t *testing.T, state S) {
	t.Helper()
	s := memory.New()
	d := becoming(func() S { return state }, func() S { return state })
	root, _ := versioned(t, s, d)
	id := newID(t, root)
	evaluate(t, root, types.Command{AggregateID: id, Type: "become"})
	require.NoError(t, root.Snapshot(t.Context(), id))
	cold, load := versioned(t, s, d)
	require.Equal(t, state, get(t, cold, id))
	require.EqualValues(t, 1, load.Snapshot, "%T", state)
}

// TestASnapshotAheadOfALogThatWentBackIsReplaced: the database is an older one now; the snapshot of
// what never was must neither be used when the log has grown past it nor keep newer ones out.
func TestASnapshotAheadOfALogThatWentBackIsReplaced(t *testing.T) {
	t.Parallel()
	s := memory.New()
	lost, _ := versioned(t, s, v1())
	id := newID(t, lost)
	evaluate(t, lost, adds(id, 1))
	goBack := s.Checkpoint()
	evaluate(t, lost, adds(id, 100), adds(id, 100))
	require.NoError(t, lost.Snapshot(t.Context(), id))
	dead := snapshotOf(t, s, id)
	goBack()
	require.NoError(t, s.CommitSnapshot(t.Context(), types.Snapshot{AggregateID: id, Sequence: 3, Body: withoutAt(t, dead.Body)}),
		"a snapshot that was replicated, or stored without a look at the log")

	young, load := versioned(t, s, v1())
	evaluate(t, young, adds(id, 1))
	require.Zero(t, load.Snapshot)
	require.NoError(t, young.Snapshot(t.Context(), id))
	require.EqualValues(t, 2, snapshotOf(t, s, id).Sequence, "older, and of the log that there is")
	evaluate(t, young, adds(id, 1), adds(id, 1))
	cold, load := versioned(t, s, v1())
	require.Equal(t, countedV1{4}, get(t, cold, id))
	require.EqualValues(t, 2, load.Snapshot)
	require.ErrorIs(t, s.CommitSnapshot(t.Context(), *dead), store.ErrNoEvent, "nor is the dead one stored over it")
}

func withoutAt(t *testing.T, body json.RawMessage) json.RawMessage {
	t.Helper()
	var object map[string]any
	require.NoError(t, json.Unmarshal(body, &object))
	delete(object[store.MarkKey].(map[string]any), "at")
	text, err := json.Marshal(object)
	require.NoError(t, err)
	return text
}

// asked counts how often the store is asked about the timestamps.
type asked struct {
	*postgres.Store
	times int
}

func (a *asked) Rises(ctx context.Context, id hlc.Timestamp, r store.Range) (bool, error) {
	a.times++
	return a.Store.Rises(ctx, id, r)
}

// TestASnapshotThatMaestroWroteIsUsedOnlyWhereTimeRises: Maestro applies events in the order of
// their timestamps. Where those fall, its snapshot may be of other events than its sequence says,
// and there is nothing in it to see that by.
func TestASnapshotThatMaestroWroteIsUsedOnlyWhereTimeRises(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		stamps []int64 // of the events, in the order of their sequences
		at     types.Sequence
		used   bool
	}{
		"all rise":                       {[]int64{1, 2, 3, 4}, 3, true},
		"it is of the last event":        {[]int64{1, 2, 3}, 3, true},
		"one falls before it":            {[]int64{2, 1, 3, 4}, 3, false},
		"the one at its sequence falls":  {[]int64{1, 3, 2, 4}, 3, false},
		"the next falls":                 {[]int64{1, 2, 4, 3}, 3, false},
		"sequence 2 for 3 events":        {[]int64{1, 3, 2}, 2, false},
		"one falls long after it":        {[]int64{1, 2, 3, 5, 4}, 2, false},
		"one falls below it, after more": {[]int64{1, 5, 6, 4}, 2, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			pool := pgtest.Plain(t, fewConnections)
			s := pgtest.Store(t, pool, nil)
			id := newIDOf(t)
			for i, ms := range test.stamps {
				stamp, err := hlc.New(1_700_000_000_000+ms, 0, 7)
				require.NoError(t, err)
				insertRow(t, pool, types.Event{Timestamp: stamp, AggregateID: id, Sequence: types.Sequence(i + 1), Type: "added", Body: json.RawMessage(`{"By": 1}`)})
			}
			// As a process of Maestro does it. 1000 is a wrong state, which shows whether it is used.
			_, err := pool.Exec(t.Context(), `INSERT INTO snapshots VALUES ($1, $2, '{"Total": 1000, "extra": null}')`, id[:], int32(test.at))
			require.NoError(t, err)

			j := new(journal)
			asks := &asked{Store: s}
			for _, a := range []store.Adapter{asks, struct{ store.Adapter }{s}} { // the second without store.Chronology
				root, err := aggregate.NewRoot(newSupervisor(t, a, &aggregate.Options{Logger: j.logger()}), v1())
				require.NoError(t, err)
				want := len(test.stamps)
				if test.used {
					want += 1000 - int(test.at)
				}
				require.Equal(t, want, get(t, root, id).Total)
			}
			if test.used {
				require.Equal(t, 1, asks.times)
				require.Empty(t, j.lines("snapshot"))
				return
			}
			require.Len(t, j.lines(`level=WARN msg="snapshot passed over"`), 2)
			require.Len(t, j.lines("was not made by this library, and the timestamps of the events do not rise"), 2)

			root, _ := versioned(t, s, v1())
			require.NoError(t, root.Snapshot(t.Context(), id))
			cold, load := versioned(t, s, v1())
			require.Equal(t, len(test.stamps), get(t, cold, id).Total)
			require.EqualValues(t, len(test.stamps), load.Snapshot, "one of ours takes its place, and is used whatever the timestamps say")
			in, err := cold.Inspect(t.Context(), id)
			require.NoError(t, err)
			require.NoError(t, in.Snapshot.Err)
		})
	}
}

func TestAnInspectionComparesMaestrosSnapshotWithAReplay(t *testing.T) {
	t.Parallel()
	pool := pgtest.Plain(t, fewConnections)
	s := pgtest.Store(t, pool, nil)
	id := newIDOf(t)
	for i, ms := range []int64{1, 3, 2} {
		stamp, err := hlc.New(1_700_000_000_000+ms, 0, 7)
		require.NoError(t, err)
		insertRow(t, pool, types.Event{Timestamp: stamp, AggregateID: id, Sequence: types.Sequence(i + 1), Type: "added", Body: json.RawMessage(`{"By": 1}`)})
	}
	_, err := pool.Exec(t.Context(), `INSERT INTO snapshots VALUES ($1, 2, '{"Total": 3}')`, id[:])
	require.NoError(t, err)
	root, _ := versioned(t, s, v1())
	in, err := root.Inspect(t.Context(), id)
	require.NoError(t, err)
	require.ErrorContains(t, in.Snapshot.Err, `snapshot at sequence 2 holds another state than the log gives: {"Total": 3}, not {"Total": 2}`)
	require.False(t, in.OK())
}

// A version that is warm meets an event of a newer one: commands say so, and Get serves what it
// has.
func TestAWarmVersionServesWhatItHasWhereANewerOneWrote(t *testing.T) {
	t.Parallel()
	onEveryStore(t, func(t *testing.T, open func() store.Adapter) {
		older := newTower(t, open())
		newer := newProcess(t, open(), nil, func(d *aggregate.Definition[tally]) {
			d.Events["shouted"] = aggregate.Event(func(s tally, _ struct{}) tally { s.Total *= 2; return s })
		})
		bellsOfTheNewer, err := aggregate.NewRoot(newer.sup, bells(func(d *aggregate.Definition[bell]) {
			d.Commands["smash"] = aggregate.CommandFunc[bell](func(context.Context, aggregate.Instance[bell], types.Command) ([]types.Uncommitted, error) {
				return types.Events(types.NewEvent("smashed", nil)), nil
			})
			d.Events["smashed"] = aggregate.Event(func(bell, struct{}) bell { return bell{} })
		}))
		require.NoError(t, err)
		refused := func(err error) {
			t.Helper()
			require.ErrorIs(t, err, aggregate.ErrUnknownEvent)
			require.ErrorIs(t, err, aggregate.ErrCorruptLog)
			require.ErrorContains(t, err, "a newer version of the program wrote it")
		}
		a, b := newID(t, older.tallies), newID(t, older.bells) // one state refers to memory, the other doesn't
		evaluate(t, older.tallies, adds(a, 1))
		require.NoError(t, older.bells.Evaluate(t.Context(), ring(b)))
		evaluate(t, newer.root, adds(a, 2))
		evaluate(t, newer.root, emits(a, types.NewEvent("shouted", nil)))
		require.NoError(t, bellsOfTheNewer.Evaluate(t.Context(), types.Command{AggregateID: b, Type: "smash"}))
		for range 3 {
			refused(older.tallies.Evaluate(t.Context(), adds(a, 1)))
			refused(older.bells.Evaluate(t.Context(), ring(b)))
			_, err := older.tallies.Fetch(t.Context(), a)
			refused(err)
			_, err = older.bells.Fetch(t.Context(), b)
			refused(err)

			state, err := older.tallies.Get(t.Context(), a)
			require.NoError(t, err)
			require.Contains(t, []int{1, 3}, state.Total, "a state that there was")
			rung, err := older.bells.Get(t.Context(), b)
			require.NoError(t, err)
			require.Equal(t, bell{1}, rung)
		}
	})
}
