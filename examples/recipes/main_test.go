package recipes_test

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"
	"go.uber.org/goleak"

	"github.com/eventmaestro/maestro/internal/lab/pgtest"
	"github.com/eventmaestro/maestro/migrations"
	"github.com/eventmaestro/maestro/store"
	"github.com/eventmaestro/maestro/store/memory"
	"github.com/eventmaestro/maestro/store/postgres"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(pgtest.WithServer(recipes{m})) }

// postgresThere says whether there is a server for the examples.
var postgresThere bool

// recipes leaves the examples out that need a Postgres where there is none: an example can't skip
// itself.
type recipes struct{ *testing.M }

func (r recipes) Run() int {
	flag.Parse()
	b := &bench{}
	if pgtest.Start(b); b.skipped == "" {
		postgresThere = true
		return r.M.Run()
	}
	fmt.Fprintln(os.Stderr, "recipes: without those whose name ends in SQL:", b.skipped)
	skip := flag.Lookup("test.skip").Value
	pattern := "SQL$"
	if asked := skip.String(); asked != "" {
		pattern += "|" + asked
	}
	if err := skip.Set(pattern); err != nil {
		panic(err)
	}
	return r.M.Run()
}

// bench stands for the test that an example hasn't got.
type bench struct {
	testing.TB
	skipped  string
	cleanups []func()
}

func (b *bench) Helper()                   {}
func (b *bench) Name() string              { return "recipe" }
func (b *bench) Context() context.Context  { return context.Background() }
func (b *bench) Cleanup(f func())          { b.cleanups = append(b.cleanups, f) }
func (b *bench) Skip(args ...any)          { b.skipped = fmt.Sprint(args...) }
func (b *bench) Fatal(args ...any)         { panic(fmt.Sprint(args...)) }
func (b *bench) Fatalf(f string, a ...any) { panic(fmt.Sprintf(f, a...)) }
func (b *bench) Errorf(f string, a ...any) { panic(fmt.Sprintf(f, a...)) }

func (b *bench) clear() {
	for i := len(b.cleanups) - 1; i >= 0; i-- {
		b.cleanups[i]()
	}
}

// everything is what the optional migrations bring.
var everything = migrations.Options{Metadata: true, Commands: true, Tail: true}

// everywhere runs a recipe on the store in memory and, where there is one, on a Postgres, and
// prints what it printed once if that was the same.
func everywhere(recipe func(ctx context.Context, s store.Adapter, out io.Writer) error) {
	inMemory := output(func(out io.Writer) error { return recipe(context.Background(), memory.New(), out) })
	fmt.Print(inMemory)
	if !postgresThere {
		return
	}
	b := &bench{}
	defer b.clear()
	s := pgtest.Store(b, pgtest.With(b, &everything), &postgres.Options{Metadata: true, Commands: true})
	onPostgres := output(func(out io.Writer) error { return recipe(context.Background(), s, out) })
	if onPostgres != inMemory {
		fmt.Print("on Postgres it printed\n", onPostgres)
	}
}

// onPostgres runs a recipe in a schema of its own, with the tables of all migrations.
func onPostgres(recipe func(ctx context.Context, pool *pgxpool.Pool, s *postgres.Store) error) {
	b := &bench{}
	defer b.clear()
	pool := pgtest.With(b, &everything)
	s := pgtest.Store(b, pool, &postgres.Options{Metadata: true, Commands: true})
	if err := recipe(context.Background(), pool, s); err != nil {
		fmt.Println("error:", err)
	}
}

func output(f func(io.Writer) error) string {
	var b bytes.Buffer
	if err := f(&b); err != nil {
		fmt.Fprintln(&b, "error:", err)
	}
	return b.String()
}
