package migrations_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/eventmaestro/maestro/internal/lab/pgtest"
	"github.com/eventmaestro/maestro/migrations"
)

// damages are ways to break a database of all parts, each with the object that
// Validate must name. Its DDL must end the problem.
var damages = map[string]struct{ sql, object string }{
	"event log missing":        {"DROP TABLE event_log", "table event_log"},
	"snapshots missing":        {"DROP TABLE snapshots", "table snapshots"},
	"commands missing":         {"DROP TABLE commands", "table commands"},
	"column missing":           {"ALTER TABLE event_log DROP COLUMN type", "column event_log.type"},
	"metadata missing":         {"ALTER TABLE event_log DROP COLUMN metadata", "column event_log.metadata"},
	"column of another type":   {"ALTER TABLE event_log ALTER COLUMN type TYPE text", "column event_log.type"},
	"column of another length": {"ALTER TABLE event_log ALTER COLUMN type TYPE varchar(255)", "column event_log.type"},
	"json for jsonb":           {"ALTER TABLE snapshots ALTER COLUMN body TYPE json", "column snapshots.body"},
	"bigint sequence":          {"ALTER TABLE event_log ALTER COLUMN sequence TYPE bigint", "column event_log.sequence"},
	"nullable body":            {"ALTER TABLE event_log ALTER COLUMN body DROP NOT NULL", "column event_log.body"},
	"metadata not nullable":    {"ALTER TABLE event_log ALTER COLUMN metadata SET NOT NULL", "column event_log.metadata"},
	"foreign column":           {"ALTER TABLE event_log ADD COLUMN tenant int NOT NULL", "column event_log.tenant"},
	"default missing":          {"ALTER TABLE commands ALTER COLUMN committed_at DROP DEFAULT", "column commands.committed_at"},
	"primary key missing":      {"ALTER TABLE event_log DROP CONSTRAINT event_log_pkey", "primary key of event_log"},
	"snapshot key missing":     {"ALTER TABLE snapshots DROP CONSTRAINT snapshots_pkey", "primary key of snapshots"},
	"command key missing":      {"ALTER TABLE commands DROP CONSTRAINT commands_pkey", "primary key of commands"},
	"unique key missing":       {"DROP INDEX aggregate_sequence_index", "unique key of event_log"},
	"unique key not unique": {
		"DROP INDEX aggregate_sequence_index; CREATE INDEX i ON event_log (aggregate_id, sequence)", "unique key of event_log",
	},
	"unique key too wide": {
		"DROP INDEX aggregate_sequence_index; CREATE UNIQUE INDEX i ON event_log (aggregate_id, sequence, type)", "unique key of event_log",
	},
	"unique key partial": {
		"DROP INDEX aggregate_sequence_index; CREATE UNIQUE INDEX i ON event_log (aggregate_id, sequence) WHERE sequence > 5", "unique key of event_log",
	},
	"unique key deferrable": {
		"DROP INDEX aggregate_sequence_index; ALTER TABLE event_log ADD CONSTRAINT i UNIQUE (aggregate_id, sequence) DEFERRABLE", "unique key of event_log",
	},
	"size check missing":     {"ALTER TABLE event_log DROP CONSTRAINT hlc_field_aggregate_id_size", "check of event_log"},
	"sequence check missing": {"ALTER TABLE event_log DROP CONSTRAINT sequence", "check of event_log"},
	"check not validated": {
		`ALTER TABLE snapshots DROP CONSTRAINT hlc_field_aggregate_id_size;
		ALTER TABLE snapshots ADD CONSTRAINT c CHECK (length(aggregate_id) = 16) NOT VALID`, "check of snapshots",
	},
	"default of the transaction missing": {"ALTER TABLE event_log ALTER transaction_id DROP DEFAULT", "column event_log.transaction_id"},
	"transaction index missing":          {"DROP INDEX event_log_transaction_id_index", "index of event_log"},
	"tails missing":                      {"DROP TABLE tails", "table tails"},
	"tails key missing":                  {"ALTER TABLE tails DROP CONSTRAINT tails_pkey", "primary key of tails"},
	"prune index missing":                {"DROP INDEX commands_committed_at_index", "index of commands"},
}

func TestValidateNamesWhatIsWrongAndTheDDLThatEndsIt(t *testing.T) {
	t.Parallel()
	options := &migrations.Options{Metadata: true, Commands: true, Tail: true}
	for name, damage := range damages {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			pool := pgtest.With(t, options)
			require.NoError(t, migrations.Validate(t.Context(), pool, options))
			_, err := pool.Exec(t.Context(), damage.sql)
			require.NoError(t, err)

			var found *migrations.ValidateError
			require.ErrorAs(t, migrations.Validate(t.Context(), pool, options), &found)
			require.Len(t, found.Problems, 1, "%v", found)
			problem := found.Problems[0]
			require.Equal(t, damage.object, problem.Object)
			require.NotEmpty(t, problem.Reason)
			require.ErrorContains(t, found, problem.Object+" "+problem.Reason)

			_, err = pool.Exec(t.Context(), problem.DDL)
			require.NoError(t, err, problem.DDL)
			require.NoError(t, migrations.Validate(t.Context(), pool, options))
		})
	}
}

func TestTheColumnThatIsMissingIsAddedWithoutFillingTheRowsThatAreThere(t *testing.T) {
	t.Parallel()
	options := &migrations.Options{Tail: true}
	pool := pgtest.Plain(t)
	_, err := pool.Exec(t.Context(), `INSERT INTO event_log SELECT h, h, 1, 'a', '{}' FROM decode(repeat('00', 16), 'hex') h`)
	require.NoError(t, err)
	var found *migrations.ValidateError
	require.ErrorAs(t, migrations.Validate(t.Context(), pool, options), &found)
	for _, problem := range found.Problems {
		_, err := pool.Exec(t.Context(), problem.DDL)
		require.NoError(t, err, problem.DDL)
	}
	require.NoError(t, migrations.Validate(t.Context(), pool, options))
	var old, fresh bool
	row := pool.QueryRow(t.Context(), `WITH fresh AS (INSERT INTO event_log SELECT h, h, 1, 'a', '{}' FROM decode(repeat('01', 16), 'hex') h
		RETURNING transaction_id IS NOT NULL AS filled) SELECT transaction_id IS NULL, (SELECT filled FROM fresh) FROM event_log`)
	require.NoError(t, row.Scan(&old, &fresh))
	require.True(t, old && fresh)
}

func TestValidateDoesNotMindNamesOrWhatIsBesides(t *testing.T) {
	t.Parallel()
	pool := pgtest.Plain(t)
	_, err := pool.Exec(t.Context(), `
		ALTER INDEX aggregate_sequence_index RENAME TO renamed;
		ALTER TABLE event_log RENAME CONSTRAINT event_log_pkey TO other;
		ALTER TABLE event_log RENAME CONSTRAINT sequence TO positive;
		ALTER TABLE event_log ADD COLUMN tenant text;
		ALTER TABLE event_log ADD COLUMN stored timestamptz NOT NULL DEFAULT now();
		CREATE INDEX more ON event_log (type);
		CREATE TABLE besides ()`)
	require.NoError(t, err)
	require.NoError(t, migrations.Validate(t.Context(), pool, nil))
}

func TestValidateTakesAPartitionedTableForAPlainOneButNotTheOtherWayRound(t *testing.T) {
	t.Parallel()
	partitioned := pgtest.Partitioned(t, 3)
	require.NoError(t, migrations.Validate(t.Context(), partitioned, nil))
	require.NoError(t, migrations.Validate(t.Context(), partitioned, &migrations.Options{Partitions: 3}))
	var found *migrations.ValidateError
	require.ErrorAs(t, migrations.Validate(t.Context(), partitioned, &migrations.Options{Partitions: 4}), &found)
	require.Equal(t, "table event_log", found.Problems[0].Object)

	plain := pgtest.Plain(t)
	require.ErrorAs(t, migrations.Validate(t.Context(), plain, &migrations.Options{Partitions: 3}), &found)
	require.Len(t, found.Problems, 2, "the primary key and the partitions: %v", found)
	require.ErrorAs(t, migrations.Validate(t.Context(), plain, &migrations.Options{Sharded: true}), &found)
	require.Equal(t, "primary key of event_log", found.Problems[0].Object)
}

func TestValidateDoesNotTakeAViewForATable(t *testing.T) {
	t.Parallel()
	pool := pgtest.Plain(t)
	_, err := pool.Exec(t.Context(), "ALTER TABLE event_log RENAME TO hidden; CREATE VIEW event_log AS SELECT * FROM hidden")
	require.NoError(t, err)
	var found *migrations.ValidateError
	require.ErrorAs(t, migrations.Validate(t.Context(), pool, nil), &found)
	require.Equal(t, "table event_log", found.Problems[0].Object)
}

func TestValidateSeesARangePartitionedTable(t *testing.T) {
	t.Parallel()
	pool := pgtest.Partitioned(t, 1)
	_, err := pool.Exec(t.Context(), `DROP TABLE event_log;
		CREATE TABLE event_log ("timestamp" bytea NOT NULL, aggregate_id bytea NOT NULL, sequence integer NOT NULL,
			type varchar(256) NOT NULL, body jsonb NOT NULL, PRIMARY KEY (aggregate_id, "timestamp"),
			UNIQUE (aggregate_id, sequence), CHECK (length(aggregate_id) = 16), CHECK (length("timestamp") = 16),
			CHECK (sequence > 0)) PARTITION BY RANGE (aggregate_id);
		CREATE TABLE event_log_0 PARTITION OF event_log DEFAULT`)
	require.NoError(t, err)
	require.NoError(t, migrations.Validate(t.Context(), pool, nil))
	require.ErrorAs(t, migrations.Validate(t.Context(), pool, &migrations.Options{Partitions: 1}), new(*migrations.ValidateError))
}

func TestValidatePassesTheDatabasesErrorOn(t *testing.T) {
	t.Parallel()
	pool := pgtest.Plain(t)
	pool.Close()
	require.ErrorContains(t, migrations.Validate(t.Context(), pool, nil), "migrations: ask whether the server takes writes: closed pool")
	require.ErrorContains(t, migrations.Apply(t.Context(), pool, nil), "closed pool")
}
