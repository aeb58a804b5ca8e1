package aggregate_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/eventmaestro/maestro/aggregate"
	"github.com/eventmaestro/maestro/hlc"
	"github.com/eventmaestro/maestro/store"
	"github.com/eventmaestro/maestro/store/memory"
	"github.com/eventmaestro/maestro/types"
)

type badJSON struct{}

func (badJSON) MarshalJSON() ([]byte, error) { panic("marshal") }

// TestAPanicRefusesItsCommandAndNothingElse puts a panic everywhere where the application's code
// runs in a command.
func TestAPanicRefusesItsCommandAndNothingElse(t *testing.T) {
	t.Parallel()
	projection := memory.Projection(func(_ context.Context, _ *memory.ProjectionTx, e types.Event) error {
		if e.Type == "bomb" && string(e.Body) == `{"How": "project"}` {
			panic("project")
		}
		return nil
	})
	for name, c := range map[string]struct {
		value any
		eval  plan
	}{
		"handler": {"boom", explode},
		"Apply": {"boom", func(context.Context, aggregate.Instance[tally]) ([]types.Uncommitted, error) {
			return types.Events(types.NewEvent("noted", noted{"x"}), types.NewEvent("bomb", bomb{"panic"})), nil
		}},
		"MarshalJSON": {"marshal", func(context.Context, aggregate.Instance[tally]) ([]types.Uncommitted, error) {
			return types.Events(types.NewEvent("noted", noted{"x"}), types.NewEvent("added", badJSON{})), nil
		}},
		"projection": {"project", func(context.Context, aggregate.Instance[tally]) ([]types.Uncommitted, error) {
			return types.Events(types.NewEvent("noted", noted{"x"}), types.NewEvent("bomb", bomb{"project"})), nil
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := memory.New()
			root := newRoot(t, s, nil, func(d *aggregate.Definition[tally]) { d.Projections = []store.Projection{projection} })
			id := newID(t, root)
			evaluate(t, root, notes(id, "a"))
			want := get(t, root, id)
			for range 2 {
				err := root.Evaluate(t.Context(), runs(id, c.eval))
				var p *types.PanicError
				require.ErrorAs(t, err, &p)
				require.Equal(t, c.value, p.Value)
				require.NotEmpty(t, p.Stack)
				require.Len(t, logOf(t, s, id), 1)
				require.Equal(t, want, get(t, root, id), "the state is what it was")
			}
			errs := inOneBatch(t, root, id, 5, func(i int) error {
				if i == 2 {
					return root.Evaluate(t.Context(), runs(id, c.eval))
				}
				return root.Evaluate(t.Context(), notes(id, "b"))
			})
			for i, err := range errs {
				require.Equal(t, i == 2, err != nil, "%d: %v", i, err)
			}
			require.Equal(t, tally{Notes: []string{"a", "b", "b", "b", "b"}, Marks: map[string]int{"a": 1, "b": 4}}, get(t, root, id))
			require.Equal(t, get(t, root, id), get(t, newRoot(t, s, nil), id), "hot equals cold")
		})
	}
}

func TestApplyThatRefusesANewEventRefusesItsCommand(t *testing.T) {
	t.Parallel()
	s := memory.New()
	root := newRoot(t, s, nil)
	id := newID(t, root)
	evaluate(t, root, notes(id, "a"))
	err := root.Evaluate(t.Context(), emits(id, types.NewEvent("noted", noted{"b"}), types.NewEvent("bomb", bomb{"error"})))
	require.ErrorIs(t, err, errApply)
	require.NotErrorIs(t, err, aggregate.ErrCorruptLog)
	var place *aggregate.EventError
	require.ErrorAs(t, err, &place)
	require.Equal(t, aggregate.EventError{AggregateID: id, Sequence: 3, Type: "bomb", Err: errApply}, *place)
	require.EqualError(t, err, `aggregate: new event "bomb", aggregate `+id.String()+`, sequence 3: can't be applied`)
	require.Len(t, logOf(t, s, id), 1)
	require.Equal(t, tally{Notes: []string{"a"}, Marks: map[string]int{"a": 1}}, get(t, root, id))
}

func TestAPanicValueThatIsAnErrorIsWithinReach(t *testing.T) {
	t.Parallel()
	root, id := tallyOf(t)
	err := root.Evaluate(t.Context(), runs(id, func(context.Context, aggregate.Instance[tally]) ([]types.Uncommitted, error) { panic(errApply) }))
	require.ErrorIs(t, err, errApply)
	require.EqualError(t, err, `aggregate: command "run" of tally, aggregate `+id.String()+`: panic: can't be applied`)
}

// TestAStoredPoisonIsItsAggregatesOnly has an event in the log whose handler panics.
func TestAStoredPoisonIsItsAggregatesOnly(t *testing.T) {
	t.Parallel()
	s, id := logged(t, types.NewEvent("added", added{1}), types.NewEvent("bomb", bomb{"panic"}))
	root := newRoot(t, s, nil)
	for range 3 {
		err := root.Evaluate(t.Context(), adds(id, 1))
		var p *types.PanicError
		require.ErrorAs(t, err, &p)
		require.ErrorIs(t, err, aggregate.ErrCorruptLog)
	}
	require.Len(t, logOf(t, s, id), 2)
	evaluate(t, root, adds(newID(t, root), 1))
	state, err := root.Replay(t.Context(), id, 1)
	require.NoError(t, err)
	require.Equal(t, 1, state.Total)
}

func TestAPanicOfTheStoreLeavesTheOutcomeOpenAndIsSettled(t *testing.T) {
	t.Parallel()
	for name, storeFirst := range map[string]bool{"stored": true, "not stored": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newTap()
			first := true
			s.commit = func(_ context.Context, _ store.Commit, next func() error) error {
				if !first {
					return next()
				}
				first = false
				if storeFirst {
					require.NoError(t, next())
				}
				panic("adapter")
			}
			root := newRoot(t, s, nil)
			id := newID(t, root)
			evaluate(t, root, adds(id, 1))
			require.Len(t, logOf(t, s, id), 1)
			require.Equal(t, 1, get(t, root, id).Total)
		})
	}
}

// lookless panics where a command ID is looked up.
type lookless struct{ *memory.Store }

func (lookless) LookupCommand(context.Context, hlc.Timestamp, string) (*store.CommandRecord, error) {
	panic("look")
}

func TestAPanicOfTheStoresLookUpNamesRootAndCommand(t *testing.T) {
	t.Parallel()
	root := newRoot(t, lookless{memory.New()}, nil)
	id := newID(t, root)
	refused := adds(id, -1)
	refused.ID = "a"
	require.EqualError(t, root.Evaluate(t.Context(), refused), `aggregate: command "add" of tally, aggregate `+id.String()+": panic: look")
	again := adds(id, 1)
	again.ID = "a"
	evaluate(t, root, again)
	err := root.Evaluate(t.Context(), again)
	require.ErrorIs(t, err, store.ErrOutcomeUnknown)
	require.ErrorContains(t, err, `command "add" of tally, aggregate `+id.String()+": panic: look")
}
