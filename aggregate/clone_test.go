package aggregate_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/eventmaestro/maestro/aggregate"
	"github.com/eventmaestro/maestro/store/memory"
	"github.com/eventmaestro/maestro/types"
)

type leaf struct{ N int }

type tree struct {
	Name     string
	Children []*tree
}

// rich has a bit of everything that a copy by reflection has to follow.
type rich struct {
	Map     map[string][]int
	Maps    map[leaf]map[string]*leaf
	Slices  [][]leaf
	Array   [2][]int
	Pointer **leaf
	Any     any
	Anys    []any
	Tree    tree
	Time    *time.Time
	Nil     struct {
		M map[string]int
		S []int
		P *leaf
		I any
	}
}

func newRich() rich {
	p := &leaf{1}
	at := time.Unix(1, 2).UTC()
	return rich{
		Map:     map[string][]int{"a": {1}},
		Maps:    map[leaf]map[string]*leaf{{1}: {"a": {1}}},
		Slices:  [][]leaf{{{1}}},
		Array:   [2][]int{{1}, {2}},
		Pointer: &p,
		Any:     map[string]any{"deep": []any{map[string]any{"x": 1}}},
		Anys:    []any{&leaf{1}, leaf{2}, 3, nil, []leaf{{4}}},
		Tree:    tree{Name: "a", Children: []*tree{{Name: "b", Children: []*tree{{Name: "c"}}}}},
		Time:    &at,
	}
}

// spoil changes everything that r refers to.
func spoil(r rich) {
	r.Map["a"][0] = 9
	r.Map["b"] = nil
	r.Maps[leaf{1}]["a"].N = 9
	r.Maps[leaf{2}] = nil
	r.Slices[0][0].N = 9
	r.Array[1][0] = 9
	(*r.Pointer).N = 9
	r.Any.(map[string]any)["deep"].([]any)[0].(map[string]any)["x"] = 9
	r.Anys[0].(*leaf).N = 9
	r.Anys[4].([]leaf)[0].N = 9
	r.Anys[1] = 9
	r.Tree.Children[0].Children[0].Name = "z"
	*r.Time = time.Time{}
}

// ownSnapshots are for states that JSON can't have.
func ownSnapshots[S any](d *aggregate.Definition[S]) {
	d.PrepareSnapshot = func(aggregate.Instance[S]) (any, error) { return nil, nil }
	d.UseSnapshot = func(c aggregate.Instance[S], _ types.Snapshot) (S, error) { return c.State, nil }
}

func TestStatesAreCopiedThroughEverythingThatRefersToMemory(t *testing.T) {
	t.Parallel()
	root, err := define(t, func(d *aggregate.Definition[rich]) { d.Initial = newRich }, ownSnapshots)
	require.NoError(t, err)
	id := newID(t, root)
	for range 3 {
		state := get(t, root, id)
		require.Equal(t, newRich(), state)
		spoil(state)
	}
	require.NotEqual(t, newRich(), func() rich { r := newRich(); spoil(r); return r }(), "spoiling shows")
}

func TestNilsStayNilInACopy(t *testing.T) {
	t.Parallel()
	root, err := define(t, func(d *aggregate.Definition[rich]) { d.Initial = newRich }, ownSnapshots)
	require.NoError(t, err)
	n := get(t, root, newID(t, root)).Nil
	require.True(t, n.M == nil && n.S == nil && n.P == nil && n.I == nil)
}

func TestSlicesAreCopiedWithoutRoomToSpare(t *testing.T) {
	t.Parallel()
	root, err := define(t, func(d *aggregate.Definition[[]int]) {
		d.Initial = func() []int { return append(make([]int, 0, 8), 1) }
	})
	require.NoError(t, err)
	state := get(t, root, newID(t, root))
	require.Equal(t, 1, cap(state))
}

func TestACyclicStateIsAnErrorAndNotTheEndOfTheStack(t *testing.T) {
	t.Parallel()
	_, err := define(t, func(d *aggregate.Definition[tree]) {
		d.Initial = func() tree {
			n := &tree{}
			n.Children = []*tree{n}
			return *n
		}
	})
	require.ErrorAs(t, err, new(*aggregate.DefinitionError))
	require.ErrorContains(t, err, "cyclic")
	require.ErrorContains(t, err, "set Definition.Clone")
}

func TestACycleThroughAnInterfaceIsAnErrorToo(t *testing.T) {
	t.Parallel()
	_, err := define(t, func(d *aggregate.Definition[any]) {
		d.Initial = func() any {
			m := map[string]any{}
			m["self"] = m
			return m
		}
	})
	require.ErrorAs(t, err, new(*aggregate.DefinitionError))
	require.ErrorContains(t, err, "cyclic")
}

func TestWhatAnInterfaceHoldsMayBeUncopiable(t *testing.T) {
	t.Parallel()
	_, err := define(t, func(d *aggregate.Definition[struct{ V any }]) {
		d.Initial = func() struct{ V any } { return struct{ V any }{make(chan int)} }
	})
	require.ErrorAs(t, err, new(*aggregate.DefinitionError))
	require.ErrorContains(t, err, "gives no state: clone of the state: chan int can't be copied")
}

func TestCloneIsTheApplicationsWhereItGivesOne(t *testing.T) {
	t.Parallel()
	type hidden struct{ list []int }
	calls := 0
	root, err := define(t, func(d *aggregate.Definition[hidden]) {
		d.Initial = func() hidden { return hidden{[]int{1}} }
		d.Clone = func(h hidden) hidden { calls++; return hidden{append([]int(nil), h.list...)} }
	}, ownSnapshots)
	require.NoError(t, err)
	id := newID(t, root)
	get(t, root, id).list[0] = 9
	require.Equal(t, 1, get(t, root, id).list[0])
	require.Equal(t, 4, calls, "the initial state for New and for the aggregate, and one for each who asked")
}

func TestNoEntryPointHandsOutTheStateItself(t *testing.T) {
	t.Parallel()
	root := newRoot(t, memory.New(), nil)
	id := newID(t, root)
	evaluate(t, root, notes(id, "a"))
	want := tally{Notes: []string{"a"}, Marks: map[string]int{"a": 1}}
	spoilTally := func(s tally) { s.Notes[0] = "spoilt"; s.Marks["a"] = 9; s.Marks["b"] = 9 }

	spoilTally(get(t, root, id))
	spoilTally(fetch(t, root, id))
	current, err := root.FetchInstance(t.Context(), id)
	require.NoError(t, err)
	spoilTally(current.State)
	require.NoError(t, root.Call(t.Context(), id, func(_ context.Context, c aggregate.Instance[tally]) error {
		spoilTally(c.State)
		return nil
	}))
	state, err := root.Replay(t.Context(), id, 1)
	require.NoError(t, err)
	spoilTally(state)
	state, err = root.EvaluateState(t.Context(), adds(id, 0))
	require.NoError(t, err)
	spoilTally(state)
	require.Equal(t, want, get(t, root, id))
}
