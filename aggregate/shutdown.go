package aggregate

import (
	"context"
	"errors"
	"fmt"

	"github.com/eventmaestro/maestro/hlc"
)

// ShutdownError says what a shutdown had to give up when its context ended. It wraps the
// context's error.
type ShutdownError struct {
	Requests   int             // refused with ErrClosed although they waited in a mailbox
	Snapshots  int             // that the policies ask for and that were not stored, or perhaps not
	Aggregates []hlc.Timestamp // whose goroutine was still at work, such as in a handler
	Err        error
}

func (e *ShutdownError) Error() string {
	return fmt.Sprintf("aggregate: shutdown: gave up %s and %s, %s still at work: %v",
		count(e.Requests, "request"), count(e.Snapshots, "snapshot"), count(len(e.Aggregates), "aggregate"), e.Err)
}

// Unwrap returns the context's error.
func (e *ShutdownError) Unwrap() error { return e.Err }

// Shutdown refuses new requests with ErrClosed, lets those in the mailboxes end, saves the
// snapshots that the policies ask for, and waits for all goroutines. If ctx ends first, it refuses
// the requests that still wait, interrupts work on the store, and returns a *ShutdownError that
// says what was given up. A second call waits like the first.
func (s *Supervisor) Shutdown(ctx context.Context) error {
	s.registry.Close()
	for s.registry.Busy() || s.saver.busy() {
		select {
		case <-s.registry.Quiet():
		case <-s.saver.empty:
		case <-ctx.Done():
			return s.giveUp(ctx.Err())
		}
	}
	s.registry.Wake() // another Shutdown that waits
	s.cancel()
	s.registry.Stop()
	return nil
}

// orClosed marks an error that is there because a shutdown had no time left.
func (s *Supervisor) orClosed(err error) error {
	if err == nil || s.base.Err() == nil || !errors.Is(err, context.Canceled) {
		return err
	}
	return &explained{ErrClosed, ErrClosed.Error() + ": " + bareText(err), err}
}

func (s *Supervisor) giveUp(cause error) error {
	e := &ShutdownError{Err: cause, Snapshots: s.saver.abandon()}
	s.cancel()
	e.Requests, e.Aggregates = s.registry.RefuseAll(ErrClosed)
	s.registry.Stop()
	return e
}
