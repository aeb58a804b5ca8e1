package inspect

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/eventmaestro/maestro/hlc"
	"github.com/eventmaestro/maestro/store"
	"github.com/eventmaestro/maestro/types"
)

// judge says what is wrong with the rows of a log, one after the other.
type judge struct {
	config
	now      time.Time
	snapshot *snapshot
	replayed replayed // the zero value where no kind knows the events
	problems int

	rows        int
	first, last int64
	stamp       hlc.Timestamp // of the row before
	reached     bool          // there is an event at the snapshot's sequence
	at          hlc.Timestamp // its timestamp
	falls       bool          // a timestamp is not after the one before
}

// event returns what is wrong with a row.
func (j *judge) event(r row) (wrong []string) {
	say := func(format string, args ...any) { wrong = append(wrong, fmt.Sprintf(format, args...)) }
	next := j.from
	if j.rows > 0 {
		next = j.last + 1
	}
	switch {
	case r.sequence == next+1:
		say("gap: sequence %d is missing", next)
	case r.sequence > next:
		say("gap: sequences %d to %d are missing", next, r.sequence-1)
	case r.sequence < next:
		say("repeat: sequence %d is there already", r.sequence)
	}
	stamp, err := hlc.FromBytes(r.stamp)
	switch {
	case err != nil:
		say("timestamp: %v", err)
	case j.rows > 0 && !j.stamp.Before(stamp):
		j.falls = true
		say("time back: the timestamp is not after %v", j.stamp)
	case stamp.Time().Sub(j.now) > hlc.DefaultMaxDrift:
		say("time ahead: the timestamp is %v ahead of the database's clock", stamp.Time().Sub(j.now).Round(time.Second))
	}
	if j.known != nil && !j.known[r.name] {
		say("unknown type %q", r.name)
	}
	if err := j.replayed.unreadable[types.Sequence(r.sequence)]; err != nil {
		say("unreadable: %v", err)
	}
	if j.rows == 0 {
		j.first = r.sequence
	}
	j.rows++
	j.last, j.stamp = r.sequence, stamp
	if j.snapshot != nil && j.snapshot.sequence == r.sequence {
		j.reached, j.at = true, stamp
	}
	j.problems += len(wrong)
	return wrong
}

// judgeSnapshot returns what is wrong with the snapshot, after the last event. Where the range leaves out
// its sequence, there is nothing to say. It counts who made it, of which event; and what a replay gives,
// where a kind knows the events.
func (j *judge) judgeSnapshot() (wrong []string) {
	s, made := j.snapshot.sequence, store.MarkOf(json.RawMessage(j.snapshot.body)).At
	switch {
	case s < j.from || j.to > 0 && s > j.to:
	case !j.reached && s > j.last:
		wrong = append(wrong, fmt.Sprintf("newer than the log, which ends at %d", j.last))
	case !j.reached:
		wrong = append(wrong, fmt.Sprintf("there is no event at its sequence, %d", s))
	case made != "" && made != store.Stamp(j.at):
		wrong = append(wrong, "made of another log: the event at its sequence is another one")
	case made == "" && j.falls && !j.replayed.compared:
		wrong = append(wrong, "without the mark of the Go library, in a log whose timestamps fall: it may be of other events than its sequence says")
	case j.replayed.snapshot != nil:
		wrong = append(wrong, j.replayed.snapshot.Error())
	}
	j.problems += len(wrong)
	return wrong
}

// end returns what is wrong with the log as a whole.
func (j *judge) end() (wrong []string) {
	if j.rows == 0 {
		wrong = append(wrong, "no event of this aggregate in the range")
	}
	j.problems += len(wrong)
	return wrong
}

func (j *judge) summary() summary {
	return summary{Rows: j.rows, First: j.first, Last: j.last, Problems: j.problems}
}
