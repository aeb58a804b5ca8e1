package aggregate

import (
	"time"

	"github.com/eventmaestro/maestro/store"
	"github.com/eventmaestro/maestro/types"
)

// Definition says everything about one kind of aggregate. It is plain data. [NewRoot] checks all of
// it, and later changes have no effect. Commands and Events are required; the zero value of every
// other field is a sensible default.
type Definition[S any] struct {
	// Name is the root's name in errors, logs and hooks. If it is empty, the name is that of S.
	Name string

	// Commands and Events are the handlers by type string.
	Commands Commands[S]
	Events   Events[S]

	// Initial returns the state before the first event. Make the maps here that event handlers
	// write into. The result is copied. Nil means the zero S; NewRoot refuses it if that is a nil
	// pointer or map.
	Initial func() S

	// Clone returns a copy of the state that shares no memory with it. Nil means a copy by
	// reflection of maps, slices and pointers, which NewRoot refuses for types it can't copy.
	Clone func(S) S

	// Projections run in the transaction that commits the events, for every event of this root. A
	// store skips projections made for another kind of store. NewRoot logs a warning if it skips
	// all of them.
	Projections []store.Projection

	// Upcasts bring stored events of older types to what Events knows.
	Upcasts Upcasts

	// SkipUnknownEvents ignores stored events without a handler. By default such an aggregate can't
	// be used, because its state would be a guess. New events without a handler are refused in
	// either case. With it, an id of another root is recognized only if that root has it in memory.
	SkipUnknownEvents bool

	// ReadFirst reads what other processes added before each evaluation: one more round trip. Use
	// it for handlers that look at the outside world and must not run on an old state. All other
	// handlers just run again if the state was old.
	ReadFirst bool

	// Snapshots says when snapshots are taken without a call of Root.Snapshot.
	Snapshots SnapshotPolicy

	// SnapshotVersion is the version of the snapshots. A snapshot of another version is ignored,
	// and the events are replayed. 0, the default, stands for the shape of S: the names, types and
	// JSON tags of its fields, however deep. So a state whose shape changed is replayed by itself.
	// Give it a new number if the meaning of a field, an event handler or Initial changes but the
	// shape does not. Keep a number if the shape changes and old snapshots are still good. Two
	// versions of a program that run at the same time each keep a snapshot.
	SnapshotVersion int

	// SharedWithMaestro says that processes of Maestro, in Elixir, work on the same aggregates.
	// Bodies and snapshots that would end such a process are then refused: those that are not a
	// JSON object, or have a number with a fraction that a float64 can't hold. For a body the error
	// is store.ErrInvalidEvent, for a snapshot a *DefinitionError.
	SharedWithMaestro bool

	// PrepareSnapshot returns what is encoded as the snapshot's JSON. Nil means the state. It is
	// called with a copy, in another goroutine than the aggregate's. If it returns anything but an
	// S, set UseSnapshot too; otherwise no snapshot is stored.
	PrepareSnapshot func(current Instance[S]) (any, error)

	// UseSnapshot returns the state that a snapshot stands for; current is the initial one. If it
	// returns an error, the snapshot is ignored and the events are replayed. Nil means that the
	// JSON is decoded into a zero S: what the JSON leaves out is zero, whatever Initial returns. It
	// is also called before a snapshot is stored. If it does not return the same state, the
	// snapshot is not stored; see Root.Snapshot.
	UseSnapshot func(current Instance[S], snapshot types.Snapshot) (S, error)

	// Idle says what becomes of an aggregate that nobody asks for.
	Idle IdlePolicy
}

// SnapshotPolicy says when snapshots are taken. None of them delays a caller.
type SnapshotPolicy struct {
	// Every is the number of events after which a snapshot is taken. 0 means never.
	Every int

	// AfterReplay is the number of events above which a cold start is followed by a snapshot. 0
	// means never.
	AfterReplay int
}

// Defaults of IdlePolicy.
const (
	DefaultHibernate = 15 * time.Second
	DefaultExit      = 15 * time.Minute
)

// IdlePolicy says what becomes of an aggregate that nobody asks for. The library checks about ten
// times within the shorter of the two durations, so both hold to within about a tenth of it.
type IdlePolicy struct {
	// Hibernate is the idle time after which an aggregate gives its goroutine back and keeps its
	// state. 0 means DefaultHibernate, a negative duration means never.
	Hibernate time.Duration

	// Exit is the idle time after which an aggregate leaves memory. 0 means DefaultExit, a negative
	// duration means never.
	Exit time.Duration

	// Snapshot saves a snapshot before every exit if there are events since the last one. This
	// includes exits because the supervisor is full or shuts down.
	Snapshot bool
}
