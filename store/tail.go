package store

import (
	"fmt"
	"time"
)

// TailProgress is how far a tail is.
type TailProgress struct {
	Delivered int64         // events that were handed out and whose place was saved, repeats after a Rewind included
	Events    int64         // events of the tail's types that are committed and not handed out yet
	Behind    time.Duration // the age of the oldest of those; 0 without any
	SavedAt   time.Time     // when the place was saved last, by the database's clock; in memory by the process'
}

// TailRefusal is the reason why a tail refuses to work until somebody changes something.
type TailRefusal string

// The reasons.
const (
	TailOnReplica   TailRefusal = "on a replica"            // the place can't be saved there
	TailNoTables    TailRefusal = "without its tables"      // the log has no transaction_id, or there is no table of tails
	TailOtherTypes  TailRefusal = "name used with others"   // the name's place is one among events of other types
	TailOtherServer TailRefusal = "place on another server" // the database was restored into another cluster
	TailDistributed TailRefusal = "on a distributed log"    // there is no one order of transactions
	TailOtherParts  TailRefusal = "dealt out anew"          // another process has changed the number of parts
)

// TailError is returned by a tail that refuses to work. Its text says what to do.
type TailError struct {
	Tail   string
	Reason TailRefusal
	Remedy string // what is the case, and what ends it
}

func (e *TailError) Error() string { return fmt.Sprintf("tail %s: %s", e.Tail, e.Remedy) }
