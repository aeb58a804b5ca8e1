package store

import (
	"fmt"

	"github.com/eventmaestro/maestro/types"
)

// CheckSnapshot returns an *InvalidEventError if s can't be stored, else nil. Adapters call it
// first. It doesn't look into the body.
func CheckSnapshot(s types.Snapshot) error {
	fault := &InvalidEventError{AggregateID: s.AggregateID, Sequence: s.Sequence}
	switch {
	case s.AggregateID.IsZero():
		fault.Field, fault.Reason = "aggregate id", "is zero"
	case s.Sequence < 1 || s.Sequence > types.MaxSequence:
		fault.Field, fault.Reason = "sequence", fmt.Sprintf("is not in 1 to %d", types.MaxSequence)
	case len(s.Body) == 0:
		fault.Field, fault.Reason = "snapshot", "is empty"
	default:
		return nil
	}
	return fault
}
