package realtools_test

import (
	"context"
	"database/sql"
	"io"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/amacneil/dbmate/v2/pkg/dbmate"
	_ "github.com/amacneil/dbmate/v2/pkg/driver/postgres"
	"github.com/golang-migrate/migrate/v4"
	_ "github.com/golang-migrate/migrate/v4/database/pgx/v5"
	_ "github.com/golang-migrate/migrate/v4/source/file"
	"github.com/jackc/pgx/v5"
	_ "github.com/jackc/pgx/v5/stdlib"
	tern "github.com/jackc/tern/v2/migrate"
	"github.com/pressly/goose/v3"
	"github.com/stretchr/testify/require"

	"github.com/eventmaestro/maestro/internal/lab/pgtest"
	"github.com/eventmaestro/maestro/migrations"
	"github.com/eventmaestro/maestro/migrations/internal/generate"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

// tools run all migrations of a folder, or take all back.
var tools = map[string]func(t *testing.T, dir, url string, up bool){
	"goose":          runGoose,
	"golang-migrate": runGolangMigrate,
	"tern":           runTern,
	"dbmate":         runDbmate,
}

// choices are the tables that each tool has to make, in names that a tool which
// looks into SQL could trip over.
var choices = map[string]migrations.Options{
	"plain":       {},
	"partitioned": {Partitions: 3, Metadata: true, Commands: true, Schema: `My "odd"; schema;`},
	"sharded":     {Sharded: true, Metadata: true, Commands: true, Schema: `$1 ' \ :x %s`},
}

func TestEveryToolRunsItsMigrationUpAndDown(t *testing.T) {
	t.Parallel()
	for format, run := range tools {
		for name, options := range choices {
			t.Run(format+" "+name, func(t *testing.T) {
				t.Parallel()
				dir, database := t.TempDir(), pgtest.Database(t)
				_, err := generate.Write(&generate.Config{
					Format: format, Dir: dir, Name: "event_store", Now: time.Now(), Options: options,
				})
				require.NoError(t, err)

				run(t, dir, database, true)
				require.NoError(t, migrations.Validate(t.Context(), pgtest.Open(t, database), &options))
				run(t, dir, database, false)
				var left *migrations.ValidateError
				require.ErrorAs(t, migrations.Validate(t.Context(), pgtest.Open(t, database), &options), &left)
				require.Len(t, left.Problems, len(strings.Fields("event_log snapshots commands"))-missing(options))
			})
		}
	}
}

// missing returns how many tables the options leave out.
func missing(o migrations.Options) int {
	if o.Commands {
		return 0
	}
	return 1
}

func runGoose(t *testing.T, dir, database string, up bool) {
	t.Helper()
	db, err := sql.Open("pgx", database)
	require.NoError(t, err)
	defer func() { require.NoError(t, db.Close()) }()
	provider, err := goose.NewProvider(goose.DialectPostgres, db, os.DirFS(dir))
	require.NoError(t, err)
	if up {
		_, err = provider.Up(t.Context())
	} else {
		_, err = provider.DownTo(t.Context(), 0)
	}
	require.NoError(t, err)
}

func runGolangMigrate(t *testing.T, dir, database string, up bool) {
	t.Helper()
	m, err := migrate.New("file://"+dir, strings.Replace(database, "postgres://", "pgx5://", 1))
	require.NoError(t, err)
	defer func() {
		sourceErr, databaseErr := m.Close()
		require.NoError(t, sourceErr)
		require.NoError(t, databaseErr)
	}()
	if up {
		require.NoError(t, m.Up())
		return
	}
	require.NoError(t, m.Down())
}

func runTern(t *testing.T, dir, database string, up bool) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), database)
	require.NoError(t, err)
	defer func() { require.NoError(t, conn.Close(context.WithoutCancel(t.Context()))) }()
	m, err := tern.NewMigrator(t.Context(), conn, "public.schema_version")
	require.NoError(t, err)
	require.NoError(t, m.LoadMigrations(os.DirFS(dir)))
	target := int32(0)
	if up {
		target = 1
	}
	require.NoError(t, m.MigrateTo(t.Context(), target))
}

func runDbmate(t *testing.T, dir, database string, up bool) {
	t.Helper()
	u, err := url.Parse(database)
	require.NoError(t, err)
	db := dbmate.New(u)
	db.MigrationsDir = []string{dir}
	db.AutoDumpSchema = false
	db.Log = io.Discard
	if up {
		require.NoError(t, db.Migrate())
		return
	}
	require.NoError(t, db.Rollback())
}
