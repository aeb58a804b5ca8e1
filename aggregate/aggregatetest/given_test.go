package aggregatetest_test

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/eventmaestro/maestro/aggregate"
	"github.com/eventmaestro/maestro/aggregate/aggregatetest"
	"github.com/eventmaestro/maestro/types"
)

func TestGivenEventsThatCannotBeReadEndTheTest(t *testing.T) {
	t.Parallel()
	d := carts(event("broken", func(c cart, _ types.Event) (cart, error) { return c, errors.New("no") }))
	for text, given := range map[string]types.Uncommitted{
		"unknown event type":      types.NewEvent("item_lost", nil),
		"no":                      types.NewEvent("broken", nil),
		"unsupported type":        types.NewEvent("item_put", make(chan int)),
		"type is empty":           types.NewEvent("", nil),
		"does not survive":        types.NewEvent("closed", struct{ hidden int }{1}),
		"was not made by GivenSt": types.NewEvent("aggregatetest.given_state", 3),
	} {
		fails(t, func(t aggregatetest.T) { aggregatetest.New(t, d).Given(itemWasPut("a"), given) }, "given event", text)
	}
}

func TestEventsOfOlderTypesCanBeGiven(t *testing.T) {
	t.Parallel()
	d := carts(func(d *aggregate.Definition[cart]) {
		d.Upcasts = aggregate.Upcasts{"item_added": aggregate.Rename("item_put")}
	})
	aggregatetest.New(t, d).Given(types.NewEvent("item_added", itemPut{"a"})).ThenState(cart{Items: map[string]int{"a": 1}, Log: []string{"a"}})
}

func TestAStateCanBeGiven(t *testing.T) {
	t.Parallel()
	given := cart{Items: map[string]int{"pear": 7}}
	c := aggregatetest.New(t, carts()).GivenState(given).ThenState(given).
		When("put", put{"fig"}).Then(itemWasPut("fig")).
		ThenState(cart{Items: map[string]int{"pear": 7, "fig": 1}, Log: []string{"fig"}})
	require.EqualValues(t, 2, c.Events()[0].Sequence)
	require.Equal(t, map[string]int{"pear": 7}, given.Items, "the test's own state was changed")
	c.GivenState(cart{Closed: true}).When("put", put{"fig"}).ThenRejected("closed")
}

func TestAStateThatCannotBeCopiedEndsTheTest(t *testing.T) {
	t.Parallel()
	d := carts(func(d *aggregate.Definition[cart]) {
		d.Clone = func(c cart) cart {
			if c.Closed {
				panic("can't copy")
			}
			return c
		}
	})
	fails(t, func(t aggregatetest.T) { aggregatetest.New(t, d).GivenState(cart{Closed: true}) }, "given state", "can't copy")
}
