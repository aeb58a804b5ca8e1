package memory

import (
	"sync"
	"unique"

	"github.com/eventmaestro/maestro/internal/jsonb"
	"github.com/eventmaestro/maestro/store"
)

// attempt is a commit on its way, with its events in the form in which they are kept.
type attempt struct {
	commit  store.Commit
	records []record
	bodyErr error // why records are not all there; told only if there is no conflict

	scratch []byte
}

// attempts saves the allocations of all but what is kept: a body is one string.
var attempts = sync.Pool{New: func() any { return new(attempt) }}

// What is larger than these is left to the garbage collector, so that one huge commit does not stay.
const (
	pooledRecords = 256
	pooledBytes   = 64 << 10
)

// newAttempt copies what the store keeps of c. Whoever calls it also calls release, at the end.
func newAttempt(c store.Commit) *attempt {
	p := attempts.Get().(*attempt)
	p.commit = c
	for i := range c.Events {
		if p.bodyErr = p.add(i); p.bodyErr != nil {
			break
		}
	}
	return p
}

// add copies the event with index i.
func (p *attempt) add(i int) error {
	e := &p.commit.Events[i]
	body, err := jsonb.AppendCanonical(p.scratch[:0], e.Body)
	if err != nil {
		return invalidBody(e.AggregateID, e.Sequence, err)
	}
	p.scratch = body
	r := record{at: e.Timestamp, kind: unique.Make(e.Type), body: string(body)}
	if !e.Metadata.IsZero() {
		meta := e.Metadata
		r.meta = &meta
	}
	p.records = append(p.records, r)
	return nil
}

func (p *attempt) release() {
	records, scratch := p.records, p.scratch
	clear(records)
	*p = attempt{}
	if cap(records) <= pooledRecords {
		p.records = records[:0]
	}
	if cap(scratch) <= pooledBytes {
		p.scratch = scratch[:0]
	}
	attempts.Put(p)
}

// check compares the commit with the events and command IDs that are there already.
func (p *attempt) check(there []record, hasCommand func(string) bool) error {
	if len(p.commit.Events) > 0 {
		first, end := p.commit.Events[0].Sequence, sequenceOf(there)
		if first <= end {
			return store.ErrConflict
		}
		if p.bodyErr != nil {
			return p.bodyErr
		}
		if first > end+1 {
			return gap(p.commit.AggregateID, first, end)
		}
	}
	for i, r := range p.commit.Commands {
		if hasCommand(r.ID) || repeated(p.commit.Commands[:i], r.ID) {
			return store.ErrDuplicateCommand
		}
	}
	return nil
}

func repeated(records []store.CommandRecord, id string) bool {
	for i := range records {
		if records[i].ID == id {
			return true
		}
	}
	return false
}
