package memory

import (
	"iter"
	"maps"
	"sync"
)

// Table is what projections write and the application reads: rows of one store, each with a key.
// Make it with [NewTable].
//
// Its own methods see what is committed. They are safe for concurrent use, and none waits for a
// projection. Write through [Table.In]. Rows are not copied: everyone who gets a V shares its
// pointers, slices and maps, so replace it and never modify it.
type Table[K comparable, V any] struct {
	store *Store

	mu   sync.RWMutex
	rows map[K]V // guarded by mu
}

// NewTable returns an empty table for the projections of s.
func NewTable[K comparable, V any](s *Store) *Table[K, V] {
	t := &Table[K, V]{store: s, rows: make(map[K]V)}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.register(t)
	return t
}

// Get returns the row with key k, and whether there is one.
func (t *Table[K, V]) Get(k K) (V, bool) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	v, ok := t.rows[k]
	return v, ok
}

// Len returns the number of rows.
func (t *Table[K, V]) Len() int {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return len(t.rows)
}

// All returns the rows as they are when the loop begins, in no particular order.
func (t *Table[K, V]) All() iter.Seq2[K, V] {
	return func(yield func(K, V) bool) { maps.All(t.copied())(yield) }
}

func (t *Table[K, V]) copied() map[K]V {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return maps.Clone(t.rows)
}

// save is for [Store.Checkpoint].
func (t *Table[K, V]) save() (restore func()) {
	rows := t.copied()
	return func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		t.rows = maps.Clone(rows)
	}
}

// In returns the table as the commit of tx sees it. It panics if tx is of another store or of a
// commit that has ended.
func (t *Table[K, V]) In(tx *ProjectionTx) *Rows[K, V] {
	tx.mustBeOpen()
	if tx.store != t.store {
		panic("memory: Table.In with a transaction of another store")
	}
	return &Rows[K, V]{table: t, tx: tx}
}
