package postgres

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5"
)

// A tail that has a replica reads its windows there. A window lies between two snapshots of the
// primary, whatever server its rows are read on. A snapshot of the standby's own would not do: a
// standby does not say which transactions are still under way on the primary. So the place, its
// lock and the limit are the primary's. Together with the limit the primary says how far its log
// is, and all that the limit shows was committed before that. A standby that has replayed as much,
// on the same timeline of the same cluster, shows all of it. What it shows besides is kept out by
// the numbers of the transactions.

const (
	// reachedSQL is how far the log is, and on which timeline. All that the statement's snapshot shows
	// is before that.
	reachedSQL = `pg_current_wal_insert_lsn()::text || ' ' || left(pg_walfile_name(pg_current_wal_insert_lsn()), 8)`

	// replayedSQL tells whether a server has replayed as much as $1, the answer to reachedSQL of a
	// server of cluster $2. For a while after a promotion the control file has the older timeline, and
	// the answer is no.
	replayedSQL = `SELECT coalesce(pg_last_wal_replay_lsn() >= split_part($1::text, ' ', 1)::pg_lsn, false)
AND upper(lpad(to_hex((SELECT timeline_id FROM pg_control_checkpoint())), 8, '0')) = split_part($1::text, ' ', 2)
AND (SELECT system_identifier::text FROM pg_control_system()) = $2::text`
)

var (
	errNoReplica = errors.New("postgres: there is no replica")
	errNotThere  = errors.New("postgres: the replica is behind, or follows another server")
)

// onReplica reads on the replica. It waits for a connection until waiting ends. After an error the
// caller asks the primary.
func (w *tailWorker) onReplica(ctx, waiting context.Context, cluster string, into *tailRows, sql string, args []any) error {
	if w.t.o.Replica == nil {
		return errNoReplica
	}
	conn, err := w.t.o.Replica.Acquire(waiting)
	if err != nil {
		return w.notRead(waiting, err)
	}
	defer conn.Release()
	b := &pgx.Batch{}
	b.Queue(replayedSQL, w.reached, cluster)
	b.Queue(sql, args...)
	results := conn.SendBatch(ctx, b)
	defer func() { _ = results.Close() }()
	var there bool
	if err := results.QueryRow().Scan(&there); err != nil {
		return w.notRead(ctx, err)
	}
	if !there {
		return errNotThere // as it always is with the newest events
	}
	rows, err := results.Query()
	if err == nil {
		err = w.decode(rows, into)
	}
	return w.notRead(ctx, err)
}

// notRead tells the operator, once while it lasts, that a replica is of no use.
func (w *tailWorker) notRead(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return err // nobody waits for it any more
	}
	if told := w.told; err != nil && !told {
		w.t.o.Logger.Warn("maestro: a tail can't read on its replica, and does on the primary", "tail", w.t.o.Name, "part", w.part, "error", err)
	}
	w.told = err != nil
	return err
}
