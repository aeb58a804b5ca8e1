package aggregatetest_test

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/eventmaestro/maestro/aggregate"
	"github.com/eventmaestro/maestro/aggregate/aggregatetest"
	"github.com/eventmaestro/maestro/hlc"
	"github.com/eventmaestro/maestro/store"
	"github.com/eventmaestro/maestro/types"
)

// shelf is two carts that change together.
type shelf struct {
	*aggregatetest.Transaction
	carts *aggregate.Root[cart]
	a, b  hlc.Timestamp
}

func newShelf(t aggregatetest.T) shelf {
	x := aggregatetest.NewTransaction(t)
	return shelf{x, aggregatetest.RootOf(x, carts()), x.ID(), x.ID()}
}

// puts puts an item into each of the carts.
func (s shelf) puts(item string, ids ...hlc.Timestamp) func(context.Context, store.Tx) error {
	return func(ctx context.Context, tx store.Tx) error {
		for _, id := range ids {
			if _, err := s.carts.EvaluateTx(ctx, tx, types.Command{AggregateID: id, Type: "put", Data: put{item}}); err != nil {
				return err
			}
		}
		return nil
	}
}

func TestATransactionThatHoldsPasses(t *testing.T) {
	t.Parallel()
	s := newShelf(t)
	s.Given(s.a, itemWasPut("pear"), itemWasPut("plum")).
		Given(s.a, itemWasPut("lime")).
		When(s.puts("fig", s.a, s.b, s.b)).
		Then(s.a, itemWasPut("fig")).
		Then(s.b, itemWasPut("fig"), itemWasPut("fig")).
		ThenNothingElse().
		When(s.puts("fig", s.b, s.a)).
		ThenError(errFull).
		ThenNothingElse().
		Given(s.b, types.NewEvent("closed", nil)).
		When(s.puts("fig", s.b)).
		ThenRejected("the cart is closed")
	require.ErrorIs(t, s.Err(), aggregate.ErrRejected)
	other := newShelf(t)
	require.Equal(t, []hlc.Timestamp{s.a, s.b}, []hlc.Timestamp{other.a, other.b}, "ids are the same in every story")
	state, err := s.carts.Get(t.Context(), s.a)
	require.NoError(t, err)
	require.Equal(t, []string{"pear", "plum", "lime", "fig"}, state.Log)
}

func TestATransactionThatDoesNotHoldFails(t *testing.T) {
	t.Parallel()
	failure := errors.New("no bag left")
	for name, c := range map[string]struct {
		story func(s shelf)
		texts []string
	}{
		"another body":      {func(s shelf) { s.When(s.puts("fig", s.a)).Then(s.a, itemWasPut("pear")) }, []string{"aggregate 1: event 1 of 1", `got "fig"`}},
		"other events":      {func(s shelf) { s.When(s.puts("fig", s.b)).Then(s.b) }, []string{"aggregate 2 got other events", "got  1: item_put", "want 0: no event"}},
		"events as well":    {func(s shelf) { s.When(s.puts("fig", s.a, s.b)).Then(s.a, itemWasPut("fig")).ThenNothingElse() }, []string{"aggregate 2 got events as well: item_put"}},
		"an id of its own":  {func(s shelf) { s.When(s.puts("fig", hlc.Timestamp{1})).ThenNothingElse() }, []string{"got events as well: item_put"}},
		"an error":          {func(s shelf) { s.When(func(context.Context, store.Tx) error { return failure }).Then(s.a) }, []string{"the transaction failed: no bag left"}},
		"no error":          {func(s shelf) { s.When(s.puts("fig", s.a)).ThenError(failure) }, []string{"got  <nil>", "want no bag left"}},
		"no rejection":      {func(s shelf) { s.When(s.puts("fig", s.a)).ThenRejected("closed") }, []string{"was not rejected so", `want "closed"`}},
		"nobody looks":      {func(s shelf) { s.When(func(context.Context, store.Tx) error { return failure }) }, []string{"no Then looked at it: no bag left"}},
		"nobody looks, and": {func(s shelf) { s.When(func(context.Context, store.Tx) error { return failure }).Given(s.a) }, []string{"no Then looked at it"}},
		"no When":           {func(s shelf) { s.Then(s.a).ThenNothingElse() }, []string{"Then without a When before it"}},
		"nothing to store":  {func(s shelf) { s.Given(s.a, types.NewEvent("item_put", make(chan int))) }, []string{"given events"}},
		"fewer the second time": {func(s shelf) {
			runs := 0
			s.When(func(ctx context.Context, tx store.Tx) error {
				if runs++; runs > 1 {
					return s.puts("fig", s.a)(ctx, tx)
				}
				return s.puts("fig", s.a, s.b)(ctx, tx)
			})
		}, []string{"other events when it was run again", "first 2: item_put, item_put", "then  1: item_put"}},
		"another aggregate the second time": {func(s shelf) {
			ids := []hlc.Timestamp{s.a, s.b}
			s.When(func(ctx context.Context, tx store.Tx) error {
				id := ids[0]
				ids = ids[1:]
				return s.puts("fig", id)(ctx, tx)
			})
		}, []string{"event 1 is another when the function is run again"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			fails(t, func(r aggregatetest.T) { c.story(newShelf(r)) }, c.texts...)
		})
	}
	fails(t, func(r aggregatetest.T) {
		x := aggregatetest.NewTransaction(r)
		aggregatetest.RootOf(x, aggregate.Definition[cart]{})
		x.When(func(context.Context, store.Tx) error { return nil })
	}, "Commands")
}
