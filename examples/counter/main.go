// Command counter shows the library's main job in one page: create, increment, reject,
// snapshot, replay. It uses the in-memory store, or Postgres with -database URL.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"

	"github.com/eventmaestro/maestro/aggregate"
	"github.com/eventmaestro/maestro/migrations"
	"github.com/eventmaestro/maestro/store"
	"github.com/eventmaestro/maestro/store/memory"
	"github.com/eventmaestro/maestro/store/postgres"
	"github.com/jackc/pgx/v5/pgxpool"
)

func main() {
	database := flag.String("database", "", "the `URL` of a Postgres database; the tables are made if they are missing")
	flag.Parse()
	ctx := context.Background()
	adapter, closeStore, err := open(ctx, *database)
	if err == nil {
		err = run(ctx, adapter, os.Stdout)
		closeStore()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "counter:", err)
		os.Exit(1)
	}
}

func open(ctx context.Context, database string) (store.Adapter, func(), error) {
	if database == "" {
		return memory.New(), func() {}, nil
	}
	pool, err := pgxpool.New(ctx, database)
	if err != nil {
		return nil, nil, err
	}
	if migrations.Validate(ctx, pool, nil) != nil {
		if err := migrations.Apply(ctx, pool, nil); err != nil {
			return nil, nil, err
		}
	}
	adapter, err := postgres.New(pool, nil)
	return adapter, pool.Close, err
}

func run(ctx context.Context, adapter store.Adapter, out io.Writer) error {
	sup, err := aggregate.NewSupervisor(adapter, nil)
	if err != nil {
		return err
	}
	defer sup.Shutdown(ctx)
	counters, err := aggregate.NewRoot(sup, definition())
	if err != nil {
		return err
	}
	id, err := counters.NewID(ctx)
	if err != nil {
		return err
	}
	for _, by := range []int{1, 2, 39} {
		if err := counters.Send(ctx, id, Increment{By: by}); err != nil {
			return err
		}
	}
	now, err := counters.Get(ctx, id)
	if err != nil {
		return err
	}
	fmt.Fprintln(out, "value:", now.Value)

	err = counters.Send(ctx, id, Increment{By: 60})
	if !errors.Is(err, aggregate.ErrRejected) {
		return fmt.Errorf("want a rejection, got %w", err)
	}
	fmt.Fprintln(out, "rejected:", err)

	if err := counters.Snapshot(ctx, id); err != nil {
		return err
	}
	then, err := counters.Replay(ctx, id, 2)
	if err != nil {
		return err
	}
	fmt.Fprintln(out, "value at sequence 2:", then.Value)
	for e, err := range counters.History(ctx, id, store.Range{}) {
		if err != nil {
			return err
		}
		fmt.Fprintln(out, e.Sequence, e.Type, string(e.Body))
	}
	return nil
}
