package store

import (
	"context"
	"iter"

	"github.com/eventmaestro/maestro/hlc"
	"github.com/eventmaestro/maestro/types"
)

// Adapter keeps the events and snapshots of aggregates. All methods are safe for
// concurrent use, and what one method call stored is seen by every later call in any
// process that uses the same database.
//
// An adapter copies what it keeps: it neither holds on to nor modifies a slice it was
// given after the method returned, and what it returns belongs to the receiver.
type Adapter interface {
	// Commit stores the events of one aggregate, runs the projections of its own
	// kind and records the command IDs, all together or nothing of it.
	//
	// Another event at one of the sequences is ErrConflict, also when other causes of
	// refusal are present: it is looked for first. Events that begin past sequence 1 are stored
	// only behind their predecessor, see Commit.Predecessor; where it is missing, or has another
	// timestamp than the one named, the answer is ErrNoPredecessor.
	//
	// No two events of the store have the same timestamp: one that is taken is
	// ErrDuplicateTimestamp. On a partitioned table, where no index spans the partitions, that is
	// held within each partition only; within an aggregate it always is.
	//
	// A command ID that the aggregate has used, or that the commit has twice, is
	// ErrDuplicateCommand.
	//
	// A projection gets the events in the order of their sequences. Whether one event goes
	// through all projections before the next, or all events through one projection before the next
	// projection, is left to the adapter.
	//
	// Other errors: ErrInvalidEvent (refused for what it says, now and always),
	// ErrDuplicateTimestamp, ErrDuplicateCommand, a *ProjectionError, which has a *PanicError as its
	// cause where the projection panicked, ErrUnavailable (the database
	// could not be asked), and ErrOutcomeUnknown. After every error but the last, the commit
	// is not stored and never will be. After ErrOutcomeUnknown it may be stored now, later or never;
	// to commit the very same events again is safe and, once it answers nil or
	// ErrConflict, settles the question: after ErrConflict the events are stored if the log has
	// them with the same timestamps, and never will be if it hasn't. That the log has them proves
	// that they are visible; whether they are replicated, only Flusher can tell.
	//
	// A context that ends before anything was sent ends the call with its error, and
	// nothing is stored. After that the adapter sees the commit through and bounds the
	// wait by itself.
	Commit(ctx context.Context, c Commit) error

	// Load reads what a cold aggregate needs, in one round trip and one consistent view: the
	// snapshot, if its sequence is in r, then events in the order of their sequences. After a
	// snapshot the events begin with the one AT the snapshot's sequence, the anchor: it proves that
	// the log reaches the snapshot, and its timestamp is the one the next has to be after.
	// Without a snapshot they are all events of r. Load yields a zero Entry with the error that
	// ended it, if any. After ctx has ended that is its error, though rows that were received
	// before may still come first. Whatever it holds is released when the loop ends, also early.
	Load(ctx context.Context, id hlc.Timestamp, r Range) iter.Seq2[Entry, error]

	// Events reads the events of r in the order of their sequences, whatever their
	// timestamps say. It yields a zero Event with the error that ended it, if any, and otherwise
	// ends as Load does.
	Events(ctx context.Context, id hlc.Timestamp, r Range) iter.Seq2[types.Event, error]

	// LatestSnapshot returns the newest snapshot if its sequence is in r, else nil. A store keeps no
	// older ones.
	LatestSnapshot(ctx context.Context, id hlc.Timestamp, r Range) (*types.Snapshot, error)

	// CommitSnapshot stores s in place of the aggregate's present snapshot, unless that is newer: has a higher Generation in
	// its Mark, or the same one and a higher sequence, or all of the body as well. Then it does nothing and returns nil. It is
	// ErrNoEvent, and nothing is stored, where the Mark says At and the log has no event with that timestamp at the sequence. A zero
	// aggregate id, a sequence that no event can have, and a body that is empty or that Commit would refuse are
	// ErrInvalidEvent.
	CommitSnapshot(ctx context.Context, s types.Snapshot) error
}

// Tx is an adapter whose methods are part of a transaction that the
// application began: what they store is visible to that transaction and commits or
// rolls back with it. A refused Commit leaves the transaction usable. Like the
// transaction itself it is not safe for concurrent use.
type Tx interface {
	Adapter

	// Base returns the adapter outside of the transaction.
	Base() Adapter
}

// Range selects sequences: those after After, up to and including Max.
type Range struct {
	// After is excluded. The zero value begins with the first event.
	After types.Sequence

	// Max is included. The zero value means no upper bound.
	Max types.Sequence
}

// Contains reports whether s is in the range.
func (r Range) Contains(s types.Sequence) bool {
	return s > r.After && (r.Max == 0 || s <= r.Max)
}

// Entry is one step of a Load: a snapshot, which can only be the first, or an event.
type Entry struct {
	// Snapshot is nil where the entry is an event.
	Snapshot *types.Snapshot

	// Event is the zero value where the entry is a snapshot.
	Event types.Event
}
