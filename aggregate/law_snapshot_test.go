package aggregate_test

import (
	"context"
	"encoding/json"
	"math/big"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/eventmaestro/maestro/aggregate"
	"github.com/eventmaestro/maestro/store"
	"github.com/eventmaestro/maestro/store/memory"
	"github.com/eventmaestro/maestro/types"
)

// Law 6, for snapshots: a cold start from one gives the very state that it was made of, whatever
// Initial is.

// shaped has each of the shapes in which a JSON that leaves something out used to keep what Initial
// has.
type shaped struct {
	Left    int            `json:",omitempty"`
	Until   time.Time      `json:",omitzero"`
	Open    map[string]int `json:"open"`
	Owner   *leaf          `json:",omitempty"`
	Rows    []leaf
	Name    string         `json:"name,omitempty"`
	Flags   map[string]int `json:",omitzero"`
	Pairs   []*leaf        `json:",omitzero"`
	Nested  leafed
	Amount  *big.Int `json:",omitempty"`
	Pointed *leafed
}

type leafed struct {
	On   bool `json:",omitempty"`
	Leaf *leaf
	Any  any
}

// shapes generates states. Those of JSON values: what an event's body can bring.
func shapes() *rapid.Generator[shaped] {
	leaves := rapid.Custom(func(t *rapid.T) leaf { return leaf{rapid.IntRange(-1, 1).Draw(t, "n")} })
	pointers := rapid.Ptr(leaves, true)
	inner := rapid.Custom(func(t *rapid.T) leafed {
		return leafed{
			On: rapid.Bool().Draw(t, "on"), Leaf: pointers.Draw(t, "leaf"),
			Any: rapid.SampledFrom([]any{nil, 1.5, "a", []any{}, map[string]any{"a": nil}}).Draw(t, "any"),
		}
	})
	return rapid.Custom(func(t *rapid.T) shaped {
		s := shaped{
			Left: rapid.IntRange(0, 3).Draw(t, "left"), Name: rapid.SampledFrom([]string{"", "a"}).Draw(t, "name"),
			Open:   rapid.MapOfN(rapid.SampledFrom([]string{"a", "b", ""}), rapid.IntRange(0, 2), 0, 3).Draw(t, "open"),
			Flags:  rapid.MapOfN(rapid.SampledFrom([]string{"a", "b"}), rapid.IntRange(0, 2), 0, 2).Draw(t, "flags"),
			Rows:   rapid.SliceOfN(leaves, 0, 3).Draw(t, "rows"),
			Pairs:  rapid.SliceOfN(pointers, 0, 3).Draw(t, "pairs"),
			Owner:  pointers.Draw(t, "owner"),
			Nested: inner.Draw(t, "nested"), Pointed: rapid.Ptr(inner, true).Draw(t, "pointed"),
		}
		if rapid.Bool().Draw(t, "has an amount") {
			s.Amount = big.NewInt(rapid.Int64Range(-1, 1).Draw(t, "amount"))
		}
		if rapid.Bool().Draw(t, "has a time") {
			s.Until = time.Unix(rapid.Int64Range(0, 1e9).Draw(t, "until"), 5).UTC()
		}
		if rapid.Bool().Draw(t, "nothing in maps") {
			s.Open, s.Flags, s.Rows, s.Pairs = nil, nil, nil, nil
		}
		return s
	})
}

// becoming is a root whose one event makes the state another one, given out of band.
func becoming[S any](initial, next func() S) aggregate.Definition[S] {
	return aggregate.Definition[S]{
		Name:    "becoming",
		Initial: initial,
		Commands: aggregate.Commands[S]{"become": aggregate.CommandFunc[S](func(context.Context, aggregate.Instance[S], types.Command) ([]types.Uncommitted, error) {
			return types.Events(types.NewEvent("became", nil)), nil
		})},
		Events: aggregate.Events[S]{"became": aggregate.EventFunc[S](func(S, types.Event) (S, error) { return next(), nil })},
	}
}

func TestAStateComesBackFromItsSnapshotWhateverTheInitialOneIs(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		initial, next := shapes().Draw(t, "initial"), shapes().Draw(t, "next")
		var from types.Sequence
		o := &aggregate.Options{Hooks: aggregate.Hooks{Load: func(_ context.Context, l aggregate.Loaded) { from = l.Snapshot }}}
		s := memory.New()
		open := func() *aggregate.Root[shaped] {
			sup, err := aggregate.NewSupervisor(s, o)
			require.NoError(t, err)
			t.Cleanup(func() { _ = sup.Shutdown(context.WithoutCancel(t.Context())) })
			root, err := aggregate.NewRoot(sup, becoming(func() shaped { return initial }, func() shaped { return next }))
			require.NoError(t, err)
			return root
		}
		hot := open()
		id, err := hot.NewID(t.Context())
		require.NoError(t, err)
		state, err := hot.EvaluateState(t.Context(), types.Command{AggregateID: id, Type: "become"})
		require.NoError(t, err)
		require.NoError(t, hot.Snapshot(t.Context(), id))
		cold, err := open().Fetch(t.Context(), id)
		require.NoError(t, err)
		require.EqualValues(t, 1, from, "the snapshot was used")
		require.Equal(t, asJSON(t, state), asJSON(t, cold), "also where a map or slice is nil")
	})
}

// asJSON tells nil from empty, and numbers by their values.
func asJSON(t require.TestingT, s shaped) string {
	text, err := json.Marshal(struct {
		shaped
		Left  int
		Until time.Time
		Owner *leaf
		Name  string
		Flags map[string]int
		Pairs []*leaf
	}{s, s.Left, s.Until, s.Owner, s.Name, s.Flags, s.Pairs})
	require.NoError(t, err)
	return string(text)
}

// lossy is a state of which a snapshot says less than there is.
type lossy struct {
	Tags  map[string]int `json:",omitempty"`
	List  []int          `json:",omitempty"`
	Any   any            `json:",omitempty"`
	Text  string
	Raw   json.RawMessage
	Money *float32 `json:",omitempty"`
}

func TestASnapshotThatWouldLoseSomethingIsNotStored(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		state lossy
		says  string
	}{
		"an empty map":               {lossy{Raw: json.RawMessage("1"), Tags: map[string]int{}}, "S.Tags would be another one after a cold start from the snapshot: it is empty and comes back as nil: use omitzero where its tag has omitempty"},
		"an empty slice":             {lossy{Raw: json.RawMessage("1"), List: []int{}}, "S.List would be another one after a cold start from the snapshot: it is empty and comes back as nil"},
		"an int in an any":           {lossy{Raw: json.RawMessage("1"), Any: 1 << 60}, "S.Any would be another one after a cold start from the snapshot: it holds a int, which comes back as a float64"},
		"a number in an any":         {lossy{Raw: json.RawMessage("1"), Any: []any{json.Number("9007199254740993")}}, "S.Any[…] would be another one after a cold start from the snapshot: it holds a json.Number"},
		"a struct in an any":         {lossy{Raw: json.RawMessage("1"), Any: leaf{1}}, "S.Any would be another one after a cold start from the snapshot: it holds a aggregate_test.leaf, which comes back as a map[string]interface {}"},
		"a text that is no UTF-8":    {lossy{Raw: json.RawMessage("1"), Text: "\xff"}, "S.Text would be another one after a cold start from the snapshot: it is not valid UTF-8"},
		"raw JSON that is not there": {lossy{}, "S.Raw would be another one after a cold start from the snapshot: it is nil and comes back as something"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s, j := memory.New(), new(journal)
				var saved []aggregate.Saved
				o := &aggregate.Options{Logger: j.logger(), Hooks: aggregate.Hooks{Snapshot: func(s aggregate.Saved) { saved = append(saved, s) }}}
				d := becoming(nil, func() lossy { return test.state })
				d.Snapshots.Every = 1
				root, err := aggregate.NewRoot(newSupervisor(t, s, o), d)
				require.NoError(t, err)
				for range 3 {
					id := newID(t, root)
					evaluate(t, root, types.Command{AggregateID: id, Type: "become"})
					synctest.Wait()
					require.Nil(t, snapshotOf(t, s, id))
					err = root.Snapshot(t.Context(), id)
					require.ErrorAs(t, err, new(*aggregate.DefinitionError))
					require.ErrorContains(t, err, "definition of becoming: "+test.says)
					require.ErrorContains(t, err, "; or set PrepareSnapshot and UseSnapshot")
				}
				require.Len(t, j.lines("snapshot not stored"), 1, "the log says it once")
				require.Len(t, saved, 6, "the hook is called each time")
				for _, s := range saved {
					require.ErrorAs(t, s.Err, new(*aggregate.DefinitionError))
				}
			})
		})
	}
}

func TestWhatUseSnapshotCantUndoIsNotStored(t *testing.T) {
	t.Parallel()
	s := memory.New()
	root := newRoot(t, s, nil, func(d *aggregate.Definition[tally]) {
		d.PrepareSnapshot = func(c aggregate.Instance[tally]) (any, error) {
			c.State.Notes[0] = "spoilt in place"
			return c.State.Total, nil
		}
		d.UseSnapshot = func(c aggregate.Instance[tally], s types.Snapshot) (tally, error) {
			err := json.Unmarshal(s.Body, &c.State.Total)
			return c.State, err
		}
	})
	id := newID(t, root)
	evaluate(t, root, notes(id, "a"))
	require.ErrorContains(t, root.Snapshot(t.Context(), id), "S.Notes would be another one after a cold start from the snapshot: it comes back as nil")
	require.ErrorContains(t, root.Snapshot(t.Context(), id), "; or let UseSnapshot undo what PrepareSnapshot does")
	require.Nil(t, snapshotOf(t, s, id))
}

func TestASnapshotOfNullIsPassedOver(t *testing.T) {
	t.Parallel()
	s := memory.New()
	d := becoming(func() *leaf { return new(leaf) }, func() *leaf { return &leaf{7} })
	root, err := aggregate.NewRoot(newSupervisor(t, s, nil), d)
	require.NoError(t, err)
	id := newID(t, root)
	evaluate(t, root, types.Command{AggregateID: id, Type: "become"})
	require.NoError(t, s.CommitSnapshot(t.Context(), types.Snapshot{AggregateID: id, Sequence: 1, Body: json.RawMessage(`null`)}))
	cold, err := aggregate.NewRoot(newSupervisor(t, store.Adapter(s), nil), d)
	require.NoError(t, err)
	require.Equal(t, 7, get(t, cold, id).N)
}
