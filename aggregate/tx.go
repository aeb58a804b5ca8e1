package aggregate

import (
	"context"
	"errors"
	"fmt"

	"github.com/eventmaestro/maestro/hlc"
	"github.com/eventmaestro/maestro/store"
	"github.com/eventmaestro/maestro/types"
)

// EvaluateTx is EvaluateEvents as part of a transaction that the application began: tx is what the
// Tx method of the supervisor's store makes of it, or that of the store to which a router deals the aggregate. Events, projections and command ID are stored with
// it or not at all. The command sees what earlier commands in the transaction did; nobody else
// does before it commits. When it returns an error the transaction is still usable.
//
// Until the transaction ends, commands of the same aggregate elsewhere wait for it in the
// database, up to the store's bound; do not wait for one within the transaction. Two transactions that take the same
// aggregates in different orders may wait for each other, until the database ends one. ctx ending
// makes the transaction's statements end; EvaluateTx returns only after that, so the
// transaction is never used by two goroutines.
func (r *Root[S]) EvaluateTx(ctx context.Context, tx store.Tx, command types.Command) ([]types.Event, error) {
	handler, known := r.kind.Commands[command.Type]
	if !known {
		return nil, &InvalidHandlerError{Root: r.family.name, Type: command.Type}
	}
	if isNil(tx) || !sameStore(tx.Base(), r.sup.store, command.AggregateID) {
		return nil, ErrOtherStore
	}
	t := transaction[S]{Tx: tx, command: command, handler: handler}
	if command.ID != "" {
		var err error
		if t.record, err = r.identify(command); err != nil {
			return nil, err
		}
	}
	var events []types.Event
	err := r.do(ctx, command.AggregateID, held, func(c *cell[S]) (err error) {
		events, err = c.evaluateTx(ctx, t)
		return err
	})
	if err != nil {
		return nil, err
	}
	return events, nil
}

// sameStore reports whether a is b, or something that b wraps, or the store to which b deals the aggregate.
func sameStore(a, b store.Adapter, id hlc.Timestamp) bool {
	for b != nil {
		if a == b {
			return true
		}
		if d, ok := b.(dealer); ok {
			b = d.For(id)
		} else {
			b = unwrap(b)
		}
	}
	return false
}

// dealer is a store that deals aggregates to others, such as a *router.Store.
type dealer interface {
	For(id hlc.Timestamp) store.Adapter
}

// unwrap returns what a wraps, or nil.
func unwrap(a store.Adapter) store.Adapter {
	if w, ok := a.(interface{ Unwrap() store.Adapter }); ok {
		return w.Unwrap()
	}
	return nil
}

// transaction is a command that is part of the application's transaction.
type transaction[S any] struct {
	store.Tx
	command types.Command
	handler CommandHandler[S]
	record  *store.CommandRecord
}

// evaluateTx works on a state of its own: the cell's is never ahead of what is committed.
func (c *cell[S]) evaluateTx(ctx context.Context, t transaction[S]) ([]types.Event, error) {
	for attempt := 1; ; attempt++ {
		d, err := c.draftIn(ctx, t.Tx)
		if err != nil {
			return nil, err
		}
		events, err := c.tryTx(ctx, t, &d)
		if !errors.Is(err, store.ErrConflict) && !errors.Is(err, store.ErrDuplicateTimestamp) {
			return events, err
		}
		if attempt >= c.family.sup.options.MaxAttempts {
			return nil, &RetriesSpentError{AggregateID: c.id, Attempts: attempt, Err: err}
		}
		if errors.Is(err, store.ErrDuplicateTimestamp) {
			c.renewClock()
		}
		if !c.family.sup.pause(attempt, conflictPause, maxConflictPause) {
			return nil, ErrClosed
		}
	}
}

// draftIn returns the state as the transaction sees it.
func (c *cell[S]) draftIn(ctx context.Context, tx store.Tx) (draft[S], error) {
	if !c.loaded {
		l, err := c.root.kind.hydrate(ctx, tx, c.id, 0)
		return l.draft, err
	}
	d := c.draft
	var err error
	if d.state, err = c.root.kind.copied(c.state); err != nil {
		return d, err
	}
	_, err = c.root.kind.catchUp(ctx, tx, c.id, &d, 0, nil)
	return d, err
}

func (c *cell[S]) tryTx(ctx context.Context, t transaction[S], d *draft[S]) ([]types.Event, error) {
	before := d.seq
	events, verdict := c.root.kind.decide(ctx, c.family.sup.clock, d, c.id, t.command, t.handler, nil)
	c.reportPanic(ctx, t.command.Type, verdict)
	commit := store.Commit{AggregateID: c.id, Events: events, Projections: c.root.kind.Projections}
	if t.record != nil && verdict == nil {
		t.record.After, t.record.Last = before, d.seq
		commit.Commands = []store.CommandRecord{*t.record}
	}
	if verdict == nil && (len(events) > 0 || t.record != nil) {
		verdict = t.Commit(ctx, commit)
	}
	if verdict == nil {
		return cloneEvents(events), nil
	}
	if t.record != nil && !errors.Is(verdict, store.ErrConflict) {
		if record, err := c.lookUpIn(ctx, t); record != nil || err != nil {
			if err != nil {
				return nil, err
			}
			return eventsOf(ctx, t.Tx, c.id, record)
		}
	}
	if errors.Is(verdict, store.ErrConflict) || errors.Is(verdict, store.ErrDuplicateTimestamp) || len(events) == 0 {
		return nil, verdict
	}
	return nil, fmt.Errorf("aggregate: commit in the transaction: %w", verdict)
}

// lookUpIn looks the command's ID up, in the transaction where the store can.
func (c *cell[S]) lookUpIn(ctx context.Context, t transaction[S]) (*store.CommandRecord, error) {
	log, ok := t.Tx.(store.CommandLog)
	if !ok {
		log = c.family.sup.store.(store.CommandLog)
	}
	return lookUp(ctx, log, c.id, t.record)
}
