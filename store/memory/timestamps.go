package memory

import (
	"math/bits"
	"sync"

	"github.com/eventmaestro/maestro/hlc"
)

// timestamps is the set of the timestamps of all stored events, for it is the whole store that they
// are unique in.
type timestamps struct {
	sets [64]timestampSet
}

type timestampSet struct {
	mu   sync.Mutex
	seen map[hlc.Timestamp]struct{} // guarded by mu

	_ [64 - 16]byte
}

func timestampIndex(t hlc.Timestamp) int { return int(spread(t) >> (64 - 6)) }

// add takes the timestamps of all records into the set, or of none if one is there already. It
// reports which it was.
func (t *timestamps) add(records []record) bool {
	if len(records) == 1 {
		set := &t.sets[timestampIndex(records[0].at)]
		set.mu.Lock()
		defer set.mu.Unlock()
		return set.add(records[0].at)
	}
	unlock := t.lock(records)
	defer unlock()
	for i := range records {
		if t.sets[timestampIndex(records[i].at)].add(records[i].at) {
			continue
		}
		for _, r := range records[:i] {
			delete(t.sets[timestampIndex(r.at)].seen, r.at)
		}
		return false
	}
	return true
}

// has reports whether one of the timestamps is in the set.
func (t *timestamps) has(records []record) bool {
	unlock := t.lock(records)
	defer unlock()
	for i := range records {
		if _, ok := t.sets[timestampIndex(records[i].at)].seen[records[i].at]; ok {
			return true
		}
	}
	return false
}

// lock takes the locks of all sets that the records fall into, by index, so that two callers can't
// wait for each other.
func (t *timestamps) lock(records []record) (unlock func()) {
	var mask uint64
	for i := range records {
		mask |= 1 << timestampIndex(records[i].at)
	}
	for m := mask; m != 0; m &= m - 1 {
		t.sets[bits.TrailingZeros64(m)].mu.Lock()
	}
	return func() {
		for m := mask; m != 0; m &= m - 1 {
			t.sets[bits.TrailingZeros64(m)].mu.Unlock()
		}
	}
}

// add is called with the lock held.
func (s *timestampSet) add(t hlc.Timestamp) bool {
	before := len(s.seen)
	if s.seen == nil {
		s.seen = make(map[hlc.Timestamp]struct{})
	}
	s.seen[t] = struct{}{}
	return len(s.seen) > before
}
