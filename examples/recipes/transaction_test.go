package recipes_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/eventmaestro/maestro/aggregate"
	"github.com/eventmaestro/maestro/store/memory"
	"github.com/eventmaestro/maestro/store/postgres"
	"github.com/eventmaestro/maestro/types"
)

// The application has rows of its own that must change with the account or not at all: the command
// is evaluated in the application's transaction.
func Example_transactionSQL() {
	onPostgres(func(ctx context.Context, pool *pgxpool.Pool, s *postgres.Store) error {
		if _, err := pool.Exec(ctx, `CREATE TABLE invoices (number int PRIMARY KEY, amount int NOT NULL, paid boolean NOT NULL DEFAULT false);
			INSERT INTO invoices VALUES (1, 30), (2, 300)`); err != nil {
			return err
		}
		sup, err := aggregate.NewSupervisor(s, nil)
		if err != nil {
			return err
		}
		defer sup.Shutdown(ctx)
		accounts, err := aggregate.NewRoot(sup, account())
		if err != nil {
			return err
		}
		id, err := newAccount(ctx, accounts, 100)
		if err != nil {
			return err
		}
		pay := func(number int) error {
			return pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) error {
				var amount int
				if err := tx.QueryRow(ctx, `UPDATE invoices SET paid = true WHERE number = $1 RETURNING amount`, number).Scan(&amount); err != nil {
					return err
				}
				_, err := accounts.EvaluateTx(ctx, s.Tx(tx), types.CommandOf(id, Withdraw{amount}))
				return err // an error rolls the invoice back, too
			})
		}
		fmt.Println("invoice 1:", pay(1))
		fmt.Println("invoice 2:", pay(2))

		rows, err := pool.Query(ctx, `SELECT number, paid FROM invoices ORDER BY number`)
		if err != nil {
			return err
		}
		var number int
		var paid bool
		if _, err := pgx.ForEachRow(rows, []any{&number, &paid}, func() error {
			fmt.Println("paid:", number, paid)
			return nil
		}); err != nil {
			return err
		}
		now, err := accounts.Fetch(ctx, id)
		fmt.Println("balance:", now.Balance)
		return err
	})
	// Output:
	// invoice 1: <nil>
	// invoice 2: withdraw 300: the balance is 70
	// paid: 1 true
	// paid: 2 false
	// balance: 70
}

// The same in a unit test, on the store in memory: two commands, both or none.
func Example_transaction() {
	ctx := context.Background()
	s := memory.New()
	sup, err := aggregate.NewSupervisor(s, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer sup.Shutdown(ctx)
	accounts, err := aggregate.NewRoot(sup, account())
	if err != nil {
		fmt.Println(err)
		return
	}
	from, err1 := newAccount(ctx, accounts, 100)
	to, err2 := newAccount(ctx, accounts, 0)
	if err := errors.Join(err1, err2); err != nil {
		fmt.Println(err)
		return
	}
	transfer := func(amount int) error {
		tx, err := s.BeginTx(ctx)
		if err != nil {
			return err
		}
		defer tx.Abort(ctx)
		if _, err := accounts.EvaluateTx(ctx, tx, types.CommandOf(to, Deposit{amount})); err != nil {
			return err
		}
		withdrawal := types.CommandOf(from, Withdraw{amount})
		if _, err := accounts.EvaluateTx(ctx, tx, withdrawal); err != nil {
			return err
		}
		return tx.End(ctx)
	}
	fmt.Println(transfer(30))
	fmt.Println(transfer(300))
	a, err1 := accounts.Fetch(ctx, from)
	b, err2 := accounts.Fetch(ctx, to)
	fmt.Println(a.Balance, b.Balance, errors.Join(err1, err2))
	// Output:
	// <nil>
	// withdraw 300: the balance is 70
	// 70 30 <nil>
}
