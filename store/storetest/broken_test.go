package storetest

import (
	"context"
	"iter"
	"testing"
	"time"

	"github.com/eventmaestro/maestro/hlc"
	"github.com/eventmaestro/maestro/store"
	"github.com/eventmaestro/maestro/store/memory"
	"github.com/eventmaestro/maestro/types"
)

// broken is the memory store with whatever a function here does instead. A nil field leaves the
// method alone.
type broken struct {
	*memory.Store

	project        func(ctx context.Context, s *memory.Store, c store.Commit) error // Commit, with projections as they were made
	commit         func(ctx context.Context, s *memory.Store, c store.Commit) error
	load           func(ctx context.Context, s *memory.Store, id hlc.Timestamp, r store.Range, yield func(store.Entry, error) bool)
	events         func(ctx context.Context, s *memory.Store, id hlc.Timestamp, r store.Range, yield func(types.Event, error) bool)
	follow         func(events []types.Event, from types.Sequence) []types.Event
	list           func(ids []hlc.Timestamp) []hlc.Timestamp
	snapshot       func(ctx context.Context, s *memory.Store, id hlc.Timestamp, r store.Range) (*types.Snapshot, error)
	commitSnapshot func(ctx context.Context, s *memory.Store, sn types.Snapshot) error
	lookup         func(ctx context.Context, s *memory.Store, id hlc.Timestamp, command string) (*store.CommandRecord, error)
	prune          func(ctx context.Context, s *memory.Store, t time.Time) (int64, error)
	redact         func(ctx context.Context, s *memory.Store, r store.Redaction) error
	begin          func(b *broken) Transaction
	own            func(b *broken, tx store.OwnTx) store.OwnTx // what BeginTx returns
	flush          func(ctx context.Context) error
	goBack         func(s *memory.Store) func()
}

func (b *broken) Commit(ctx context.Context, c store.Commit) error {
	switch {
	case b.project != nil:
		return b.project(ctx, b.Store, c)
	case b.commit != nil:
		return b.commit(ctx, b.Store, unwrap(c))
	default:
		return b.Store.Commit(ctx, unwrap(c))
	}
}

func (b *broken) Load(ctx context.Context, id hlc.Timestamp, r store.Range) iter.Seq2[store.Entry, error] {
	if b.load == nil {
		return b.Store.Load(ctx, id, r)
	}
	return func(yield func(store.Entry, error) bool) { b.load(ctx, b.Store, id, r, yield) }
}

func (b *broken) ListAggregates(ctx context.Context, after hlc.Timestamp, limit int) ([]hlc.Timestamp, error) {
	ids, err := b.Store.ListAggregates(ctx, after, limit)
	if b.list != nil {
		ids = b.list(ids)
	}
	return ids, err
}

// Follow is there for clauses about it: the memory store has no use for it.
func (b *broken) Follow(ctx context.Context, id hlc.Timestamp, from types.Sequence) ([]types.Event, bool, error) {
	events, err := readAll(ctx, b.Store, id, store.Range{After: max(0, from-1)})
	if b.follow != nil {
		events = b.follow(events, from)
	}
	return events, false, err
}

func (b *broken) Events(ctx context.Context, id hlc.Timestamp, r store.Range) iter.Seq2[types.Event, error] {
	if b.events == nil {
		return b.Store.Events(ctx, id, r)
	}
	return func(yield func(types.Event, error) bool) { b.events(ctx, b.Store, id, r, yield) }
}

func (b *broken) LatestSnapshot(ctx context.Context, id hlc.Timestamp, r store.Range) (*types.Snapshot, error) {
	if b.snapshot == nil {
		return b.Store.LatestSnapshot(ctx, id, r)
	}
	return b.snapshot(ctx, b.Store, id, r)
}

func (b *broken) CommitSnapshot(ctx context.Context, sn types.Snapshot) error {
	if b.commitSnapshot == nil {
		return b.Store.CommitSnapshot(ctx, sn)
	}
	return b.commitSnapshot(ctx, b.Store, sn)
}

func (b *broken) LookupCommand(ctx context.Context, id hlc.Timestamp, command string) (*store.CommandRecord, error) {
	if b.lookup == nil {
		return b.Store.LookupCommand(ctx, id, command)
	}
	return b.lookup(ctx, b.Store, id, command)
}

func (b *broken) PruneCommands(ctx context.Context, t time.Time) (int64, error) {
	if b.prune == nil {
		return b.Store.PruneCommands(ctx, t)
	}
	return b.prune(ctx, b.Store, t)
}

func (b *broken) Redact(ctx context.Context, r store.Redaction) error {
	if b.redact == nil {
		return b.Store.Redact(ctx, r)
	}
	return b.redact(ctx, b.Store, r)
}

func (b *broken) Flush(ctx context.Context, id hlc.Timestamp) error {
	if b.flush == nil {
		return b.Store.Flush(ctx, id)
	}
	return b.flush(ctx)
}

func (b *broken) BeginTx(ctx context.Context) (store.OwnTx, error) {
	tx, err := b.Store.BeginTx(ctx)
	if err != nil {
		return nil, err
	}
	wrapped := ownInside{tx, b}
	if b.own == nil {
		return wrapped, nil
	}
	return b.own(b, wrapped), nil
}

// ownInside is a transaction of the library whose base is the broken adapter.
type ownInside struct {
	store.OwnTx
	base store.Adapter
}

func (tx ownInside) Commit(ctx context.Context, c store.Commit) error {
	return tx.OwnTx.Commit(ctx, unwrap(c))
}

func (tx ownInside) Stage(c store.Commit) error { return tx.OwnTx.Stage(unwrap(c)) }

func (tx ownInside) Base() store.Adapter { return tx.base }

// inside is a transaction whose base is the broken adapter.
type inside struct {
	store.Tx
	base store.Adapter
}

func (tx inside) Commit(ctx context.Context, c store.Commit) error {
	return tx.Tx.Commit(ctx, unwrap(c))
}

func (tx inside) Base() store.Adapter { return tx.base }

func (b *broken) transaction() Transaction {
	tx := began(b.Store)
	tx.Adapter = inside{tx.Adapter, b}
	return tx
}

// began starts a transaction of the application.
func began(s *memory.Store) Transaction {
	tx, err := s.BeginTx(context.Background())
	if err != nil {
		panic(err)
	}
	return Transaction{Adapter: tx, Commit: tx.End, Rollback: func(ctx context.Context) error {
		tx.Abort(ctx)
		return nil
	}}
}

// harness runs the suite on adapters that broken returns. Two "processes" are two adapters on one
// store.
func harness(makeBroken func() *broken, lacks ...Feature) Harness {
	wrap := func(s *memory.Store) *broken {
		b := makeBroken()
		b.Store = s
		return b
	}
	return Harness{
		New:        func(testing.TB) store.Adapter { return wrap(memory.New()) },
		Lacks:      append(lacks, FeatureConnections),
		Other:      func(_ testing.TB, a store.Adapter) store.Adapter { return wrap(a.(*broken).Store) },
		Projection: callback,
		Recorder:   func(_ testing.TB, a store.Adapter) Recorder { return a.(*broken).recorder() },
		Begin: func(_ testing.TB, a store.Adapter) Transaction {
			if b := a.(*broken); b.begin != nil {
				return b.begin(b)
			}
			return a.(*broken).transaction()
		},
		Waiting: func(_ testing.TB, a store.Adapter) int { return a.(*broken).Waiting() },
		Checkpoint: func(_ testing.TB, a store.Adapter) func() {
			if b := a.(*broken); b.goBack != nil {
				return b.goBack(b.Store)
			}
			return a.(*broken).Store.Checkpoint()
		},
	}
}

func callback(f func(context.Context, types.Event) error) store.Projection {
	return shown(func(ctx context.Context, _ *memory.ProjectionTx, e types.Event) error { return f(ctx, e) })
}

func (b *broken) recorder() Recorder {
	table := memory.NewTable[hlc.Timestamp, bool](b.Store)
	return Recorder{
		Projection: shown(func(_ context.Context, tx *memory.ProjectionTx, e types.Event) error {
			return table.In(tx).Insert(e.Timestamp, true)
		}),
		Rows: func(context.Context) (rows []hlc.Timestamp, err error) {
			for at := range table.All() {
				rows = append(rows, at)
			}
			return rows, nil
		},
	}
}
