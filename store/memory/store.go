package memory

import (
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/eventmaestro/maestro/hlc"
	"github.com/eventmaestro/maestro/store"
	"github.com/eventmaestro/maestro/types"
)

// Kind is the StoreKind of the projections that this package runs.
const Kind = "memory"

var (
	_ store.Adapter    = (*Store)(nil)
	_ store.CommandLog = (*Store)(nil)
	_ store.Redactor   = (*Store)(nil)
	_ store.Projector  = (*Store)(nil)
	_ store.Flusher    = (*Store)(nil)
	_ store.Transactor = (*Store)(nil)
)

// Store is a [store.Adapter] in memory, with every optional capability. Make it with [New]. It is safe
// for concurrent use and must not be copied. There is nothing to close.
type Store struct {
	reader // of what is committed

	mu     sync.Mutex
	kept   content                    // guarded by mu, like all that follows
	lines  map[hlc.Timestamp][]*party // who has an aggregate locked, and who waits for it
	tables []interface{ save() func() }
	births []func()              // take the tables back to when there was nothing in them
	epoch  int                   // how often the store went back
	tails  map[string]*tailPlace // how far tails are, by name
}

// New returns an empty store. Two supervisors on one store are like two processes on one database.
func New() *Store {
	s := &Store{kept: newContent(), lines: make(map[hlc.Timestamp][]*party)}
	s.reader = reader{s}
	return s
}

// StoreKind is Kind.
func (*Store) StoreKind() string { return Kind }

// content is what is stored, or what a transaction adds to it. Events and snapshots are never modified: who
// took them out of the maps may go on reading after the lock is released.
type content struct {
	events     map[hlc.Timestamp][]*types.Event // by aggregate; the one with sequence n has index n-1
	snapshots  map[hlc.Timestamp]*types.Snapshot
	commands   map[commandKey]command
	timestamps map[hlc.Timestamp]struct{} // of all events: they are unique in the whole store
}

// commandKey names a used command ID, and command says when and for what it was.
type (
	commandKey struct {
		aggregate hlc.Timestamp
		id        string
	}
	command struct {
		record store.CommandRecord
		at     time.Time
	}
)

func newContent() content {
	return content{
		make(map[hlc.Timestamp][]*types.Event), make(map[hlc.Timestamp]*types.Snapshot),
		make(map[commandKey]command), make(map[hlc.Timestamp]struct{}),
	}
}

// keep stores a snapshot unless there is a newer one.
func (c *content) keep(sn *types.Snapshot) {
	if store.Replaces(sn, c.snapshots[sn.AggregateID]) {
		c.snapshots[sn.AggregateID] = sn
	}
}

// Checkpoint remembers what is stored at this moment, including tables and the places of tails. The
// function that it returns takes the store back to that state, as a failover to a standby that lags
// behind does, or a restored backup. What was made since is empty again. The function may be called
// more than once. Transactions that began before are lost: their End fails. Checkpoint is for tests
// of what happens then.
func (s *Store) Checkpoint() (goBack func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	saved, tables := s.kept.clone(), slices.Clone(s.tables)
	restore := make([]func(), len(tables))
	for i, t := range tables {
		restore[i] = t.save()
	}
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.kept = saved.clone()
		s.epoch++
		for _, f := range restore {
			f()
		}
		for _, f := range s.births[len(tables):] { // what came later is empty again
			f()
		}
	}
}

// register takes note of an empty table. The caller holds mu.
func (s *Store) register(t interface{ save() func() }) {
	s.tables, s.births = append(s.tables, t), append(s.births, t.save())
}

func (c *content) clone() content {
	events := maps.Clone(c.events)
	for id := range events {
		events[id] = slices.Clip(events[id]) // what is appended to one is not seen in the other
	}
	return content{events, maps.Clone(c.snapshots), maps.Clone(c.commands), maps.Clone(c.timestamps)}
}
