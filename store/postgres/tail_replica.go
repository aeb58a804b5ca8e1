package postgres

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5"
)

// A tail that has a replica reads its windows there. A window is what two snapshots of the primary
// leave between them, whatever server its rows are read on: a snapshot of the standby's own would
// not do, as the server counts none of the transactions that are under way on the primary among
// those that a standby does not show. So the place, its lock and the limit are the primary's, and
// with the limit it says how far its log is: all that the limit shows was committed before. A
// standby that has replayed so much, on the same timeline of the same cluster, shows all of it, and
// the numbers of the transactions keep out what it shows besides.

const (
	// reachedSQL is how far the log is, behind all that the statement's snapshot shows, and on which
	// timeline.
	reachedSQL = `pg_current_wal_insert_lsn()::text || ' ' || left(pg_walfile_name(pg_current_wal_insert_lsn()), 8)`

	// replayedSQL tells whether a server has all that another one, of a cluster, had when that said
	// how far it was. The timeline in the control file is an older one for a while after a promotion:
	// then the answer is no.
	replayedSQL = `SELECT coalesce(pg_last_wal_replay_lsn() >= split_part($1::text, ' ', 1)::pg_lsn, false)
AND upper(lpad(to_hex((SELECT timeline_id FROM pg_control_checkpoint())), 8, '0')) = split_part($1::text, ' ', 2)
AND (SELECT system_identifier::text FROM pg_control_system()) = $2::text`
)

var (
	errNoReplica = errors.New("postgres: there is no replica")
	errNotThere  = errors.New("postgres: the replica is behind, or follows another server")
)

// onReplica reads on the replica, for a connection to which it waits until waiting ends. After an
// error the primary is to be asked.
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
