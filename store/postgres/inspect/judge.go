package inspect

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/eventmaestro/maestro/hlc"
	"github.com/eventmaestro/maestro/internal/audit"
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

	log audit.Log
}

// event returns what is wrong with a row.
func (j *judge) event(r row) (wrong []string) {
	say := func(format string, args ...any) { wrong = append(wrong, fmt.Sprintf(format, args...)) }
	stamp, err := hlc.FromBytes(r.stamp)
	if err != nil {
		say("timestamp: %v", err)
	}
	for _, f := range j.log.Row(types.Sequence(r.sequence), stamp) {
		say("%s: %s", f.Kind, f.Text)
	}
	if ahead := stamp.Time().Sub(j.now); err == nil && ahead > hlc.DefaultMaxDrift {
		say("time ahead: the timestamp is %v ahead of the database's clock", ahead.Round(time.Second))
	}
	if j.known != nil && !j.known[r.name] {
		say("unknown type %q", r.name)
	}
	if err := j.replayed.unreadable[types.Sequence(r.sequence)]; err != nil {
		say("unreadable: %v", err)
	}
	j.problems += len(wrong)
	return wrong
}

// judgeSnapshot returns what is wrong with the snapshot, after the last event. Where the range
// leaves out its sequence, there is nothing to say. It counts who made it, of which event; and what
// a replay gives, where a kind knows the events.
func (j *judge) judgeSnapshot() (wrong []string) {
	s, made := j.snapshot.sequence, store.MarkOf(json.RawMessage(j.snapshot.body)).At
	if s < j.from || j.to > 0 && s > j.to {
		return nil
	}
	switch err := j.log.JudgeSnapshot(made); {
	case err != nil:
		wrong = append(wrong, err.Error())
	case made == "" && j.log.Falls && !j.replayed.compared:
		wrong = append(wrong, "without the mark of the Go library, in a log whose timestamps fall: it may be of other events than its sequence says")
	case j.replayed.snapshot != nil:
		wrong = append(wrong, j.replayed.snapshot.Error())
	}
	j.problems += len(wrong)
	return wrong
}

// end returns what is wrong with the log as a whole.
func (j *judge) end() (wrong []string) {
	if j.log.Rows == 0 {
		wrong = append(wrong, "no event of this aggregate in the range")
	}
	j.problems += len(wrong)
	return wrong
}

func (j *judge) summary() summary {
	return summary{Rows: j.log.Rows, First: int64(j.log.First), Last: int64(j.log.High), Problems: j.problems}
}
