package storetest

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/eventmaestro/maestro/hlc"
	"github.com/eventmaestro/maestro/store"
	"github.com/eventmaestro/maestro/types"
)

// Flush is the adapter's, or a fault.
func (f *Faults) Flush(ctx context.Context, id hlc.Timestamp) error {
	if err := f.before(ctx, f.draw(OpFlush, FaultNone)); err != nil {
		return err
	}
	if flusher, ok := f.inner.(store.Flusher); ok {
		return flusher.Flush(ctx, id)
	}
	return nil
}

// BeginTx is the adapter's. It meets no fault; the transaction does, see [OpTx] and [OpEnd].
func (f *Faults) BeginTx(ctx context.Context) (store.OwnTx, error) {
	transactor, ok := f.inner.(store.Transactor)
	if !ok {
		return nil, unsupported("transactions of the library")
	}
	tx, err := transactor.BeginTx(ctx)
	if err != nil {
		return nil, err
	}
	return &faultOwnTx{OwnTx: tx, faults: f}, nil
}

// faultOwnTx is a transaction that meets faults. One that can't go on is aborted at once, as a
// server does where the connection is lost: its locks are free before the caller aborts it.
type faultOwnTx struct {
	store.OwnTx
	faults *Faults
	ids    []hlc.Timestamp // of the aggregates that it locked or stored something of
	tables bool            // it has commits with projections
}

// Unwrap returns the transaction of the adapter inside.
func (tx *faultOwnTx) Unwrap() store.OwnTx { return tx.OwnTx }

func (tx *faultOwnTx) Base() store.Adapter { return tx.faults }

func (tx *faultOwnTx) LookupCommand(ctx context.Context, id hlc.Timestamp, command string) (*store.CommandRecord, error) {
	return faultTx{tx.OwnTx, tx.faults}.LookupCommand(ctx, id, command)
}

func (tx *faultOwnTx) PruneCommands(ctx context.Context, t time.Time) (int64, error) {
	return faultTx{tx.OwnTx, tx.faults}.PruneCommands(ctx, t)
}

func (tx *faultOwnTx) Lock(ctx context.Context, id hlc.Timestamp, from types.Sequence) ([]types.Event, bool, error) {
	if err := tx.before(ctx, tx.faults.draw(OpTx, FaultNone)); err != nil {
		return nil, false, err
	}
	if tx.faults.options.LateCalls > 0 {
		tx.faults.settleAggregate(id) // whose late transaction may have the lock, and no time passes in which it would end
	}
	events, more, err := tx.OwnTx.Lock(ctx, id, from)
	if err == nil {
		tx.ids = append(tx.ids, id)
	}
	return events, more, err
}

// note remembers what a commit touches.
func (tx *faultOwnTx) note(c store.Commit) {
	tx.ids = append(tx.ids, c.AggregateID)
	tx.tables = tx.tables || len(c.Projections) > 0
}

// Stage hands on a copy: the transaction may end when the caller has its commit back.
func (tx *faultOwnTx) Stage(c store.Commit) error {
	tx.note(c)
	return tx.OwnTx.Stage(ownCommit(c))
}

func (tx *faultOwnTx) Send(ctx context.Context) error {
	if err := tx.before(ctx, tx.faults.draw(OpTx, FaultNone)); err != nil {
		return err
	}
	return tx.OwnTx.Send(ctx)
}

func (tx *faultOwnTx) Commit(ctx context.Context, c store.Commit) error {
	tx.note(c)
	if err := tx.before(ctx, tx.faults.draw(OpTx, FaultNone)); err != nil {
		return err
	}
	return tx.OwnTx.Commit(ctx, c)
}

func (tx *faultOwnTx) End(ctx context.Context) error {
	in := tx.faults.draw(OpEnd, FaultNone)
	if err := tx.before(ctx, in); err != nil {
		return err
	}
	// What was sent is carried out whether or not its sender still waits.
	sent := context.WithoutCancel(ctx)
	switch in.fault {
	case FaultConflict:
		tx.OwnTx.Abort(ctx)
		for _, id := range tx.touched() {
			tx.faults.settleAggregate(id)
		}
		return fmt.Errorf("%w: %w", store.ErrConflict, ErrInjected)
	case FaultReplyLost:
		_ = tx.OwnTx.End(sent)
		return unknown()
	case FaultRequestLost:
		tx.OwnTx.Abort(ctx)
		return unknown()
	case FaultLate:
		tx.leave(sent, in.fraction)
		return unknown()
	}
	return tx.OwnTx.End(ctx)
}

func (tx *faultOwnTx) touched() []hlc.Timestamp {
	slices.SortFunc(tx.ids, hlc.Timestamp.Compare)
	tx.ids = slices.Compact(tx.ids)
	return tx.ids
}

// before is that of the adapter, after which a transaction that failed is aborted.
func (tx *faultOwnTx) before(ctx context.Context, in injected) (err error) {
	failed := true
	defer func() {
		if failed { // also by a panic
			tx.OwnTx.Abort(ctx)
		}
	}()
	if tx.tables {
		tx.faults.settleTables()
	}
	err = tx.faults.before(ctx, in)
	failed = err != nil
	return err
}

// leave lets the transaction end later. Its caller is left with one that has ended: an abort comes
// too late.
func (tx *faultOwnTx) leave(ctx context.Context, fraction float64) {
	left := tx.OwnTx
	ended, err := tx.faults.inner.(store.Transactor).BeginTx(ctx)
	if err != nil { // then it never arrives
		left.Abort(ctx)
		return
	}
	ended.Abort(ctx)
	tx.OwnTx = ended
	arrive := func() { _ = left.End(ctx) }
	tx.faults.delay(&late{ids: tx.touched(), tables: tx.tables, arrive: arrive}, fraction)
}
