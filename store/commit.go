package store

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/eventmaestro/maestro/hlc"
	"github.com/eventmaestro/maestro/internal/typestring"
	"github.com/eventmaestro/maestro/types"
)

// Commit is what is stored together or not at all.
type Commit struct {
	// AggregateID names the aggregate that all the events belong to.
	AggregateID hlc.Timestamp

	// Events are contiguous in sequence and rise in timestamp. They may be empty only if
	// Commands is not.
	Events []types.Event

	// Predecessor is the timestamp of the event that Events were decided on: the one at the
	// sequence before theirs. The commit itself checks it, so nothing is ever stored behind a gap,
	// or behind an event of a log that went back. Zero asks only that there is such an event. If
	// Events begin with sequence 1 it means nothing.
	//
	// Where there are no Events, it is the one at the sequence that Commands say they come after, and
	// zero asks for nothing.
	Predecessor hlc.Timestamp

	// Projections run with the commit, each for every event in order. An adapter skips projections
	// of another kind.
	Projections []Projection

	// Commands are the command IDs that are used up by this commit.
	Commands []CommandRecord
}

// Projection is code that runs in the transaction that commits the events. Each adapter
// package makes its own kind of them and documents what they get.
type Projection interface {
	// StoreKind names the adapter package the projection is for, such as "postgres".
	StoreKind() string
}

// CommandRecord is the outcome of a command that had an ID.
type CommandRecord struct {
	// ID is the command's, unique within the aggregate; 1 to types.MaxTypeLength bytes.
	ID string

	// Fingerprint is a hash of the command's type and data.
	Fingerprint [32]byte

	// The command's events are those with sequences in (After, Last]. Both are equal if it had
	// none.
	After, Last types.Sequence
}

// Check returns an *InvalidEventError if c can't be stored, else nil. Adapters call it first. It
// doesn't look into bodies.
func (c Commit) Check() error {
	if c.AggregateID.IsZero() {
		return c.invalid(0, "aggregate id", "is zero")
	}
	if len(c.Events) == 0 && len(c.Commands) == 0 {
		return c.invalid(0, "commit", "has no events")
	}
	for i := range c.Events {
		if err := c.checkEvent(i); err != nil {
			return err
		}
	}
	for _, r := range c.Commands {
		if reason := typestring.Fault(r.ID); reason != "" {
			return c.invalid(r.Last, "command id", reason)
		}
	}
	return nil
}

func (c Commit) checkEvent(i int) error {
	e := &c.Events[i]
	switch {
	case e.AggregateID != c.AggregateID:
		return c.invalid(e.Sequence, "aggregate id", fmt.Sprintf("is another aggregate's: %v", e.AggregateID))
	case e.Sequence < 1 || e.Sequence > types.MaxSequence:
		return c.invalid(e.Sequence, "sequence", fmt.Sprintf("is not in 1 to %d", types.MaxSequence))
	case e.Timestamp.IsZero():
		return c.invalid(e.Sequence, "timestamp", "is zero")
	case len(e.Body) == 0:
		return c.invalid(e.Sequence, "body", "is empty")
	}
	if !e.Metadata.IsZero() {
		if reason := metadataFault(&e.Metadata); reason != "" {
			return c.invalid(e.Sequence, "metadata", reason)
		}
	}
	if reason := typestring.Fault(e.Type); reason != "" {
		return c.invalid(e.Sequence, "type", reason)
	}
	if i == 0 {
		return nil
	}
	switch before := &c.Events[i-1]; {
	case e.Sequence != before.Sequence+1:
		return c.invalid(e.Sequence, "sequence", fmt.Sprintf("does not follow %d", before.Sequence))
	case !before.Timestamp.Before(e.Timestamp):
		return c.invalid(e.Sequence, "timestamp", "is not after the one before")
	}
	return nil
}

func (c Commit) invalid(s types.Sequence, field, reason string) error {
	return &InvalidEventError{AggregateID: c.AggregateID, Sequence: s, Field: field, Reason: reason}
}

// metadataFault says why metadata can't be stored, or nothing.
func metadataFault(m *types.Metadata) string {
	for _, text := range [...]string{m.CorrelationID, m.CausationID, m.Actor, m.TraceParent, m.CommandID} {
		switch {
		case strings.IndexByte(text, 0) >= 0:
			return "contains a NUL byte"
		case !utf8.ValidString(text):
			return "is not valid UTF-8"
		}
	}
	return ""
}
