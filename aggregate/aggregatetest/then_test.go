package aggregatetest_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/eventmaestro/maestro/aggregate"
	"github.com/eventmaestro/maestro/aggregate/aggregatetest"
	"github.com/eventmaestro/maestro/types"
)

func TestAStoryThatHoldsPasses(t *testing.T) {
	t.Parallel()
	aggregatetest.New(t, carts()).
		Given(itemWasPut("pear")).
		When("put", put{"fig"}).
		Then(itemWasPut("fig")).
		ThenState(cart{Items: map[string]int{"pear": 1, "fig": 1}, Log: []string{"pear", "fig"}}).
		When("close", nil).
		Then(types.NewEvent("closed", nil)).
		When("close", closing{}).
		ThenNothing().
		When("put", put{"fig"}).
		ThenRejected("the cart is closed").
		ThenError(aggregate.ErrRejected)
}

func TestTheWrongEventsFail(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		then  []types.Uncommitted
		texts []string
	}{
		"another body":   {[]types.Uncommitted{itemWasPut("pear")}, []string{"event 1 of 1 is another (item_put)", `body.Item: got "fig", want "pear"`}},
		"another type":   {[]types.Uncommitted{types.NewEvent("closed", nil)}, []string{`got  item_put {"Item": "fig"}`, "want closed"}},
		"too many":       {[]types.Uncommitted{itemWasPut("fig"), itemWasPut("fig")}, []string{"got  1: item_put", "want 2: item_put, item_put"}},
		"none":           {nil, []string{"got  1: item_put", "want 0: no event"}},
		"more fields":    {[]types.Uncommitted{types.NewEvent("item_put", map[string]any{"Item": "fig", "n": []int{1}})}, []string{"body.n[0]: got nothing, want 1"}},
		"fewer fields":   {[]types.Uncommitted{types.NewEvent("item_put", nil)}, []string{`body.Item: got "fig", want nothing`}},
		"no body at all": {[]types.Uncommitted{types.NewEvent("item_put", make(chan int))}, []string{"can't be stored"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			fails(t, func(t aggregatetest.T) {
				aggregatetest.New(t, carts()).When("put", put{"fig"}).Then(c.then...)
			}, append(c.texts, `command "put"`)...)
		})
	}
}

func TestTheWrongStateFails(t *testing.T) {
	t.Parallel()
	fails(t, func(t aggregatetest.T) {
		aggregatetest.New(t, carts()).When("put", put{"fig"}).ThenState(cart{Items: map[string]int{"fig": 2, "a pear": 1}, Closed: true})
	}, "state.Items.fig: got 1, want 2", `state.Items["a pear"]: got nothing, want 1`, `state.Log[0]: got "fig", want nothing`, "state.Closed: got false, want true")
}

func TestTheStateOfWhatWasGivenCanBeDemanded(t *testing.T) {
	t.Parallel()
	aggregatetest.New(t, carts()).Given(types.NewEvent("closed", nil)).ThenState(cart{Closed: true})
	fails(t, func(t aggregatetest.T) { aggregatetest.New(t, carts()).ThenState(cart{Closed: true}) }, "state.Closed")
}

func TestAnErrorWhereEventsAreWantedFails(t *testing.T) {
	t.Parallel()
	story := func(then func(*aggregatetest.Case[cart])) func(aggregatetest.T) {
		return func(t aggregatetest.T) {
			then(aggregatetest.New(t, carts()).Given(types.NewEvent("closed", nil)).When("put", put{"fig"}))
		}
	}
	text := `command "put" failed: put fig: the cart is closed`
	fails(t, story(func(c *aggregatetest.Case[cart]) { c.Then(itemWasPut("fig")) }), text)
	fails(t, story(func(c *aggregatetest.Case[cart]) { c.ThenNothing() }), text)
}

func TestEventsWhereAnErrorIsWantedFail(t *testing.T) {
	t.Parallel()
	fails(t, func(t aggregatetest.T) { aggregatetest.New(t, carts()).When("put", put{"fig"}).ThenRejected("closed") },
		"was not rejected; it led to item_put")
	fails(t, func(t aggregatetest.T) { aggregatetest.New(t, carts()).When("put", put{"fig"}).ThenError(errFull) },
		"did not fail; it led to item_put")
	fails(t, func(t aggregatetest.T) {
		aggregatetest.New(t, carts()).Given(types.NewEvent("closed", nil)).When("close", nil).ThenError(errFull)
	}, "it led to no event")
}

func TestAnotherErrorThanTheWantedFails(t *testing.T) {
	t.Parallel()
	full := types.Events(itemWasPut("a"), itemWasPut("b"), itemWasPut("c"), itemWasPut("d"))
	aggregatetest.New(t, carts()).Given(full...).When("put", put{"fig"}).ThenError(errFull)
	fails(t, func(t aggregatetest.T) {
		aggregatetest.New(t, carts()).Given(full...).When("put", put{"fig"}).ThenRejected("full")
	},
		"was not rejected but failed: the cart is full")
	fails(t, func(t aggregatetest.T) {
		aggregatetest.New(t, carts()).Given(full...).When("put", put{"fig"}).ThenError(aggregate.ErrRejected)
	}, "failed with another error", "got  the cart is full", "want aggregate: command rejected")
	fails(t, func(t aggregatetest.T) {
		aggregatetest.New(t, carts()).Given(types.NewEvent("closed", nil)).When("put", put{"fig"}).ThenRejected("too late")
	}, "rejected with another text", `got  "put fig: the cart is closed"`, `want "too late"`)
}

func TestAnErrorThatNobodyLooksAtFails(t *testing.T) {
	t.Parallel()
	refused := func(t aggregatetest.T) *aggregatetest.Case[cart] {
		return aggregatetest.New(t, carts()).Given(types.NewEvent("closed", nil)).When("put", put{"fig"})
	}
	text := []string{`command "put" failed, and nothing looked at it`}
	fails(t, func(t aggregatetest.T) { refused(t) }, text...)
	fails(t, func(t aggregatetest.T) { refused(t).When("close", nil).ThenNothing() }, text...)
	fails(t, func(t aggregatetest.T) { refused(t).Given(itemWasPut("fig")) }, text...)
	fails(t, func(t aggregatetest.T) { refused(t).GivenState(cart{}) }, text...)
	passes(t, func(t aggregatetest.T) { _ = refused(t).Err() })
}

func TestAThenNeedsAWhen(t *testing.T) {
	t.Parallel()
	for name, then := range map[string]func(*aggregatetest.Case[cart]){
		"Then":         func(c *aggregatetest.Case[cart]) { c.Then() },
		"ThenRejected": func(c *aggregatetest.Case[cart]) { c.ThenRejected("") },
		"ThenError":    func(c *aggregatetest.Case[cart]) { c.ThenError(errFull) },
		"Err":          func(c *aggregatetest.Case[cart]) { require.NoError(t, c.Err()) },
	} {
		fails(t, func(t aggregatetest.T) { then(aggregatetest.New(t, carts())) }, name+" without a When before it")
	}
	require.Nil(t, aggregatetest.New(t, carts()).Events())
}

func TestWhatTheThensDoNotSayCanBeLookedAt(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	c := aggregatetest.New(t, carts()).At(at).WithMetadata(types.Metadata{Actor: "ann"}).When("put", put{"fig"})
	require.NoError(t, c.Err())
	events := c.Events()
	require.Len(t, events, 1)
	require.Equal(t, c.ID(), events[0].AggregateID)
	require.Equal(t, at, events[0].Timestamp.Time())
	require.Equal(t, "ann", events[0].Metadata.Actor)
	require.Equal(t, cart{Items: map[string]int{"fig": 1}, Log: []string{"fig"}}, c.State())
}

func TestEveryRunIsTheSame(t *testing.T) {
	t.Parallel()
	run := func() (log []types.Event) {
		c := aggregatetest.New(t, carts()).Given(itemWasPut("a")).When("put", put{"b"})
		log = append(log, c.Events()...)
		return append(log, c.When("put", put{"c"}).Events()...)
	}
	first := run()
	require.Equal(t, first, run())
	require.Equal(t, aggregatetest.Epoch, first[0].Timestamp.Time())
}

func TestHandlersGetTheContextAndTheInstance(t *testing.T) {
	t.Parallel()
	type key struct{}
	var sequence types.Sequence
	var value any
	d := carts()
	d.Commands["put"] = aggregate.CommandFunc[cart](func(ctx context.Context, c aggregate.Instance[cart], _ types.Command) ([]types.Uncommitted, error) {
		sequence, value = c.Sequence, ctx.Value(key{})
		return nil, nil
	})
	aggregatetest.New(t, d).Given(itemWasPut("a"), itemWasPut("b")).
		WithContext(context.WithValue(t.Context(), key{}, "here")).WithMetadata(types.Metadata{Actor: "ann"}).
		When("put", nil).ThenNothing()
	require.EqualValues(t, 2, sequence)
	require.Equal(t, "here", value)
}

func TestCommandsCanHaveAnIDAndAnExpectedSequence(t *testing.T) {
	t.Parallel()
	once := types.Command{Type: "put", Data: put{"fig"}, ID: "1"}
	aggregatetest.New(t, carts()).
		WhenCommand(once).Then(itemWasPut("fig")).
		WhenCommand(once).Then(itemWasPut("fig")).
		ThenState(cart{Items: map[string]int{"fig": 1}, Log: []string{"fig"}}).
		WhenCommand(types.Command{Type: "put", Data: put{"fig"}, Expected: types.At(7)}).ThenError(aggregate.ErrUnexpectedSequence)
	fails(t, func(t aggregatetest.T) {
		aggregatetest.New(t, carts()).WhenCommand(types.Command{Type: "put", AggregateID: [16]byte{1}}).ThenNothing()
	}, "the case is about")
}
