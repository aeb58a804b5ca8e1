package router

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"time"

	"github.com/eventmaestro/maestro/hlc"
	"github.com/eventmaestro/maestro/store"
	"github.com/eventmaestro/maestro/types"
)

var (
	_ store.Flusher    = (*Store)(nil)
	_ store.Transactor = (*Store)(nil)
	_ store.OwnTx      = (*ownTx)(nil)
	_ store.CommandLog = (*ownTx)(nil)
)

// Flush is that of the aggregate's store: the others may be down. With the zero id all are flushed,
// at the same time.
func (s *Store) Flush(ctx context.Context, id hlc.Timestamp) error {
	if !id.IsZero() {
		return s.on(ctx, id, func(a store.Adapter) error { return flush(ctx, a, id) })
	}
	all := s.stores()
	failures := make(chan error, len(all))
	for _, a := range all {
		go func() { failures <- flush(ctx, a, id) }()
	}
	var err error
	for range all {
		err = errors.Join(err, <-failures)
	}
	return err
}

func flush(ctx context.Context, a store.Adapter, id hlc.Timestamp) error {
	if f, ok := a.(store.Flusher); ok {
		return f.Flush(ctx, id)
	}
	return nil // what is visible there is durable
}

// BeginTx returns a transaction on the store of the first aggregate that it is used for. Another
// one of the same store may follow; one of another store is refused with ErrUnsupported. A slot
// that it touched is not moved before it ends.
func (s *Store) BeginTx(ctx context.Context) (store.OwnTx, error) {
	return &ownTx{s: s, ctx: ctx}, nil
}

// ownTx is a transaction on one of the stores, once it is known on which.
type ownTx struct {
	s     *Store
	ctx   context.Context //nolint:containedctx // that of BeginTx, which is kept until it is known where to begin
	a     store.Adapter   // where it is; nil before the first use
	inner store.OwnTx
	held  []*slot
}

var errSeveralStores = fmt.Errorf("router: %w: a transaction over aggregates of several stores: deal those that change together to one", store.ErrUnsupported)

// on returns the transaction, on the store that has the aggregate.
func (t *ownTx) on(ctx context.Context, id hlc.Timestamp) (store.OwnTx, error) {
	at, err := t.s.at(id)
	if err != nil {
		return nil, err
	}
	if slices.Contains(t.held, at) {
		return t.inner, nil
	}
	a, err := at.enter(ctx)
	if err != nil {
		return nil, err
	}
	if t.inner == nil {
		err = t.begin(a)
	} else if a != t.a {
		err = errSeveralStores
	}
	if err != nil {
		at.leave()
		return nil, err
	}
	t.held = append(t.held, at)
	return t.inner, nil
}

func (t *ownTx) begin(a store.Adapter) (err error) {
	transactor, ok := a.(store.Transactor)
	if !ok {
		return unsupported("transactions")
	}
	t.a = a
	t.inner, err = transactor.BeginTx(t.ctx)
	return err
}

// leave lets the slots be moved again.
func (t *ownTx) leave() {
	for _, at := range t.held {
		at.leave()
	}
	t.held = nil
}

// Base is the router.
func (t *ownTx) Base() store.Adapter { return t.s }

// Unwrap returns the transaction of the store that it is on, or nil before its first use.
func (t *ownTx) Unwrap() store.OwnTx { return t.inner }

func (t *ownTx) Lock(ctx context.Context, id hlc.Timestamp, from types.Sequence) ([]types.Event, bool, error) {
	tx, err := t.on(ctx, id)
	if err != nil {
		return nil, false, err
	}
	return tx.Lock(ctx, id, from)
}

// LockAlone is that of the aggregate's store, where it has one; else it is Lock.
func (t *ownTx) LockAlone(ctx context.Context, id hlc.Timestamp, from types.Sequence) ([]types.Event, bool, error) {
	tx, err := t.on(ctx, id)
	if err != nil {
		return nil, false, err
	}
	if x, ok := tx.(store.Excluder); ok {
		return x.LockAlone(ctx, id, from)
	}
	return tx.Lock(ctx, id, from)
}

func (t *ownTx) Stage(c store.Commit) error {
	tx, err := t.on(t.ctx, c.AggregateID)
	if err != nil {
		return err
	}
	return tx.Stage(c)
}

func (t *ownTx) Send(ctx context.Context) error {
	if t.inner == nil {
		return nil
	}
	return t.inner.Send(ctx)
}

func (t *ownTx) End(ctx context.Context) error {
	if t.inner == nil {
		return nil
	}
	defer t.leave()
	return t.inner.End(ctx)
}

func (t *ownTx) Abort(ctx context.Context) {
	if t.inner == nil {
		return
	}
	defer t.leave()
	t.inner.Abort(ctx)
}

// Repeatable asks the transaction of the store.
func (t *ownTx) Repeatable(err error) bool { return t.inner != nil && t.inner.Repeatable(err) }

func (t *ownTx) Commit(ctx context.Context, c store.Commit) error {
	tx, err := t.on(ctx, c.AggregateID)
	if err != nil {
		return err
	}
	return tx.Commit(ctx, c)
}

// eachIn is a loop inside of the transaction.
func eachIn[T any](ctx context.Context, t *ownTx, id hlc.Timestamp, loop func(tx store.OwnTx) iter.Seq2[T, error]) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		tx, err := t.on(ctx, id)
		if err != nil {
			yield(*new(T), err)
			return
		}
		loop(tx)(yield)
	}
}

func (t *ownTx) Load(ctx context.Context, id hlc.Timestamp, r store.Range) iter.Seq2[store.Entry, error] {
	return eachIn(ctx, t, id, func(tx store.OwnTx) iter.Seq2[store.Entry, error] { return tx.Load(ctx, id, r) })
}

func (t *ownTx) Events(ctx context.Context, id hlc.Timestamp, r store.Range) iter.Seq2[types.Event, error] {
	return eachIn(ctx, t, id, func(tx store.OwnTx) iter.Seq2[types.Event, error] { return tx.Events(ctx, id, r) })
}

func (t *ownTx) LatestSnapshot(ctx context.Context, id hlc.Timestamp, r store.Range) (*types.Snapshot, error) {
	tx, err := t.on(ctx, id)
	if err != nil {
		return nil, err
	}
	return tx.LatestSnapshot(ctx, id, r)
}

func (t *ownTx) CommitSnapshot(ctx context.Context, sn types.Snapshot) error {
	tx, err := t.on(ctx, sn.AggregateID)
	if err != nil {
		return err
	}
	return tx.CommitSnapshot(ctx, sn)
}

func (t *ownTx) LookupCommand(ctx context.Context, id hlc.Timestamp, command string) (*store.CommandRecord, error) {
	tx, err := t.on(ctx, id)
	if err != nil {
		return nil, err
	}
	if log, ok := tx.(store.CommandLog); ok {
		return log.LookupCommand(ctx, id, command)
	}
	return nil, unsupported("command ids")
}

func (t *ownTx) PruneCommands(ctx context.Context, before time.Time) (int64, error) {
	if log, ok := t.inner.(store.CommandLog); ok {
		return log.PruneCommands(ctx, before)
	}
	return 0, unsupported("command ids")
}
