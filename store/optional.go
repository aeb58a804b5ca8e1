package store

import (
	"context"
	"time"

	"github.com/eventmaestro/maestro/hlc"
	"github.com/eventmaestro/maestro/types"
)

// CommandLog is an optional capability of an Adapter: it keeps command IDs. An adapter
// without it answers a Commit that has Commands with ErrUnsupported.
type CommandLog interface {
	// LookupCommand returns the record of a command ID, or nil if it is not known.
	LookupCommand(ctx context.Context, aggregateID hlc.Timestamp, commandID string) (*CommandRecord, error)

	// PruneCommands forgets the command IDs recorded before t and returns how many; a
	// repeat of one of those commands runs again from then on.
	PruneCommands(ctx context.Context, t time.Time) (int64, error)
}

// Redactor is an optional capability of an Adapter: it changes what is stored of an aggregate, for a person's right to be
// forgotten or to repair what can't be read.
type Redactor interface {
	// Redact does what r says, all of it or nothing. Events keep their place, type and timestamp. An event that is
	// not there is ErrNoEvent, a body that Commit would refuse, or a snapshot that CommitSnapshot would, ErrInvalidEvent. Processes that
	// hold the aggregate in memory notice when they store a snapshot: theirs is of an older generation.
	Redact(ctx context.Context, r Redaction) error
}

// Redaction says what a Redactor is to change.
type Redaction struct {
	// AggregateID names the aggregate.
	AggregateID hlc.Timestamp

	// Events are those that change, in any order: each names its Sequence and has the Body and the Metadata that it is
	// to have. Where the store keeps no metadata, that is passed over, and so are all other fields.
	Events []types.Event

	// Commands says that the records of all command IDs of the aggregate are dropped: a repeat of one of
	// those commands runs again.
	Commands bool

	// Snapshot takes the place of the present one, whatever its sequence is. It has to be of a later generation, see Mark: else
	// somebody else redacted the aggregate meanwhile, which is ErrConflict, and nothing is changed. Nil drops the present
	// one if it contains one of the events.
	Snapshot *types.Snapshot
}

// First returns the lowest sequence that changes, or 0.
func (r Redaction) First() (first types.Sequence) {
	for _, e := range r.Events {
		if first == 0 || e.Sequence < first {
			first = e.Sequence
		}
	}
	return first
}

// Chronology is an optional capability of an Adapter: it compares timestamps where they are stored, which saves reading
// all events for it.
type Chronology interface {
	// Rises reports whether the timestamps of an aggregate's events in r rise with their sequences. Those of no
	// event or of one do.
	Rises(ctx context.Context, id hlc.Timestamp, r Range) (bool, error)
}

// Follower is an optional capability of an Adapter: it reads what is new for many aggregates at once, where their readers
// ask at the same moment. Events in its place takes a statement for each.
type Follower interface {
	// Follow returns the events of an aggregate from sequence from on, in order, and whether there may be more. It
	// sees all that was committed before the call. The events are the caller's.
	Follow(ctx context.Context, id hlc.Timestamp, from types.Sequence) (events []types.Event, more bool, err error)
}

// Projector is an optional capability of an Adapter: it says which projections it runs, so that a
// definition none of whose projections are among them can be told from one that has them for several stores.
type Projector interface {
	// StoreKind is that of the projections that the adapter runs.
	StoreKind() string
}

// Flusher is an optional capability of an Adapter: it makes sure that what can be read is as durable
// as what was acknowledged. Without it, visible is taken for durable.
type Flusher interface {
	// Flush returns nil once all that was visible of an aggregate when it was called is as durable as a
	// commit that is acknowledged now: written to disk, and on the standbys that a commit has to wait
	// for. Until then nothing is known; an error may be followed by another try. The zero id stands for
	// all aggregates. An adapter may flush more than it is asked for.
	Flush(ctx context.Context, id hlc.Timestamp) error
}

// Transactor is an optional capability of an Adapter: transactions that the library begins and ends.
type Transactor interface {
	// BeginTx returns a transaction at READ COMMITTED. The values of ctx, not its end, may be kept for
	// its statements. Nothing need be sent yet.
	BeginTx(ctx context.Context) (OwnTx, error)
}

// OwnTx is a transaction that the library began. It ends with exactly one call of End or Abort, after
// which every other method is an error. It is not safe for concurrent use.
type OwnTx interface {
	Tx

	// Lock waits until no other OwnTx, in any process, has the aggregate locked, and holds the lock
	// until the end of the transaction: a line that the server keeps, in the order of arrival. It
	// then returns the events from sequence from on, in order, and whether there may be more: with
	// the beginning of the transaction it is one round trip. Who doesn't lock is not kept out. The
	// wait is bounded by the adapter, which answers ErrUnavailable, and by ctx. Where locks are
	// taken in opposite orders, one of the transactions is refused with ErrDeadlock within
	// milliseconds.
	Lock(ctx context.Context, id hlc.Timestamp, from types.Sequence) (events []types.Event, more bool, err error)

	// Stage keeps a commit until Send or End, or until the application uses the transaction by itself.
	// What is refused then is an error of that call, as Commit of Adapter has it; the transaction can
	// only be aborted after it. Staged commits are sent in one round trip, in the order of their
	// aggregates' ids where they are of different ones. The caller must not modify c meanwhile.
	Stage(c Commit) error

	// Send sends what is staged.
	Send(ctx context.Context) error

	// End sends what is staged and commits, in one round trip. ErrOutcomeUnknown and the errors of
	// Commit mean what they mean there.
	End(ctx context.Context) error

	// Abort rolls back. After End it does nothing.
	Abort(ctx context.Context)

	// Repeatable reports whether err, of one of the application's own statements in the transaction,
	// is a conflict with another transaction, so that the whole may succeed when it is repeated.
	Repeatable(err error) bool
}
