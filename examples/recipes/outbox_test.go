package recipes_test

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/eventmaestro/maestro/aggregate"
	"github.com/eventmaestro/maestro/hlc"
	"github.com/eventmaestro/maestro/store"
	"github.com/eventmaestro/maestro/store/postgres"
	"github.com/eventmaestro/maestro/types"
)

// A message goes out for every deposit, even if the program dies between the commit and the broker:
// the projection writes it into a table with the event, and a relay sends what is in the table.
//
// Where the database has the tables of tails, neither is needed: a tail hands the events themselves
// to whoever sends (tail_test.go; examples/tail with a retry and a table of dead letters). An
// outbox is for what only the handler knew, and for a log that is spread over several servers.
func Example_outboxSQL() {
	onPostgres(func(ctx context.Context, pool *pgxpool.Pool, s *postgres.Store) error {
		if _, err := pool.Exec(ctx, `CREATE TABLE outbox (
			aggregate_id bytea, sequence int, id bytea NOT NULL, topic text NOT NULL, body jsonb NOT NULL,
			PRIMARY KEY (aggregate_id, sequence))`); err != nil {
			return err
		}
		d := account()
		d.Projections = []store.Projection{postgres.BatchProjection(func(b *pgx.Batch, e types.Event) error {
			if e.Type == "deposited" {
				b.Queue(`INSERT INTO outbox VALUES ($1, $2, $3, $4, $5)`, e.AggregateID, int32(e.Sequence), e.Timestamp, "payments", e.Body)
			}
			return nil
		})}
		sup, err := aggregate.NewSupervisor(s, nil)
		if err != nil {
			return err
		}
		defer sup.Shutdown(ctx)
		accounts, err := aggregate.NewRoot(sup, d)
		if err != nil {
			return err
		}
		if _, err := newAccount(ctx, accounts, 10, 20, 30); err != nil {
			return err
		}
		for {
			n, err := relay(ctx, pool, 2, func(m message) error {
				fmt.Printf("%s: %s\n", m.topic, m.body)
				return nil
			})
			if err != nil || n == 0 {
				return err
			}
			fmt.Println("sent", n)
		}
	})
	// Output:
	// payments: {"amount": 10}
	// payments: {"amount": 20}
	// sent 2
	// payments: {"amount": 30}
	// sent 1
}

type message struct {
	id          hlc.Timestamp // unique: a receiver that saw it before drops it
	topic, body string
}

// relay sends up to limit messages, those of one aggregate in order, and returns how many. A
// message is gone from the table once the transaction commits, so it is sent at least once, not
// exactly once.
//
// Only one relay is at work at a time, whatever process it is in: with two of them, the second
// could overtake the first with a later message of the same aggregate.
func relay(ctx context.Context, pool *pgxpool.Pool, limit int, send func(message) error) (n int, err error) {
	err = pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) error {
		var mine bool
		if err := tx.QueryRow(ctx, `SELECT pg_try_advisory_xact_lock(4711)`).Scan(&mine); err != nil || !mine {
			return err
		}
		rows, err := tx.Query(ctx, `WITH gone AS (DELETE FROM outbox WHERE (aggregate_id, sequence) IN
			(SELECT aggregate_id, sequence FROM outbox ORDER BY aggregate_id, sequence LIMIT $1) RETURNING *)
			SELECT id, topic, body::text FROM gone ORDER BY aggregate_id, sequence`, limit)
		if err != nil {
			return err
		}
		messages, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (m message, err error) {
			err = row.Scan(&m.id, &m.topic, &m.body)
			return m, err
		})
		if err != nil {
			return err
		}
		for _, m := range messages {
			if err := send(m); err != nil {
				return err // all of them stay
			}
		}
		n = len(messages)
		return nil
	})
	return n, err
}
