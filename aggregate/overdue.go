package aggregate

import (
	"context"
	"fmt"
	"time"

	"github.com/eventmaestro/maestro/store"
)

// overdueError is why a context of the library's own ended, for an adapter that tells: nobody's caller set that bound, so what
// ran into it is no context error of theirs.
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
