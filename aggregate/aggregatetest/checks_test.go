package aggregatetest_test

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/eventmaestro/maestro/aggregate"
	"github.com/eventmaestro/maestro/aggregate/aggregatetest"
	"github.com/eventmaestro/maestro/store"
	"github.com/eventmaestro/maestro/store/memory"
	"github.com/eventmaestro/maestro/types"
)

// put runs "put" on what was given.
func putOn(d aggregate.Definition[cart], given ...types.Uncommitted) func(aggregatetest.T) {
	return func(t aggregatetest.T) { _ = aggregatetest.New(t, d).Given(given...).When("put", put{"fig"}).Err() }
}

func TestAnInvalidDefinitionEndsTheTest(t *testing.T) {
	t.Parallel()
	r := &recorder{}
	c := aggregatetest.New(r, aggregate.Definition[cart]{})
	require.Equal(t, 1, r.fatal)
	require.Contains(t, r.failures[0], "Commands is empty")
	// Where the test goes on all the same, the case does nothing.
	c.Given(itemWasPut("a")).GivenState(cart{}).When("put", put{"a"}).Then().ThenState(cart{}).ThenRejected("").ThenError(errFull)
	require.NoError(t, c.Err())
	require.Zero(t, c.State())
	r.end()
	require.Len(t, r.failures, 1)

	d := carts()
	d.Events["nil"] = nil
	fails(t, func(t aggregatetest.T) { aggregatetest.New(t, d) }, `Events["nil"] is nil`)
}

func TestAHandlerThatChangesTheStateIsFoundOut(t *testing.T) {
	t.Parallel()
	changes := carts(command(func(c aggregate.Instance[cart]) ([]types.Uncommitted, error) {
		c.State.Items["pear"] = 7
		c.State.Closed = true // its own copy: no harm
		return nil, nil
	}))
	fails(t, putOn(changes, itemWasPut("pear")), `the handler of command "put" changed the state`, "state.Items.pear: got 7, want 1")
	passes(t, func(t aggregatetest.T) {
		aggregatetest.New(t, changes).Without(aggregatetest.CheckUnchanged, aggregatetest.CheckReplay, aggregatetest.CheckSnapshots).
			Given(itemWasPut("pear")).When("put", nil).ThenNothing()
	})
}

func TestAnEventWithoutAHandlerIsFoundOut(t *testing.T) {
	t.Parallel()
	fails(t, putOn(carts(emits(types.NewEvent("item_lost", nil)))), `event of type "item_lost", for which the definition has no event handler`)
	fails(t, func(t aggregatetest.T) {
		aggregatetest.New(t, carts(emits(types.NewEvent("item_lost", nil)))).When("put", nil).ThenNothing()
	}, "no event handler")
}

func TestAnEventThatCannotBeAppliedOrStoredIsFoundOut(t *testing.T) {
	t.Parallel()
	refuses := event("refused", func(c cart, _ types.Event) (cart, error) { return c, errors.New("I can't") })
	fails(t, putOn(carts(refuses, emits(types.NewEvent("refused", nil)))), `"refused" that can't be applied: I can't`)
	panics := event("panics", func(cart, types.Event) (cart, error) { panic("boom") })
	fails(t, putOn(carts(panics, emits(types.NewEvent("panics", nil)))), "a handler panicked: boom", "checks_test.go")
	fails(t, putOn(carts(command(func(aggregate.Instance[cart]) ([]types.Uncommitted, error) { panic("bang") }))), "a handler panicked: bang")
	fails(t, putOn(carts(emits(types.NewEvent("item_put", make(chan int))))), "event that can't be stored")
	fails(t, putOn(carts(emits(types.NewEvent("", nil)))), "event that can't be stored", "type is empty")
	passes(t, putOn(carts(command(func(aggregate.Instance[cart]) ([]types.Uncommitted, error) { return nil, store.ErrUnavailable }))))
}

func TestABodyThatLosesSomethingIsFoundOut(t *testing.T) {
	t.Parallel()
	type hidden struct {
		Item   string
		secret string
		Skip   int `json:"-"`
	}
	fails(t, putOn(carts(emits(types.NewEvent("item_put", hidden{"a", "b", 3})))),
		`event 1, "item_put": does not survive its stored form {"Item": "a"}`, `body.secret: got "", want "b"`, "body.Skip: got 0, want 3")
	fails(t, putOn(carts(emits(types.NewEvent("item_put", struct{ Item, At any }{"a", oneWay{}})))), "body.At")
	anything := event("anything", func(c cart, _ types.Event) (cart, error) { return c, nil })
	fails(t, putOn(carts(anything, emits(types.NewEvent("anything", &oneWay{})))), "which can't be read back into")
	for _, fine := range []any{
		map[string]any{"Item": "a", "n": 1},
		json.RawMessage(`{"Item": "a"}`), &itemPut{"a"}, (*itemPut)(nil), nil,
		struct {
			Item string
			At   time.Time
			N    []int
			M    map[string]any
			R    json.RawMessage
		}{"a", time.Now().Round(0), []int{}, nil, json.RawMessage("1")},
	} {
		passes(t, putOn(carts(emits(types.NewEvent("item_put", fine)))))
	}
	passes(t, func(t aggregatetest.T) {
		_ = aggregatetest.New(t, carts(emits(types.NewEvent("item_put", hidden{secret: "b"})))).Without(aggregatetest.CheckBodies).When("put", nil).Err()
	})
}

// oneWay is written in a form that it can't be read from.
type oneWay struct{ N int }

func (oneWay) MarshalJSON() ([]byte, error) { return []byte(`"one way"`), nil }

func TestAnEventHandlerThatTouchesTheBodyIsFoundOut(t *testing.T) {
	t.Parallel()
	scribbles := event("closed", func(c cart, e types.Event) (cart, error) { e.Body[0] = '['; return c, nil })
	fails(t, putOn(carts(scribbles, emits(types.NewEvent("closed", nil)))), `handler of event "closed" changed the event's body: it was {} and is [}`)
	fails(t, func(t aggregatetest.T) { aggregatetest.New(t, carts(scribbles)).Given(types.NewEvent("closed", nil)) }, "changed the event's body")
}

type keeper struct{ Last json.RawMessage }

func keepers(keep func(json.RawMessage) json.RawMessage) aggregate.Definition[keeper] {
	return aggregate.Definition[keeper]{
		Commands: aggregate.Commands[keeper]{"do": aggregate.CommandFunc[keeper](func(context.Context, aggregate.Instance[keeper], types.Command) ([]types.Uncommitted, error) {
			return types.Events(types.NewEvent("done", nil)), nil
		})},
		Events: aggregate.Events[keeper]{"done": aggregate.EventFunc[keeper](func(s keeper, e types.Event) (keeper, error) {
			s.Last = keep(e.Body)
			return s, nil
		})},
	}
}

func TestAnEventHandlerThatKeepsTheBodyIsFoundOut(t *testing.T) {
	t.Parallel()
	story := func(keep func(json.RawMessage) json.RawMessage) func(aggregatetest.T) {
		return func(t aggregatetest.T) {
			aggregatetest.New(t, keepers(keep)).When("do", nil).Then(types.NewEvent("done", nil))
		}
	}
	passes(t, story(slices.Clone[json.RawMessage]))
	fails(t, story(func(b json.RawMessage) json.RawMessage { return b }), `handler of event "done" keeps the event's body in the state: keep a copy`)
	kept := func(b json.RawMessage) json.RawMessage { return b }
	aggregatetest.New(t, keepers(kept)).Without(aggregatetest.CheckOwnership).When("do", nil).ThenState(keeper{json.RawMessage("{}")})
}

func TestProjectionsAreLeftOut(t *testing.T) {
	t.Parallel()
	d := carts(func(d *aggregate.Definition[cart]) {
		d.Projections = []store.Projection{memory.Projection(func(context.Context, *memory.ProjectionTx, types.Event) error {
			return errors.New("the case has no tables")
		})}
	})
	aggregatetest.New(t, d).When("put", put{"a"}).Then(itemWasPut("a"))
}

func TestAShallowCloneIsFoundOut(t *testing.T) {
	t.Parallel()
	shallow := carts(func(d *aggregate.Definition[cart]) { d.Clone = func(c cart) cart { return c } })
	fails(t, putOn(shallow, itemWasPut("pear")), "is Definition.Clone shallow?", "state.Items.fig: got 1, want nothing")
}

func TestAnEventHandlerThatLooksAroundIsFoundOut(t *testing.T) {
	t.Parallel()
	calls := 0
	counts := event("closed", func(c cart, _ types.Event) (cart, error) {
		calls++
		c.Log = []string{string(rune('a' + calls))}
		return c, nil
	})
	fails(t, putOn(carts(counts, emits(types.NewEvent("closed", nil)))), "the log gives another state (got) than the one in memory (want)", "state.Log[0]")
	fails(t, func(t aggregatetest.T) {
		_ = aggregatetest.New(t, carts(counts, emits(types.NewEvent("closed", nil)))).Without(aggregatetest.CheckReplay).When("put", nil).Err()
	}, "the snapshot at sequence 1")
}

func TestAnEventHandlerThatFailsTheSecondTimeIsFoundOut(t *testing.T) {
	t.Parallel()
	calls := 0
	once := event("closed", func(c cart, _ types.Event) (cart, error) {
		if calls++; calls > 1 {
			return c, errors.New("not again")
		}
		return c, nil
	})
	fails(t, putOn(carts(once, emits(types.NewEvent("closed", nil)))), "a cold start fails", "not again")
}

func TestASnapshotThatLosesSomethingIsFoundOut(t *testing.T) {
	t.Parallel()
	forgets := carts(func(d *aggregate.Definition[cart]) {
		d.PrepareSnapshot = func(c aggregate.Instance[cart]) (any, error) { c.State.Log = nil; return c.State, nil }
	})
	fails(t, putOn(forgets), "the state at sequence 1 has no snapshot", "S.Log would be another one after a cold start from the snapshot: it comes back as nil")
	passes(t, func(t aggregatetest.T) {
		aggregatetest.New(t, forgets).Without(aggregatetest.CheckSnapshots).When("put", put{"a"}).Then(itemWasPut("a"))
	})
	refuses := carts(func(d *aggregate.Definition[cart]) {
		d.UseSnapshot = func(aggregate.Instance[cart], types.Snapshot) (cart, error) { return cart{}, errors.New("too old") }
	})
	fails(t, putOn(refuses, itemWasPut("a")), "the state at sequence 1 has no snapshot", "no cold start could use", "too old")
	can := carts(func(d *aggregate.Definition[cart]) {
		d.PrepareSnapshot = func(aggregate.Instance[cart]) (any, error) { return nil, errors.New("can't") }
	})
	fails(t, putOn(can), "the state at sequence 1 has no snapshot", "can't")
}

func TestASnapshotAfterWhichEventsCouldNotBeAppliedIsFoundOut(t *testing.T) {
	t.Parallel()
	// The map is there in a new state and after all events, but not after a snapshot of an empty one.
	opened := event("opened", func(c cart, _ types.Event) (cart, error) { return c, nil })
	d := carts(opened, func(d *aggregate.Definition[cart]) {
		d.Initial = func() cart { return cart{Items: map[string]int{}} }
		d.Events["item_put"] = aggregate.Event(func(c cart, e itemPut) cart { c.Items[e.Item]++; return c })
		d.PrepareSnapshot = func(c aggregate.Instance[cart]) (any, error) {
			if len(c.State.Items) == 0 {
				c.State.Items = nil
			}
			return c.State, nil
		}
	})
	fails(t, putOn(d, types.NewEvent("opened", nil)), "the state at sequence 1 has no snapshot", "S.Items", "it is empty and comes back as nil")
	passes(t, putOn(d, itemWasPut("a")))
}

func TestATimeInAMapThatComesBackAsATextIsSaidToBeOfAnotherType(t *testing.T) {
	t.Parallel()
	type diary struct{ Days map[string]any }
	at := time.Date(2026, time.January, 1, 13, 0, 0, 0, time.UTC)
	d := aggregate.Definition[diary]{
		Initial: func() diary { return diary{map[string]any{}} },
		Commands: aggregate.Commands[diary]{"note": aggregate.Command(
			func(context.Context, aggregate.Instance[diary], struct{}) ([]types.Uncommitted, error) {
				return types.Events(types.NewEvent("noted", map[string]any{"At": at})), nil
			})},
		Events: aggregate.Events[diary]{"noted": aggregate.Event(func(s diary, e struct{ At any }) diary { s.Days["one"] = e.At; return s })},
	}
	fails(t, func(t aggregatetest.T) {
		aggregatetest.New(t, d).Without(aggregatetest.CheckBodies).When("note", nil).ThenState(diary{map[string]any{"one": at}})
	}, "state.Days.one.(type): got string, want time.Time", `state.Days.one: got "2026-01-01T13:00:00Z", want 2026-01-01T13:00:00Z`)
}
