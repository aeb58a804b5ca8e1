package memory

import (
	"encoding/binary"
	"math/bits"
	"sync"

	"github.com/eventmaestro/maestro/hlc"
)

const (
	setBits  = 6 // 64 sets, so that two processors seldom want the same one
	laneBits = 3 // neighbouring timestamps of a clock fall into 8 sets
	wordBits = 6 // and 64 of one set share a word
)

// timestamps is the set of the timestamps of all stored events, for it is the whole store that they
// are unique in.
//
// It is a bitmap, in pieces. A busy clock counts up by one, so the first eight bytes of
// its timestamps, as a number, are dense: 64 events share an entry of a map that stays in the
// processor's cache. A map with an entry an event took 25 bytes for it, and most of the time of a commit.
type timestamps struct {
	sets [1 << setBits]timestampSet
}

type timestampSet struct {
	mu    sync.Mutex
	words map[block]*uint64 // guarded by mu

	// The word that was asked for last, guarded by mu: the next timestamp is mostly its neighbour.
	recent block
	word   *uint64 // nil: none

	_ [64 - 40]byte
}

// block names the 512 timestamps of a node that differ in the lowest bits of the counter only.
type block struct{ node, number uint64 }

// place is where a timestamp is in the sets: a bit of a word.
type place struct {
	set   int
	block block
	bit   uint64
}

func placeOf(t hlc.Timestamp) place {
	n := binary.BigEndian.Uint64(t[:8])
	b := block{node: t.Node(), number: n >> (laneBits + wordBits)}
	lane := n & (1<<laneBits - 1)
	return place{
		set:   int((mix(b.number, b.node)>>(64-setBits) + lane) & (1<<setBits - 1)),
		block: b,
		bit:   1 << (n >> laneBits & (1<<wordBits - 1)),
	}
}

// add takes the timestamps of all rows into the set, or of none if one is there already. It
// reports which it was.
func (t *timestamps) add(rows []row) bool {
	if len(rows) == 1 {
		p := placeOf(rows[0].at)
		set := &t.sets[p.set]
		set.mu.Lock()
		defer set.mu.Unlock()
		return set.add(p)
	}
	unlock := t.lock(rows)
	defer unlock()
	for i := range rows {
		if p := placeOf(rows[i].at); t.sets[p.set].add(p) {
			continue
		}
		for _, r := range rows[:i] {
			p := placeOf(r.at)
			t.sets[p.set].remove(p)
		}
		return false
	}
	return true
}

// has reports whether one of the timestamps is in the set.
func (t *timestamps) has(rows []row) bool {
	unlock := t.lock(rows)
	defer unlock()
	for i := range rows {
		if p := placeOf(rows[i].at); t.sets[p.set].has(p) {
			return true
		}
	}
	return false
}

// lock takes the locks of all sets that the rows fall into, by index, so that two callers can't
// wait for each other.
func (t *timestamps) lock(rows []row) (unlock func()) {
	var mask uint64
	for i := range rows {
		mask |= 1 << placeOf(rows[i].at).set
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

// find returns the word of a block, or nil. This and what follows is called with the lock held.
func (s *timestampSet) find(b block) *uint64 {
	if s.word == nil || s.recent != b {
		word := s.words[b]
		if word == nil {
			return nil
		}
		s.recent, s.word = b, word
	}
	return s.word
}

func (s *timestampSet) has(p place) bool {
	word := s.find(p.block)
	return word != nil && *word&p.bit != 0
}

func (s *timestampSet) add(p place) bool {
	word := s.find(p.block)
	if word == nil {
		if s.words == nil {
			s.words = make(map[block]*uint64)
		}
		word = new(uint64)
		s.words[p.block], s.recent, s.word = word, p.block, word
	}
	if *word&p.bit != 0 {
		return false
	}
	*word |= p.bit
	return true
}

func (s *timestampSet) remove(p place) {
	word := s.find(p.block)
	if *word &^= p.bit; *word == 0 {
		delete(s.words, p.block)
		s.word = nil
	}
}
