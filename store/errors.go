package store

import (
	"errors"
	"fmt"

	"github.com/eventmaestro/maestro/hlc"
	"github.com/eventmaestro/maestro/types"
)

var (
	// ErrConflict is returned if another event has the sequence of a commit: somebody was first.
	// Nothing was stored; read what is new and decide again. A *ConflictError matches it and
	// contains what is new.
	ErrConflict = errors.New("store: sequence conflict")

	// ErrNoPredecessor is matched by a *PredecessorError: the event that a commit was decided on is
	// not in the log. The log went back, as after a failover or a restore. Nothing was stored;
	// read the aggregate again and decide again.
	ErrNoPredecessor = errors.New("store: predecessor is not in the log")

	// ErrDuplicateTimestamp is returned if another event has the same timestamp as one in the
	// commit: two clocks share a node id. Nothing was stored. A partitioned table notices it only
	// within a partition.
	ErrDuplicateTimestamp = errors.New("store: duplicate timestamp")

	// ErrDuplicateCommand is returned if a command ID of the commit was used before, or is in the
	// commit twice. Nothing was stored; CommandLog tells the first outcome.
	ErrDuplicateCommand = errors.New("store: duplicate command id")

	// ErrInvalidEvent is matched by an *InvalidEventError: the commit or snapshot can't be
	// stored, now or later.
	ErrInvalidEvent = errors.New("store: invalid event")

	// ErrOutcomeUnknown is returned if a commit was sent and its answer got lost: it may be stored
	// now, later or never.
	ErrOutcomeUnknown = errors.New("store: outcome unknown")

	// ErrUnavailable is returned if the database can't be reached, or is too busy to answer.
	// Nothing was stored; the same call may succeed later.
	ErrUnavailable = errors.New("store: unavailable")

	// ErrDeadlock is returned by a transaction that waits for another one, which waits for it. It
	// can only be aborted. A repeat may succeed.
	ErrDeadlock = errors.New("store: deadlock")

	// ErrNoEvent is returned if a named event is not in the log.
	ErrNoEvent = errors.New("store: no such event")

	// ErrUnsupported is returned if the store lacks an optional capability. The text says which,
	// and how to get it.
	ErrUnsupported = errors.New("store: not supported")
)

// ConflictError is an ErrConflict with what was stored meanwhile, which saves the caller a round
// trip.
type ConflictError struct {
	AggregateID hlc.Timestamp

	// Events are the stored ones, in order, beginning with the sequence before the commit's first:
	// the predecessor comes first, unless the commit began with sequence 1. The receiver owns them.
	Events []types.Event

	// More says that there may be events after these.
	More bool
}

func (e *ConflictError) Error() string { return ErrConflict.Error() }

// Is reports whether target is ErrConflict.
func (e *ConflictError) Is(target error) bool { return target == ErrConflict }

// PredecessorError says which event is missing. It matches ErrNoPredecessor.
type PredecessorError struct {
	AggregateID hlc.Timestamp
	Sequence    types.Sequence // of the event that is not there
	Timestamp   hlc.Timestamp  // that it was to have; zero if any would do
}

func (e *PredecessorError) Error() string {
	text := fmt.Sprintf("%v: aggregate %v has no event at sequence %d", ErrNoPredecessor, e.AggregateID, e.Sequence)
	if !e.Timestamp.IsZero() {
		text += fmt.Sprintf(" with timestamp %v", e.Timestamp)
	}
	return text
}

// Is reports whether target is ErrNoPredecessor.
func (e *PredecessorError) Is(target error) bool { return target == ErrNoPredecessor }

// InvalidEventError says which event of a commit can't be stored, and why. It
// matches ErrInvalidEvent.
type InvalidEventError struct {
	AggregateID hlc.Timestamp
	Sequence    types.Sequence // 0: the commit as a whole
	Field       string         // such as "type" or "body"
	Reason      string         // such as "is empty"
	Err         error          // the cause, such as the driver's error; may be nil
}

func (e *InvalidEventError) Error() string {
	text := "store: invalid event: "
	switch {
	case e.Sequence != 0:
		text += fmt.Sprintf("aggregate %v, sequence %d: ", e.AggregateID, e.Sequence)
	case !e.AggregateID.IsZero():
		text += fmt.Sprintf("aggregate %v: ", e.AggregateID)
	}
	text += e.Field + " " + e.Reason
	if e.Err != nil {
		text += ": " + e.Err.Error()
	}
	return text
}

// Is reports whether target is ErrInvalidEvent.
func (e *InvalidEventError) Is(target error) bool { return target == ErrInvalidEvent }

// Unwrap returns the cause, if there is one.
func (e *InvalidEventError) Unwrap() error { return e.Err }

// ProjectionError is returned when a projection refused the commit. Nothing was stored.
type ProjectionError struct {
	Event types.Event // the event it was given; only the first of the commit if that is not known
	Err   error       // what the projection returned
}

func (e *ProjectionError) Error() string {
	return fmt.Sprintf("store: projection of event %q, aggregate %v, sequence %d: %v", e.Event.Type, e.Event.AggregateID, e.Event.Sequence, e.Err)
}

// Unwrap returns what the projection returned.
func (e *ProjectionError) Unwrap() error { return e.Err }
