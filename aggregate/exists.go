package aggregate

import (
	"context"
	"errors"
	"fmt"

	"github.com/eventmaestro/maestro/hlc"
	"github.com/eventmaestro/maestro/types"
)

// ErrNoAggregate is returned if the aggregate has no events: by FetchExisting, by GetExisting, and
// for a command with Expected types.Exists. Nothing was stored.
var ErrNoAggregate = errors.New("aggregate: no such aggregate")

// Exists reports whether the aggregate has an event as of now, across processes.
func (r *Root[S]) Exists(ctx context.Context, id hlc.Timestamp) (bool, error) {
	_, err := r.FetchExisting(ctx, id)
	if errors.Is(err, ErrNoAggregate) {
		return false, nil
	}
	return err == nil, err
}

// FetchExisting is FetchInstance, and ErrNoAggregate for an aggregate without events.
func (r *Root[S]) FetchExisting(ctx context.Context, id hlc.Timestamp) (Instance[S], error) {
	return existing(r.instance(ctx, id, true))
}

// GetExisting is Get with the sequence, and ErrNoAggregate for an aggregate without events. It
// looks at the log before it returns that error, because another process may have created the
// aggregate meanwhile.
func (r *Root[S]) GetExisting(ctx context.Context, id hlc.Timestamp) (Instance[S], error) {
	current, err := r.instance(ctx, id, false)
	if err == nil && current.Sequence == 0 {
		return r.FetchExisting(ctx, id)
	}
	return current, err
}

func existing[S any](current Instance[S], err error) (Instance[S], error) {
	if err == nil && current.Sequence == 0 {
		return current, fmt.Errorf("%w: %v has no events", ErrNoAggregate, current.ID)
	}
	return current, err
}

// expect compares what a command expects with the sequence that the aggregate is at.
func expect(command types.Command, id hlc.Timestamp, s types.Sequence) error {
	switch {
	case command.Expected == nil || *command.Expected == s:
		return nil
	case *command.Expected != types.Exists:
		return &UnexpectedSequenceError{AggregateID: id, Expected: *command.Expected, Actual: s}
	case s > 0:
		return nil
	}
	return fmt.Errorf("%w: %v has no events", ErrNoAggregate, id)
}
