package postgres

import (
	"context"
	"fmt"
	"hash/fnv"
	"time"

	"github.com/eventmaestro/maestro/hlc"
	"github.com/eventmaestro/maestro/store"
	"github.com/eventmaestro/maestro/types"
	"github.com/jackc/pgx/v5"
)

const (
	lockSQL = `SELECT pg_advisory_xact_lock(CASE WHEN ` + lockTimeout + ` IS NOT NULL THEN $2::int8 END)`

	// circleSQL tells whether who holds the lock $1 waits for this session, be it through others.
	circleSQL = `WITH RECURSIVE waited (pid) AS (
SELECT l.pid FROM pg_catalog.pg_locks l WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1
AND l.database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database())
AND l.classid::int8 = ($1::int8 >> 32) & 4294967295 AND l.objid::int8 = $1::int8 & 4294967295
UNION SELECT b.pid FROM waited, unnest(pg_catalog.pg_blocking_pids(waited.pid)) AS b (pid))
SELECT EXISTS (SELECT FROM waited WHERE pid = pg_backend_pid())`
)

const (
	// firstWait is how long a lock out of order is waited for before it is asked whether that is a
	// deadlock; the wait doubles up to longestWait. The server itself asks after a second, by default.
	firstWait   = 10 * time.Millisecond
	longestWait = 80 * time.Millisecond
)

// lockKey is the number of the line for an aggregate. Two aggregates that share one wait for each
// other without need.
func lockKey(id hlc.Timestamp) int64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte("maestro aggregate ")) // never fails
	_, _ = h.Write(id[:])
	return int64(h.Sum64())
}

// Lock waits in the line for an aggregate, an advisory lock of the transaction, and reads what is
// new; see store.OwnTx.
func (o *ownTx) Lock(ctx context.Context, id hlc.Timestamp, from types.Sequence) (events []types.Event, more bool, err error) {
	return o.lockOrExclude(ctx, id, from, false)
}

// LockAlone is Lock and keeps everybody out; see store.Excluder.
func (o *ownTx) LockAlone(ctx context.Context, id hlc.Timestamp, from types.Sequence) (events []types.Event, more bool, err error) {
	return o.lockOrExclude(ctx, id, from, o.tx == nil && !o.s.routes())
}

func (o *ownTx) lockOrExclude(ctx context.Context, id hlc.Timestamp, from types.Sequence, alone bool) (events []types.Event, more bool, err error) {
	if err := o.usable(); err != nil {
		return nil, false, err
	}
	for _, staged := range o.staged {
		if staged.commit.AggregateID == id { // its events are among those asked for
			if err := o.Send(ctx); err != nil {
				return nil, false, err
			}
			break
		}
	}
	if err := o.connect(ctx); err != nil {
		return nil, false, err
	}
	if _, locked := o.locked[id]; locked || o.last.Before(id) {
		events, err = o.lock(ctx, id, from, o.s.o.LockTimeout, false, alone)
	} else {
		events, err = o.lockOutOfOrder(ctx, id, from)
	}
	if err != nil {
		return nil, false, o.fail(ctx, err)
	}
	o.locked[id] = struct{}{}
	if o.last.Before(id) {
		o.last = id
	}
	return events, len(events) == newsLimit, nil
}

// lockOutOfOrder looks for a deadlock while it waits: somebody may hold the lock and wait for this
// transaction.
func (o *ownTx) lockOutOfOrder(ctx context.Context, id hlc.Timestamp, from types.Sequence) ([]types.Event, error) {
	end := time.Now().Add(o.s.o.LockTimeout)
	for wait := firstWait; ; wait = min(2*wait, longestWait) {
		events, err := o.lock(ctx, id, from, wait, true, false)
		pgErr := pgError(err)
		if err == nil || pgErr == nil || pgErr.Code != codeLockNotAvailable {
			return events, err
		}
		if !time.Now().Before(end) {
			return nil, o.lockError(ctx, false, err)
		}
		if _, err := o.tx.Exec(ctx, "ROLLBACK TO SAVEPOINT maestro_lock"); err != nil {
			return nil, notSent(ctx, "wait for a lock", err)
		}
		var circle bool
		if err := o.tx.QueryRow(ctx, circleSQL, lockKey(id)).Scan(&circle); err != nil {
			return nil, readError(ctx, "look for a deadlock", err)
		}
		if circle {
			return nil, fmt.Errorf("%w: the transaction that has aggregate %v waits for this one", store.ErrDeadlock, id)
		}
	}
}

// lock waits so long for the lock of id, and reads its events: one round trip, with the beginning
// of the transaction. With alone it waits until no commit is under way, if that is soon.
func (o *ownTx) lock(ctx context.Context, id hlc.Timestamp, from types.Sequence, wait time.Duration, again, alone bool) (events []types.Event, err error) {
	b := &pgx.Batch{}
	if o.tx == nil {
		b.BeginTx(readCommitted)
	}
	if again {
		b.Queue("SAVEPOINT maestro_lock")
	}
	b.Queue(lockSQL, milliseconds(min(wait, o.s.o.LockTimeout)), lockKey(id))
	if again {
		b.Queue("RELEASE SAVEPOINT maestro_lock")
	}
	if alone {
		b.Queue("SAVEPOINT maestro_quiet")
		b.Queue(quietSQL, o.s.isolatingLock, milliseconds(o.s.o.LockTimeout/2))
	}
	b.Queue(o.s.sql.from, id[:], int32(max(from, 1)))
	results := o.conn.SendBatch(ctx, b)
	for range b.Len() - 1 {
		if err == nil {
			_, err = results.Exec()
		}
	}
	if err == nil {
		var rows pgx.Rows
		if rows, err = results.Query(); err == nil {
			events, err = o.s.readEvents(rows, id)
		}
	}
	if closeErr := results.Close(); err == nil {
		err = closeErr
	}
	if o.tx == nil {
		o.tx = results.Tx()
	}
	if pgErr := pgError(err); alone && pgErr != nil && pgErr.Code == codeLockNotAvailable {
		if _, back := o.tx.Exec(ctx, "ROLLBACK TO SAVEPOINT maestro_quiet"); back == nil {
			return o.lock(ctx, id, from, wait, again, false)
		}
	}
	return events, o.lockError(ctx, again, err)
}

// lockError translates what a wait ended with, unless it is to be tried again.
func (o *ownTx) lockError(ctx context.Context, again bool, err error) error {
	pgErr := pgError(err)
	switch {
	case err == nil, again && pgErr != nil && pgErr.Code == codeLockNotAvailable:
		return err
	case pgErr != nil && pgErr.Code == codeDeadlock:
		return fmt.Errorf("%w: %w", store.ErrDeadlock, err)
	}
	return readError(ctx, "wait for a lock", err)
}
