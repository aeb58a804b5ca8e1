package postgres_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/eventmaestro/maestro/migrations"
	"github.com/eventmaestro/maestro/store"
	"github.com/eventmaestro/maestro/store/postgres"
	"github.com/eventmaestro/maestro/types"
	"github.com/jackc/pgx/v5"
)

// A read model that is filled behind the writers: what the function writes and how far the tail is
// are one transaction.
func ExampleNewTail() {
	ctx, stop := context.WithTimeout(context.Background(), time.Minute)
	defer stop()
	pool := examplePool("example_tail", `CREATE TABLE example_tail.search (id bytea, said text)`)
	defer pool.Close()
	if err := migrations.Apply(ctx, pool, &migrations.Options{Schema: "example_tail", Tail: true}); err != nil {
		fmt.Println(err)
		return
	}
	s, err := postgres.New(pool, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	events := commit(stamp(), 1, 3)
	if err := s.Commit(ctx, store.Commit{AggregateID: events.AggregateID, Events: events.Events}); err != nil {
		fmt.Println(err)
		return
	}

	tail, err := postgres.NewTail(pool, &postgres.TailOptions{Name: "search", Types: []string{"happened"}})
	if err != nil {
		fmt.Println(err)
		return
	}
	err = tail.Run(ctx, func(ctx context.Context, tx pgx.Tx, events []types.Event) error {
		for _, e := range events {
			fmt.Println(e.Sequence, e.Type, string(e.Body))
			if _, err := tx.Exec(ctx, "INSERT INTO search VALUES ($1, $2)", e.AggregateID, e.Type); err != nil {
				return err // both are taken back, and the same batch comes again
			}
			if e.Sequence == 3 {
				time.AfterFunc(time.Second, stop) // it would go on for ever
			}
		}
		return nil
	})
	progress, _ := tail.Progress(context.Background())
	fmt.Println(progress.Delivered, progress.Events, errors.Is(err, context.Canceled))
	// Output:
	// 1 happened {"n": 1}
	// 2 happened {"n": 1}
	// 3 happened {"n": 1}
	// 3 0 true
}
