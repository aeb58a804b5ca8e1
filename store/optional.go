package store

import (
	"context"
	"encoding/json"
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

// Redactor is an optional capability of an Adapter: it replaces the body of a stored
// event, for a person's right to be forgotten or to repair what can't be read.
type Redactor interface {
	// Redact replaces the body of one event and drops the aggregate's snapshot, if it
	// contains the event, together. The event keeps its place, type and timestamp. An event that is
	// not there is ErrNoEvent, a body that Commit would refuse ErrInvalidEvent. Processes that hold the aggregate in memory do not
	// notice until they load it again.
	Redact(ctx context.Context, id hlc.Timestamp, s types.Sequence, body json.RawMessage) error
}

// Projector is an optional capability of an Adapter: it says which projections it runs, so that a
// definition none of whose projections are among them can be told from one that has them for several stores.
type Projector interface {
	// StoreKind is that of the projections that the adapter runs.
	StoreKind() string
}
