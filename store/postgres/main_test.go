package postgres_test

import (
	"context"
	"flag"
	"fmt"
	"os"
	"testing"

	"github.com/eventmaestro/maestro/internal/lab/pgtest"
	"github.com/eventmaestro/maestro/migrations"
	"github.com/jackc/pgx/v5/pgxpool"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(pgtest.WithServer(withExamples{m})) }

// withExamples runs the examples only where there is a server: they have no way to be skipped.
type withExamples struct{ *testing.M }

func (w withExamples) Run() int {
	flag.Parse()
	if everything := flag.Lookup("test.run").Value.String() == ""; everything && !(&asker{}).answers() {
		if err := flag.Set("test.run", "^Test"); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
	}
	return w.M.Run()
}

// asker asks pgtest for the server on behalf of no test.
type asker struct {
	testing.TB
	absent bool
}

func (*asker) Helper()                  {}
func (*asker) Context() context.Context { return context.Background() }
func (a *asker) Skip(...any)            { a.absent = true }
func (a *asker) Fatal(...any)           { a.absent = true } // the tests will say so, too

func (a *asker) answers() bool {
	pgtest.Start(a)
	return !a.absent
}

// examplePool returns a pool on fresh tables in a schema of that name, and on what else the
// statements make.
func examplePool(schema string, statements ...string) *pgxpool.Pool {
	ctx := context.Background()
	config, err := pgxpool.ParseConfig(pgtest.Start(&asker{}).URL)
	if err != nil {
		panic(err)
	}
	config.ConnConfig.RuntimeParams["search_path"] = schema
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		panic(err)
	}
	if _, err := pool.Exec(ctx, "DROP SCHEMA IF EXISTS "+schema+" CASCADE"); err != nil {
		panic(err)
	}
	if err := migrations.Apply(ctx, pool, &migrations.Options{Schema: schema, Commands: true}); err != nil {
		panic(err)
	}
	for _, statement := range statements {
		if _, err := pool.Exec(ctx, statement); err != nil {
			panic(err)
		}
	}
	return pool
}
