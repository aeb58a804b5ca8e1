package recipes_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/eventmaestro/maestro/aggregate"
	"github.com/eventmaestro/maestro/hlc"
	"github.com/eventmaestro/maestro/store"
	"github.com/eventmaestro/maestro/store/memory"
	"github.com/eventmaestro/maestro/store/postgres"
	"github.com/eventmaestro/maestro/types"
)

// A projection in memory, for unit tests: its rows are there when the events are, and not if they
// aren't.
func Example_projection() {
	ctx := context.Background()
	s := memory.New()
	balances := memory.NewTable[hlc.Timestamp, int](s)
	d := account()
	d.Projections = []store.Projection{memory.Projection(func(_ context.Context, tx *memory.ProjectionTx, e types.Event) error {
		rows := balances.In(tx)
		balance, _ := rows.Get(e.AggregateID)
		if rows.Put(e.AggregateID, balance+change(e)); balance+change(e) > 1000 {
			return fmt.Errorf("more than 1000")
		}
		return nil
	})}
	sup, _ := aggregate.NewSupervisor(s, nil)
	defer sup.Shutdown(ctx)
	accounts, err := aggregate.NewRoot(sup, d)
	if err != nil {
		fmt.Println(err)
		return
	}
	id, err := newAccount(ctx, accounts, 10, 20)
	fmt.Println(err)
	fmt.Println("refused:", accounts.Send(ctx, id, Deposit{2000}) != nil)
	fmt.Println(balances.Get(id))
	// Output:
	// <nil>
	// refused: true
	// 30 true
}

// change is what an event does to the balance.
func change(e types.Event) int {
	var body Deposited // and Withdrawn, which looks the same
	if err := json.Unmarshal(e.Body, &body); err != nil {
		return 0
	}
	switch e.Type {
	case "deposited":
		return body.Amount
	case "withdrawn":
		return -body.Amount
	}
	return 0
}

// Projections in SQL. The batched form only queues statements, which travel with the events; the
// direct form has the transaction, can read, and can refuse.
func Example_projectionSQL() {
	onPostgres(func(ctx context.Context, pool *pgxpool.Pool, s *postgres.Store) error {
		if _, err := pool.Exec(ctx, `CREATE TABLE account_days (day date PRIMARY KEY, events int NOT NULL);
			CREATE TABLE owners (name text PRIMARY KEY, account bytea NOT NULL)`); err != nil {
			return err
		}
		d := account()
		d.Projections = []store.Projection{
			postgres.BatchProjection(func(b *pgx.Batch, e types.Event) error {
				b.Queue(`INSERT INTO account_days AS a VALUES ($1, 1) ON CONFLICT (day) DO UPDATE SET events = a.events + 1`, e.Timestamp.Time())
				return nil
			}),
			postgres.Projection(func(ctx context.Context, tx pgx.Tx, e types.Event) error {
				if e.Type != "opened" {
					return nil
				}
				var body Opened
				if err := json.Unmarshal(e.Body, &body); err != nil {
					return err
				}
				tag, err := tx.Exec(ctx, `INSERT INTO owners VALUES ($1, $2) ON CONFLICT DO NOTHING`, body.Owner, e.AggregateID)
				if err == nil && tag.RowsAffected() == 0 {
					err = aggregate.Reject("%s has an account", body.Owner)
				}
				return err
			}),
		}
		sup, err := aggregate.NewSupervisor(s, nil)
		if err != nil {
			return err
		}
		defer sup.Shutdown(ctx)
		accounts, err := aggregate.NewRoot(sup, d)
		if err != nil {
			return err
		}
		for _, owner := range []string{"Ann", "Bob", "Ann"} {
			id, err := accounts.NewID(ctx)
			if err != nil {
				return err
			}
			err = accounts.Send(ctx, id, Open{owner})
			if r, ok := errors.AsType[*aggregate.RejectedError](err); ok {
				fmt.Println(owner, "opened:", r)
				continue
			}
			fmt.Println(owner, "opened:", err)
		}
		var owners, events int
		err = pool.QueryRow(ctx, `SELECT (SELECT count(*) FROM owners), (SELECT sum(events) FROM account_days)`).Scan(&owners, &events)
		fmt.Println(owners, "owners,", events, "events counted")
		return err
	})
	// Output:
	// Ann opened: <nil>
	// Bob opened: <nil>
	// Ann opened: Ann has an account
	// 2 owners, 2 events counted
}
