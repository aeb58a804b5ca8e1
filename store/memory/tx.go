package memory

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/eventmaestro/maestro/hlc"
	"github.com/eventmaestro/maestro/store"
	"github.com/eventmaestro/maestro/types"
)

var (
	_ store.OwnTx      = (*Tx)(nil)
	_ store.CommandLog = (*Tx)(nil)
)

// Tx is a transaction, and the adapter in it. What is stored through it is visible only to itself
// until [Tx.End]; [Tx.Abort] forgets it. A Tx is not safe for concurrent use.
//
// It behaves as a Postgres transaction at READ COMMITTED does: every read sees what was committed by then, and
// the transaction's own rows; a commit that is refused leaves it usable. It differs in one point. Where
// Postgres would make a second writer of the same aggregate wait for the transaction, this one
// lets it go first, and End answers [store.ErrConflict]: the transaction is the one that loses.
//
// From its first commit with projections until its end, only this transaction may write into
// tables: other commits with projections wait for it, for up to 5 seconds. A test that begins a
// transaction and commits outside of it in the same goroutine would wait for itself.
type Tx struct {
	reader // with the transaction's own rows

	store  *Store
	epoch  int // the store's, when the transaction began
	own    content
	staged []store.Commit
	tables ProjectionTx
	party  party
	ended  bool
	broken bool // it can only be aborted
}

// BeginTx starts a transaction, of the application or of the library. It holds no lock yet, but it
// must be ended:
//
//	tx, err := s.BeginTx(ctx)
//	defer tx.Abort(ctx)
//	_, err = root.EvaluateTx(ctx, tx, command)
//	…
//	err = tx.End(ctx)
func (s *Store) BeginTx(ctx context.Context) (store.OwnTx, error) {
	return s.begin(), ended(ctx, "begin")
}

func (s *Store) begin() *Tx {
	s.mu.Lock()
	defer s.mu.Unlock()
	tx := &Tx{store: s, epoch: s.epoch, own: newContent(), tables: ProjectionTx{store: s, tables: make(map[any]written)}}
	tx.reader = reader{tx}
	return tx
}

// Base returns the store.
func (tx *Tx) Base() store.Adapter { return tx.store }

// Tables waits until the transaction may write into tables, and returns what [Table.In] takes for that.
// It is valid until the transaction ends. The errors are those of [Tx.Lock].
func (tx *Tx) Tables(ctx context.Context) (*ProjectionTx, error) {
	if err := tx.send(ctx, "tables"); err != nil {
		return nil, err
	}
	return &tx.tables, tx.take(ctx, tableLine)
}

// Lock waits in the aggregate's line, as [store.OwnTx] says, for up to 5 seconds. It does not send what is staged.
func (tx *Tx) Lock(ctx context.Context, id hlc.Timestamp, from types.Sequence) ([]types.Event, bool, error) {
	if err := tx.check(ctx, "lock"); err != nil {
		return nil, false, err
	}
	if err := tx.take(ctx, id); err != nil {
		return nil, false, err
	}
	tx.store.mu.Lock()
	defer tx.store.mu.Unlock()
	events, _ := tx.sees(id)
	news, more := since(events, from)
	return news, more, nil
}

func (tx *Tx) take(ctx context.Context, id hlc.Timestamp) error {
	err := tx.store.take(ctx, &tx.party, id)
	tx.broken = err != nil
	return err
}

// Stage keeps c until the next call of another method than Lock.
func (tx *Tx) Stage(c store.Commit) error {
	tx.staged = append(tx.staged, c)
	return tx.check(context.Background(), "stage")
}

// Send stores in the transaction what is staged, in the order of the aggregates' ids.
func (tx *Tx) Send(ctx context.Context) error { return tx.send(ctx, "send") }

func (tx *Tx) send(ctx context.Context, before string) error {
	if err := tx.check(ctx, before); err != nil {
		return err
	}
	staged := tx.staged
	tx.staged = nil
	slices.SortStableFunc(staged, func(a, b store.Commit) int { return a.AggregateID.Compare(b.AggregateID) })
	for _, c := range staged {
		if err := tx.commit(ctx, c); err != nil {
			tx.broken = true
			return err
		}
	}
	return nil
}

// check says why the transaction can't do what.
func (tx *Tx) check(ctx context.Context, what string) error {
	if tx.ended || tx.broken {
		return ErrTxDone
	}
	return ended(ctx, what)
}

// Commit stores c in the transaction, with the errors of [Store.Commit]. It may still be refused
// until the transaction commits, because somebody else may store the same sequence first.
func (tx *Tx) Commit(ctx context.Context, c store.Commit) error {
	if err := tx.send(ctx, "commit"); err != nil {
		return err
	}
	return tx.commit(ctx, c)
}

func (tx *Tx) commit(ctx context.Context, c store.Commit) error {
	a, err := prepare(c)
	if err != nil {
		return err
	}
	projections := runnable(c.Projections)
	if len(projections) > 0 {
		if err := tx.take(ctx, tableLine); err != nil {
			return err
		}
	}
	if err := tx.admit(a); err != nil {
		return err
	}
	undo := tx.tables.savepoint()
	defer func() { undo() }() // also when a projection ends this goroutine
	if err := run(ctx, &tx.tables, projections, c.Events); err != nil {
		return err
	}
	tx.own.add(a)
	undo = func() {}
	return nil
}

func (tx *Tx) admit(a *attempt) error {
	tx.store.mu.Lock()
	defer tx.store.mu.Unlock()
	if len(a.events) > 0 && tx.overtaken(a.AggregateID) {
		return store.ErrConflict
	}
	events, _ := tx.sees(a.AggregateID)
	return a.admit(events, &tx.store.kept, &tx.own)
}

// overtaken reports whether somebody else has stored events in the place of the transaction's own.
func (tx *Tx) overtaken(id hlc.Timestamp) bool {
	own := tx.own.events[id]
	return len(own) > 0 && int(own[0].Sequence)-1 != len(tx.store.kept.events[id])
}

// End makes all that the transaction stored visible at one moment. Its errors are those of
// [Store.Commit], an ended context, and [ErrTxDone]; the transaction is rolled back then.
func (tx *Tx) End(ctx context.Context) error {
	defer tx.Abort(ctx) // after the fact it only gives back what the transaction holds
	if err := tx.send(ctx, "commit transaction"); err != nil {
		return err
	}
	tx.store.mu.Lock()
	defer tx.store.mu.Unlock()
	if err := tx.refused(); err != nil {
		return err
	}
	kept := &tx.store.kept
	for id, events := range tx.own.events {
		kept.events[id] = append(kept.events[id], events...)
	}
	for _, sn := range tx.own.snapshots {
		kept.keep(sn)
	}
	maps.Copy(kept.commands, tx.own.commands)
	maps.Copy(kept.timestamps, tx.own.timestamps)
	for _, w := range tx.tables.tables {
		w.apply()
	}
	return nil
}

// refused says what was stored since by others that refuses the transaction.
func (tx *Tx) refused() error {
	kept := &tx.store.kept
	if tx.epoch != tx.store.epoch {
		return fmt.Errorf("%w: the store went back, and the transaction is lost", store.ErrUnavailable)
	}
	for id := range tx.own.events {
		if tx.overtaken(id) {
			return store.ErrConflict
		}
	}
	for key := range tx.own.commands {
		if kept.command(key.aggregate, key.id) != nil {
			return store.ErrDuplicateCommand
		}
	}
	for t := range tx.own.timestamps {
		if _, ok := kept.timestamps[t]; ok {
			return store.ErrDuplicateTimestamp
		}
	}
	return nil
}

// Abort forgets what the transaction stored and ends it, also when ctx has ended. After the end it does nothing.
func (tx *Tx) Abort(context.Context) {
	tx.ended, tx.tables.ended = true, true
	tx.store.release(&tx.party)
}

// Repeatable reports whether the wait for tables was one for a transaction that waits for this one.
func (tx *Tx) Repeatable(err error) bool { return errors.Is(err, store.ErrDeadlock) }

func (tx *Tx) view(ctx context.Context, what string, id hlc.Timestamp) ([]*types.Event, *types.Snapshot, error) {
	if err := tx.send(ctx, what); err != nil {
		return nil, nil, err
	}
	tx.store.mu.Lock()
	defer tx.store.mu.Unlock()
	events, snapshot := tx.sees(id)
	return events, snapshot, nil
}

// sees is called with the store's lock held.
func (tx *Tx) sees(id hlc.Timestamp) (events []*types.Event, sn *types.Snapshot) {
	events, sn = tx.store.kept.events[id], tx.store.kept.snapshots[id]
	if own := tx.own.events[id]; len(own) > 0 {
		events = slices.Concat(events[:min(int(own[0].Sequence)-1, len(events))], own)
	}
	if own := tx.own.snapshots[id]; own != nil && store.Replaces(own, sn) {
		sn = own
	}
	return events, sn
}

// CommitSnapshot is [Store.CommitSnapshot], visible to others once the transaction commits.
func (tx *Tx) CommitSnapshot(ctx context.Context, sn types.Snapshot) error {
	if err := tx.send(ctx, "commit snapshot"); err != nil {
		return err
	}
	kept, err := prepareSnapshot(ctx, sn)
	if err != nil {
		return err
	}
	tx.store.mu.Lock()
	events, _ := tx.sees(sn.AggregateID)
	tx.store.mu.Unlock()
	if err := anchored(kept, events); err != nil {
		return err
	}
	tx.own.keep(kept)
	return nil
}

// LookupCommand is [Store.LookupCommand] with the command IDs that the transaction used.
func (tx *Tx) LookupCommand(ctx context.Context, aggregateID hlc.Timestamp, commandID string) (*store.CommandRecord, error) {
	if err := tx.send(ctx, "look up command"); err != nil {
		return nil, err
	}
	if r := tx.own.command(aggregateID, commandID); r != nil {
		return r, nil
	}
	return tx.store.LookupCommand(ctx, aggregateID, commandID)
}

// PruneCommands is not offered in a transaction: it returns [store.ErrUnsupported].
func (tx *Tx) PruneCommands(context.Context, time.Time) (int64, error) {
	return 0, fmt.Errorf("%w: a transaction in memory prunes no command ids: call PruneCommands of the store", store.ErrUnsupported)
}
