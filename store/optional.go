package store

import (
	"context"
	"fmt"
	"iter"
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

// Redactor is an optional capability of an Adapter: it changes what is stored of an aggregate, for
// a person's right to be forgotten or to repair what can't be read.
type Redactor interface {
	// Redact does what r says, all of it or nothing. Events keep their place, type and timestamp.
	// If an event is not there, the error is ErrNoEvent. If Commit would refuse a body, or
	// CommitSnapshot the snapshot, it is ErrInvalidEvent. Processes that hold the aggregate in
	// memory notice when they store a snapshot, because theirs is of an older generation.
	Redact(ctx context.Context, r Redaction) error
}

// Redaction says what a Redactor is to change.
type Redaction struct {
	// AggregateID names the aggregate.
	AggregateID hlc.Timestamp

	// Events are those that change, in any order. Each names its Sequence and has its new Body and
	// Metadata. A store that keeps no metadata ignores it. All other fields are ignored.
	Events []types.Event

	// Commands says that the records of all command IDs of the aggregate are dropped. A repeat of
	// one of those commands then runs again.
	Commands bool

	// Snapshot replaces the present one, whatever its sequence is. It must be of a later
	// generation, see Mark. If it is not, somebody else redacted the aggregate meanwhile: the error
	// is ErrConflict, and nothing is changed. Nil drops the present snapshot if it contains one of
	// the events.
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

// Chronology is an optional capability of an Adapter: it compares timestamps where they are stored,
// which saves reading all events for it.
type Chronology interface {
	// Rises reports whether the timestamps of an aggregate's events in r rise with their sequences.
	// It is true for no event and for one event.
	Rises(ctx context.Context, id hlc.Timestamp, r Range) (bool, error)
}

// Follower is an optional capability of an Adapter: it reads what is new for many aggregates at
// once if their readers ask at the same moment. Without it Events takes a statement for each.
type Follower interface {
	// Follow returns the events of an aggregate from sequence from on, in order, and whether there
	// may be more. It sees all that was committed before the call. The events are the caller's.
	Follow(ctx context.Context, id hlc.Timestamp, from types.Sequence) (events []types.Event, more bool, err error)
}

// Projector is an optional capability of an Adapter: it says which projections the adapter runs. So
// the library notices a definition with projections of which the store runs none.
type Projector interface {
	// StoreKind is that of the projections that the adapter runs.
	StoreKind() string
}

// Flusher is an optional capability of an Adapter: it makes sure that what can be read is as
// durable as what was acknowledged. Without it the library takes what is visible for durable.
type Flusher interface {
	// Flush returns nil once everything that was visible of an aggregate at the call is as durable
	// as a commit that is acknowledged now: written to disk, and on the standbys that a commit has
	// to wait for. After an error nothing is known, and the caller may try again. The zero id
	// stands for all aggregates. An adapter may flush more than it is asked for.
	Flush(ctx context.Context, id hlc.Timestamp) error
}

// Lister is an optional capability of an Adapter: it lists the aggregates of its log. See
// [Aggregates].
type Lister interface {
	// ListAggregates returns the ids of up to limit aggregates that have events, in rising order, from
	// the first one after after on. The zero id is before all. Fewer than limit are the last ones;
	// limit is at least 1.
	ListAggregates(ctx context.Context, after hlc.Timestamp, limit int) ([]hlc.Timestamp, error)
}

// Replicated is an optional capability of an Adapter: it reads long stretches of a log on another
// server, so that the one that takes the commits is spared.
type Replicated interface {
	// Replica returns an adapter to read an aggregate's past by, or nil if there is none now. Its
	// answers are no later than the Adapter's own, but what Redact changed may be read as it was
	// for a while. Only its Load, Events and LatestSnapshot are used.
	Replica() Adapter
}

// Transactor is an optional capability of an Adapter: transactions that the library begins and
// ends.
type Transactor interface {
	// BeginTx returns a transaction at READ COMMITTED. Its statements may use the values of ctx,
	// but don't end with it. BeginTx need not send anything yet.
	BeginTx(ctx context.Context) (OwnTx, error)
}

// OwnTx is a transaction that the library began. It ends with exactly one call of End or Abort.
// After that every other method returns an error. It is not safe for concurrent use.
type OwnTx interface {
	Tx

	// Lock waits until no other OwnTx, in any process, has the aggregate locked, and holds the lock
	// until the end of the transaction. The server keeps the line, in the order of arrival. Lock
	// then returns the events from sequence from on, in order, and whether there may be more.
	// Together with the beginning of the transaction it is one round trip. It does not keep out
	// writers that don't lock. The adapter bounds the wait, with ErrUnavailable, and so does ctx.
	// If locks are taken in opposite orders, one of the transactions is refused with ErrDeadlock
	// within milliseconds.
	Lock(ctx context.Context, id hlc.Timestamp, from types.Sequence) (events []types.Event, more bool, err error)

	// Stage keeps a commit until Send or End, or until the application uses the transaction itself.
	// If it is refused then, that call returns the error, as Adapter.Commit would, and the
	// transaction can only be aborted. Staged commits are sent in one round trip; commits of
	// different aggregates are sent in the order of their ids. The caller must not modify c
	// meanwhile.
	Stage(c Commit) error

	// Send sends what is staged.
	Send(ctx context.Context) error

	// End sends what is staged and commits, in one round trip. ErrOutcomeUnknown and the errors of
	// Commit mean what they mean there.
	End(ctx context.Context) error

	// Abort rolls back. After End it does nothing.
	Abort(ctx context.Context)

	// Repeatable reports whether err, an error of one of the application's own statements in the
	// transaction, is a conflict with another transaction, so that a repeat of the whole may
	// succeed.
	Repeatable(err error) bool
}

// Excluder is an OwnTx that can keep out even those who don't lock.
type Excluder interface {
	OwnTx

	// LockAlone is Lock for a transaction whose commit was refused although it held the lock: somebody
	// commits to the aggregate without waiting in line, and is always quicker. It waits until no
	// commit of the store is under way, in any process, and lets none begin before the transaction
	// ends, which must therefore be soon. Where commits don't end within milliseconds, it is Lock and
	// nothing else. So it is where the transaction has begun before.
	LockAlone(ctx context.Context, id hlc.Timestamp, from types.Sequence) (events []types.Event, more bool, err error)
}

// aggregatesPage is how many ids Aggregates reads at once.
const aggregatesPage = 1000

// Aggregates yields the ids of all aggregates in a's log, in rising order, which is about that of
// their creation. It reads 1,000 at a time and holds nothing between two reads. An aggregate that
// is created meanwhile is yielded if its id is higher than those yielded before. An error ends the
// loop: one of the adapter, or ErrUnsupported if a is no [Lister].
func Aggregates(ctx context.Context, a Adapter) iter.Seq2[hlc.Timestamp, error] {
	return func(yield func(hlc.Timestamp, error) bool) {
		l, ok := a.(Lister)
		if !ok {
			yield(hlc.Timestamp{}, fmt.Errorf("%w: a list of aggregates: %T is no store.Lister", ErrUnsupported, a))
			return
		}
		var last hlc.Timestamp
		for {
			page, err := l.ListAggregates(ctx, last, aggregatesPage)
			if err != nil {
				yield(hlc.Timestamp{}, err)
				return
			}
			for _, last = range page {
				if !yield(last, nil) {
					return
				}
			}
			if len(page) < aggregatesPage {
				return
			}
		}
	}
}
