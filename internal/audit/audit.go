// Package audit says what is wrong with the order of a log and with the place of a snapshot in it.
// It is what Root.Inspect, which applies the events, and the program maestro-inspect, which may
// know no definition, have in common.
package audit

import (
	"errors"
	"fmt"

	"github.com/eventmaestro/maestro/hlc"
	"github.com/eventmaestro/maestro/store"
	"github.com/eventmaestro/maestro/types"
)

// The kinds of findings.
const (
	Gap      = "gap"
	Repeat   = "repeat"
	TimeBack = "time back"
)

// Finding is one thing that is wrong with a row's place in the log.
type Finding struct{ Kind, Text string }

// Log follows the rows of one aggregate's log, or of a part of it.
type Log struct {
	From     types.Sequence // the first that should be there
	Snapshot types.Sequence // that of the snapshot, if there is one

	Rows  int
	First types.Sequence // that of the first row
	High  types.Sequence // the highest so far
	Falls bool           // a timestamp is not after the one before

	last  hlc.Timestamp // of the row before
	there hlc.Timestamp // of the event at the snapshot's sequence
}

// Row takes the next row. A timestamp that could not be read is zero, and nothing is said of it.
func (l *Log) Row(s types.Sequence, at hlc.Timestamp) (findings []Finding) {
	next := l.From
	if l.Rows > 0 {
		next = l.High + 1
	}
	switch {
	case s == next+1:
		findings = append(findings, Finding{Gap, fmt.Sprintf("sequence %d is missing", next)})
	case s > next:
		findings = append(findings, Finding{Gap, fmt.Sprintf("sequences %d to %d are missing", next, s-1)})
	case s < next:
		findings = append(findings, Finding{Repeat, fmt.Sprintf("sequence %d is there already", s)})
	}
	if l.Rows > 0 && !at.IsZero() && !l.last.Before(at) {
		l.Falls = true
		findings = append(findings, Finding{TimeBack, fmt.Sprintf("the timestamp is not after %v", l.last)})
	}
	if l.Rows == 0 {
		l.First = s
	}
	l.Rows++
	l.High, l.last = max(l.High, s), at
	if s == l.Snapshot {
		l.there = at
	}
	return findings
}

// JudgeSnapshot says what is wrong with the snapshot's place, after the last row. made is the
// timestamp in its mark, at its sequence; empty where it has none.
func (l *Log) JudgeSnapshot(made string) error {
	switch {
	case l.there.IsZero() && l.Snapshot > l.High:
		return fmt.Errorf("newer than the log, which ends at %d", l.High)
	case l.there.IsZero():
		return errors.New("at a sequence without an event")
	case made != "" && made != store.Stamp(l.there):
		return errors.New("made of another log: the event at its sequence is another one")
	}
	return nil
}
