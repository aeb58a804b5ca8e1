package memory

import (
	"context"
	"errors"
	"fmt"
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

// ErrTxDone is returned by the methods of a [Tx] that has been committed or rolled back, and of the
// adapter in it.
var ErrTxDone = errors.New("memory: transaction has ended")

// Tx is a transaction, and the adapter in it. What is stored through it is visible only to itself
// until [Tx.End]; [Tx.Abort] forgets it. A Tx is not safe for concurrent use.
//
// It behaves as a Postgres transaction at READ COMMITTED does: every read sees what was committed
// by then, and the transaction's own rows; a commit that is refused leaves it usable. It differs in
// one point. Where Postgres would make a second writer of the same aggregate wait for the
// transaction, this one lets it go first, and End answers [store.ErrConflict]: the transaction is
// the one that loses.
//
// From its first commit with projections until its end, only this transaction may write into
// tables: other commits with projections wait for it, for up to 5 seconds. A test that begins a
// transaction and commits outside of it in the same goroutine would wait for itself.
type Tx struct {
	view

	epoch  int            // the store's, when the transaction began
	staged []store.Commit // what it has yet to look at
	waits  *hlc.Timestamp // the line it waits in, or nil; guarded by Store.mu
	turn   chan struct{}  // closed when it is the first there
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
	tx := &Tx{epoch: s.epoch}
	tx.view = view{store: s, ready: tx.send}
	return tx
}

// Base returns the store.
func (tx *Tx) Base() store.Adapter { return tx.store }

// Tables waits until the transaction may write into tables, and returns what [Table.In] takes for
// that. It is valid until the transaction ends. The errors are those of [Tx.Lock].
func (tx *Tx) Tables(ctx context.Context) (*ProjectionTx, error) {
	if err := tx.send(ctx, "tables"); err != nil {
		return nil, err
	}
	return &ProjectionTx{tx}, tx.take(ctx, tableLine)
}

// Lock waits in the aggregate's line, as [store.OwnTx] says, for up to 5 seconds. It does not send
// what is staged.
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

// End makes all that the transaction stored visible at one moment. Its errors are those of
// [Store.Commit], an ended context, and [ErrTxDone]; the transaction is rolled back then.
func (tx *Tx) End(ctx context.Context) error {
	defer tx.Abort(ctx) // after the fact it only gives back what the transaction holds
	if err := tx.send(ctx, "commit transaction"); err != nil {
		return err
	}
	return tx.end()
}

func (tx *Tx) end() error {
	tx.store.mu.Lock()
	defer tx.store.mu.Unlock()
	if err := tx.refused(); err != nil {
		return err
	}
	tx.store.kept.add(&tx.own)
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
		if _, ok := kept.commands[key]; ok {
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

// PruneCommands is not offered in a transaction: it returns [store.ErrUnsupported].
func (tx *Tx) PruneCommands(context.Context, time.Time) (int64, error) {
	return 0, fmt.Errorf("%w: a transaction in memory prunes no command ids: call PruneCommands of the store", store.ErrUnsupported)
}

// Abort forgets what the transaction stored and ends it, also when ctx has ended. After the end it
// does nothing.
func (tx *Tx) Abort(context.Context) {
	tx.ended = true
	tx.release()
}

// Repeatable reports whether the wait for tables was one for a transaction that waits for this one.
func (tx *Tx) Repeatable(err error) bool { return errors.Is(err, store.ErrDeadlock) }
