package recipes_test

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/eventmaestro/maestro/aggregate"
	"github.com/eventmaestro/maestro/hlc"
	"github.com/eventmaestro/maestro/store"
	"github.com/eventmaestro/maestro/store/postgres"
	"github.com/eventmaestro/maestro/types"
)

// A row of a projection says how far it is (sequence) and which code wrote it (version).
const createTotals = `CREATE TABLE totals (
	aggregate_id bytea PRIMARY KEY, version int NOT NULL, sequence int NOT NULL, paid_in bigint NOT NULL)`

// totalsVersion is raised when the projection's meaning changes, or its rows turn out to be wrong.
const totalsVersion = 2

// forward is the usual step: the row is where the event finds it.
const forward = `UPDATE totals SET sequence = $2, paid_in = paid_in + $3
	WHERE aggregate_id = $1 AND sequence = $2 - 1 AND version = $4`

// recompute makes the row of one aggregate from its log, and does nothing if the row is as new and
// as far. It is what the projection falls back on and what a rebuild consists of. Whichever of the
// two comes second waits for the row of the first and then sees that there is nothing left to do,
// so neither needs a lock and no event is counted twice or not at all.
const recompute = `INSERT INTO totals AS t (aggregate_id, version, sequence, paid_in)
	SELECT aggregate_id, $2::int, max(sequence), coalesce(sum((body->>'amount')::bigint) FILTER (WHERE type = 'deposited'), 0)
	FROM event_log WHERE aggregate_id = $1 GROUP BY aggregate_id
	ON CONFLICT (aggregate_id) DO UPDATE
	SET version = excluded.version, sequence = excluded.sequence, paid_in = excluded.paid_in
	WHERE (t.version, t.sequence) < (excluded.version, excluded.sequence)`

// totals is the projection. Its row may be missing or behind, before and during a rebuild.
func totals(ctx context.Context, tx pgx.Tx, e types.Event) error {
	paid := 0
	if e.Type == "deposited" {
		paid = change(e)
	}
	tag, err := tx.Exec(ctx, forward, e.AggregateID, int32(e.Sequence), paid, totalsVersion)
	if err == nil && tag.RowsAffected() == 0 {
		_, err = tx.Exec(ctx, recompute, e.AggregateID, totalsVersion)
	}
	return err
}

// rebuild brings the rows of all aggregates to the present version, while the program goes on. It
// may be ended at any time and begun again; run it when no process with an older version is left.
//
// Each aggregate is a statement and a transaction of its own: one that held the rows of many could
// end up in a deadlock with commits that share a transaction. One after the other, they leave the
// rest of the database to the program.
func rebuild(ctx context.Context, pool *pgxpool.Pool) error {
	const batch = 1000
	last := hlc.Timestamp{}
	for {
		rows, err := pool.Query(ctx, `SELECT aggregate_id FROM event_log
			WHERE sequence = 1 AND aggregate_id > $1 ORDER BY aggregate_id LIMIT $2`, last, batch)
		if err != nil {
			return err
		}
		ids, err := pgx.CollectRows(rows, pgx.RowTo[hlc.Timestamp])
		if err != nil || len(ids) == 0 {
			return err
		}
		for _, id := range ids {
			if _, err := pool.Exec(ctx, recompute, id, totalsVersion); err != nil {
				return err
			}
		}
		last = ids[len(ids)-1]
	}
}

// A projection's rows are wrong, or it is new: they are made from the log while commands go on. An
// aggregate that is created meanwhile gets its row from the projection itself.
func Example_rebuildSQL() {
	onPostgres(func(ctx context.Context, pool *pgxpool.Pool, s *postgres.Store) error {
		if _, err := pool.Exec(ctx, createTotals); err != nil {
			return err
		}
		// Accounts from before the projection, and one whose row the last version got wrong.
		before, err := aggregate.NewSupervisor(s, nil)
		if err != nil {
			return err
		}
		defer before.Shutdown(ctx)
		old, err := aggregate.NewRoot(before, account())
		if err != nil {
			return err
		}
		var ids []hlc.Timestamp
		for i := range 20 {
			id, err := newAccount(ctx, old, 1, i)
			if err != nil {
				return err
			}
			ids = append(ids, id)
		}
		if _, err := pool.Exec(ctx, `INSERT INTO totals VALUES ($1, 1, 2, -17)`, ids[3]); err != nil {
			return err
		}

		d := account()
		d.Projections = []store.Projection{postgres.Projection(totals)}
		sup, err := aggregate.NewSupervisor(s, nil)
		if err != nil {
			return err
		}
		defer sup.Shutdown(ctx)
		accounts, err := aggregate.NewRoot(sup, d)
		if err != nil {
			return err
		}
		fmt.Println("wrong or missing before:", wrong(ctx, pool))
		var writers sync.WaitGroup
		failed := make([]error, 10)
		for i, id := range ids[:len(failed)] {
			writers.Go(func() { // who don't wait for the rebuild
				for range 10 {
					failed[i] = errors.Join(failed[i], accounts.Send(ctx, id, Deposit{5}))
				}
			})
		}
		err = rebuild(ctx, pool)
		writers.Wait()
		if err := errors.Join(append(failed, err)...); err != nil {
			return err
		}
		fmt.Println("wrong or missing after:", wrong(ctx, pool))
		return nil
	})
	// Output:
	// wrong or missing before: 20
	// wrong or missing after: 0
}

// wrong counts the accounts whose row is not what the log gives.
func wrong(ctx context.Context, pool *pgxpool.Pool) string {
	var n int
	if err := pool.QueryRow(ctx, `SELECT count(*) FROM (
		SELECT aggregate_id, sum((body->>'amount')::bigint) AS paid_in, max(sequence) AS sequence FROM event_log GROUP BY aggregate_id) l
		LEFT JOIN totals t USING (aggregate_id)
		WHERE (t.paid_in, t.sequence) IS DISTINCT FROM (l.paid_in, l.sequence)`).Scan(&n); err != nil {
		return err.Error()
	}
	return strconv.Itoa(n)
}
