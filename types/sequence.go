package types

import "math"

// Sequence numbers the events of one aggregate: 1, 2, 3 … without gap or
// repeat. The zero value stands before the first event; it is the sequence of an
// aggregate that has no events yet.
//
// A store keeps it in 32 bits, so the last legal value is [MaxSequence]. The Go type
// is wider so that adding to a sequence can't wrap around before it is checked.
type Sequence int64

// MaxSequence is the highest sequence an aggregate can reach.
const MaxSequence Sequence = math.MaxInt32

// At returns a pointer to s, for the fields in which nil means "not given", such
// as [Command.Expected].
func At(s Sequence) *Sequence { return &s }
