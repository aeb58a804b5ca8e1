package memory

import (
	"context"
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
	_ store.Lister     = (*Store)(nil)
	_ store.Transactor = (*Store)(nil)
)

// Store is a [store.Adapter] in memory, with every optional capability. Make it with [New]. It is
// safe for concurrent use and must not be copied. There is nothing to close.
type Store struct {
	view                        // of what is committed
	tails *Table[string, place] // by name

	mu    sync.Mutex
	kept  content                 // guarded by mu, like all that follows
	epoch int                     // how often the store went back
	lines map[hlc.Timestamp][]*Tx // who has an aggregate locked, and who waits for it
}

// New returns an empty store. Two supervisors on one store are like two processes on one database.
func New() *Store {
	s := &Store{kept: newContent(), lines: make(map[hlc.Timestamp][]*Tx)}
	s.view = view{store: s, ready: ended}
	s.tails = NewTable[string, place](s)
	return s
}

// StoreKind is Kind.
func (*Store) StoreKind() string { return Kind }

// content is what is stored, or what a transaction adds to it. Events and snapshots are never
// modified, nor lists but at their end: who has one may go on reading after the lock is released.
type content struct {
	log        []key                            // of all events, in the order of their commits
	events     map[hlc.Timestamp][]*types.Event // the one with sequence n has index n-1
	snapshots  map[hlc.Timestamp]*types.Snapshot
	commands   map[commandKey]command
	timestamps map[hlc.Timestamp]struct{} // of all events: they are unique in the whole store
	tables     tables
}

type (
	key struct {
		aggregate hlc.Timestamp
		sequence  types.Sequence
	}
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
		events: make(map[hlc.Timestamp][]*types.Event), snapshots: make(map[hlc.Timestamp]*types.Snapshot),
		commands: make(map[commandKey]command), timestamps: make(map[hlc.Timestamp]struct{}),
		tables: make(tables),
	}
}

// init makes the maps of a transaction, before it writes into them.
func (c *content) init() {
	if c.events == nil {
		*c = newContent()
	}
}

func (c *content) clone() content {
	events := maps.Clone(c.events)
	for id := range events {
		events[id] = slices.Clip(events[id]) // what is appended to one is not seen in the other
	}
	return content{
		slices.Clip(c.log), events, maps.Clone(c.snapshots), maps.Clone(c.commands),
		maps.Clone(c.timestamps), c.tables.clone(),
	}
}

// add stores all that a transaction has.
func (c *content) add(own *content) {
	c.log = append(c.log, own.log...)
	for id, events := range own.events {
		c.events[id] = append(c.events[id], events...)
	}
	for _, sn := range own.snapshots {
		c.keep(sn)
	}
	maps.Copy(c.commands, own.commands)
	maps.Copy(c.timestamps, own.timestamps)
	for t, changes := range own.tables {
		c.tables[t] = changes.onto(c.tables[t])
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
	saved := s.kept.clone()
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.kept = saved.clone()
		s.epoch++
	}
}

// Flush has nothing to do: what is visible is stored.
func (*Store) Flush(ctx context.Context, _ hlc.Timestamp) error { return ended(ctx, "flush") }

// ListAggregates returns a page of the ids in the log; see store.Lister. It sorts them all for each
// page.
func (s *Store) ListAggregates(ctx context.Context, after hlc.Timestamp, limit int) ([]hlc.Timestamp, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	ids := slices.SortedFunc(maps.Keys(s.kept.events), hlc.Timestamp.Compare)
	ids = slices.DeleteFunc(ids, func(id hlc.Timestamp) bool { return !after.Before(id) })
	return ids[:min(limit, len(ids))], ended(ctx, "list aggregates")
}

// PruneCommands forgets the command IDs that were recorded before t, by [time.Now], and returns how
// many. It looks at every one that there is.
func (s *Store) PruneCommands(ctx context.Context, t time.Time) (n int64, err error) {
	if err := ended(ctx, "prune commands"); err != nil {
		return 0, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	before := len(s.kept.commands)
	maps.DeleteFunc(s.kept.commands, func(_ commandKey, c command) bool { return c.at.Before(t) })
	return int64(before - len(s.kept.commands)), nil
}
