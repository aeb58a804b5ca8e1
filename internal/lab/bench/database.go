package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/url"
	"os"
	"runtime"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/eventmaestro/maestro/internal/lab/pgserver"
	"github.com/eventmaestro/maestro/migrations"
)

// database is a schema with the event log and a table for a projection.
type database struct {
	server *pgserver.Server // nil if it is somebody else's
	url    string           // its sessions find the schema on their search_path
	schema string
	known  string        // the main process of a server that another process of this program started
	admin  *pgxpool.Pool // for what is not measured
}

// maxFlush is the longest that commit_delay can be.
const maxFlush = 100 * time.Millisecond

// openDatabase makes the schema on the server that the URL names, or on one of its own.
func openDatabase(ctx context.Context, o options) (_ *database, facts []note, err error) {
	db := &database{url: o.database, known: o.postmaster, schema: "maestro_bench_" + strings.ToLower(rand.Text()[:8])}
	defer func() {
		if err != nil {
			err = errors.Join(err, db.close())
		}
	}()
	if o.database == "" {
		// Durable, and nothing else: the settings are those that initdb leaves.
		config := &pgserver.Config{Durable: true}
		if o.flush > 0 {
			// The server sleeps so long with the lock of the log in its hand, then flushes: as if
			// the disk took longer.
			config.Settings = map[string]string{
				"commit_delay": strconv.FormatInt(o.flush.Microseconds(), 10), "commit_siblings": "0",
			}
		}
		if db.server, err = pgserver.Start(ctx, config); err != nil {
			return nil, nil, err
		}
		db.url = db.server.URL("postgres")
	}
	if db.url, err = withSearchPath(db.url, db.schema); err != nil {
		return nil, nil, err
	}
	if db.admin, err = db.pool(ctx, 2); err != nil {
		return nil, nil, err
	}
	if err := db.create(ctx); err != nil {
		return nil, nil, err
	}
	facts, err = db.facts(ctx)
	return db, facts, err
}

// withSearchPath adds the parameter to a connection URL.
func withSearchPath(at, schema string) (string, error) {
	u, err := url.Parse(at)
	if err != nil || u.Scheme == "" {
		return "", fmt.Errorf("-database must be a URL, postgres://…")
	}
	query := u.Query()
	query.Set("search_path", schema)
	u.RawQuery = query.Encode()
	return u.String(), nil
}

func (db *database) create(ctx context.Context) error {
	if _, err := db.admin.Exec(ctx, "CREATE SCHEMA "+pgx.Identifier{db.schema}.Sanitize()); err != nil {
		return err
	}
	if err := migrations.Apply(ctx, db.admin, nil); err != nil {
		return err
	}
	_, err := db.admin.Exec(ctx, `CREATE TABLE projected (aggregate_id bytea, sequence int, PRIMARY KEY (aggregate_id, sequence))`)
	return err
}

// pool opens a pool of n connections; 0 means pgx's own default. All are there before anything is
// measured: to open one takes the server longer than a command.
func (db *database) pool(ctx context.Context, n int) (*pgxpool.Pool, error) {
	config, err := pgxpool.ParseConfig(db.url)
	if err != nil {
		return nil, err
	}
	if n > 0 {
		config.MaxConns = int32(n)
	}
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return nil, err
	}
	if err := connect(ctx, pool); err != nil {
		pool.Close()
		return nil, err
	}
	return pool, nil
}

// connect opens all connections of a pool.
func connect(ctx context.Context, pool *pgxpool.Pool) error {
	var held []*pgxpool.Conn
	defer func() {
		for _, c := range held {
			c.Release()
		}
	}()
	for range pool.Config().MaxConns {
		c, err := pool.Acquire(ctx)
		if err != nil {
			return err
		}
		held = append(held, c)
	}
	return nil
}

// reset empties the tables, and takes the checkpoint now that would otherwise come when it likes.
func (db *database) reset(ctx context.Context) error {
	if _, err := db.admin.Exec(ctx, "TRUNCATE event_log, snapshots, projected"); err != nil {
		return err
	}
	if _, err := db.admin.Exec(ctx, "CHECKPOINT"); err != nil && db.server != nil {
		return err // on somebody else's server it may not be allowed
	}
	return nil
}

// expect makes sure that the log holds what was acknowledged: a figure that counts lost events is
// no figure.
func (db *database) expect(ctx context.Context, events int) error {
	var n int
	if err := db.admin.QueryRow(ctx, "SELECT count(*) FROM event_log").Scan(&n); err != nil {
		return err
	}
	if n != events {
		return fmt.Errorf("%d events were acknowledged, and %d are stored", events, n)
	}
	return nil
}

func (db *database) close() error {
	var err error
	if db.admin != nil {
		_, err = db.admin.Exec(context.Background(), "DROP SCHEMA IF EXISTS "+pgx.Identifier{db.schema}.Sanitize()+" CASCADE")
		db.admin.Close()
	}
	if db.server != nil {
		err = errors.Join(err, db.server.Close())
	}
	return err
}

// machine describes what the program runs on.
func machine() []note {
	m := fmt.Sprintf("%s/%s, %d processors, GOMAXPROCS %d", runtime.GOOS, runtime.GOARCH, runtime.NumCPU(), runtime.GOMAXPROCS(0))
	if text, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		if _, rest, found := strings.Cut(string(text), "model name"); found {
			name, _, _ := strings.Cut(strings.TrimLeft(rest, "\t :"), "\n")
			m += ", " + name
		}
	}
	return []note{{"machine", m}, {"go", runtime.Version()}}
}

// facts describes the server by the settings that matter to a commit, and those that are not at
// their default.
func (db *database) facts(ctx context.Context) ([]note, error) {
	var version, settings, changed string
	err := db.admin.QueryRow(ctx, `SELECT current_setting('server_version'),
(SELECT string_agg(name || '=' || current_setting(name), ' ' ORDER BY name) FROM pg_settings
 WHERE name IN ('fsync', 'synchronous_commit', 'full_page_writes', 'shared_buffers', 'max_wal_size', 'wal_level', 'commit_delay', 'wal_sync_method')),
(SELECT coalesce(string_agg(name || '=' || setting, ' ' ORDER BY name), 'nothing that matters here') FROM pg_settings
 WHERE source IN ('command line', 'configuration file') AND setting IS DISTINCT FROM boot_val AND category !~ '(File Locations|Connections|Locale|Where to Log|What to Log)')`).
		Scan(&version, &settings, &changed)
	if err != nil {
		return nil, err
	}
	return []note{{"postgres", version}, {"settings", settings}, {"not at the built-in default", changed}}, nil
}
