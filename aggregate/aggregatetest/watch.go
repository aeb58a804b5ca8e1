package aggregatetest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"

	"github.com/eventmaestro/maestro/aggregate"
	"github.com/eventmaestro/maestro/types"
)

// watch is what the watched handlers noticed. They run while the test's goroutine waits for them.
type watch struct {
	made   []types.Uncommitted // what the last command handler returned
	faults []fault
}

type fault struct {
	check Check
	text  string
}

// fault takes note of something once.
func (w *watch) fault(check Check, text string) {
	if f := (fault{check, text}); !slices.Contains(w.faults, f) {
		w.faults = append(w.faults, f)
	}
}

// report fails the test with what was noticed, and reports whether there was anything.
func (c *Case[S]) report() (found bool) {
	c.t.Helper()
	faults := c.watch.faults
	c.watch.faults = nil
	for _, f := range faults {
		if !c.without[f.check] {
			c.errorf("%s", f.text)
			found = true
		}
	}
	return found
}

// watched returns the definition with its handlers under observation.
func (c *Case[S]) watched(d aggregate.Definition[S]) aggregate.Definition[S] {
	commands, events := aggregate.Commands[S]{}, aggregate.Events[S]{}
	for name, h := range d.Commands {
		commands[name] = c.watchCommand(name, h)
	}
	for name, h := range d.Events {
		events[name] = c.watchEvent(name, h)
	}
	events[givenState] = aggregate.EventFunc[S](func(s S, e types.Event) (S, error) {
		var i int
		if err := json.Unmarshal(e.Body, &i); err != nil || i < 0 || i >= len(c.states) {
			return s, errors.New("was not made by GivenState")
		}
		return c.states[i](), nil
	})
	d.Commands, d.Events = commands, events
	return d
}

func (c *Case[S]) watchCommand(name string, h aggregate.CommandHandler[S]) aggregate.CommandHandler[S] {
	return aggregate.CommandFunc[S](func(ctx context.Context, current aggregate.Instance[S], command types.Command) ([]types.Uncommitted, error) {
		was := flatten("state", current.State, true)
		made, err := h.Eval(ctx, current, command)
		if diff := difference(was, flatten("state", current.State, true)); diff != "" {
			c.watch.fault(CheckUnchanged, fmt.Sprintf("the handler of command %q changed the state, which only events may%s", name, diff))
		}
		c.watch.made = slices.Clone(made)
		return made, err
	})
}

func (c *Case[S]) watchEvent(name string, h aggregate.EventHandler[S]) aggregate.EventHandler[S] {
	return aggregate.EventFunc[S](func(state S, e types.Event) (S, error) {
		stored := e.Body
		e.Body = bytes.Clone(stored)
		next, err := h.Apply(state, e)
		if err != nil {
			return next, err
		}
		if !bytes.Equal(e.Body, stored) {
			c.watch.fault(CheckOwnership, fmt.Sprintf("the handler of event %q changed the event's body: it was %s and is %s", name, stored, e.Body))
			return next, nil
		}
		was := flatten("state", next, true)
		for i := range e.Body {
			e.Body[i] ^= 0xff
		}
		if difference(was, flatten("state", next, true)) != "" {
			c.watch.fault(CheckOwnership, fmt.Sprintf("the handler of event %q keeps the event's body in the state: keep a copy", name))
		}
		copy(e.Body, stored)
		return next, nil
	})
}

// survives says what an event's body loses on its way through the store, or nothing.
func survives(e types.Uncommitted) string {
	v := reflect.ValueOf(e.Body)
	if !v.IsValid() || v.Type() == reflect.TypeFor[json.RawMessage]() {
		return ""
	}
	stored, err := encode(e.Body)
	if err != nil {
		return fmt.Sprintf("can't be stored: %v", err)
	}
	back := reflect.New(v.Type())
	if err := json.Unmarshal(stored, back.Interface()); err != nil {
		return fmt.Sprintf("is stored as %s, which can't be read back into %v: %v", stored, v.Type(), err)
	}
	diff := difference(flatten("body", v.Interface(), false), flatten("body", back.Elem().Interface(), false))
	if diff == "" {
		return ""
	}
	return fmt.Sprintf("does not survive its stored form %s%s", stored, diff)
}
