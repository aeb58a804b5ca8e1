package storetest

import (
	"context"
	"errors"

	"github.com/eventmaestro/maestro/hlc"
	"github.com/eventmaestro/maestro/store"
	"github.com/eventmaestro/maestro/store/memory"
	"github.com/eventmaestro/maestro/types"
)

// owning makes an adapter whose transactions of the library are changed.
func owning(change func(b *broken, tx store.OwnTx) store.OwnTx) func() *broken {
	return func() *broken { return &broken{own: change} }
}

// ownMutant is a transaction with whatever a function here does instead.
type ownMutant struct {
	store.OwnTx
	lock  func(ctx context.Context, id hlc.Timestamp, from types.Sequence) ([]types.Event, bool, error)
	stage func(c store.Commit) error
	send  func(ctx context.Context) error
	end   func(ctx context.Context) error
	abort func(ctx context.Context)
}

func (tx ownMutant) Lock(ctx context.Context, id hlc.Timestamp, from types.Sequence) ([]types.Event, bool, error) {
	if tx.lock != nil {
		return tx.lock(ctx, id, from)
	}
	return tx.OwnTx.Lock(ctx, id, from)
}

func (tx ownMutant) Stage(c store.Commit) error {
	if tx.stage != nil {
		return tx.stage(c)
	}
	return tx.OwnTx.Stage(c)
}

func (tx ownMutant) Send(ctx context.Context) error {
	if tx.send != nil {
		return tx.send(ctx)
	}
	return tx.OwnTx.Send(ctx)
}

func (tx ownMutant) End(ctx context.Context) error {
	if tx.end != nil {
		return tx.end(ctx)
	}
	return tx.OwnTx.End(ctx)
}

func (tx ownMutant) Abort(ctx context.Context) {
	if tx.abort != nil {
		tx.abort(ctx)
		return
	}
	tx.OwnTx.Abort(ctx)
}

var ownTxMutants = []mutant{
	{"what is staged is stored at once", owning(func(b *broken, tx store.OwnTx) store.OwnTx {
		return ownMutant{OwnTx: tx, stage: func(c store.Commit) error { return b.Commit(context.Background(), c) }}
	}), "what is staged is stored by the end of the transaction, and not before"},

	{"what is staged is dropped", owning(func(_ *broken, tx store.OwnTx) store.OwnTx {
		return ownMutant{OwnTx: tx, stage: func(store.Commit) error { return nil }}
	}), "staged commits of several aggregates are stored together"},

	{"staged commits are stored one by one", owning(func(b *broken, tx store.OwnTx) store.OwnTx {
		var staged []store.Commit
		return ownMutant{
			OwnTx: tx,
			stage: func(c store.Commit) error {
				staged = append(staged, c)
				return nil
			},
			end: func(ctx context.Context) error {
				for _, c := range staged {
					if err := b.Commit(ctx, c); err != nil {
						return err
					}
				}
				return tx.End(ctx)
			},
		}
	}), "staged commits are stored all or none, whatever refuses one"},

	{"staged commits are sent in the order of their timestamps, backwards", owning(func(_ *broken, tx store.OwnTx) store.OwnTx {
		var staged []store.Commit
		return ownMutant{
			OwnTx: tx,
			stage: func(c store.Commit) error {
				staged = append(staged, c)
				return nil
			},
			end: func(ctx context.Context) error {
				for i := len(staged) - 1; i >= 0; i-- {
					_ = tx.Stage(staged[i])
				}
				return tx.End(ctx)
			},
		}
	}), "staged commits of one aggregate keep their order"},

	{"sending commits", owning(func(_ *broken, tx store.OwnTx) store.OwnTx {
		return ownMutant{OwnTx: tx, send: tx.End}
	}), "what is sent is seen by the transaction and by nobody else"},

	{"a refused commit is left out", owning(func(_ *broken, tx store.OwnTx) store.OwnTx {
		return ownMutant{OwnTx: tx, stage: func(c store.Commit) error {
			_ = tx.Commit(context.Background(), c)
			return nil
		}}
	}), "after a staged commit was refused the transaction can only be aborted"},

	{"an abort commits", owning(func(_ *broken, tx store.OwnTx) store.OwnTx {
		return ownMutant{OwnTx: tx, abort: func(ctx context.Context) { _ = tx.End(context.WithoutCancel(ctx)) }}
	}), "an abort leaves nothing of what was staged, sent and committed"},

	{"an abort keeps the lock", owning(func(_ *broken, tx store.OwnTx) store.OwnTx {
		return ownMutant{OwnTx: tx, abort: func(context.Context) {}}
	}), "a lock is held until the end of the transaction, or its abort"},

	{"a transaction ends twice", owning(func(_ *broken, tx store.OwnTx) store.OwnTx {
		return ownMutant{OwnTx: tx, end: func(ctx context.Context) error {
			_ = tx.End(ctx)
			return nil
		}}
	}), "after its end a transaction refuses everything"},

	{"an end of nothing is an error", owning(func(_ *broken, tx store.OwnTx) store.OwnTx {
		staged := false
		return ownMutant{
			OwnTx: tx,
			stage: func(c store.Commit) error { staged = true; return tx.Stage(c) },
			end: func(ctx context.Context) error {
				if !staged {
					return errors.New("nothing was done")
				}
				return tx.End(ctx)
			},
		}
	}), "a transaction that did nothing can end"},

	{"an end ignores its context", owning(func(_ *broken, tx store.OwnTx) store.OwnTx {
		return ownMutant{OwnTx: tx, end: func(ctx context.Context) error { return tx.End(context.WithoutCancel(ctx)) }}
	}), "an end whose context has ended stores nothing"},

	{"a lock locks nothing", owning(func(b *broken, tx store.OwnTx) store.OwnTx {
		return ownMutant{OwnTx: tx, lock: func(ctx context.Context, id hlc.Timestamp, from types.Sequence) ([]types.Event, bool, error) {
			events, err := readAll(ctx, b.Store, id, store.Range{After: max(from, 1) - 1})
			return events, false, err
		}}
	}), "those who lock an aggregate before they look at it never conflict"},

	{"a lock tells what is after the sequence", owning(func(_ *broken, tx store.OwnTx) store.OwnTx {
		return ownMutant{OwnTx: tx, lock: func(ctx context.Context, id hlc.Timestamp, from types.Sequence) ([]types.Event, bool, error) {
			return tx.Lock(ctx, id, from+1)
		}}
	}), "a lock tells the log from a sequence on"},

	{"a lock keeps plain commits out", func() *broken {
		b := &broken{}
		locked := make(map[hlc.Timestamp]bool)
		b.own = func(_ *broken, tx store.OwnTx) store.OwnTx {
			return ownMutant{OwnTx: tx, lock: func(ctx context.Context, id hlc.Timestamp, from types.Sequence) ([]types.Event, bool, error) {
				locked[id] = true
				return tx.Lock(ctx, id, from)
			}}
		}
		b.project = func(ctx context.Context, _ *memory.Store, c store.Commit) error {
			if locked[c.AggregateID] {
				return store.ErrUnavailable
			}
			return b.Store.Commit(ctx, unwrap(c))
		}
		return b
	}, "who does not lock is not kept out"},

	{"a deadlock is a timeout", owning(func(_ *broken, tx store.OwnTx) store.OwnTx {
		return ownMutant{OwnTx: tx, lock: func(ctx context.Context, id hlc.Timestamp, from types.Sequence) ([]types.Event, bool, error) {
			events, more, err := tx.Lock(ctx, id, from)
			if errors.Is(err, store.ErrDeadlock) {
				err = store.ErrUnavailable
			}
			return events, more, err
		}}
	}), "of two transactions that wait for each other one is refused"},

	{"a lock ignores its context", owning(func(_ *broken, tx store.OwnTx) store.OwnTx {
		return ownMutant{OwnTx: tx, lock: func(ctx context.Context, id hlc.Timestamp, from types.Sequence) ([]types.Event, bool, error) {
			return tx.Lock(context.WithoutCancel(ctx), id, from)
		}}
	}), "a context ends the wait for a lock, and the next in line gets it"},

	{"a second lock is refused", owning(func(_ *broken, tx store.OwnTx) store.OwnTx {
		held := make(map[hlc.Timestamp]bool)
		return ownMutant{OwnTx: tx, lock: func(ctx context.Context, id hlc.Timestamp, from types.Sequence) ([]types.Event, bool, error) {
			if held[id] {
				return nil, false, store.ErrDeadlock
			}
			held[id] = true
			return tx.Lock(ctx, id, from)
		}}
	}), "a transaction may lock an aggregate twice"},

	{"the last come is the first served", owning(func(b *broken, tx store.OwnTx) store.OwnTx {
		return ownMutant{OwnTx: tx, lock: func(ctx context.Context, id hlc.Timestamp, from types.Sequence) ([]types.Event, bool, error) {
			place := b.Waiting()
			events, more, err := tx.Lock(ctx, id, from)
			if place == 1 { // who was second in line lets the third pass
				tx.Abort(ctx)
				return nil, false, store.ErrUnavailable
			}
			return events, more, err
		}}
	}), "a lock is a line: who comes first is first"},

	{"a transaction of the library is its own base", owning(func(_ *broken, tx store.OwnTx) store.OwnTx {
		return ownInside{tx, tx}
	}), "of the library: a transaction knows the adapter outside of it"},

	{"a flush fails at times", func() *broken {
		return &broken{flush: func(context.Context) error { return store.ErrUnavailable }}
	}, "what is visible can be flushed, however often"},

	{"a flush ignores its context", func() *broken {
		return &broken{flush: func(context.Context) error { return nil }}
	}, "a flush whose context has ended says so"},
}
