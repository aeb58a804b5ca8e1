package aggregatetest_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/eventmaestro/maestro/aggregate"
	"github.com/eventmaestro/maestro/aggregate/aggregatetest"
	"github.com/eventmaestro/maestro/types"
)

// cart is the state of the tests' aggregate. It refers to memory, so that whoever shares it is
// found out.
type cart struct {
	Items  map[string]int
	Log    []string
	Closed bool
}

type (
	put     struct{ Item string }
	itemPut struct{ Item string }
	closing struct{}
	closed  struct{}
)

var errFull = errors.New("the cart is full")

func carts(change ...func(*aggregate.Definition[cart])) aggregate.Definition[cart] {
	d := aggregate.Definition[cart]{
		Commands: aggregate.Commands[cart]{
			"put":   aggregate.Command(evalPut),
			"close": aggregate.Command(evalClose),
		},
		Events: aggregate.Events[cart]{
			"item_put": aggregate.Event(applyItemPut),
			"closed":   aggregate.Event(func(c cart, _ closed) cart { c.Closed = true; return c }),
		},
	}
	for _, f := range change {
		f(&d)
	}
	return d
}

func evalPut(_ context.Context, c aggregate.Instance[cart], cmd put) ([]types.Uncommitted, error) {
	switch {
	case c.State.Closed:
		return nil, aggregate.Reject("put %s: the cart is closed", cmd.Item)
	case len(c.State.Log) > 3:
		return nil, errFull
	}
	return types.Events(types.NewEvent("item_put", itemPut(cmd))), nil
}

func evalClose(_ context.Context, c aggregate.Instance[cart], _ closing) ([]types.Uncommitted, error) {
	if c.State.Closed {
		return nil, nil
	}
	return types.Events(types.NewEvent("closed", closed{})), nil
}

func applyItemPut(c cart, e itemPut) cart {
	if c.Items == nil {
		c.Items = map[string]int{}
	}
	c.Items[e.Item]++
	c.Log = append(c.Log, e.Item)
	return c
}

func itemWasPut(item string) types.Uncommitted { return types.NewEvent("item_put", itemPut{item}) }

// command replaces the handler of "put".
func command(f func(aggregate.Instance[cart]) ([]types.Uncommitted, error)) func(*aggregate.Definition[cart]) {
	return func(d *aggregate.Definition[cart]) {
		d.Commands["put"] = aggregate.CommandFunc[cart](func(_ context.Context, c aggregate.Instance[cart], _ types.Command) ([]types.Uncommitted, error) {
			return f(c)
		})
	}
}

// emits makes "put" return events, and event adds a handler.
func emits(events ...types.Uncommitted) func(*aggregate.Definition[cart]) {
	return command(func(aggregate.Instance[cart]) ([]types.Uncommitted, error) { return events, nil })
}

func event(name string, f func(cart, types.Event) (cart, error)) func(*aggregate.Definition[cart]) {
	return func(d *aggregate.Definition[cart]) { d.Events[name] = aggregate.EventFunc[cart](f) }
}

// recorder is a test that goes on after Fatalf and says what it was told.
type recorder struct {
	failures []string
	fatal    int
	cleanups []func()
}

func (r *recorder) Helper()          {}
func (r *recorder) Cleanup(f func()) { r.cleanups = append(r.cleanups, f) }
func (r *recorder) Errorf(format string, args ...any) {
	r.failures = append(r.failures, fmt.Sprintf(format, args...))
}

func (r *recorder) Fatalf(format string, args ...any) {
	r.fatal++
	r.Errorf(format, args...)
}

func (r *recorder) end() {
	for _, f := range r.cleanups {
		f()
	}
}

// fails runs a story that must fail with exactly one failure, in which all the texts are.
func fails(t *testing.T, story func(aggregatetest.T), texts ...string) {
	t.Helper()
	r := &recorder{}
	story(r)
	r.end()
	require.Len(t, r.failures, 1, "failures:\n%s", strings.Join(r.failures, "\n"))
	for _, text := range texts {
		require.Contains(t, r.failures[0], text)
	}
	require.True(t, strings.HasPrefix(r.failures[0], "aggregatetest: "))
}

// passes runs a story that must not fail.
func passes(t *testing.T, story func(aggregatetest.T)) {
	t.Helper()
	r := &recorder{}
	story(r)
	r.end()
	require.Empty(t, r.failures)
}
