package memory

import (
	"errors"
	"fmt"
	"iter"
	"maps"
)

// ErrExists is returned by [Rows.Insert] when the table has a row with that key.
var ErrExists = errors.New("memory: row exists")

// Table is what projections write and the application reads: rows of one store, each with a key.
// Make it with [NewTable].
//
// Its own methods see what is committed. They are safe for concurrent use, and none waits for a
// projection. Write through [Table.In]. Rows are not copied: everyone who gets a V shares its
// pointers, slices and maps, so replace it and never modify it.
type Table[K comparable, V any] struct{ store *Store }

// NewTable returns an empty table for the projections of s.
func NewTable[K comparable, V any](s *Store) *Table[K, V] { return &Table[K, V]{s} }

// Get returns the row with key k, and whether there is one.
func (t *Table[K, V]) Get(k K) (v V, ok bool) {
	t.store.mu.Lock()
	defer t.store.mu.Unlock()
	row := t.kept()[k]
	if row == nil {
		return v, false
	}
	return *row, true
}

// Len returns the number of rows.
func (t *Table[K, V]) Len() int {
	t.store.mu.Lock()
	defer t.store.mu.Unlock()
	return len(t.kept())
}

// All returns the rows as they are when the loop begins, in no particular order.
func (t *Table[K, V]) All() iter.Seq2[K, V] { return t.with(nil) }

// In returns the table as the commit of tx sees it. It panics if tx is of another store or of a
// commit that has ended.
func (t *Table[K, V]) In(tx *ProjectionTx) *Rows[K, V] {
	tx.mustBeOpen()
	if tx.tx.store != t.store {
		panic("memory: Table.In with a transaction of another store")
	}
	return &Rows[K, V]{table: t, tx: tx}
}

// kept are the committed rows. It is called with the store's lock held.
func (t *Table[K, V]) kept() changes[K, V] {
	rows, _ := t.store.kept.tables[t].(changes[K, V])
	return rows
}

// with yields the committed rows with a change.
func (t *Table[K, V]) with(c changes[K, V]) iter.Seq2[K, V] {
	return func(yield func(K, V) bool) {
		t.store.mu.Lock()
		rows := c.onto(t.kept().clone()).(changes[K, V])
		t.store.mu.Unlock()
		for k, row := range rows {
			if !yield(k, *row) {
				return
			}
		}
	}
}

// ProjectionTx is the part of a commit that its projections write to. It is valid only during the
// call that gets it, and not safe for concurrent use. [Table.In] takes it.
type ProjectionTx struct{ tx *Tx }

func (p *ProjectionTx) mustBeOpen() {
	if p.tx.ended {
		panic("memory: ProjectionTx used after its commit ended")
	}
}

// Rows is a [Table] inside of a commit: the committed rows with the changes of the commit so far.
// It is valid as long as its ProjectionTx; after that its methods panic. It is not safe for
// concurrent use.
type Rows[K comparable, V any] struct {
	table *Table[K, V]
	tx    *ProjectionTx
}

func (r *Rows[K, V]) changes() changes[K, V] {
	r.tx.mustBeOpen()
	own := &r.tx.tx.own
	c, ok := own.tables[r.table].(changes[K, V])
	if !ok {
		own.init()
		c = make(changes[K, V])
		own.tables[r.table] = c
	}
	return c
}

// Get returns the row with key k, and whether there is one.
func (r *Rows[K, V]) Get(k K) (v V, ok bool) {
	if changed, ok := r.changes()[k]; !ok {
		return r.table.Get(k)
	} else if changed != nil {
		return *changed, true
	}
	return v, false
}

// Put sets the row with key k, whether or not there is one.
func (r *Rows[K, V]) Put(k K, v V) { r.changes()[k] = &v }

// Insert adds a row. If there is a row with that key already, Insert changes nothing and returns
// [ErrExists].
func (r *Rows[K, V]) Insert(k K, v V) error {
	if _, ok := r.Get(k); ok {
		return fmt.Errorf("%w: %v", ErrExists, k)
	}
	r.Put(k, v)
	return nil
}

// Delete removes the row with key k and reports whether there was one.
func (r *Rows[K, V]) Delete(k K) bool {
	_, ok := r.Get(k)
	r.changes()[k] = nil
	return ok
}

// All returns the rows as they are when the loop begins, in no particular order. The loop may
// change them. It copies the whole table.
func (r *Rows[K, V]) All() iter.Seq2[K, V] { return r.table.with(r.changes()) }

// tables are the changes of each *Table.
type tables map[any]changed

type changed interface {
	clone() changed
	onto(kept changed) changed
}

func (t tables) clone() tables {
	all := make(tables, len(t))
	for table, c := range t {
		all[table] = c.clone()
	}
	return all
}

// changes are rows that were written. One that was deleted is nil. The committed rows of a table
// are the changes since it was made.
type changes[K comparable, V any] map[K]*V

func (c changes[K, V]) clone() changed { return maps.Clone(c) }

// onto makes the changes in the committed rows, which may be nil.
func (c changes[K, V]) onto(kept changed) changed {
	rows, _ := kept.(changes[K, V])
	if rows == nil {
		rows = make(changes[K, V])
	}
	for k, row := range c {
		if row != nil {
			rows[k] = row
		} else {
			delete(rows, k)
		}
	}
	return rows
}
