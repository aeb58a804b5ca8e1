package aggregate_test

import (
	"context"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/eventmaestro/maestro/aggregate"
	"github.com/eventmaestro/maestro/hlc"
	"github.com/eventmaestro/maestro/store"
	"github.com/eventmaestro/maestro/store/memory"
	"github.com/eventmaestro/maestro/types"
)

// bell is another kind of aggregate than a tally.
type bell struct{ Rung int }

func bells(change ...func(*aggregate.Definition[bell])) aggregate.Definition[bell] {
	d := aggregate.Definition[bell]{
		Name: "bell",
		Commands: aggregate.Commands[bell]{"ring": aggregate.Command(
			func(context.Context, aggregate.Instance[bell], struct{}) ([]types.Uncommitted, error) {
				return types.Events(types.NewEvent("rung", nil)), nil
			})},
		Events: aggregate.Events[bell]{"rung": aggregate.Event(func(b bell, _ struct{}) bell { b.Rung++; return b })},
	}
	for _, f := range change {
		f(&d)
	}
	return d
}

// tower is a process with both kinds.
type tower struct {
	sup     *aggregate.Supervisor
	tallies *aggregate.Root[tally]
	bells   *aggregate.Root[bell]
}

func newTower(t *testing.T, s store.Adapter) tower {
	t.Helper()
	p := newProcess(t, s, nil)
	b, err := aggregate.NewRoot(p.sup, bells())
	require.NoError(t, err)
	return tower{p.sup, p.root, b}
}

func ring(id hlc.Timestamp) types.Command { return types.Command{AggregateID: id, Type: "ring"} }

func TestAnIDOfAnotherRootIsSaidToBe(t *testing.T) {
	t.Parallel()
	onEveryTransactor(t, func(t *testing.T, open func() store.Adapter) {
		first := newTower(t, open())
		id := newID(t, first.tallies)
		evaluate(t, first.tallies, adds(id, 1))
		want := "aggregate: " + id.String() + ` belongs to root "tally", asked for through "bell"`
		for name, ask := range map[string]func(ctx context.Context, p tower) error{
			"a command":     func(ctx context.Context, p tower) error { return p.bells.Evaluate(ctx, ring(id)) },
			"Get":           func(ctx context.Context, p tower) error { _, err := p.bells.Get(ctx, id); return err },
			"Fetch":         func(ctx context.Context, p tower) error { _, err := p.bells.Fetch(ctx, id); return err },
			"FetchExisting": func(ctx context.Context, p tower) error { _, err := p.bells.FetchExisting(ctx, id); return err },
			"Replay":        func(ctx context.Context, p tower) error { _, err := p.bells.Replay(ctx, id, 1); return err },
			"ReplayAt": func(ctx context.Context, p tower) error {
				_, err := p.bells.ReplayAt(ctx, id, id.Time().AddDate(1, 0, 0))
				return err
			},
			"Transact": func(ctx context.Context, p tower) error {
				return p.sup.Transact(ctx, func(ctx context.Context, tx store.Tx) error {
					_, err := p.bells.EvaluateTx(ctx, tx, ring(id))
					return err
				})
			},
		} {
			cold := newTower(t, open())
			for _, when := range []string{"cold", "again"} {
				err := ask(t.Context(), cold)
				require.ErrorIs(t, err, aggregate.ErrOtherRoot, "%s, %s", name, when)
				require.ErrorContains(t, err, want, "%s, %s", name, when)
				require.NotErrorIs(t, err, aggregate.ErrCorruptLog)
			}
			evaluate(t, cold.tallies, adds(id, 1)) // nobody's wrong question keeps the right root from its aggregate
			require.ErrorIs(t, ask(t.Context(), cold), aggregate.ErrOtherRoot, "%s, warm", name)
		}
	})
}

func TestWrongQuestionsDoNotGetInTheWay(t *testing.T) {
	t.Parallel()
	s := memory.New()
	p := newTower(t, s)
	for range 20 {
		id := newID(t, p.tallies)
		evaluate(t, newTower(t, s).tallies, adds(id, 1))
		var all sync.WaitGroup
		for range 4 {
			all.Go(func() {
				_, err := p.bells.Get(t.Context(), id)
				require.ErrorIs(t, err, aggregate.ErrOtherRoot)
			})
			all.Go(func() {
				state, err := p.tallies.Get(t.Context(), id)
				require.NoError(t, err)
				require.Equal(t, 1, state.Total)
			})
		}
		all.Wait()
	}
}

func TestATypeThatNobodyKnowsIsNoOtherRoots(t *testing.T) {
	t.Parallel()
	s := memory.New()
	p := newTower(t, s)
	id := newID(t, p.tallies)
	evaluate(t, p.tallies, adds(id, 1))
	alone, err := aggregate.NewRoot(newSupervisor(t, s, nil), bells())
	require.NoError(t, err)
	_, err = alone.Get(t.Context(), id)
	require.ErrorIs(t, err, aggregate.ErrCorruptLog)
	require.ErrorIs(t, err, aggregate.ErrUnknownEvent)
	require.ErrorContains(t, err, "a newer version of the program wrote it, or the id belongs to another root")

	// A later event that another root knows says nothing of the id.
	odd := newID(t, p.tallies)
	wide, err := aggregate.NewRoot(newSupervisor(t, s, nil), bells(func(d *aggregate.Definition[bell]) {
		d.Commands["add"] = aggregate.CommandFunc[bell](func(context.Context, aggregate.Instance[bell], types.Command) ([]types.Uncommitted, error) {
			return types.Events(types.NewEvent("rung", nil), types.NewEvent("added", added{1})), nil
		})
		d.Events["added"] = aggregate.Event(func(b bell, _ added) bell { return b })
	}))
	require.NoError(t, err)
	require.NoError(t, wide.Evaluate(t.Context(), types.Command{AggregateID: odd, Type: "add"}))
	_, err = p.bells.Get(t.Context(), odd)
	require.ErrorIs(t, err, aggregate.ErrCorruptLog)
	require.NotErrorIs(t, err, aggregate.ErrOtherRoot)
}

func TestAnIDWithoutEventsBelongsToWhoeverIsAsked(t *testing.T) {
	t.Parallel()
	p := newTower(t, memory.New())
	id := newID(t, p.tallies)
	_, err := p.bells.Get(t.Context(), id)
	require.NoError(t, err)
	evaluate(t, p.tallies, adds(id, 1))
	require.ErrorIs(t, p.bells.Evaluate(t.Context(), ring(id)), aggregate.ErrOtherRoot)
}
