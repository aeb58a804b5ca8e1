package memory

import (
	"fmt"
	"iter"
	"maps"
)

// ProjectionTx is the part of a commit that its projections write to. It is valid in the call
// that it is given to, and not safe for concurrent use. [Table.In] makes use of it.
type ProjectionTx struct {
	store  *Store
	parent *ProjectionTx         // of the application's transaction; nil: the tables themselves are below
	tables map[any]stagedChanges // by *Table
	ended  bool
}

// stagedChanges is a *Rows of any type.
type stagedChanges interface {
	apply()
	merge()
}

func newProjectionTx(s *Store, parent *ProjectionTx) *ProjectionTx {
	return &ProjectionTx{store: s, parent: parent, tables: make(map[any]stagedChanges)}
}

// apply makes everything visible to all readers.
func (tx *ProjectionTx) apply() {
	for _, t := range tx.tables {
		t.apply()
	}
}

// merge makes everything visible in the parent.
func (tx *ProjectionTx) merge() {
	for _, t := range tx.tables {
		t.merge()
	}
}

func (tx *ProjectionTx) end() { tx.ended = true }

func (tx *ProjectionTx) mustBeOpen() {
	if tx.ended {
		panic("memory: ProjectionTx used after its commit ended")
	}
}

// Rows is a [Table] inside of a commit: what is committed, with the changes of the commit so far. It is valid as long as its
// ProjectionTx, and not safe for concurrent use; its methods panic afterwards.
type Rows[K comparable, V any] struct {
	table   *Table[K, V]
	tx      *ProjectionTx
	under   *Rows[K, V] // in the parent; nil: table is below
	changes map[K]change[V]
}

// change is a row's new value, or its absence.
type change[V any] struct {
	value   V
	present bool
}

// Get returns the row with key k, and whether there is one.
func (r *Rows[K, V]) Get(k K) (V, bool) {
	r.tx.mustBeOpen()
	if c, ok := r.changes[k]; ok {
		return c.value, c.present
	}
	if r.under != nil {
		return r.under.Get(k)
	}
	return r.table.Get(k)
}

// Put sets the row with key k, whether or not there is one.
func (r *Rows[K, V]) Put(k K, v V) {
	r.tx.mustBeOpen()
	r.changes[k] = change[V]{value: v, present: true}
}

// Insert adds a row. If there is one with the key, it is left alone and the error is [ErrExists].
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
	if ok {
		r.changes[k] = change[V]{}
	}
	return ok
}

// All returns the rows as they are when the loop begins, in no order. The loop may change them. It
// costs a copy of the whole table.
func (r *Rows[K, V]) All() iter.Seq2[K, V] {
	return func(yield func(K, V) bool) {
		for k, v := range r.all() {
			if !yield(k, v) {
				return
			}
		}
	}
}

func (r *Rows[K, V]) all() map[K]V {
	r.tx.mustBeOpen()
	var rows map[K]V
	if r.under != nil {
		rows = r.under.all()
	} else {
		rows = maps.Collect(r.table.All())
	}
	write(rows, r.changes)
	return rows
}

func (r *Rows[K, V]) apply() {
	r.table.mu.Lock()
	defer r.table.mu.Unlock()
	write(r.table.rows, r.changes)
}

func (r *Rows[K, V]) merge() { maps.Copy(r.under.changes, r.changes) }

func write[K comparable, V any](rows map[K]V, changes map[K]change[V]) {
	for k, c := range changes {
		if c.present {
			rows[k] = c.value
		} else {
			delete(rows, k)
		}
	}
}
