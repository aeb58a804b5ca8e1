package router

import (
	"context"
	"errors"
	"fmt"
	"reflect"

	"github.com/eventmaestro/maestro/hlc"
	"github.com/eventmaestro/maestro/store"
)

// Options configures a router. The zero value of each field is a sensible default.
type Options struct {
	// Slot says which of the slots an aggregate has: 0 to slots - 1, the same in every process and
	// for ever. It must be quick and safe for concurrent use. Nil means Slot.
	Slot func(id hlc.Timestamp, slots int) int
}

// Store deals aggregates to other stores. It is a [store.Adapter] with all optional capabilities
// that those stores have. If one of them lacks a capability, the answer for its aggregates is
// [store.ErrUnsupported]. All methods are safe for concurrent use.
type Store struct {
	slots []slot
	slot  func(id hlc.Timestamp, slots int) int
	kind  string
}

// New makes a router of a table from slot to store, which it copies: len(table) is the number of
// slots, for ever, and at most MaxSlots. Nil options are the defaults. The stores must run
// projections of one kind. An error says what is wrong with the table.
func New(table []store.Adapter, o *Options) (*Store, error) {
	if len(table) == 0 || len(table) > MaxSlots {
		return nil, fmt.Errorf("router: the table has %d slots: want 1 to %d, see Deal", len(table), MaxSlots)
	}
	s := &Store{slots: make([]slot, len(table)), slot: Slot}
	if o != nil && o.Slot != nil {
		s.slot = o.Slot
	}
	for i, a := range table {
		if isNil(a) {
			return nil, fmt.Errorf("router: slot %d has no store: give it one", i)
		}
		kind := kindOf(a)
		if i == 0 {
			s.kind = kind
		}
		if kind != s.kind {
			return nil, fmt.Errorf("router: slot %d has a store for %q projections, slot 0 one for %q: use stores of one kind", i, kind, s.kind)
		}
		s.slots[i].to = a
	}
	return s, nil
}

// Slot returns the slot of an aggregate.
func (s *Store) Slot(id hlc.Timestamp) int { return s.slot(id, len(s.slots)) }

// For returns the store that has an aggregate, also while its slot is being moved away from it. It
// is nil if Options.Slot gives an invalid number.
func (s *Store) For(id hlc.Timestamp) store.Adapter {
	at, err := s.at(id)
	if err != nil {
		return nil
	}
	return at.current()
}

// Table returns the store of each slot.
func (s *Store) Table() []store.Adapter {
	table := make([]store.Adapter, len(s.slots))
	for i := range s.slots {
		table[i] = s.slots[i].current()
	}
	return table
}

// Move gives a slot to another store. New calls for the slot's aggregates begin to wait, those
// under way end, rows runs, and then all go on with the other store. rows must bring over the
// events, snapshots and command IDs of the slot's aggregates, and make sure that no other process
// still writes the old ones. If rows returns an error, or ctx ends before it runs, the slot stays
// where it is and Move returns the error. States in memory stay valid, because the log is the same.
//
// Calls wait no longer than rows takes, or than their own contexts allow. A loop over Root.History
// counts as a call until it ends. Move does not wait for a transaction of the application: rows
// must fence it off at the server.
func (s *Store) Move(ctx context.Context, slot int, to store.Adapter, rows func(ctx context.Context) error) error {
	switch {
	case slot < 0 || slot >= len(s.slots):
		return fmt.Errorf("router: move slot %d: there are %d, from 0 on", slot, len(s.slots))
	case isNil(to):
		return fmt.Errorf("router: move slot %d: the store is nil", slot)
	case kindOf(to) != s.kind:
		return fmt.Errorf("router: move slot %d: the store is for %q projections, the others are for %q", slot, kindOf(to), s.kind)
	}
	at := &s.slots[slot]
	alone, err := at.shut(ctx)
	if !alone {
		return fmt.Errorf("router: move slot %d: %w", slot, errMoving)
	}
	var moved store.Adapter // stays nil on an error, and where rows panics
	defer func() { at.open(moved) }()
	if err == nil {
		err = rows(ctx)
	}
	if err != nil {
		return fmt.Errorf("router: move slot %d: %w", slot, err)
	}
	moved = to
	return nil
}

var errMoving = errors.New("it is being moved already")

// at returns the entry of an aggregate.
func (s *Store) at(id hlc.Timestamp) (*slot, error) {
	n := s.Slot(id)
	if n < 0 || n >= len(s.slots) {
		return nil, fmt.Errorf("router: Options.Slot gave %d for aggregate %v: there are %d slots, from 0 on", n, id, len(s.slots))
	}
	return &s.slots[n], nil
}

// kindOf is the kind of projections that a store runs, or one that it wraps, or "".
func kindOf(a store.Adapter) string {
	for a != nil {
		if p, ok := a.(store.Projector); ok {
			return p.StoreKind()
		}
		w, ok := a.(interface{ Unwrap() store.Adapter })
		if !ok {
			break
		}
		a = w.Unwrap()
	}
	return ""
}

func isNil(a store.Adapter) bool {
	v := reflect.ValueOf(a)
	return !v.IsValid() || v.Kind() == reflect.Pointer && v.IsNil()
}
