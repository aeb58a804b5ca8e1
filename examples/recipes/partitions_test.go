package recipes_test

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/eventmaestro/maestro/aggregate"
	"github.com/eventmaestro/maestro/migrations"
	"github.com/eventmaestro/maestro/store/postgres"
)

// A log in 64 hash partitions, in a schema of its own. Nothing but the migration knows of it.
// docs/scaling.md says when it is of use.
func Example_partitionsSQL() {
	onPostgres(func(ctx context.Context, pool *pgxpool.Pool, _ *postgres.Store) error {
		var schema string
		if err := pool.QueryRow(ctx, `SELECT current_schema() || '_split'`).Scan(&schema); err != nil {
			return err
		}
		defer func() { _, _ = pool.Exec(ctx, `DROP SCHEMA `+schema+` CASCADE`) }()
		if err := migrations.Apply(ctx, pool, &migrations.Options{Schema: schema, Partitions: 64}); err != nil {
			return err
		}
		s, _ := postgres.New(pool, &postgres.Options{Schema: schema})
		if err := s.Validate(ctx); err != nil {
			return err
		}
		sup, _ := aggregate.NewSupervisor(s, nil)
		defer sup.Shutdown(ctx)
		accounts, err := aggregate.NewRoot(sup, account())
		if err != nil {
			return err
		}
		for range 200 {
			if _, err := newAccount(ctx, accounts, 1); err != nil {
				return err
			}
		}
		var partitions, events int
		err = pool.QueryRow(ctx, `SELECT count(DISTINCT tableoid), count(*) FROM `+schema+`.event_log`).Scan(&partitions, &events)
		fmt.Println(events, "events, in more than 32 partitions:", partitions > 32)
		return err
	})
	// Output:
	// 200 events, in more than 32 partitions: true
}
