package migrations_test

import (
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/eventmaestro/maestro/internal/lab/pgtest"
	"github.com/eventmaestro/maestro/migrations"
)

func TestTheTablesAreThoseOfMaestro(t *testing.T) {
	t.Parallel()
	for file, options := range map[string]*migrations.Options{
		"testdata/schema.sql":             nil,
		"testdata/schema-partitioned.sql": {Partitions: 7},
	} {
		t.Run(file, func(t *testing.T) {
			t.Parallel()
			url := pgtest.Database(t)
			require.NoError(t, migrations.Apply(t.Context(), pgtest.Open(t, url), options))

			want, err := os.ReadFile(file)
			require.NoError(t, err)
			require.Equal(t, statements(string(want)), statements(pgtest.Dump(t, url)))
		})
	}
}

// Up is what the generator writes; it must make what Apply makes.
func TestUpMakesTheSameTablesAsApply(t *testing.T) {
	t.Parallel()
	options := &migrations.Options{Schema: "public", Metadata: true, Commands: true}
	applied, executed := pgtest.Database(t), pgtest.Database(t)
	require.NoError(t, migrations.Apply(t.Context(), pgtest.Open(t, applied), options))
	up, err := migrations.Up(options)
	require.NoError(t, err)
	_, err = pgtest.Open(t, executed).Exec(t.Context(), up)
	require.NoError(t, err)
	require.Equal(t, statements(pgtest.Dump(t, applied)), statements(pgtest.Dump(t, executed)))
}

// statements leaves out of a dump what differs between versions of pg_dump and
// says nothing of the schema: comments, among them its version, the random word of
// \restrict, a session setting that newer servers know, and the blank lines
// around them.
func statements(dump string) string {
	var kept []string
	for line := range strings.Lines(dump) {
		blank := strings.TrimSpace(line) == ""
		if blank || strings.HasPrefix(line, "--") || strings.HasPrefix(line, `\restrict`) ||
			strings.HasPrefix(line, `\unrestrict`) || strings.HasPrefix(line, "SET transaction_timeout") {
			continue
		}
		kept = append(kept, line)
	}
	return strings.Join(kept, "")
}
