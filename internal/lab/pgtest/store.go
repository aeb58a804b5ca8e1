package pgtest

import (
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/eventmaestro/maestro/migrations"
	"github.com/eventmaestro/maestro/store/postgres"
)

// Plain returns a pool on a fresh schema with the plain tables of package
// migrations.
func Plain(t testing.TB, configure ...func(*pgxpool.Config)) *pgxpool.Pool {
	t.Helper()
	return With(t, nil, configure...)
}

// Partitioned returns a pool on a fresh schema whose event log is split into n
// hash partitions.
func Partitioned(t testing.TB, n int, configure ...func(*pgxpool.Config)) *pgxpool.Pool {
	t.Helper()
	return With(t, &migrations.Options{Partitions: n}, configure...)
}

// With returns a pool on a fresh schema with the tables that the options choose.
func With(t testing.TB, o *migrations.Options, configure ...func(*pgxpool.Config)) *pgxpool.Pool {
	t.Helper()
	pool := Pool(t, configure...)
	if err := migrations.Apply(t.Context(), pool, o); err != nil {
		t.Fatalf("pgtest: %v", err)
	}
	return pool
}

// Store returns a store on a pool.
func Store(t testing.TB, pool *pgxpool.Pool, o *postgres.Options) *postgres.Store {
	t.Helper()
	s, err := postgres.New(pool, o)
	if err != nil {
		t.Fatalf("pgtest: %v", err)
	}
	return s
}
