package memory

import (
	"sync"

	"github.com/eventmaestro/maestro/store"
	"github.com/eventmaestro/maestro/types"
)

// attempt is a commit on its way, with its events in the form in which they are kept.
type attempt struct {
	commit  store.Commit
	log     log
	bodyErr error // why the log lacks events; told only if there is no conflict
}

// attempts saves the allocations of what is copied once more when it is stored.
var attempts = sync.Pool{New: func() any { return new(attempt) }}

// What is larger than these is left to the garbage collector, so that one huge commit does not stay.
const (
	pooledRows  = 256
	pooledBytes = 64 << 10
)

// newAttempt copies what the store keeps of c. Whoever calls it also calls release, at the end.
func newAttempt(c store.Commit) *attempt {
	p := attempts.Get().(*attempt)
	p.commit = c
	for i := range c.Events {
		if p.bodyErr = p.log.add(&c.Events[i]); p.bodyErr != nil {
			break
		}
	}
	return p
}

func (p *attempt) release() {
	p.log.reset()
	kept := p.log
	if cap(kept.rows) > pooledRows || cap(kept.text) > pooledBytes {
		kept = log{}
	}
	*p = attempt{log: kept}
	attempts.Put(p)
}

// check compares the commit with the last sequence and the command IDs that are there already.
func (p *attempt) check(end types.Sequence, hasCommand func(string) bool) error {
	if len(p.commit.Events) > 0 {
		first := p.commit.Events[0].Sequence
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
