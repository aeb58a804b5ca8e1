package store

import (
	"bytes"
	"encoding/json"
	"fmt"

	"github.com/eventmaestro/maestro/hlc"
	"github.com/eventmaestro/maestro/types"
)

// MarkKey is the key under which the JSON object of a snapshot may carry a Mark, beside what it is
// about.
const MarkKey = "maestro"

// Mark is the part of a snapshot's body that an adapter looks at when it stores one; see
// Adapter.CommitSnapshot. The zero value is that of a body without a mark, such as one that Maestro
// wrote.
type Mark struct {
	// At is the timestamp of the event at the snapshot's sequence, in the form of Stamp; empty if
	// it is not known.
	At string `json:"at,omitempty"`

	// Generation rises when all earlier snapshots become void because the log changed: by a
	// redaction, or because the database went back. It is 0 at first.
	Generation int64 `json:"generation,omitempty"`
}

// MarkOf returns the mark of a snapshot's body.
func MarkOf(body json.RawMessage) Mark {
	var marked map[string]json.RawMessage
	var m Mark
	if json.Unmarshal(body, &marked) != nil || json.Unmarshal(marked[MarkKey], &m) != nil {
		return Mark{}
	}
	return m
}

// Stamp returns a timestamp in the form that a Mark has: 32 hexadecimal digits.
func Stamp(t hlc.Timestamp) string { return fmt.Sprintf("%x", t[:]) }

// Replaces reports whether Adapter.CommitSnapshot stores s if the store already has present, which
// may be nil.
func Replaces(s, present *types.Snapshot) bool {
	if present == nil {
		return true
	}
	mine, theirs := MarkOf(s.Body).Generation, MarkOf(present.Body).Generation
	switch {
	case mine != theirs:
		return mine > theirs
	case s.Sequence != present.Sequence:
		return s.Sequence > present.Sequence
	}
	return !bytes.Equal(s.Body, present.Body)
}
