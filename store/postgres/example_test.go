package postgres_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/eventmaestro/maestro/aggregate"
	"github.com/eventmaestro/maestro/hlc"
	"github.com/eventmaestro/maestro/store"
	"github.com/eventmaestro/maestro/store/postgres"
	"github.com/eventmaestro/maestro/types"
	"github.com/jackc/pgx/v5"
)

// deposit is what an aggregate would make of a command.
func deposit(clock *hlc.Clock, id hlc.Timestamp, s types.Sequence, body string) store.Commit {
	at, err := clock.Now()
	if err != nil {
		panic(err)
	}
	return store.Commit{AggregateID: id, Events: []types.Event{
		{Timestamp: at, AggregateID: id, Sequence: s, Type: "deposited", Body: []byte(body)},
	}}
}

func Example() {
	ctx := context.Background()
	pool := examplePool("example")
	defer pool.Close()
	events, _ := postgres.New(pool, nil)
	if err := events.Validate(ctx); err != nil {
		fmt.Println(err)
	}

	clock := hlc.NewClock(nil)
	account, _ := clock.Now()
	fmt.Println(events.Commit(ctx, deposit(clock, account, 1, `{"cents": 100}`)))
	fmt.Println(events.Commit(ctx, deposit(clock, account, 2, `{"cents": 250}`)))
	err := events.Commit(ctx, deposit(clock, account, 2, `{"cents": 999}`))
	fmt.Println("somebody was first:", errors.Is(err, store.ErrConflict))

	for e, err := range events.Events(ctx, account, store.Range{}) {
		fmt.Println(e.Sequence, e.Type, string(e.Body), err)
	}
	// Output:
	// <nil>
	// <nil>
	// somebody was first: true
	// 1 deposited {"cents": 100} <nil>
	// 2 deposited {"cents": 250} <nil>
}

func ExampleBatchProjection() {
	ctx := context.Background()
	pool := examplePool("example_batch_projection", `CREATE TABLE deposits (account bytea, cents int)`)
	defer pool.Close()

	deposits := postgres.BatchProjection(func(b *pgx.Batch, e types.Event) error {
		b.Queue(`INSERT INTO deposits SELECT $1, ($2::jsonb ->> 'cents')::int`, e.AggregateID, e.Body)
		return nil
	})
	clock := hlc.NewClock(nil)
	account, _ := clock.Now()
	commit := deposit(clock, account, 1, `{"cents": 100}`)
	commit.Projections = []store.Projection{deposits}
	events, _ := postgres.New(pool, nil)
	fmt.Println(events.Commit(ctx, commit))

	var cents int
	err := pool.QueryRow(ctx, `SELECT sum(cents) FROM deposits WHERE account = $1`, account).Scan(&cents)
	fmt.Println(cents, err)
	// Output:
	// <nil>
	// 100 <nil>
}

func ExampleProjection() {
	ctx := context.Background()
	pool := examplePool("example_projection", `CREATE TABLE limits (cents int); INSERT INTO limits VALUES (500)`)
	defer pool.Close()

	withinLimit := postgres.Projection(func(ctx context.Context, tx pgx.Tx, e types.Event) error {
		var within bool
		err := tx.QueryRow(ctx, `SELECT ($1::jsonb ->> 'cents')::int <= (SELECT cents FROM limits)`, e.Body).Scan(&within)
		if err == nil && !within {
			err = errors.New("over the limit")
		}
		return err
	})
	clock := hlc.NewClock(nil)
	account, _ := clock.Now()
	commit := deposit(clock, account, 1, `{"cents": 501}`)
	commit.Projections = []store.Projection{withinLimit}
	events, _ := postgres.New(pool, nil)
	err := events.Commit(ctx, commit)

	var refused *store.ProjectionError
	fmt.Println(errors.As(err, &refused), refused.Err)
	// Output:
	// true over the limit
}

func ExampleStore_Tx() {
	ctx := context.Background()
	pool := examplePool("example_tx", `CREATE TABLE customers (name text)`)
	defer pool.Close()
	events, _ := postgres.New(pool, nil)
	clock := hlc.NewClock(nil)
	account, _ := clock.Now()

	err := pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, `INSERT INTO customers VALUES ('Ada')`); err != nil {
			return err
		}
		if err := events.Tx(tx).Commit(ctx, deposit(clock, account, 1, `{"cents": 100}`)); err != nil {
			return err
		}
		return errors.New("on second thought")
	})
	fmt.Println(err)

	n := 0
	for _, err := range events.Events(ctx, account, store.Range{}) {
		fmt.Println(err)
		n++
	}
	fmt.Println(n, "events")
	// Output:
	// on second thought
	// 0 events
}

func ExampleStore_LookupCommand() {
	ctx := context.Background()
	pool := examplePool("example_commands")
	defer pool.Close()
	events, _ := postgres.New(pool, &postgres.Options{Commands: true})
	clock := hlc.NewClock(nil)
	account, _ := clock.Now()

	commit := deposit(clock, account, 1, `{"cents": 100}`)
	commit.Commands = []store.CommandRecord{{ID: "order 7", After: 0, Last: 1}}
	fmt.Println(events.Commit(ctx, commit))

	again := deposit(clock, account, 2, `{"cents": 100}`)
	again.Commands = []store.CommandRecord{{ID: "order 7", After: 1, Last: 2}}
	fmt.Println(events.Commit(ctx, again))

	first, err := events.LookupCommand(ctx, account, "order 7")
	fmt.Println(first.After, first.Last, err)
	// Output:
	// <nil>
	// store: duplicate command id: "order 7"
	// 0 1 <nil>
}

func ExampleStore_Redact() {
	ctx := context.Background()
	pool := examplePool("example_redact")
	defer pool.Close()
	events, _ := postgres.New(pool, nil)
	clock := hlc.NewClock(nil)
	account, _ := clock.Now()
	fmt.Println(events.Commit(ctx, deposit(clock, account, 1, `{"cents": 100, "from": "Ada"}`)))

	fmt.Println(events.Redact(ctx, store.Redaction{
		AggregateID: account,
		Events:      []types.Event{{Sequence: 1, Body: []byte(`{"cents": 100}`)}},
	}))
	for e, err := range events.Events(ctx, account, store.Range{}) {
		fmt.Println(e.Sequence, string(e.Body), err)
	}
	// Output:
	// <nil>
	// <nil>
	// 1 {"cents": 100} <nil>
}

// Statements of the application in a transaction of the library.
func ExampleTxOf() {
	ctx := context.Background()
	pool := examplePool("example_tx_of", `CREATE TABLE customers (name text)`)
	defer pool.Close()
	events, err := postgres.New(pool, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	sup, err := aggregate.NewSupervisor(events, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer sup.Shutdown(ctx)
	err = sup.Transact(ctx, func(ctx context.Context, tx store.Tx) error {
		sql, err := postgres.TxOf(ctx, tx) // commands of aggregates go beside it, by Root.EvaluateTx
		if err != nil {
			return err
		}
		_, err = sql.Exec(ctx, `INSERT INTO customers VALUES ('Ada')`)
		return err
	})
	var n int
	_ = pool.QueryRow(ctx, `SELECT count(*) FROM customers`).Scan(&n)
	fmt.Println(n, err)
	// Output: 1 <nil>
}
