package aggregatetest

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/eventmaestro/maestro/aggregate"
	"github.com/eventmaestro/maestro/store"
	"github.com/eventmaestro/maestro/types"
)

// outcome is what became of a command.
type outcome[S any] struct {
	command  types.Command
	before   types.Sequence
	events   []types.Event
	state    S
	err      error
	lookedAt bool // by a Then, or by Err
}

// When evaluates a command against what was given.
func (c *Case[S]) When(commandType string, data any) *Case[S] {
	c.t.Helper()
	return c.WhenCommand(types.Command{Type: commandType, Data: data})
}

// WhenSent is When for data that names its own type, as Root.Send takes it.
func (c *Case[S]) WhenSent(data types.CommandData) *Case[S] {
	c.t.Helper()
	return c.WhenCommand(types.Command{Type: data.CommandType(), Data: data})
}

// WhenCommand is When for a command with an ID or an expected sequence. Its AggregateID may be left
// out.
func (c *Case[S]) WhenCommand(command types.Command) *Case[S] {
	c.t.Helper()
	if c.broken || !c.beginsAnew() {
		return c
	}
	if command.AggregateID.IsZero() {
		command.AggregateID = c.id
	}
	if command.AggregateID != c.id {
		c.fatalf("command %q is for aggregate %v, the case is about %v", command.Type, command.AggregateID, c.id)
		return c
	}
	s := c.open(c.store)
	defer s.end()
	before, err := s.FetchInstance(context.Background(), c.id)
	if err != nil {
		c.fatalf("read the aggregate before command %q: %v", command.Type, err)
		return c
	}
	was := flatten("state", before.State, true)
	c.watch.made = nil
	o := &outcome[S]{command: command, before: before.Sequence}
	o.events, o.err = s.EvaluateEvents(c.context(), command)
	after, err := s.FetchInstance(context.Background(), c.id)
	if err != nil {
		c.fatalf("read the aggregate after command %q: %v", command.Type, err)
		return c
	}
	o.state, c.outcome = after.State, o
	if diff := difference(was, flatten("state", before.State, true)); diff != "" {
		c.watch.fault(CheckOwnership, "applying the events changed a copy of the state that was made before: is Definition.Clone shallow?"+diff)
	}
	c.verify(o)
	return c
}

func (c *Case[S]) context() context.Context {
	if c.metadata.IsZero() {
		return c.ctx
	}
	return types.WithMetadata(c.ctx, c.metadata)
}

// beginsAnew is called before something that forgets the last outcome. It returns false if the test
// is over, because nobody looked at an error.
func (c *Case[S]) beginsAnew() bool {
	c.t.Helper()
	c.checkLookedAt()
	c.outcome = nil
	return !c.broken
}

// checkLookedAt fails a test that would have passed over an error.
func (c *Case[S]) checkLookedAt() {
	c.t.Helper()
	if o := c.outcome; o != nil && o.err != nil && !o.lookedAt && !c.broken {
		o.lookedAt = true
		c.errorf("command %q failed, and nothing looked at it: %v", o.command.Type, o.err)
	}
}

// verify makes the checks that every When makes. What comes of one fault is not another.
func (c *Case[S]) verify(o *outcome[S]) {
	c.t.Helper()
	if fault := defect(o.err); fault != "" {
		o.lookedAt = true
		c.errorf("command %q: %s", o.command.Type, fault)
	}
	if !c.without[CheckBodies] && o.err == nil {
		for i, e := range c.watch.made {
			if fault := survives(e); fault != "" {
				c.errorf("command %q: event %d, %q: %s", o.command.Type, i+1, e.Type, fault)
			}
		}
	}
	if c.report() {
		return
	}
	log, err := logOf(c.store, c.id)
	if err != nil {
		c.fatalf("read the log: %v", err)
		return
	}
	if (c.without[CheckReplay] || c.checkReplay(o)) && !c.without[CheckSnapshots] {
		c.checkSnapshots(o, log)
	}
	c.report()
}

// defect describes an error that no definition should lead to, or returns nothing.
func defect(err error) string {
	if p, ok := errors.AsType[*types.PanicError](err); ok {
		return fmt.Sprintf("a handler panicked: %v\n%s", p.Value, p.Stack)
	}
	if e, ok := errors.AsType[*aggregate.EventError](err); ok && !e.Stored {
		if errors.Is(err, aggregate.ErrUnknownEvent) {
			return fmt.Sprintf("its handler returned an event of type %q, for which the definition has no event handler", e.Type)
		}
		return fmt.Sprintf("its handler returned an event of type %q that can't be applied: %v", e.Type, e.Err)
	}
	if e, ok := errors.AsType[*store.InvalidEventError](err); ok {
		return fmt.Sprintf("its handler returned an event that can't be stored: %v", e)
	}
	return ""
}

// checkReplay compares the live state with the one that a new process reads.
func (c *Case[S]) checkReplay(o *outcome[S]) bool {
	c.t.Helper()
	cold, err := c.read(c.store)
	if err != nil {
		c.errorf("after command %q: a cold start fails: %v", o.command.Type, err)
		return false
	}
	diff := difference(flatten("state", o.state, true), flatten("state", cold.State, true))
	if diff != "" {
		c.errorf("after command %q: the log gives another state (got) than the one in memory (want): does an event handler look at more than its arguments?%s", o.command.Type, diff)
	}
	return diff == ""
}

// checkSnapshots takes snapshots before and after the command's events and starts from them.
func (c *Case[S]) checkSnapshots(o *outcome[S], log []types.Event) {
	c.t.Helper()
	for _, at := range slices.Compact([]types.Sequence{o.before, types.Sequence(len(log))}) {
		if at == 0 {
			continue
		}
		a, err := c.snapshotted(log, at)
		if err != nil {
			c.errorf("the state at sequence %d has no snapshot: %v", at, err)
			return
		}
		s := c.open(a)
		from, err := s.FetchInstance(context.Background(), c.id)
		used, warnings := s.snapshot == at, s.warnings.String()
		s.end()
		switch {
		case err != nil:
			c.errorf("after a start from the snapshot at sequence %d: %v", at, err)
			return
		case !used:
			c.errorf("the snapshot at sequence %d is of no use: %s", at, warnings)
			return
		}
		if diff := difference(flatten("state", o.state, true), flatten("state", from.State, true)); diff != "" {
			c.errorf("the snapshot at sequence %d, and the events after it, give another state (got) than the log (want)%s", at, diff)
			return
		}
	}
}
