package aggregatetest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/eventmaestro/maestro/aggregate"
	"github.com/eventmaestro/maestro/types"
)

// Then demands that the command has exactly these events, in this order. Bodies are compared as
// JSON values.
func (c *Case[S]) Then(events ...types.Uncommitted) *Case[S] {
	c.t.Helper()
	o := c.looked("Then")
	if o == nil || !c.succeeded(o) {
		return c
	}
	if len(events) != len(o.events) {
		want := make([]string, len(events))
		for i, e := range events {
			want[i] = e.Type
		}
		c.errorf("command %q led to other events\n    got  %d: %s\n    want %d: %s", o.command.Type,
			len(o.events), list(o.types()), len(events), list(want))
		return c
	}
	for i, want := range events {
		if fault := compare(want, o.events[i]); fault != "" {
			c.errorf("command %q: event %d of %d is another%s", o.command.Type, i+1, len(events), fault)
		}
	}
	return c
}

// ThenNothing demands that the command succeeded without an event.
func (c *Case[S]) ThenNothing() *Case[S] {
	c.t.Helper()
	return c.Then()
}

// ThenState demands the present state: after the command, or, if there was none, after what was
// given.
func (c *Case[S]) ThenState(want S) *Case[S] {
	c.t.Helper()
	if c.broken {
		return c
	}
	got := c.State()
	if diff := difference(flatten("state", want, true), flatten("state", got, true)); diff != "" && !c.broken {
		c.errorf("the state is another%s", diff)
	}
	return c
}

// ThenRejected demands that the command was refused by a handler through aggregate.Reject, or by
// another error that matches aggregate.ErrRejected, whose text contains text.
func (c *Case[S]) ThenRejected(text string) *Case[S] {
	c.t.Helper()
	o := c.looked("ThenRejected")
	switch {
	case o == nil:
	case o.err == nil:
		c.errorf("command %q was not rejected; it led to %s", o.command.Type, list(o.types()))
	case !errors.Is(o.err, aggregate.ErrRejected):
		c.errorf("command %q was not rejected but failed: %v", o.command.Type, o.err)
	case !strings.Contains(o.err.Error(), text):
		c.errorf("command %q was rejected with another text\n    got  %q\n    want %q", o.command.Type, o.err.Error(), text)
	}
	return c
}

// ThenError demands that the command failed with an error that matches target, as errors.Is says.
func (c *Case[S]) ThenError(target error) *Case[S] {
	c.t.Helper()
	o := c.looked("ThenError")
	switch {
	case o == nil:
	case o.err == nil:
		c.errorf("command %q did not fail; it led to %s", o.command.Type, list(o.types()))
	case !errors.Is(o.err, target):
		c.errorf("command %q failed with another error\n    got  %v\n    want %v", o.command.Type, o.err, target)
	}
	return c
}

// Err returns the command's error, for what no Then can check.
func (c *Case[S]) Err() error {
	c.t.Helper()
	if o := c.looked("Err"); o != nil {
		return o.err
	}
	return nil
}

// Events returns the command's events, as they are stored.
func (c *Case[S]) Events() []types.Event {
	c.t.Helper()
	if c.outcome == nil {
		return nil
	}
	return slices.Clone(c.outcome.events)
}

// State returns a copy of the present state, for what ThenState can't check.
func (c *Case[S]) State() (s S) {
	c.t.Helper()
	if c.broken {
		return s
	}
	current, err := c.read(c.store)
	if err != nil {
		c.fatalf("read the aggregate: %v", err)
		return s
	}
	return current.State
}

// looked returns the last outcome, which somebody looks at now.
func (c *Case[S]) looked(method string) *outcome[S] {
	c.t.Helper()
	switch {
	case c.broken:
		return nil
	case c.outcome == nil:
		c.fatalf("%s without a When before it", method)
		return nil
	}
	c.outcome.lookedAt = true
	return c.outcome
}

func (c *Case[S]) succeeded(o *outcome[S]) bool {
	c.t.Helper()
	if o.err != nil {
		if defect(o.err) == "" { // else it was reported
			c.errorf("command %q failed: %v", o.command.Type, o.err)
		}
		return false
	}
	return true
}

func (o *outcome[S]) types() []string {
	all := make([]string, len(o.events))
	for i, e := range o.events {
		all[i] = e.Type
	}
	return all
}

// compare says how an event differs from the one that is wanted, or nothing.
func compare(want types.Uncommitted, got types.Event) string {
	if want.Type != got.Type {
		return fmt.Sprintf("\n    got  %s %s\n    want %s", got.Type, got.Body, want.Type)
	}
	body, err := encode(want.Body)
	if err != nil {
		return fmt.Sprintf(": the body that is wanted can't be stored: %v", err)
	}
	if bytes.Equal(body, got.Body) {
		return ""
	}
	return fmt.Sprintf(" (%s)%s", got.Type, difference(flatten("body", decoded(body), false), flatten("body", decoded(got.Body), false)))
}

// decoded returns stored JSON as maps, slices and numbers as they are written.
func decoded(body json.RawMessage) (v any) {
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	_ = d.Decode(&v) // it is canonical, so it is JSON
	return v
}

func list(names []string) string {
	if len(names) == 0 {
		return "no event"
	}
	return strings.Join(names, ", ")
}
