package migrations_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/eventmaestro/maestro/internal/lab/pgtest"
	"github.com/eventmaestro/maestro/migrations"
	"github.com/eventmaestro/maestro/types"
)

// variants are the ways to choose the tables.
var variants = map[string]migrations.Options{
	"plain":       {},
	"everything":  {Metadata: true, Commands: true, Tail: true},
	"partitioned": {Partitions: 3, Metadata: true, Commands: true, Tail: true},
	"one":         {Partitions: 1},
	"sharded":     {Sharded: true, Metadata: true, Commands: true, Tail: true},
}

func TestUpThenDownLeavesNothing(t *testing.T) {
	t.Parallel()
	for name, options := range variants {
		for _, schema := range []string{
			"", "Mixed Case", `quote"d`, "semi;colon -- not a comment", "new\nline;\n\rDROP TABLE x;", `back\slash's`, "日本",
		} {
			t.Run(fmt.Sprintf("%s in %q", name, schema), func(t *testing.T) {
				t.Parallel()
				pool := pgtest.Open(t, pgtest.Database(t))
				options := options // each its own: the subtests run at the same time
				options.Schema = schema
				up, err := migrations.Up(&options)
				require.NoError(t, err)
				_, err = pool.Exec(t.Context(), up)
				require.NoError(t, err, up)
				require.NoError(t, migrations.Validate(t.Context(), pool, &options))
				if schema == "" {
					schema = "public"
				}
				require.NotEmpty(t, tables(t, pool, schema))

				down, err := migrations.Down(&options)
				require.NoError(t, err)
				_, err = pool.Exec(t.Context(), down)
				require.NoError(t, err, down)
				require.Empty(t, tables(t, pool, schema))
			})
		}
	}
}

func TestExtendAddsToTheTablesThatMaestroMadeAndTakesOnlyThatAway(t *testing.T) {
	t.Parallel()
	pool := pgtest.Plain(t)
	all := &migrations.Options{Metadata: true, Commands: true, Tail: true}
	extend := &migrations.Options{Metadata: true, Commands: true, Tail: true, Extend: true}
	require.ErrorAs(t, migrations.Validate(t.Context(), pool, all), new(*migrations.ValidateError))

	up, err := migrations.Up(extend)
	require.NoError(t, err)
	require.NotContains(t, up, "CREATE TABLE event_log")
	_, err = pool.Exec(t.Context(), up)
	require.NoError(t, err)
	require.NoError(t, migrations.Validate(t.Context(), pool, all))

	down, err := migrations.Down(extend)
	require.NoError(t, err)
	_, err = pool.Exec(t.Context(), down)
	require.NoError(t, err)
	require.NoError(t, migrations.Validate(t.Context(), pool, nil))
	require.ErrorAs(t, migrations.Validate(t.Context(), pool, all), new(*migrations.ValidateError))
}

func TestShardedKeysAllHoldTheAggregate(t *testing.T) {
	t.Parallel()
	options := variants["sharded"]
	pool := pgtest.With(t, &options)
	rows, err := pool.Query(t.Context(), `SELECT indexrelid::regclass::text FROM pg_index i
		JOIN pg_class c ON c.oid = i.indrelid AND c.relnamespace = current_schema()::regnamespace
		WHERE c.relname <> 'tails' AND indisunique AND NOT EXISTS (SELECT FROM pg_attribute a
			WHERE a.attrelid = i.indrelid AND a.attname = 'aggregate_id' AND a.attnum = ANY (i.indkey))`)
	require.NoError(t, err)
	defer rows.Close()
	require.False(t, rows.Next(), "a unique index without aggregate_id")
	require.NoError(t, rows.Err())

	up, err := migrations.Up(&options)
	require.NoError(t, err)
	for _, table := range []string{"event_log", "snapshots", "commands"} {
		require.Contains(t, up, "-- SELECT create_distributed_table('"+table+"', 'aggregate_id'")
	}
}

func TestOptionsThatMeanNothingAreRefused(t *testing.T) {
	t.Parallel()
	for field, options := range map[string]migrations.Options{
		"Partitions": {Partitions: -1},
		"Sharded":    {Partitions: 2, Sharded: true},
		"Extend":     {Extend: true},
	} {
		for what, err := range attempts(t, &options) {
			var refused *types.OptionsError
			require.ErrorAs(t, err, &refused, what)
			require.Equal(t, "Options."+field, refused.Field)
			require.ErrorContains(t, err, "migrations: Options."+field)
		}
	}
	_, err := migrations.Up(&migrations.Options{Partitions: migrations.MaxPartitions + 1})
	require.ErrorAs(t, err, new(*types.OptionsError))
}

func TestSchemaNamesThatPostgresCanNotHaveAreRefused(t *testing.T) {
	t.Parallel()
	for _, schema := range []string{"nul\x00", strings.Repeat("x", 64), "\xff"} {
		for what, err := range attempts(t, &migrations.Options{Schema: schema}) {
			var refused *types.OptionsError
			require.ErrorAs(t, err, &refused, what)
			require.Equal(t, "Options.Schema", refused.Field)
			require.ErrorContains(t, err, ": use 1 to 63 bytes of UTF-8")
		}
	}
}

// attempts returns what each of the functions that take options says to them. A
// nil DB proves that the options are looked at first.
func attempts(t *testing.T, o *migrations.Options) map[string]error {
	t.Helper()
	_, up := migrations.Up(o)
	_, down := migrations.Down(o)
	return map[string]error{
		"up": up, "down": down,
		"apply":    migrations.Apply(t.Context(), nil, o),
		"validate": migrations.Validate(t.Context(), nil, o),
	}
}

// tables returns the names of the tables in a schema.
func tables(t *testing.T, pool *pgxpool.Pool, schema string) []string {
	t.Helper()
	var names []string
	row := pool.QueryRow(t.Context(), "SELECT array_agg(tablename::text) FROM pg_tables WHERE schemaname = $1", schema)
	require.NoError(t, row.Scan(&names))
	return names
}
