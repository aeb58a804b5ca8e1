package migrations_test

import (
	"os"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/eventmaestro/maestro/internal/lab/pgtest"
	"github.com/eventmaestro/maestro/migrations"
)

var _ migrations.DB = pgx.Tx(nil)

func TestApplyAgainChangesNothing(t *testing.T) {
	t.Parallel()
	options := &migrations.Options{Partitions: 2, Metadata: true, Commands: true}
	url, _ := pgtest.Schema(t)
	pool := pgtest.Open(t, url)
	require.NoError(t, migrations.Apply(t.Context(), pool, options))
	_, err := pool.Exec(t.Context(), `INSERT INTO snapshots VALUES (decode(repeat('00', 16), 'hex'), 1, '{}')`)
	require.NoError(t, err)

	require.NoError(t, migrations.Apply(t.Context(), pool, options))
	var rows int
	require.NoError(t, pool.QueryRow(t.Context(), "SELECT count(*) FROM snapshots").Scan(&rows))
	require.Equal(t, 1, rows)
}

func TestApplyAtTheSameMomentFromManyProcesses(t *testing.T) {
	t.Parallel()
	pool := pgtest.Open(t, pgtest.Database(t))
	options := &migrations.Options{Schema: "Shared", Metadata: true, Commands: true}
	var group sync.WaitGroup
	errs := make([]error, 8)
	for i := range errs {
		group.Go(func() { errs[i] = migrations.Apply(t.Context(), pool, options) })
	}
	group.Wait()
	for _, err := range errs {
		require.NoError(t, err)
	}
	require.NoError(t, migrations.Validate(t.Context(), pool, options))
}

func TestApplyInATransactionGoesWithIt(t *testing.T) {
	t.Parallel()
	pool := pgtest.Pool(t)
	tx, err := pool.Begin(t.Context())
	require.NoError(t, err)
	require.NoError(t, migrations.Apply(t.Context(), tx, nil))
	require.NoError(t, migrations.Validate(t.Context(), tx, nil))
	require.NoError(t, tx.Rollback(t.Context()))

	var missing *migrations.ValidateError
	require.ErrorAs(t, migrations.Validate(t.Context(), pool, nil), &missing)
	require.Len(t, missing.Problems, 2)
}

func TestApplyOnADatabaseThatMaestroMadeAddsWhatIsAsked(t *testing.T) {
	t.Parallel()
	for file, partitions := range map[string]int{"testdata/schema.sql": 0, "testdata/schema-partitioned.sql": 7} {
		t.Run(file, func(t *testing.T) {
			t.Parallel()
			url := pgtest.Database(t)
			sql, err := os.ReadFile(file)
			require.NoError(t, err)
			conn, err := pgx.Connect(t.Context(), url)
			require.NoError(t, err)
			_, err = conn.Exec(t.Context(), string(sql))
			require.NoError(t, err)
			require.NoError(t, conn.Close(t.Context())) // the dump emptied its search_path

			pool := pgtest.Open(t, url)
			require.NoError(t, migrations.Validate(t.Context(), pool, nil))
			options := &migrations.Options{Schema: "public", Partitions: partitions, Metadata: true, Commands: true}
			require.NoError(t, migrations.Apply(t.Context(), pool, options))
			require.NoError(t, migrations.Validate(t.Context(), pool, options))
		})
	}
}

func TestApplyRefusesATableOfAnotherShapeAndChangesNothing(t *testing.T) {
	t.Parallel()
	pool := pgtest.Pool(t)
	_, err := pool.Exec(t.Context(), "CREATE TABLE event_log (id bigint)")
	require.NoError(t, err)

	var wrong *migrations.ValidateError
	require.ErrorAs(t, migrations.Apply(t.Context(), pool, &migrations.Options{Commands: true}), &wrong)
	var others bool
	row := pool.QueryRow(t.Context(), "SELECT to_regclass('snapshots') IS NOT NULL OR to_regclass('commands') IS NOT NULL")
	require.NoError(t, row.Scan(&others))
	require.False(t, others, "a table of the refused Apply stayed")
}

func TestApplyNeedsNoRightToMakeASchemaThatIsThere(t *testing.T) {
	t.Parallel()
	pool := pgtest.Open(t, pgtest.Database(t))
	tx, err := pool.Begin(t.Context())
	require.NoError(t, err)
	defer func() { _ = tx.Rollback(t.Context()) }() // takes the role back too
	_, err = tx.Exec(t.Context(), `CREATE ROLE maestro_without_create; CREATE SCHEMA theirs AUTHORIZATION maestro_without_create;
		SET LOCAL ROLE maestro_without_create`)
	require.NoError(t, err)
	require.NoError(t, migrations.Apply(t.Context(), tx, &migrations.Options{Schema: "theirs"}))
}
