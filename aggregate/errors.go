package aggregate

import (
	"errors"
	"fmt"
	"strings"

	"github.com/eventmaestro/maestro/hlc"
	"github.com/eventmaestro/maestro/store"
	"github.com/eventmaestro/maestro/types"
)

var (
	// ErrRejected is matched by a *RejectedError: a handler or a projection refused the command.
	// Nothing was stored.
	ErrRejected = errors.New("aggregate: command rejected")

	// ErrUnknownCommand is returned if the root has no handler for the command's type. The text
	// names both. Nothing was stored.
	ErrUnknownCommand = errors.New("aggregate: no handler")

	// ErrInvalidData is returned if the command's Data or ID is not what its handler takes. The
	// text says what it is and what is wanted. Nothing was stored.
	ErrInvalidData = errors.New("aggregate: invalid command data")

	// ErrInvalidID is returned for a zero aggregate id. Nothing was stored.
	ErrInvalidID = errors.New("aggregate: the aggregate id is zero: Root.NewID returns one")

	// ErrNoAggregate is returned if the aggregate has no events: by FetchExisting, by GetExisting,
	// and for a command with Expected types.Exists. Nothing was stored.
	ErrNoAggregate = errors.New("aggregate: no such aggregate")

	// ErrUnexpectedSequence is matched by an *UnexpectedSequenceError. Nothing was stored.
	ErrUnexpectedSequence = errors.New("aggregate: unexpected sequence")

	// ErrUnknownEvent is matched by an *EventError whose event type has no handler.
	ErrUnknownEvent = errors.New("aggregate: unknown event type")

	// ErrCorruptLog is matched by an *EventError that a stored log caused: a gap, a repeat,
	// another aggregate's event, or an event that can't be applied.
	ErrCorruptLog = errors.New("aggregate: corrupt log")

	// ErrRetriesSpent is returned for a command if other processes were first at every attempt. The
	// text has the number of attempts and what the last one met, such as store.ErrConflict, which
	// the error wraps. Nothing was stored.
	ErrRetriesSpent = errors.New("aggregate: retries spent")

	// ErrMailboxFull is returned, with the context's error, when a request waited for room in a
	// mailbox until its context ended. With Options.RefuseWhenFull it is returned at once. Nothing
	// was stored.
	ErrMailboxFull = errors.New("aggregate: mailbox full")

	// ErrTooManyAggregates is returned, with the context's error, when all Options.MaxLive
	// aggregates stayed busy until the context of a request ended. Nothing was stored.
	ErrTooManyAggregates = errors.New("aggregate: too many live aggregates")

	// ErrOtherRoot is returned if an id belongs to another root than the one that was asked. The
	// other root has the aggregate in memory, or it knows the type of the first event and the root
	// that was asked does not. The text names both. Nothing was stored.
	ErrOtherRoot = errors.New("aggregate: id belongs to another root")

	// ErrClosed is returned by a supervisor that was shut down. Nothing was stored.
	ErrClosed = errors.New("aggregate: supervisor is shut down")

	// ErrCommandReused is matched by a *CommandReusedError: another command with the same ID was
	// carried out before. Nothing of this one was stored.
	ErrCommandReused = errors.New("aggregate: command id used for another command")

	// ErrOtherStore is returned for a transaction of another store than the supervisor's. Nothing
	// was stored.
	ErrOtherStore = errors.New("aggregate: the transaction belongs to another store: wrap it with the Tx method of the supervisor's")
)

// RejectedError is a handler's or a projection's refusal of a command, made by [Reject]. It matches
// ErrRejected.
type RejectedError struct {
	Message string // for the person or program that sent the command
	Err     error  // for the log, the *store.ProjectionError where a projection refused; else nil
}

// Reject returns a *RejectedError with a message that is formatted like fmt.Sprintf. A
// handler returns it to refuse a command. Any other error refuses the command too, and reaches the
// caller as it is. A projection may also return it, or declare with postgres.Refusals which
// constraint of its tables means it.
func Reject(format string, args ...any) error {
	return &RejectedError{Message: fmt.Sprintf(format, args...)}
}

func (e *RejectedError) Error() string { return e.Message }

// Is reports whether target is ErrRejected.
func (e *RejectedError) Is(target error) bool { return target == ErrRejected }

// Unwrap returns the cause, if there is one.
func (e *RejectedError) Unwrap() error { return e.Err }

// unknownCommandError is for a command whose type the root doesn't know.
type unknownCommandError struct{ root, command string }

func (e *unknownCommandError) Error() string {
	return fmt.Sprintf("aggregate: %s has no handler for command type %s", e.root, quoted(e.command))
}

func (e *unknownCommandError) Is(target error) bool { return target == ErrUnknownCommand }

// invalidDataError is for a command whose Data is not what its handler takes.
type invalidDataError struct {
	root    string // empty where a handler of the application wrapped the error
	command string
	reason  string // such as "data is a string, want shop.Order"
	err     error  // why it could not be decoded, for a json.RawMessage
}

func (e *invalidDataError) Error() string {
	text := fmt.Sprintf("aggregate: command %q", e.command)
	if e.root != "" {
		text += " of " + e.root
	}
	text += ": " + e.reason
	if e.err != nil {
		text += ": " + bareText(e.err)
	}
	return text
}

func (e *invalidDataError) Is(target error) bool { return target == ErrInvalidData }
func (e *invalidDataError) Unwrap() error        { return e.err }

// ofRoot adds the root's name to what a handler that Command made says of its data.
func ofRoot(err error, root string) error {
	if e, ok := err.(*invalidDataError); ok { //nolint:errorlint // one that a handler wrapped is its own
		named := *e // a handler may return one error again and again
		named.root = root
		return &named
	}
	return err
}

// UnexpectedSequenceError is returned when the aggregate is not at the sequence that
// Command.Expected names. It matches ErrUnexpectedSequence.
type UnexpectedSequenceError struct {
	AggregateID hlc.Timestamp
	Expected    types.Sequence
	Actual      types.Sequence
}

func (e *UnexpectedSequenceError) Error() string {
	return fmt.Sprintf("aggregate: expected sequence %d of aggregate %v, which is at %d", e.Expected, e.AggregateID, e.Actual)
}

// Is reports whether target is ErrUnexpectedSequence.
func (e *UnexpectedSequenceError) Is(target error) bool { return target == ErrUnexpectedSequence }

// EventError says which event can't be applied, and why. If a command wanted to add the event, the
// command is refused and nothing was stored. If the event is a stored one, the error matches
// ErrCorruptLog, and the aggregate can't be used until the definition or the log is repaired. It
// matches ErrUnknownEvent if the type has no handler.
type EventError struct {
	AggregateID hlc.Timestamp
	Sequence    types.Sequence
	Type        string
	Stored      bool // whether the event is in the log
	Err         error
}

func (e *EventError) Error() string {
	whence := "new"
	if e.Stored {
		whence = "stored"
	}
	return fmt.Sprintf("aggregate: %s event %q, aggregate %v, sequence %d: %s",
		whence, e.Type, e.AggregateID, e.Sequence, bareText(e.Err))
}

// Is reports whether target is ErrCorruptLog and the event is a stored one.
func (e *EventError) Is(target error) bool { return target == ErrCorruptLog && e.Stored }

// Unwrap returns the cause.
func (e *EventError) Unwrap() error { return e.Err }

// OutcomeUnknownError is returned for a command whose commit was sent without an answer: the
// database stayed away, or the caller's context ended first. The events may be stored now, later or
// never; [Root.Lookup] tells. For a transaction it names one aggregate with events of the
// transaction: their outcome is the outcome of all. It matches store.ErrOutcomeUnknown.
type OutcomeUnknownError struct {
	AggregateID hlc.Timestamp
	Err         error // what ended the wait

	// Timestamps are those of the command's events, to look up. They are empty if they are not
	// known, because the command with an ID was a repeat and its first outcome could not be read.
	// Then only another repeat tells. For a transaction that was tried more than once they are
	// those of all attempts, of which at most one is stored: if any of them is found, it succeeded.
	Timestamps []hlc.Timestamp
}

func (e *OutcomeUnknownError) Error() string {
	tells := "a repeat with the same command ID"
	if n := len(e.Timestamps); n > 0 {
		tells = "Lookup of its " + count(n, "timestamp")
	}
	text := fmt.Sprintf("aggregate: outcome unknown: aggregate %v: the command may be stored, %s tells", e.AggregateID, tells)
	if e.Err == nil {
		return text
	}
	// What else is joined to the store's word for it is the cause.
	cause := strings.TrimLeft(strings.TrimPrefix(e.Err.Error(), store.ErrOutcomeUnknown.Error()), ":\n ")
	if cause == "" {
		return text
	}
	return text + ": " + bare(cause)
}

// Is reports whether target is store.ErrOutcomeUnknown.
func (e *OutcomeUnknownError) Is(target error) bool { return target == store.ErrOutcomeUnknown }

// Unwrap returns what ended the wait.
func (e *OutcomeUnknownError) Unwrap() error { return e.Err }

// LogWentBackError says that the log lacks events that a state in memory was built on, as after a
// failover to a standby that lacks the last commits, or after a restored backup. It goes to
// Hooks.LogWentBack and the logger. No caller gets it, because the state is read again and the
// command is decided on that. What was acknowledged and is no longer in the log is lost.
type LogWentBackError struct {
	Root        string
	AggregateID hlc.Timestamp
	Sequence    types.Sequence // of the state that was dropped
	Timestamp   hlc.Timestamp  // of its last event, which the log does not have
}

func (e *LogWentBackError) Error() string {
	return fmt.Sprintf("aggregate: the log went back: aggregate %v of %s was at sequence %d, whose event %v is gone", e.AggregateID, e.Root, e.Sequence, e.Timestamp)
}

// CommandReusedError is returned if a command with the same ID was carried out before, with another
// type or other data; see [Identifier] for what counts. It matches ErrCommandReused.
type CommandReusedError struct {
	AggregateID hlc.Timestamp
	CommandID   string

	// After and Last name the events of the command that was carried out: their sequences are in
	// (After, Last]. Both are equal if it had none.
	After, Last types.Sequence
}

func (e *CommandReusedError) Error() string {
	outcome := fmt.Sprintf("and led to sequences %d to %d", e.After+1, e.Last)
	switch e.Last - e.After {
	case 0:
		outcome = "and led to no event"
	case 1:
		outcome = fmt.Sprintf("and led to sequence %d", e.Last)
	}
	return fmt.Sprintf("aggregate: command id %q of aggregate %v: another command with this id was carried out before, %s; this one was not", e.CommandID, e.AggregateID, outcome)
}

// Is reports whether target is ErrCommandReused.
func (e *CommandReusedError) Is(target error) bool { return target == ErrCommandReused }

// DefinitionError says which field of a definition is wrong, and the remedy.
type DefinitionError struct {
	Root   string
	Field  string // such as `Commands["increment"]`, or S.Items for a field of the state
	Reason string
}

func (e *DefinitionError) Error() string {
	return fmt.Sprintf("aggregate: definition of %s: %s %s", e.Root, e.Field, e.Reason)
}
