package memory

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/eventmaestro/maestro/hlc"
	"github.com/eventmaestro/maestro/store"
	"github.com/eventmaestro/maestro/types"
)

var (
	_ store.Tx         = txStore{}
	_ store.CommandLog = txStore{}
)

// Tx is a transaction that the application began with [Store.Begin]; [Store.Tx] is the adapter in it, as with the
// Postgres store and a pgx.Tx. What is stored through that is visible
// to it alone until [Tx.Commit]; [Tx.Rollback] forgets it. A Tx is not safe for concurrent use.
//
// It behaves as a Postgres transaction at READ COMMITTED does: every read sees what was committed by then, and
// the transaction's own rows; a commit that is refused leaves it usable. It differs in one point. Where
// Postgres would make a second writer of the same aggregate wait for the transaction, this one
// lets it go first, and Commit answers [store.ErrConflict]: the transaction is the one that loses.
//
// With its first commit that has projections, the transaction becomes the one that may write into tables,
// until it ends: other commits with projections wait for it, or for the end of their
// context. A test that begins one and commits beside it in the same goroutine would wait for itself.
type Tx struct {
	store   *Store
	streams map[hlc.Timestamp]*staged
	tables  *ProjectionTx // nil until a projection runs; then the transaction holds store.projecting
	ended   bool
}

// staged is what the transaction adds to one aggregate.
type staged struct {
	base     types.Sequence // the aggregate's last sequence when events was empty
	events   log
	snapshot *types.Snapshot
	commands []store.CommandRecord
}

// Begin starts a transaction. It takes nothing that others could miss, but it has to be ended:
//
//	tx := s.Begin()
//	defer tx.Rollback(ctx)
//	_, err := root.EvaluateTx(ctx, s.Tx(tx), command)
//	…
//	err = tx.Commit(ctx)
func (s *Store) Begin() *Tx {
	return &Tx{store: s, streams: make(map[hlc.Timestamp]*staged)}
}

// Tx returns an adapter that works inside of tx, which [Store.Begin] of the same store returned. One of
// another store stays that store's: its Base is that, so EvaluateTx refuses it.
func (s *Store) Tx(tx *Tx) store.Tx { return txStore{tx} }

// txStore is the adapter inside of a transaction of the application.
type txStore struct{ *Tx }

func (tx txStore) Base() store.Adapter { return tx.store }

// Rollback ends the transaction and forgets what it stored, also when ctx has ended. After the end it only
// returns [ErrTxDone].
func (tx *Tx) Rollback(context.Context) error {
	if tx.ended {
		return ErrTxDone
	}
	tx.end()
	return nil
}

func (tx *Tx) end() {
	if tx.ended {
		return
	}
	tx.ended = true
	tx.streams = nil
	if tx.tables != nil {
		tx.tables.end()
		tx.store.endProjecting()
	}
}

// Commit stores c in the transaction, with the errors of [Store.Commit]. It stays refusable until the
// transaction commits: somebody else may store the same sequence first.
func (tx txStore) Commit(ctx context.Context, c store.Commit) error {
	if err := tx.check(ctx, "commit"); err != nil {
		return err
	}
	if err := c.Check(); err != nil {
		return err
	}
	p := newAttempt(c)
	defer p.release()
	there, overtaken := tx.events(c.AggregateID)
	if overtaken && len(c.Events) > 0 {
		return store.ErrConflict
	}
	if err := p.check(there.end(), func(id string) bool { return tx.command(c.AggregateID, id) != nil }); err != nil {
		return err
	}
	if tx.isStamped(p.log.rows) {
		return store.ErrDuplicateTimestamp
	}
	if err := tx.project(ctx, c); err != nil {
		return err
	}
	st := tx.stage(c.AggregateID)
	if st.events.end() == 0 {
		st.base = there.end()
	}
	st.events.append(&p.log)
	st.commands = append(st.commands, c.Commands...)
	return nil
}

// project runs the projections on top of those of the transaction's earlier commits.
func (tx *Tx) project(ctx context.Context, c store.Commit) error {
	projections := runnable(c.Projections)
	if len(projections) == 0 {
		return nil
	}
	if tx.tables == nil {
		if err := tx.store.beginProjecting(ctx); err != nil {
			return err
		}
		tx.tables = newProjectionTx(tx.store, nil)
	}
	savepoint := newProjectionTx(tx.store, tx.tables)
	defer savepoint.end()
	if err := run(ctx, savepoint, projections, c.Events); err != nil {
		return err
	}
	savepoint.merge()
	return nil
}

// Commit ends the transaction and makes all that it stored visible at one moment. Its errors are those of
// [Store.Commit], an ended context, and [ErrTxDone]; the transaction is rolled back then.
func (tx *Tx) Commit(ctx context.Context) error {
	if err := tx.check(ctx, "commit transaction"); err != nil {
		tx.end()
		return err
	}
	defer tx.end() // after the fact it only gives back what the transaction holds
	unlock, err := tx.lock(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	var all []row
	used := false
	for id, st := range tx.streams {
		there := tx.store.shard(id).stream(id)
		if st.overtaken(there) {
			return store.ErrConflict
		}
		used = used || st.used(there)
		all = append(all, st.events.rows...)
	}
	if used {
		return store.ErrDuplicateCommand
	}
	if len(all) > 0 && !tx.store.timestamps.add(all) {
		return store.ErrDuplicateTimestamp
	}
	now := time.Now()
	for id, st := range tx.streams {
		st.apply(tx.store.shard(id).make(id), now)
	}
	if tx.tables != nil {
		tx.tables.apply()
	}
	return nil
}

// lock takes the locks of all shards that the transaction touched, by index, at a moment when no commit
// with projections is under way on any of its aggregates.
func (tx *Tx) lock(ctx context.Context) (unlock func(), err error) {
	var indices []int
	for id := range tx.streams {
		indices = append(indices, shardIndex(id))
	}
	slices.Sort(indices)
	indices = slices.Compact(indices)
	unlock = func() {
		for _, i := range indices {
			tx.store.shards[i].mu.Unlock()
		}
	}
	for {
		for _, i := range indices {
			tx.store.shards[i].mu.Lock()
		}
		turn := tx.waiting()
		if turn == nil {
			return unlock, nil
		}
		unlock()
		select {
		case <-turn:
		case <-ctx.Done():
			return nil, fmt.Errorf("memory: commit transaction: %w", ctx.Err())
		}
	}
}

func (tx *Tx) waiting() <-chan struct{} {
	for id := range tx.streams {
		if turn := tx.store.shard(id).stream(id).waiting(); turn != nil {
			return turn
		}
	}
	return nil
}

// overtaken reports whether somebody else has stored events in the place of those that are staged.
func (st *staged) overtaken(there *stream) bool { return st.events.end() > 0 && there.end() != st.base }

// used reports whether somebody else has used one of the command IDs meanwhile.
func (st *staged) used(there *stream) bool {
	return slices.ContainsFunc(st.commands, func(r store.CommandRecord) bool { return there.hasCommand(r.ID) })
}

func (st *staged) apply(to *stream, now time.Time) {
	to.events.append(&st.events)
	if st.snapshot != nil {
		to.keep(st.snapshot)
	}
	if len(st.commands) > 0 {
		to.use(st.commands, now)
	}
}
