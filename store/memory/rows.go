package memory

import (
	"fmt"
	"iter"
	"maps"
)

// ProjectionTx is the part of a commit that its projections write to. It is valid only during the
// call that gets it, and not safe for concurrent use. [Table.In] takes it.
type ProjectionTx struct {
	store  *Store
	tables map[any]written // by *Table
	ended  bool
}

// written is the changes of a table, of any type.
type written interface {
	apply()
	clone() written
}

// savepoint returns what takes back all that is written since.
func (tx *ProjectionTx) savepoint() (undo func()) {
	saved := make(map[any]written, len(tx.tables))
	for t, w := range tx.tables {
		saved[t] = w.clone()
	}
	return func() { tx.tables = saved }
}

func (tx *ProjectionTx) mustBeOpen() {
	if tx.ended {
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

// changes are the rows of a table that were written. One that was deleted is nil.
type changes[K comparable, V any] struct {
	table *Table[K, V]
	rows  map[K]*V
}

func (c changes[K, V]) clone() written { return changes[K, V]{c.table, maps.Clone(c.rows)} }

// apply makes them visible to all readers.
func (c changes[K, V]) apply() {
	c.table.mu.Lock()
	defer c.table.mu.Unlock()
	c.write(c.table.rows)
}

func (c changes[K, V]) write(rows map[K]V) {
	for k, v := range c.rows {
		if v != nil {
			rows[k] = *v
		} else {
			delete(rows, k)
		}
	}
}

func (r *Rows[K, V]) changes() changes[K, V] {
	r.tx.mustBeOpen()
	c, ok := r.tx.tables[r.table].(changes[K, V])
	if !ok {
		c = changes[K, V]{r.table, make(map[K]*V)}
		r.tx.tables[r.table] = c
	}
	return c
}

// Get returns the row with key k, and whether there is one.
func (r *Rows[K, V]) Get(k K) (v V, ok bool) {
	if changed, ok := r.changes().rows[k]; !ok {
		return r.table.Get(k)
	} else if changed != nil {
		return *changed, true
	}
	return v, false
}

// Put sets the row with key k, whether or not there is one.
func (r *Rows[K, V]) Put(k K, v V) { r.changes().rows[k] = &v }

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
	r.changes().rows[k] = nil
	return ok
}

// All returns the rows as they are when the loop begins, in no particular order. The loop may
// change them. It copies the whole table.
func (r *Rows[K, V]) All() iter.Seq2[K, V] {
	return func(yield func(K, V) bool) {
		rows := r.table.copied()
		r.changes().write(rows)
		maps.All(rows)(yield)
	}
}
