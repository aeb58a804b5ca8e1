package aggregate

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/eventmaestro/maestro/types"
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

// reportPanic reports a panic, if err is one, and returns err with the place.
func (c *core[S]) reportPanic(ctx context.Context, command string, err error) error {
	if err == nil {
		return nil
	}
	p, ok := errors.AsType[*types.PanicError](err)
	if !ok {
		return err
	}
	c.family.sup.log.Error("panic in a handler", "root", c.family.name, "aggregate", c.ID, "type", command, "value", p.Value)
	if hook := c.family.sup.options.Hooks.Panic; hook != nil {
		hook(ctx, Panicked{Root: c.family.name, AggregateID: c.ID, Type: command, Err: p})
	}
	if err == error(p) { //nolint:errorlint // what is around another one says where
		return c.panicked(command, p)
	}
	return err
}

// panicked is a panic with its place; command is "" for a function or a read.
func (c *core[S]) panicked(command string, p *types.PanicError) error {
	place := fmt.Sprintf("%s, aggregate %v", c.family.name, c.ID)
	if command != "" {
		place = fmt.Sprintf("command %q of %s", command, place)
	}
	return during(place, p)
}
