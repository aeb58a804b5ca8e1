package store

import (
	"context"
	"iter"

	"github.com/eventmaestro/maestro/hlc"
	"github.com/eventmaestro/maestro/types"
)

// Adapter keeps the events and snapshots of aggregates. All methods are safe for concurrent use.
// Every later call, in any process that uses the same database, sees what an earlier call stored.
//
// An adapter copies what it keeps. After a method returned, it neither holds nor modifies a slice
// that it was given. The receiver owns what it returns.
type Adapter interface {
	// Commit stores the events of one aggregate, runs the projections of its own kind and records
	// the command IDs. It does all of it or nothing.
	//
	// If another event has one of the sequences, the error is ErrConflict, even if there are other
	// reasons to refuse the commit. Events that begin past sequence 1 are stored only behind their
	// predecessor, see Commit.Predecessor. If it is missing, or has another timestamp than the one
	// named, the error is ErrNoPredecessor.
	//
	// No two events of the store have the same timestamp: if one is taken, the error is
	// ErrDuplicateTimestamp. On a partitioned table no index spans the partitions, so this holds
	// within each partition only. It always holds within an aggregate.
	//
	// If the aggregate has used a command ID before, or the commit has it twice, the error is
	// ErrDuplicateCommand.
	//
	// A projection gets the events in the order of their sequences. The adapter decides whether one
	// event goes through all projections before the next event, or all events through one
	// projection before the next projection.
	//
	// Other errors: ErrInvalidEvent (the event can't be stored, now or later), a *ProjectionError
	// (with a *types.PanicError as its cause if the projection panicked), ErrUnavailable (the database
	// can't be reached), and ErrOutcomeUnknown. After every error but the last the commit is not
	// stored and never will be. After ErrOutcomeUnknown it may be stored now, later or never. It is
	// safe to commit the very same events again, and the answer nil or ErrConflict settles the
	// question. After ErrConflict the events are stored if the log has them with the same
	// timestamps; otherwise they never will be. If the log has them they are visible; only Flusher
	// tells whether they are replicated.
	//
	// If the context ends before anything was sent, the call returns its error, and nothing is
	// stored. After that the adapter completes the commit, and bounds the wait itself.
	Commit(ctx context.Context, c Commit) error

	// Load reads what a cold aggregate needs, in one round trip and one consistent view: the
	// snapshot, if its sequence is in r, then events in the order of their sequences. After a
	// snapshot the events begin with the one AT the snapshot's sequence, the anchor. It proves that
	// the log reaches the snapshot, and the next timestamp must be after its own. Without a
	// snapshot they are all events of r. If an error ends Load, it yields a zero Entry with that
	// error last. If ctx has ended, that is its error; rows that were received before may still
	// come first. When the loop ends, even early, Load releases whatever it holds.
	Load(ctx context.Context, id hlc.Timestamp, r Range) iter.Seq2[Entry, error]

	// Events reads the events of r in the order of their sequences, whatever their timestamps are.
	// If an error ends it, it yields a zero Event with that error last. Otherwise it ends as Load
	// does.
	Events(ctx context.Context, id hlc.Timestamp, r Range) iter.Seq2[types.Event, error]

	// LatestSnapshot returns the newest snapshot if its sequence is in r, else nil. A store keeps
	// no older ones.
	LatestSnapshot(ctx context.Context, id hlc.Timestamp, r Range) (*types.Snapshot, error)

	// CommitSnapshot stores s in place of the aggregate's present snapshot. It does nothing and
	// returns nil if the present one is newer (it has a higher Generation in its Mark, or the same
	// one and a higher sequence) or equal, body included. If the Mark has At and the log has no
	// event with that timestamp at the sequence, the error is ErrNoEvent and nothing is stored. A
	// zero aggregate id, a sequence that no event can have, an empty body and a body that Commit
	// would refuse are ErrInvalidEvent.
	CommitSnapshot(ctx context.Context, s types.Snapshot) error
}

// Tx is an adapter whose methods are part of a transaction that the application began. What they
// store is visible to that transaction, and commits or rolls back with it. A refused Commit leaves
// the transaction usable. Like the transaction itself it is not safe for concurrent use.
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
