package aggregate

import (
	"context"
	"fmt"
	"time"

	"github.com/eventmaestro/maestro/store"
)

// overdueError is why a context of the library's own ended, for an adapter that tells: nobody's
// caller set that bound, so what ran into it is no context error of theirs.
type overdueError time.Duration

func (e overdueError) Error() string {
	return fmt.Sprintf("%v: no answer within %v (Options.ReadTimeout)", store.ErrUnavailable, time.Duration(e))
}

// Is reports whether target is store.ErrUnavailable.
func (overdueError) Is(target error) bool { return target == store.ErrUnavailable }

// reading bounds a read that no single caller waits for.
func (s *Supervisor) reading(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeoutCause(ctx, s.options.ReadTimeout, overdueError(s.options.ReadTimeout))
}

// reading is the context of a read. What several callers wait for must not end with one of them; a
// transaction has one caller.
func (c *core[S]) reading(ctx context.Context) (context.Context, context.CancelFunc) {
	if c.tx != nil {
		return context.WithCancel(ctx)
	}
	return c.family.sup.reading(c.background(ctx))
}

// background is a context with the supervisor's life and the values of a caller's, such as
// the span it is part of: what several callers wait for must not end with one of them.
func (c *core[S]) background(values context.Context) context.Context {
	if c.tx != nil {
		return values
	}
	if values == context.Background() {
		return c.family.sup.base
	}
	return &valuesOf{Context: c.family.sup.base, values: values}
}

type valuesOf struct {
	context.Context
	values context.Context
}

// Value looks in the caller's context, but not for its cancellation: package context would
// find that in place of the supervisor's, and start a goroutine for each context that is derived.
func (v *valuesOf) Value(key any) any {
	if found := context.WithoutCancel(v.values).Value(key); found != nil {
		return found
	}
	return v.Context.Value(key)
}
