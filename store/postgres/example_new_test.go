package postgres_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"

	"github.com/eventmaestro/maestro/aggregate"
	"github.com/eventmaestro/maestro/migrations"
	"github.com/eventmaestro/maestro/store/postgres"
	"github.com/eventmaestro/maestro/types"
	"github.com/jackc/pgx/v5/pgxpool"
)

// The store under a supervisor: what an application does at its start.
func ExampleNew() {
	type (
		Counter   struct{ Value int }
		Increment struct{ By int }
	)
	increment := func(_ context.Context, _ aggregate.Instance[Counter], cmd Increment) ([]types.Uncommitted, error) {
		return types.Events(types.NewEvent("counter_incremented", cmd)), nil
	}
	incremented := func(c Counter, e Increment) Counter { c.Value += e.By; return c }

	ctx := context.Background()
	pool := examplePool("example_new") // pgxpool.New(ctx, os.Getenv("DATABASE_URL"))
	defer pool.Close()
	events, _ := postgres.New(pool, &postgres.Options{Commands: true})
	sup, _ := aggregate.NewSupervisor(events, nil)
	defer sup.Shutdown(ctx) // before the pool is closed
	counters, err := aggregate.NewRoot(sup, aggregate.Definition[Counter]{
		Commands: aggregate.Commands[Counter]{"increment": aggregate.Command(increment)},
		Events:   aggregate.Events[Counter]{"counter_incremented": aggregate.Event(incremented)},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	id, _ := counters.NewID(ctx)
	for range 2 { // the second time is a repeat, which the command ID says
		fmt.Println(counters.Evaluate(ctx, types.Command{AggregateID: id, Type: "increment", Data: Increment{By: 5}, ID: "request 1"}))
	}
	now, err := counters.Fetch(ctx, id)
	fmt.Println(now.Value, err)
	// Output:
	// <nil>
	// <nil>
	// 5 <nil>
}

// A program that can't work with its database says so at its start.
func ExampleStore_Validate() {
	ctx := context.Background()
	pool, err := pgxpool.New(ctx, os.Getenv("DATABASE_URL"))
	if err != nil {
		slog.Error("the address of the database", "err", err)
		os.Exit(1)
	}
	defer pool.Close()

	events, err := postgres.New(pool, &postgres.Options{Commands: true})
	if err != nil {
		fmt.Println(err)
		return
	}
	if err := events.Validate(ctx); err != nil {
		slog.Error("the event store", "err", err) // away, or without its tables
		var missing *migrations.ValidateError
		if err := migrations.Validate(ctx, pool, &migrations.Options{Commands: true}); errors.As(err, &missing) {
			for _, problem := range missing.Problems {
				slog.Error(problem.Object, "reason", problem.Reason, "remedy", problem.DDL)
			}
		}
		os.Exit(1)
	}
}
