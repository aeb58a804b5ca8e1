package aggregate_test

import (
	"context"
	"encoding/json"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/eventmaestro/maestro/aggregate"
	"github.com/eventmaestro/maestro/hlc"
	"github.com/eventmaestro/maestro/store"
	"github.com/eventmaestro/maestro/store/memory"
	"github.com/eventmaestro/maestro/types"
)

func TestATypedHandlerOfTheRawTypeIsRefused(t *testing.T) {
	t.Parallel()
	sup := newSupervisor(t, memory.New(), nil)
	d := tallies()
	d.Events["added"] = aggregate.Event(func(s tally, _ types.Event) tally { return s })
	_, err := aggregate.NewRoot(sup, d)
	require.ErrorContains(t, err, `Events["added"] takes types.Event as its body: use EventFunc`)
	d = tallies()
	d.Commands["add"] = aggregate.Command(func(context.Context, aggregate.Instance[tally], types.Command) ([]types.Uncommitted, error) {
		return nil, nil
	})
	_, err = aggregate.NewRoot(sup, d)
	require.ErrorContains(t, err, `Commands["add"] takes types.Command as its data: use CommandFunc`)
	d = tallies()
	d.Events["added"] = aggregate.Event(func(s tally, _ *types.Event) tally { return s })
	_, err = aggregate.NewRoot(sup, d)
	require.ErrorContains(t, err, `Events["added"] takes *types.Event as its body: use EventFunc`)
	d = tallies()
	d.Commands["add"] = aggregate.Command(func(context.Context, aggregate.Instance[tally], *types.Command) ([]types.Uncommitted, error) {
		return nil, nil
	})
	_, err = aggregate.NewRoot(sup, d)
	require.ErrorContains(t, err, `Commands["add"] takes *types.Command as its data: use CommandFunc`)
}

func TestAnUpcastThatLeadsNowhereIsRefusedUnlessItIsADrop(t *testing.T) {
	t.Parallel()
	sup := newSupervisor(t, memory.New(), nil)
	_, err := aggregate.NewRoot(sup, tallies(func(d *aggregate.Definition[tally]) { d.Upcasts = aggregate.Upcasts{"old": {}} }))
	require.ErrorContains(t, err, `Upcasts["old"] has an empty To`)
	_, err = aggregate.NewRoot(sup, tallies(func(d *aggregate.Definition[tally]) { d.Upcasts = aggregate.Upcasts{"old": aggregate.Drop()} }))
	require.NoError(t, err)
}

func TestABodyOfBytesIsRefusedInsteadOfWrittenAsBase64(t *testing.T) {
	t.Parallel()
	root, id := tallyOf(t)
	err := root.Evaluate(t.Context(), types.Command{AggregateID: id, Type: "run", Data: plan(func(context.Context, aggregate.Instance[tally]) ([]types.Uncommitted, error) {
		return types.Events(types.NewEvent("added", []byte(`{"By":1}`))), nil
	})})
	require.ErrorIs(t, err, store.ErrInvalidEvent)
	require.ErrorContains(t, err, "use json.RawMessage")
}

func TestNullIsNoDataForAHandlerThatTakesSome(t *testing.T) {
	t.Parallel()
	root, id := tallyOf(t)
	for _, raw := range []string{"null", " null\n", "", " "} {
		err := root.Evaluate(t.Context(), types.Command{AggregateID: id, Type: "add", Data: json.RawMessage(raw)})
		require.ErrorIs(t, err, aggregate.ErrInvalidData, "%q", raw)
	}
}

func TestAnUnknownOutcomeMatchesTheStoresErrorByItself(t *testing.T) {
	t.Parallel()
	err := error(&aggregate.OutcomeUnknownError{AggregateID: hlc.Timestamp{1}})
	require.ErrorIs(t, err, store.ErrOutcomeUnknown)
	require.ErrorContains(t, err, "a repeat with the same command ID tells")
	err = &aggregate.OutcomeUnknownError{Err: errors.Join(store.ErrOutcomeUnknown, context.Canceled)}
	require.ErrorIs(t, err, context.Canceled)
}
