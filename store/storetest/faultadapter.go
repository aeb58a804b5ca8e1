package storetest

import (
	"context"
	"fmt"
	"iter"
	"time"

	"github.com/eventmaestro/maestro/hlc"
	"github.com/eventmaestro/maestro/store"
	"github.com/eventmaestro/maestro/types"
)

var (
	_ store.Adapter    = (*Faults)(nil)
	_ store.CommandLog = (*Faults)(nil)
	_ store.Redactor   = (*Faults)(nil)
	_ store.Flusher    = (*Faults)(nil)
	_ store.Transactor = (*Faults)(nil)
)

// Commit is the adapter's, or a fault. A commit that [store.Commit.Check] refuses meets none.
func (f *Faults) Commit(ctx context.Context, c store.Commit) error {
	if err := c.Check(); err != nil {
		return err
	}
	spared := FaultNone
	if len(c.Events) == 0 {
		spared = FaultConflict // without events there is nothing to conflict with
	}
	in := f.draw(OpCommit, spared)
	if err := f.before(ctx, in); err != nil {
		return err
	}
	if len(c.Projections) > 0 {
		f.settleTables()
	}
	switch in.fault {
	case FaultConflict:
		// What comes after a conflict rests on it: a late commit must not undo it.
		f.settleAggregate(c.AggregateID)
		return fmt.Errorf("%w: %w", store.ErrConflict, ErrInjected)
	case FaultReplyLost:
		_ = f.inner.Commit(ctx, c)
		return unknown()
	case FaultRequestLost:
		return unknown()
	case FaultLate:
		f.delayCommit(c, in.fraction)
		return unknown()
	}
	return f.inner.Commit(ctx, c)
}

// Load is the adapter's, or a fault.
func (f *Faults) Load(ctx context.Context, id hlc.Timestamp, r store.Range) iter.Seq2[store.Entry, error] {
	return reads(ctx, f, f.inner.Load(ctx, id, r))
}

// Events is the adapter's, or a fault.
func (f *Faults) Events(ctx context.Context, id hlc.Timestamp, r store.Range) iter.Seq2[types.Event, error] {
	return reads(ctx, f, f.inner.Events(ctx, id, r))
}

// reads is a loop that meets a fault.
func reads[T any](ctx context.Context, f *Faults, all iter.Seq2[T, error]) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		var zero T
		in := f.draw(OpRead, FaultNone)
		if err := f.before(ctx, in); err != nil {
			yield(zero, err)
			return
		}
		if in.fault != FaultCut {
			all(yield)
			return
		}
		// How many there are is not known, so the fraction can't be of that.
		left := int(in.fraction * 8)
		for v, err := range all {
			if err != nil || left == 0 {
				break
			}
			if left--; !yield(v, nil) {
				return
			}
		}
		yield(zero, cut())
	}
}

func cut() error { return fmt.Errorf("%w: cut: %w", store.ErrUnavailable, ErrInjected) }

// LatestSnapshot is the adapter's, or a fault.
func (f *Faults) LatestSnapshot(ctx context.Context, id hlc.Timestamp, r store.Range) (*types.Snapshot, error) {
	if err := f.read(ctx); err != nil {
		return nil, err
	}
	return f.inner.LatestSnapshot(ctx, id, r)
}

// read is a fault of a read that is no loop.
func (f *Faults) read(ctx context.Context) error {
	in := f.draw(OpRead, FaultNone)
	if err := f.before(ctx, in); err != nil {
		return err
	}
	if in.fault == FaultCut {
		return cut()
	}
	return nil
}

// CommitSnapshot is the adapter's, or a fault.
func (f *Faults) CommitSnapshot(ctx context.Context, s types.Snapshot) error {
	in := f.draw(OpCommitSnapshot, FaultNone)
	if err := f.before(ctx, in); err != nil {
		return err
	}
	switch in.fault {
	case FaultReplyLost:
		_ = f.inner.CommitSnapshot(ctx, s)
		return unknown()
	case FaultRequestLost:
		return unknown()
	}
	return f.inner.CommitSnapshot(ctx, s)
}

// LookupCommand is the adapter's, or a fault.
func (f *Faults) LookupCommand(ctx context.Context, id hlc.Timestamp, command string) (*store.CommandRecord, error) {
	log, ok := f.inner.(store.CommandLog)
	if !ok {
		return nil, unsupported("command IDs")
	}
	if err := f.read(ctx); err != nil {
		return nil, err
	}
	return log.LookupCommand(ctx, id, command)
}

// PruneCommands is the adapter's. It meets no fault.
func (f *Faults) PruneCommands(ctx context.Context, t time.Time) (int64, error) {
	log, ok := f.inner.(store.CommandLog)
	if !ok {
		return 0, unsupported("command IDs")
	}
	return log.PruneCommands(ctx, t)
}

// Redact is the adapter's. It meets no fault.
func (f *Faults) Redact(ctx context.Context, r store.Redaction) error {
	redactor, ok := f.inner.(store.Redactor)
	if !ok {
		return unsupported("redaction")
	}
	return redactor.Redact(ctx, r)
}

func unsupported(what string) error {
	return fmt.Errorf("storetest: %w: %s, by the adapter inside of Faults", store.ErrUnsupported, what)
}

// Tx returns tx, a transaction on the adapter inside, as a transaction on f: its Base is f. Its
// calls meet no faults.
func (f *Faults) Tx(tx store.Tx) store.Tx { return faultTx{tx, f} }

type faultTx struct {
	store.Tx
	faults *Faults
}

var _ store.CommandLog = faultTx{}

func (tx faultTx) Base() store.Adapter { return tx.faults }

func (tx faultTx) LookupCommand(ctx context.Context, id hlc.Timestamp, command string) (*store.CommandRecord, error) {
	if log, ok := tx.Tx.(store.CommandLog); ok {
		return log.LookupCommand(ctx, id, command)
	}
	return nil, unsupported("command IDs")
}

func (tx faultTx) PruneCommands(ctx context.Context, t time.Time) (int64, error) {
	if log, ok := tx.Tx.(store.CommandLog); ok {
		return log.PruneCommands(ctx, t)
	}
	return 0, unsupported("command IDs")
}
