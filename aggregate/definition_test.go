package aggregate_test

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/eventmaestro/maestro/aggregate"
	"github.com/eventmaestro/maestro/hlc"
	"github.com/eventmaestro/maestro/store"
	"github.com/eventmaestro/maestro/store/memory"
	"github.com/eventmaestro/maestro/types"
)

func TestADefinitionsFaultIsNamedWithItsFieldAndTheRemedy(t *testing.T) {
	t.Parallel()
	type change = func(*aggregate.Definition[tally])
	none := func(types.Event) ([]aggregate.Upcasted, error) { return nil, nil }
	for name, test := range map[string]struct {
		change        change
		field, remedy string
	}{
		"no commands":           {func(d *aggregate.Definition[tally]) { d.Commands = nil }, "Commands", "list at least one command handler"},
		"no events":             {func(d *aggregate.Definition[tally]) { d.Events = aggregate.Events[tally]{} }, "Events", "list at least one event handler"},
		"empty command type":    {func(d *aggregate.Definition[tally]) { d.Commands[""] = d.Commands["add"] }, `Commands[""]`, "is empty: use 1 to 256 bytes of UTF-8"},
		"long event type":       {func(d *aggregate.Definition[tally]) { d.Events[strings.Repeat("x", 257)] = d.Events["added"] }, `Events["xxx`, "has 257 bytes, more than 256: use 1 to 256 bytes of UTF-8"},
		"command type no UTF-8": {func(d *aggregate.Definition[tally]) { d.Commands["\xff"] = d.Commands["add"] }, `Commands["\xff"]`, "is not valid UTF-8: use 1 to 256 bytes of UTF-8"},
		"event type with NUL":   {func(d *aggregate.Definition[tally]) { d.Events["a\x00"] = d.Events["added"] }, `Events["a\x00"]`, "contains a NUL byte: use 1 to 256 bytes of UTF-8"},
		"nil command handler":   {func(d *aggregate.Definition[tally]) { d.Commands["x"] = nil }, `Commands["x"]`, "is nil: give it a handler"},
		"nil command func":      {func(d *aggregate.Definition[tally]) { d.Commands["x"] = aggregate.CommandFunc[tally](nil) }, `Commands["x"]`, "is nil: give it a handler"},
		"nil typed command": {func(d *aggregate.Definition[tally]) {
			d.Commands["x"] = aggregate.Command[tally, add](nil)
		}, `Commands["x"]`, "is nil: give it a handler"},
		"nil event handler": {func(d *aggregate.Definition[tally]) { d.Events["x"] = nil }, `Events["x"]`, "is nil: give it a handler"},
		"nil event func":    {func(d *aggregate.Definition[tally]) { d.Events["x"] = aggregate.EventFunc[tally](nil) }, `Events["x"]`, "is nil: give it a handler"},
		"nil typed event":   {func(d *aggregate.Definition[tally]) { d.Events["x"] = aggregate.Event[tally, added](nil) }, `Events["x"]`, "is nil: give it a handler"},
		"nil pointer":       {func(d *aggregate.Definition[tally]) { d.Events["x"] = (*pointerHandler)(nil) }, `Events["x"]`, "is nil: give it a handler"},
		"nil projection":    {func(d *aggregate.Definition[tally]) { d.Projections = []store.Projection{nil} }, "Projections[0]", "is nil: leave it out"},
		"nil pointer projection": {
			func(d *aggregate.Definition[tally]) { d.Projections = []store.Projection{(*pointerProjection)(nil)} },
			"Projections[0]", "is nil: leave it out",
		},
		"rewrite by nothing": {
			func(d *aggregate.Definition[tally]) {
				d.Upcasts = aggregate.Upcasts{"x": aggregate.Rewrite("added", nil)}
			},
			`Upcasts["x"]`, "is a Rewrite with a nil function: give it one, or use Rename",
		},
		"upcast of nothing": {func(d *aggregate.Definition[tally]) { d.Upcasts = aggregate.Upcasts{"": aggregate.Drop()} }, `Upcasts[""]`, "use 1 to 256 bytes of UTF-8"},
		"upcast and handler": {
			func(d *aggregate.Definition[tally]) { d.Upcasts = aggregate.Upcasts{"added": aggregate.Drop()} },
			`Upcasts["added"]`, "remove one of the two",
		},
		"several types, no func": {func(d *aggregate.Definition[tally]) {
			d.Upcasts = aggregate.Upcasts{"x": {To: []string{"added", "noted"}}}
		}, `Upcasts["x"]`, "list one, or give it a Func"},
		"cycle": {func(d *aggregate.Definition[tally]) {
			d.Upcasts = aggregate.Upcasts{"x": aggregate.Rename("y"), "y": {To: []string{"added", "x"}, Func: none}}
		}, `Upcasts["x"]`, `leads back to "x": [x y x]: end the chain at a type in Events`},
		"upcast to itself": {
			func(d *aggregate.Definition[tally]) { d.Upcasts = aggregate.Upcasts{"x": aggregate.Rename("x")} },
			`Upcasts["x"]`, `leads back to "x": [x x]`,
		},
		"dead end": {func(d *aggregate.Definition[tally]) {
			d.Upcasts = aggregate.Upcasts{"x": aggregate.Rename("y"), "y": {To: []string{"added", "z"}, Func: none}}
		}, `Upcasts["x"]`, `ends at "z", for which there is no event handler: [x y z]: add one to Events`},
		"negative every":   {func(d *aggregate.Definition[tally]) { d.Snapshots.Every = -1 }, "Snapshots", "use 0 for never"},
		"negative replay":  {func(d *aggregate.Definition[tally]) { d.Snapshots.AfterReplay = -1 }, "Snapshots", "use 0 for never"},
		"negative version": {func(d *aggregate.Definition[tally]) { d.SnapshotVersion = -1 }, "SnapshotVersion", "use 0 or more"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := aggregate.NewRoot(newSupervisor(t, memory.New(), nil), tallies(test.change))
			requireDefinitionError(t, err, "tally", test.field, test.remedy)
		})
	}
}

type pointerProjection struct{ kind string }

func (p *pointerProjection) StoreKind() string { return p.kind }

type pointerHandler struct{}

func (*pointerHandler) Apply(s tally, _ types.Event) (tally, error) { return s, nil }

func requireDefinitionError(t *testing.T, err error, root, field, reason string) {
	t.Helper()
	var d *aggregate.DefinitionError
	require.ErrorAs(t, err, &d)
	require.Equal(t, root, d.Root)
	require.Contains(t, d.Field, field)
	require.Contains(t, d.Reason, reason)
	require.ErrorContains(t, err, "aggregate: definition of "+root+": "+d.Field+" ")
}

// define makes a root of a state type with handlers that do nothing.
func define[S any](t testing.TB, change ...func(*aggregate.Definition[S])) (*aggregate.Root[S], error) {
	t.Helper()
	d := aggregate.Definition[S]{
		Name: "s",
		Commands: aggregate.Commands[S]{"touch": aggregate.CommandFunc[S](func(context.Context, aggregate.Instance[S], types.Command) ([]types.Uncommitted, error) {
			return types.Events(types.NewEvent("touched", nil)), nil
		})},
		Events: aggregate.Events[S]{"touched": aggregate.EventFunc[S](func(s S, _ types.Event) (S, error) { return s, nil })},
	}
	for _, f := range change {
		f(&d)
	}
	return aggregate.NewRoot(newSupervisor(t, memory.New(), nil), d)
}

func TestAStateThatCantBeCopiedIsNamedByItsField(t *testing.T) {
	t.Parallel()
	refuse := func(t *testing.T, err error, text string) {
		t.Helper()
		field, reason, _ := strings.Cut(text, " ")
		requireDefinitionError(t, err, "s", field, reason)
	}
	_, err := define[struct{ C chan int }](t)
	refuse(t, err, "S.C (chan int) can't be copied: keep it out of the state, or set Definition.Clone")
	_, err = define[struct{ F []func() }](t)
	refuse(t, err, "S.F[…] (func()) can't be copied")
	_, err = define[struct{ M map[string]sync.Mutex }](t)
	refuse(t, err, "S.M[…] (sync.Mutex) is a lock and can't be copied: keep it out of the state")
	_, err = define[struct{ R *sync.RWMutex }](t)
	refuse(t, err, "S.R (sync.RWMutex) is a lock")
	_, err = define[struct{ Deep struct{ hidden []int } }](t)
	refuse(t, err, "S.Deep.hidden ([]int) is not exported and refers to memory, so it can't be copied: export it, or set Definition.Clone")
	_, err = define[map[*int]string](t)
	refuse(t, err, "S (map[*int]string) has keys that refer to memory: set Definition.Clone")
}

func TestAStateThatBeginsAsNilIsRefused(t *testing.T) {
	t.Parallel()
	_, err := define[*tally](t)
	requireDefinitionError(t, err, "s", "Initial", "is missing, and without it the state is a nil *aggregate_test.tally: return a new one at each call, or let S be a struct")
	_, err = define[map[string]int](t)
	requireDefinitionError(t, err, "s", "Initial", "is missing, and without it the state is a nil map[string]int: ")
	root, err := define(t, func(d *aggregate.Definition[*tally]) { d.Initial = func() *tally { return &tally{Total: 1} } })
	require.NoError(t, err)
	require.Equal(t, 1, get(t, root, newID(t, root)).Total)
}

func TestAStateThatJSONCantHaveIsNamedByItsField(t *testing.T) {
	t.Parallel()
	refuse := func(t *testing.T, err error, field, reason string) {
		t.Helper()
		requireDefinitionError(t, err, "s", field, reason)
		require.ErrorContains(t, err, ", or set PrepareSnapshot and UseSnapshot")
	}
	_, err := define[struct{ Shape interface{ Area() int } }](t)
	refuse(t, err, "S.Shape", "(interface { Area() int }) is an interface, into which a snapshot's JSON can't be decoded: use a struct")
	_, err = define[struct{ Of map[[2]int]bool }](t)
	refuse(t, err, "S.Of", "(map[[2]int]bool) has keys that JSON can't have: use strings, integers or an encoding.TextMarshaler")
	_, err = define[struct{ C complex64 }](t)
	refuse(t, err, "S.C", "(complex64) has no JSON form, so there is no snapshot of it: keep it out of the state")
	type calls struct{ F func() }
	clone := func(d *aggregate.Definition[calls]) { d.Clone = func(s calls) calls { return s } }
	_, err = define(t, clone)
	refuse(t, err, "S.F", "(func()) has no JSON form")
	_, err = define(t, clone, ownSnapshots)
	require.NoError(t, err)
	_, err = define[struct {
		ByID  map[hlc.Timestamp]int
		ByInt map[int8]any
	}](t)
	require.NoError(t, err)
}

func TestAStateThatASnapshotWouldLoseIsNamedByItsField(t *testing.T) {
	t.Parallel()
	_, err := define[struct{ total int }](t)
	requireDefinitionError(t, err, "s", "S.total", "is not exported, so a snapshot's JSON would lose it: export it, or set PrepareSnapshot and UseSnapshot")
	_, err = define[struct {
		Items []struct {
			Cache int `json:"-"`
		}
	}](t)
	requireDefinitionError(t, err, "s", "S.Items.Cache", `has the tag json:"-", so a snapshot's JSON would lose it: take the tag off, or set`)

	_, err = define[struct {
		Kind int
		K    int `json:"Kind"`
	}](t)
	requireDefinitionError(t, err, "s", "S.K", `has the same JSON name "Kind" as Kind, so a snapshot's JSON would lose it: give it another name, or set`)

	type secret struct{ total int }
	_, err = define(t, func(d *aggregate.Definition[secret]) {
		d.PrepareSnapshot = func(c aggregate.Instance[secret]) (any, error) { return c.State.total, nil }
		d.UseSnapshot = func(_ aggregate.Instance[secret], s types.Snapshot) (n secret, err error) {
			return n, json.Unmarshal(s.Body, &n.total)
		}
	})
	require.NoError(t, err)
}

// celsius has a text form, so that JSON doesn't lose what it hides.
type celsius struct{ tenths int }

func (c celsius) MarshalText() ([]byte, error)  { return json.Marshal(c.tenths) }
func (c *celsius) UnmarshalText(b []byte) error { return json.Unmarshal(b, &c.tenths) }

func TestStatesThatNeedNoHelp(t *testing.T) {
	t.Parallel()
	_, err := define[int](t)
	require.NoError(t, err)
	_, err = define[struct {
		At     time.Time
		ID     hlc.Timestamp
		Raw    json.RawMessage
		Any    any
		Degree celsius
	}](t)
	require.NoError(t, err)
}

func TestARootsNameIsItsStatesTypeUnlessGiven(t *testing.T) {
	t.Parallel()
	root, err := define(t, func(d *aggregate.Definition[tally]) { d.Name = "" })
	require.NoError(t, err)
	require.Equal(t, "aggregate_test.tally", root.Name())
}

func TestTwoRootsOfASupervisorHaveTwoNames(t *testing.T) {
	t.Parallel()
	sup := newSupervisor(t, memory.New(), nil)
	_, err := aggregate.NewRoot(sup, tallies())
	require.NoError(t, err)
	_, err = aggregate.NewRoot(sup, tallies())
	requireDefinitionError(t, err, "tally", "Name", "give it another Name")
	_, err = aggregate.NewRoot(sup, tallies(func(d *aggregate.Definition[tally]) { d.Name = "other" }))
	require.NoError(t, err)
}

func TestADefinitionIsNotLookedAtAgain(t *testing.T) {
	t.Parallel()
	d := tallies()
	root, err := aggregate.NewRoot(newSupervisor(t, memory.New(), nil), d)
	require.NoError(t, err)
	clear(d.Commands)
	clear(d.Events)
	evaluate(t, root, adds(newID(t, root), 1))
}

func TestInitialAndCloneThatPanicFailTheCall(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*aggregate.Definition[tally]){
		"initial": func(d *aggregate.Definition[tally]) { d.Initial = butFirst("boom") },
		"clone":   func(d *aggregate.Definition[tally]) { d.Clone = func(tally) tally { panic("boom") } },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			root, id := tallyOf(t, change)
			for range 2 {
				_, err := root.Get(t.Context(), id)
				var p *types.PanicError
				require.ErrorAs(t, err, &p)
				require.Equal(t, "boom", p.Value)
				require.False(t, errors.Is(err, aggregate.ErrCorruptLog))
			}
		})
	}
}

func TestNewRefusesAnInitialThatMakesNoState(t *testing.T) {
	t.Parallel()
	_, err := aggregate.NewRoot(newSupervisor(t, memory.New(), nil), tallies(func(d *aggregate.Definition[tally]) {
		d.Initial = func() tally { panic("boom") }
	}))
	requireDefinitionError(t, err, "tally", "Initial", "gives no state: panic: boom")
	_, err = define(t, func(d *aggregate.Definition[*tally]) { d.Initial = func() *tally { return nil } })
	requireDefinitionError(t, err, "s", "Initial", "returns a nil *aggregate_test.tally: return a new one at each call")
	_, err = define(t, func(d *aggregate.Definition[map[string]int]) { d.Initial = func() map[string]int { return nil } })
	requireDefinitionError(t, err, "s", "Initial", "returns a nil map[string]int: return a new one at each call")
}

func TestNewOnASupervisorThatWasShutDownIsClosed(t *testing.T) {
	t.Parallel()
	sup, err := aggregate.NewSupervisor(memory.New(), nil)
	require.NoError(t, err)
	require.NoError(t, sup.Shutdown(t.Context()))
	_, err = aggregate.NewRoot(sup, tallies())
	require.ErrorIs(t, err, aggregate.ErrClosed)
}

func TestAggregatesShareNothingOfAnInitialThatReturnsTheSameMap(t *testing.T) {
	t.Parallel()
	shared := map[string]int{"begin": 1}
	root := newRoot(t, memory.New(), nil, func(d *aggregate.Definition[tally]) {
		d.Initial = func() tally { return tally{Marks: shared} }
		d.Events["noted"] = aggregate.Event(func(s tally, e noted) tally { s.Marks[e.Text]++; return s })
	})
	a, b := newID(t, root), newID(t, root)
	evaluate(t, root, notes(a, "a"))
	require.Equal(t, map[string]int{"begin": 1, "a": 1}, get(t, root, a).Marks)
	require.Equal(t, map[string]int{"begin": 1}, get(t, root, b).Marks)
	require.Equal(t, map[string]int{"begin": 1}, shared)
}
