package pgtest

import (
	"context"
	"crypto/rand"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// cleanupTimeout bounds what a test's end waits for: long enough for a busy
// machine, short enough for a test that left a lock behind to be seen.
const cleanupTimeout = 30 * time.Second

// Database returns the connection string of a fresh, empty database, which is
// dropped when the test ends, connections to it or not. It takes some 50 ms; a
// test that only needs tables of its own is better off with [Schema].
func Database(t testing.TB) string {
	t.Helper()
	server := Start(t)
	name := unique(t)
	create := "CREATE DATABASE " + pgx.Identifier{name}.Sanitize() + " TEMPLATE template0"
	if err := exec(t.Context(), server.URL, create); err != nil {
		t.Fatalf("pgtest: %v", err)
	}
	atEnd(t, server.URL, "DROP DATABASE IF EXISTS "+pgx.Identifier{name}.Sanitize()+" WITH (FORCE)")
	return withDatabase(t, server.URL, name)
}

// Schema returns a fresh, empty schema's name, which needs no quotes, and a
// connection string whose sessions find it, and only it, on their search_path.
// It is dropped with all that it holds when the test ends.
func Schema(t testing.TB) (url, schema string) {
	t.Helper()
	server := Start(t)
	schema = unique(t)
	if err := exec(t.Context(), server.URL, "CREATE SCHEMA "+schema); err != nil {
		t.Fatalf("pgtest: %v", err)
	}
	atEnd(t, server.URL, "DROP SCHEMA IF EXISTS "+schema+" CASCADE")
	return withParameter(t, server.URL, "search_path", schema), schema
}

// Pool returns a pool whose connections have a fresh schema without tables on
// their search_path. Each configure may change the pool's config before it is
// made. The pool is closed and the schema dropped when the test ends.
func Pool(t testing.TB, configure ...func(*pgxpool.Config)) *pgxpool.Pool {
	t.Helper()
	url, _ := Schema(t)
	return Open(t, url, configure...)
}

// Open returns a pool on a connection string, such as [Database] and [Schema]
// return. It is closed when the test ends.
func Open(t testing.TB, url string, configure ...func(*pgxpool.Config)) *pgxpool.Pool {
	t.Helper()
	config, err := pgxpool.ParseConfig(url)
	if err != nil {
		t.Fatalf("pgtest: %v", err)
	}
	for _, change := range configure {
		change(config)
	}
	pool, err := pgxpool.NewWithConfig(t.Context(), config)
	if err != nil {
		t.Fatalf("pgtest: %v", err)
	}
	t.Cleanup(pool.Close)
	return pool
}

// atEnd runs a statement when the test ends.
func atEnd(t testing.TB, url, sql string) {
	t.Helper()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), cleanupTimeout)
		defer cancel()
		if err := exec(ctx, url, sql); err != nil {
			t.Errorf("pgtest: %v", err)
		}
	})
}

// unique returns a name that is the test's, as far as the 63 bytes of a Postgres
// name go, and nobody else's. It needs no quotes.
func unique(t testing.TB) string {
	t.Helper()
	name := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' {
			return r
		}
		return '_'
	}, strings.ToLower(t.Name()))
	if len(name) > 40 {
		name = name[:40]
	}
	return "t_" + name + "_" + strings.ToLower(rand.Text()[:16])
}

// withDatabase returns the connection string with another database.
func withDatabase(t testing.TB, connection, name string) string {
	t.Helper()
	u := parse(t, connection)
	u.Path = "/" + name
	return u.String()
}

// withParameter returns the connection string with a parameter more.
func withParameter(t testing.TB, connection, key, value string) string {
	t.Helper()
	u := parse(t, connection)
	query := u.Query()
	query.Set(key, value)
	u.RawQuery = query.Encode()
	return u.String()
}

func parse(t testing.TB, connection string) *url.URL {
	t.Helper()
	u, err := url.Parse(connection)
	if err != nil || u.Scheme == "" {
		t.Fatalf("pgtest: %s must be a URL, postgres://…, not a list of key=value", EnvURL)
	}
	return u
}
