package types

import (
	"encoding/json"

	"github.com/eventmaestro/maestro/hlc"
)

// Snapshot is the state of an aggregate at one sequence. A store keeps one per aggregate and
// replaces it only by a newer one. It saves time and holds no information of its own: the events
// alone give the same state.
type Snapshot struct {
	// AggregateID names the aggregate.
	AggregateID hlc.Timestamp

	// Sequence is that of the last event the state contains, 1 to MaxSequence.
	Sequence Sequence

	// Body is the state's JSON. It is owned by whoever received the snapshot.
	Body json.RawMessage
}
