package aggregate

import (
	"context"
	"errors"
	"time"
)

// stopwatch returns the time, if anybody wants to know.
func (c *core[S]) stopwatch() (now time.Time) {
	if c.family.sup.options.Hooks.Commit != nil {
		now = time.Now()
	}
	return now
}

func (c *core[S]) reportCommit(ctx context.Context, commands, events int, start time.Time, err error) {
	if hook := c.family.sup.options.Hooks.Commit; hook != nil {
		hook(ctx, Committed{
			Root: c.family.name, AggregateID: c.ID, Commands: commands, Events: events,
			Start: start, Duration: time.Since(start), Err: err,
		})
	}
}

func (c *core[S]) reportConflict(ctx context.Context, commands, attempt int) {
	if hook := c.family.sup.options.Hooks.Conflict; hook != nil {
		hook(ctx, Conflict{Root: c.family.name, AggregateID: c.ID, Sequence: c.seq, Commands: commands, Attempt: attempt})
	}
}

func (c *core[S]) reportPanic(ctx context.Context, command string, err error) {
	if err == nil {
		return
	}
	p, ok := errors.AsType[*PanicError](err)
	if !ok {
		return
	}
	if err == error(p) { //nolint:errorlint // what is around another one says where
		p.Root, p.AggregateID, p.Type = c.family.name, c.ID, command
	}
	c.family.sup.log.Error("panic in a handler", "root", c.family.name, "aggregate", c.ID, "type", command, "value", p.Value)
	if hook := c.family.sup.options.Hooks.Panic; hook != nil {
		hook(ctx, Panicked{Root: c.family.name, AggregateID: c.ID, Type: command, Err: p})
	}
}
