package postgres_test

import (
	"context"
	"fmt"

	"github.com/eventmaestro/maestro/store/postgres"
	"github.com/jackc/pgx/v5/pgxpool"
)

// A pool for a primary with standbys that its commits wait for.
func ExampleWatchStandbys() {
	config, err := pgxpool.ParseConfig("postgres://bank@db1.example,db2.example/bank?target_session_attrs=read-write")
	if err != nil {
		fmt.Println(err)
		return
	}
	postgres.WatchStandbys(config) // before the pool is made
	pool, err := pgxpool.NewWithConfig(context.Background(), config)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer pool.Close()
	fmt.Println(pool.Config().ConnConfig.OnNotice != nil)
	// Output: true
}
