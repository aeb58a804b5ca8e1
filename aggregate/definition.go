package aggregate

import (
	"time"

	"github.com/eventmaestro/maestro/store"
	"github.com/eventmaestro/maestro/types"
)

// Definition says everything about one kind of aggregate. It is plain data, checked
// whole by [New] and not looked at again afterwards. Commands and Events are required; every
// other field's zero value is a sensible default.
type Definition[S any] struct {
	// Name stands in errors, logs and hooks. Empty, it is the name of S.
	Name string

	// Commands and Events are the handlers by type string.
	Commands Commands[S]
	Events   Events[S]

	// Initial returns the state before the first event, and it is the place to make maps that event handlers
	// write into; what it returns is copied. Nil means the zero S, which New refuses where that is a nil pointer or
	// map.
	Initial func() S

	// Clone returns a copy of the state that shares no memory with it. Nil means a copy by
	// reflection of maps, slices and pointers, which New refuses for types it can't copy.
	Clone func(S) S

	// Projections run in the transaction that commits the events, for every event of
	// this root. A store skips those made for another kind of store; New logs a warning where it
	// skips all of them.
	Projections []store.Projection

	// Upcasts bring stored events of older types to what Events knows.
	Upcasts Upcasts

	// SkipUnknownEvents passes over stored events without a handler. By default such an
	// aggregate can't be used, since its state would be a guess. New events without a handler
	// are refused in either case. With it, an id of another root can't be told to be one, unless that has it in memory.
	SkipUnknownEvents bool

	// ReadFirst reads what other processes added before each evaluation: one more round
	// trip. It is for handlers that look at the outside world and so must not be run on a state
	// that turns out to be old; all others are evaluated again when it does.
	ReadFirst bool

	// Snapshots says when snapshots are taken beside those by hand.
	Snapshots SnapshotPolicy

	// SnapshotVersion is the version of the snapshots. One of another version is passed over, and the events are replayed. 0,
	// the default, stands for the shape of S: the names, types and JSON tags of its fields, however deep, so that a state that
	// changed is replayed without a thought. Give it a number, and another one with each change, where what a field means, an
	// event handler or Initial changes and the shape does not; or where a shape changes in a way that old snapshots are good
	// for. Two versions of a program that run at the same time keep a snapshot each.
	SnapshotVersion int

	// SharedWithMaestro says that processes of Maestro, in Elixir, work on the same aggregates. Bodies and snapshots that end such
	// a process are refused then: what is no JSON object, and a number with a fraction that is past a float64. A
	// body is store.ErrInvalidEvent, a snapshot a *DefinitionError.
	SharedWithMaestro bool

	// PrepareSnapshot returns what is encoded as the snapshot's JSON. Nil means the state.
	// It is called with a copy, off the aggregate's goroutine. Where it returns anything but an S, UseSnapshot
	// has to be set too, or no snapshot is stored.
	PrepareSnapshot func(current Instance[S]) (any, error)

	// UseSnapshot returns the state that a snapshot stands for; current is the
	// initial one. An error passes the snapshot over, and the events are replayed. Nil means that
	// the JSON is decoded into a zero S: what the JSON leaves out is zero, whatever Initial returns.
	// It is called before a snapshot is stored, too: one that doesn't give the very state back is
	// not stored, see Root.Snapshot.
	UseSnapshot func(current Instance[S], snapshot types.Snapshot) (S, error)

	// Idle says what becomes of an aggregate that nobody asks for.
	Idle IdlePolicy
}

// SnapshotPolicy says when snapshots are taken. None of them delays a caller.
type SnapshotPolicy struct {
	// Every takes a snapshot when so many events came since the last one. 0 means never.
	Every int

	// AfterReplay takes one when a cold start had to replay more events than this. 0 means
	// never.
	AfterReplay int
}

// Defaults of IdlePolicy.
const (
	DefaultHibernate = 15 * time.Second
	DefaultExit      = 15 * time.Minute
)

// IdlePolicy says what becomes of an aggregate that nobody asks for. It is looked at about
// ten times in the shorter of the two durations, so they are kept to about a tenth.
type IdlePolicy struct {
	// Hibernate gives the aggregate's goroutine back after so long and keeps its state. 0 means
	// DefaultHibernate, a negative duration never.
	Hibernate time.Duration

	// Exit drops the aggregate from memory after so long. 0 means DefaultExit, a negative
	// duration never.
	Exit time.Duration

	// Snapshot saves a snapshot before an exit, also one that a full supervisor or its shutdown
	// asks for, if there are events since the last.
	Snapshot bool
}

func (p IdlePolicy) hibernate() time.Duration { return orDefault(p.Hibernate, DefaultHibernate) }
func (p IdlePolicy) exit() time.Duration      { return orDefault(p.Exit, DefaultExit) }

// orDefault returns d, the default for 0, and 0 (never) for less.
func orDefault(d, fallback time.Duration) time.Duration {
	switch {
	case d == 0:
		return fallback
	case d < 0:
		return 0
	}
	return d
}
