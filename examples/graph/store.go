package main

import (
	"context"
	"fmt"

	"github.com/eventmaestro/maestro/examples/graph/editor"
	"github.com/eventmaestro/maestro/migrations"
	"github.com/eventmaestro/maestro/store"
	"github.com/eventmaestro/maestro/store/memory"
	"github.com/eventmaestro/maestro/store/postgres"
	"github.com/jackc/pgx/v5/pgxpool"
)

// storage is where events are kept, with the index that goes with it.
type storage struct {
	adapter store.Adapter
	names   editor.Names
	close   func()
}

// openStorage opens the database, or memory if there is no URL.
func openStorage(ctx context.Context, url string) (*storage, error) {
	if url == "" {
		s := memory.New()
		return &storage{adapter: s, names: editor.NewMemoryNames(s), close: func() {}}, nil
	}
	pool, err := pgxpool.New(ctx, url)
	if err != nil {
		return nil, fmt.Errorf("database: %w", err)
	}
	s, err := openPostgres(ctx, pool)
	if err != nil {
		pool.Close()
		return nil, fmt.Errorf("database: %w", err)
	}
	return s, nil
}

// openPostgres makes what tables are missing. The two optional parts are for the command ids: a
// command that a page sends again runs once, and undo takes back what one command did.
func openPostgres(ctx context.Context, pool *pgxpool.Pool) (*storage, error) {
	if err := migrations.Apply(ctx, pool, &migrations.Options{Metadata: true, Commands: true}); err != nil {
		return nil, err
	}
	names, err := editor.NewPostgresNames(ctx, pool)
	if err != nil {
		return nil, err
	}
	adapter, err := postgres.New(pool, &postgres.Options{Metadata: true, Commands: true})
	if err != nil {
		return nil, err
	}
	return &storage{adapter: adapter, names: names, close: pool.Close}, adapter.Validate(ctx)
}
