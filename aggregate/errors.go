package aggregate

import (
	"errors"
	"fmt"
	"runtime/debug"
	"strings"

	"github.com/eventmaestro/maestro/hlc"
	"github.com/eventmaestro/maestro/store"
	"github.com/eventmaestro/maestro/types"
)

var (
	// ErrRejected is matched by a *RejectedError: a handler or a projection refused the command.
	// Nothing was stored.
	ErrRejected = errors.New("aggregate: command rejected")

	// ErrUnknownCommand is matched by an *UnknownCommandError: the root has no handler for the
	// command's type. Nothing was stored.
	ErrUnknownCommand = errors.New("aggregate: no handler")

	// ErrInvalidData is matched by an *InvalidDataError: the command's Data is not what its
	// handler takes. Nothing was stored.
	ErrInvalidData = errors.New("aggregate: invalid command data")

	// ErrInvalidID is returned for a zero aggregate id. Nothing was stored.
	ErrInvalidID = errors.New("aggregate: the aggregate id is zero: Root.NewID returns one")

	// ErrUnexpectedSequence is matched by an *UnexpectedSequenceError. Nothing was stored.
	ErrUnexpectedSequence = errors.New("aggregate: unexpected sequence")

	// ErrUnknownEvent is matched by an *EventError whose event type has no handler.
	ErrUnknownEvent = errors.New("aggregate: unknown event type")

	// ErrCorruptLog is matched by an *EventError that a stored log caused: a gap, a repeat,
	// another aggregate's event, or an event that can't be applied.
	ErrCorruptLog = errors.New("aggregate: corrupt log")

	// ErrRetriesSpent is matched by a *RetriesSpentError. Nothing was stored.
	ErrRetriesSpent = errors.New("aggregate: retries spent")

	// ErrMailboxFull is returned, with the context's error, when a request waited for room in a
	// mailbox until its context ended. With Options.RefuseWhenFull it is returned at once. Nothing
	// was stored.
	ErrMailboxFull = errors.New("aggregate: mailbox full")

	// ErrTooManyAggregates is returned, with the context's error, when all Options.MaxLive
	// aggregates stayed busy until the context of a request ended. Nothing was stored.
	ErrTooManyAggregates = errors.New("aggregate: too many live aggregates")

	// ErrOtherRoot is matched by an *OtherRootError: the id belongs to another root. Nothing was
	// stored.
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

// UnknownCommandError is returned for a command whose type the root doesn't know. It matches
// ErrUnknownCommand.
type UnknownCommandError struct {
	Root string // the root's name
	Type string // the command's type
}

func (e *UnknownCommandError) Error() string {
	return fmt.Sprintf("aggregate: %s has no handler for command type %s", e.Root, quoted(e.Type))
}

// Is reports whether target is ErrUnknownCommand.
func (e *UnknownCommandError) Is(target error) bool { return target == ErrUnknownCommand }

// InvalidDataError is returned for a command whose Data is not what its handler takes. It
// matches ErrInvalidData.
type InvalidDataError struct {
	Root   string // the root's name; empty where a handler of yours wrapped the error
	Type   string // the command's type
	Reason string // such as "data is a string, want shop.Order"
	Err    error  // why it could not be decoded, for a json.RawMessage
}

func (e *InvalidDataError) Error() string {
	text := fmt.Sprintf("aggregate: command %q", e.Type)
	if e.Root != "" {
		text += " of " + e.Root
	}
	text += ": " + e.Reason
	if e.Err != nil {
		text += ": " + bareText(e.Err)
	}
	return text
}

// Is reports whether target is ErrInvalidData.
func (e *InvalidDataError) Is(target error) bool { return target == ErrInvalidData }

// Unwrap returns the decoder's error, if there is one.
func (e *InvalidDataError) Unwrap() error { return e.Err }

// ofRoot adds the root's name to the error of a handler that was made without one.
func ofRoot(err error, root string) error {
	e, ok := err.(*InvalidDataError) //nolint:errorlint // one that a handler wrapped is its own
	if ok && e.Root == "" {
		named := *e
		named.Root = root
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

// RetriesSpentError is returned for a command if other processes were first at every attempt. It
// matches ErrRetriesSpent.
type RetriesSpentError struct {
	AggregateID hlc.Timestamp
	Attempts    int
	Err         error // what the last attempt met, such as store.ErrConflict
}

func (e *RetriesSpentError) Error() string {
	return fmt.Sprintf("aggregate: retries spent: nothing was stored in %s, aggregate %v: %v", count(e.Attempts, "attempt"), e.AggregateID, e.Err)
}

// Is reports whether target is ErrRetriesSpent.
func (e *RetriesSpentError) Is(target error) bool { return target == ErrRetriesSpent }

// Unwrap returns what the last attempt met.
func (e *RetriesSpentError) Unwrap() error { return e.Err }

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

// OtherRootError is returned if an id belongs to another root than the one that was asked. The
// other root has the aggregate in memory, or it knows the type of the first event and the root that
// was asked does not. It matches ErrOtherRoot.
type OtherRootError struct {
	AggregateID hlc.Timestamp
	Holder      string // the root that the aggregate belongs to
	Asked       string // the root that was asked
}

func (e *OtherRootError) Error() string {
	return fmt.Sprintf("aggregate: %v belongs to root %q, asked for through %q", e.AggregateID, e.Holder, e.Asked)
}

// Is reports whether target is ErrOtherRoot.
func (e *OtherRootError) Is(target error) bool { return target == ErrOtherRoot }

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

// PanicError is a panic of a handler, returned to the caller of the command that met it.
// Nothing of that command was stored.
type PanicError struct {
	Root        string        // the root's name, where it is known
	AggregateID hlc.Timestamp // the same
	Type        string        // the command's type; empty for a function or a read
	Value       any           // what was passed to panic
	Stack       []byte        // the stack at the panic, as debug.Stack formats it
}

func (e *PanicError) Error() string {
	switch {
	case e.Root == "":
		return fmt.Sprintf("aggregate: panic: %v", e.Value)
	case e.Type == "":
		return fmt.Sprintf("aggregate: panic in %s, aggregate %v: %v", e.Root, e.AggregateID, e.Value)
	}
	return fmt.Sprintf("aggregate: panic in command %q of %s, aggregate %v: %v", e.Type, e.Root, e.AggregateID, e.Value)
}

// Unwrap returns the value if it is an error.
func (e *PanicError) Unwrap() error {
	err, _ := e.Value.(error)
	return err
}

// recovered turns a panic into *err. It is deferred around every call of the
// application's code.
func recovered(err *error) {
	if v := recover(); v != nil {
		*err = &PanicError{Value: v, Stack: debug.Stack()}
	}
}

// DefinitionError says which field of a definition is wrong, and the remedy.
type DefinitionError struct {
	Root   string
	Field  string // such as `Commands["increment"]`, or S.Items for a field of the state
	Reason string
}

func (e *DefinitionError) Error() string {
	return fmt.Sprintf("aggregate: definition of %s: %s %s", e.Root, e.Field, e.Reason)
}

// OptionsError says which field of Options is wrong, and the remedy.
type OptionsError struct {
	Field  string // a field of Options
	Reason string // what is wrong with it, and what is right
}

func (e *OptionsError) Error() string {
	return fmt.Sprintf("aggregate: Options.%s %s", e.Field, e.Reason)
}
