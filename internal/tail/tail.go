// Package tail is what the tails of all stores have in common: the options and the loop.
package tail

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/eventmaestro/maestro/store"
	"github.com/eventmaestro/maestro/types"
)

// MaxParts bounds Options.Of.
const MaxParts = 64

// Options are those that the tails of all stores have; see postgres.TailOptions.
type Options struct {
	Name       string
	Types      []string
	Of         int
	MaxBatch   int
	Poll       time.Duration
	MaxBackoff time.Duration
	Failed     func(err error, attempt int)
}

// Complete returns o with defaults for what is zero, and its types in order. Its error names a
// field of the TailOptions of a package.
func (o Options) Complete(pkg string, defaults Options) (Options, error) {
	switch {
	case o.Name == "" || len(o.Name) > 256:
		return o, Invalid(pkg, "Name", "is %d bytes long: use 1 to 256", len(o.Name))
	case slices.Contains(o.Types, ""):
		return o, Invalid(pkg, "Types", "holds an empty type: leave it out")
	case o.Of < 0 || o.Of > MaxParts:
		return o, Invalid(pkg, "Of", "is %d: use 1 to %d, or 0 for 1", o.Of, MaxParts)
	case o.MaxBatch < 0:
		return o, Invalid(pkg, "MaxBatch", "is %d: use 1 or more, or 0 for the default", o.MaxBatch)
	case o.Poll < 0:
		return o, Invalid(pkg, "Poll", "is %v: use a positive duration, or 0 for the default", o.Poll)
	case o.MaxBackoff < 0:
		return o, Invalid(pkg, "MaxBackoff", "is %v: use a positive duration, or 0 for the default", o.MaxBackoff)
	}
	o.Types = slices.Compact(append([]string{}, slices.Sorted(slices.Values(o.Types))...))
	o.Of = cmp.Or(o.Of, 1)
	o.MaxBatch = cmp.Or(o.MaxBatch, defaults.MaxBatch)
	o.Poll = cmp.Or(o.Poll, defaults.Poll)
	o.MaxBackoff = cmp.Or(o.MaxBackoff, defaults.MaxBackoff)
	if o.Failed == nil {
		o.Failed = defaults.Failed
	}
	return o, nil
}

// Invalid is the error for a field of the TailOptions of a package.
func Invalid(pkg, field, reason string, args ...any) error {
	return &types.OptionsError{Package: pkg, Field: "TailOptions." + field, Reason: fmt.Sprintf(reason, args...)}
}

// ErrDone is returned by the last step of a Loop that is to end well.
var ErrDone = errors.New("tail: done")

// Loop takes the steps of a tail.
type Loop struct {
	Options
	Attempt int             // how many steps have failed since one did not
	Wake    <-chan struct{} // ends a pause in which there was nothing to do
}

// Run takes steps until ctx ends, and returns its cause, or until a step fails with a
// *[store.TailError], and returns that, or with ErrDone, and returns nil. It pauses after a step
// that had nothing to do, and after one that failed. Each failure in a row doubles the pause, up to
// MaxBackoff.
func (l *Loop) Run(ctx context.Context, step func(ctx context.Context) (more bool, err error)) error {
	for ctx.Err() == nil {
		more, err := step(ctx)
		if ctx.Err() != nil {
			break
		}
		pause, wake := l.Poll, l.Wake
		_, refused := errors.AsType[*store.TailError](err)
		switch {
		case errors.Is(err, ErrDone):
			return nil
		case refused:
			return err
		case err != nil:
			l.Attempt++
			l.Failed(err, l.Attempt)
			pause = min(l.MaxBackoff, 100*time.Millisecond<<min(l.Attempt-1, 20))
			pause, wake = pause/2+rand.N(pause/2+1), nil
		default:
			l.Attempt = 0
			if more {
				continue
			}
		}
		timer := time.NewTimer(pause)
		select {
		case <-ctx.Done():
		case <-timer.C:
		case <-wake:
		}
		timer.Stop()
	}
	return context.Cause(ctx)
}
