package pgtest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/eventmaestro/maestro/internal/lab/pgserver"
	"github.com/eventmaestro/maestro/migrations"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(WithServer(m)) }

func TestEveryPoolHasASchemaOfItsOwn(t *testing.T) {
	t.Parallel()
	first, second := Pool(t), Pool(t)
	for _, pool := range []*pgxpool.Pool{first, second} {
		_, err := pool.Exec(t.Context(), "CREATE TABLE mine ()")
		require.NoError(t, err)
	}
}

func TestSchemasAndDatabasesGoWithTheirTest(t *testing.T) {
	t.Parallel()
	var schema, database string
	t.Run("a test", func(t *testing.T) {
		_, schema = Schema(t)
		conn := Open(t, Database(t))
		require.NoError(t, conn.QueryRow(t.Context(), "SELECT current_database()").Scan(&database))
		require.True(t, exists(t, "pg_namespace", "nspname", schema))
		require.True(t, exists(t, "pg_database", "datname", database))
	})
	require.False(t, exists(t, "pg_namespace", "nspname", schema))
	require.False(t, exists(t, "pg_database", "datname", database))
}

func TestPoolsCanBeConfigured(t *testing.T) {
	t.Parallel()
	pool := Plain(t, func(c *pgxpool.Config) { c.MaxConns = 3 })
	require.EqualValues(t, 3, pool.Config().MaxConns)
}

func TestStoresHaveTheirTables(t *testing.T) {
	t.Parallel()
	require.NoError(t, migrations.Validate(t.Context(), Plain(t), nil))
	require.NoError(t, migrations.Validate(t.Context(), Partitioned(t, 5), &migrations.Options{Partitions: 5}))
}

func TestNamesOfSchemasFitAndNeedNoQuotes(t *testing.T) {
	t.Parallel()
	t.Run(`A "name"; longer than Postgres' 63 bytes `+strings.Repeat("ö", 60), func(t *testing.T) {
		first, second := unique(t), unique(t)
		require.Regexp(t, `^t_[a-z0-9_]{1,61}$`, first)
		require.NotEqual(t, first, second)
	})
}

// recorder is a test that ends by skipping or failing, and says so.
type recorder struct {
	testing.TB
	skipped, failed string
}

func (r *recorder) Helper()           {}
func (r *recorder) Skip(args ...any)  { r.skipped = fmt.Sprint(args...) }
func (r *recorder) Fatal(args ...any) { r.failed = fmt.Sprint(args...) }
func (r *recorder) Skipf(format string, args ...any) {
	r.skipped = fmt.Sprintf(format, args...)
}

func (r *recorder) Fatalf(format string, args ...any) {
	r.failed = fmt.Sprintf(format, args...)
}

// The tests below change the environment, so they are not parallel.

func TestWithoutPostgresATestIsSkippedByOneLineWithTheRemedy(t *testing.T) {
	t.Setenv(EnvRequire, "")
	r := &recorder{TB: t}
	report(r, errNone)
	require.Empty(t, r.failed)
	require.NotContains(t, r.skipped, "\n")
	for _, remedy := range []string{EnvURL, "apt-get install postgresql", "Docker"} {
		require.Contains(t, r.skipped, remedy)
	}

	r = &recorder{TB: t}
	t.Setenv("PATH", t.TempDir())
	Program(r, "pg_nonsense")
	require.Contains(t, r.skipped, "pg_nonsense")
}

func TestWherePostgresIsRequiredItsAbsenceFails(t *testing.T) {
	t.Setenv(EnvRequire, "require")
	r := &recorder{TB: t}
	report(r, errNone)
	require.Empty(t, r.skipped)
	require.Contains(t, r.failed, EnvURL)

	r = &recorder{TB: t}
	Program(r, "pg_nonsense")
	require.Contains(t, r.failed, "pg_nonsense")
}

func TestASourceThatDoesNotWorkFailsRequiredOrNot(t *testing.T) {
	t.Setenv(EnvRequire, "")
	r := &recorder{TB: t}
	report(r, errors.New("broken"))
	require.Empty(t, r.skipped)
	require.Equal(t, "broken", r.failed)
}

func TestSourcesAreAskedInOrderUntilOneHasAServer(t *testing.T) {
	var asked []string
	named := func(name string, err error) source {
		return func(context.Context) (*Server, error) {
			asked = append(asked, name)
			return &Server{Source: name}, err
		}
	}
	none, broken := fmt.Errorf("wrapped: %w", errNone), errors.New("broken")

	server, err := open(t.Context(), []source{named("a", none), named("b", nil), named("c", nil)})
	require.NoError(t, err)
	require.Equal(t, "b", server.Source)
	require.Equal(t, []string{"a", "b"}, asked)

	_, err = open(t.Context(), []source{named("a", none), named("b", broken), named("c", nil)})
	require.ErrorIs(t, err, broken)
	_, err = open(t.Context(), []source{named("a", none)})
	require.ErrorIs(t, err, errNone)
}

func TestTheURLComesFirst(t *testing.T) {
	t.Setenv(EnvURL, "")
	_, err := fromURL(t.Context())
	require.ErrorIs(t, err, errNone)

	other := ownServer(t)
	t.Setenv(EnvURL, other.URL("postgres"))
	server, err := open(t.Context(), sources())
	require.NoError(t, err)
	require.Equal(t, other.URL("postgres"), server.URL)
	require.Nil(t, server.Local)
	require.NoError(t, server.close())
	require.True(t, other.Running(), "somebody else's server was stopped")

	require.NoError(t, other.Stop(t.Context(), pgserver.Fast))
	_, err = open(t.Context(), sources())
	require.ErrorContains(t, err, "pgtest: "+EnvURL)
	require.NotErrorIs(t, err, errNone)
}

func TestLocalProgramsComeSecond(t *testing.T) {
	t.Setenv(EnvURL, "")
	ownServer(t) // there are programs here, or the test was skipped
	server, err := open(t.Context(), sources())
	require.NoError(t, err)
	require.NotNil(t, server.Local)
	require.NoError(t, exec(t.Context(), server.URL, "SELECT 1"))
	require.NoError(t, server.close())
	require.Error(t, exec(t.Context(), server.URL, "SELECT 1"))
}

func TestAURLThatIsNotOneIsRefused(t *testing.T) {
	r := &recorder{TB: t}
	parse(r, "host=localhost user=me")
	require.Contains(t, r.failed, "must be a URL")
}

// ownServer returns a server that no other test uses.
func ownServer(t *testing.T) *pgserver.Server {
	t.Helper()
	Program(t, "initdb")
	s, err := pgserver.Start(t.Context(), nil)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return s
}

func exists(t *testing.T, catalog, column, name string) bool {
	t.Helper()
	err := exec(t.Context(), URL(t), fmt.Sprintf(
		"DO $$ BEGIN ASSERT EXISTS (SELECT FROM %s WHERE %s = '%s'); END $$", catalog, column, name))
	if err != nil {
		require.ErrorContains(t, err, "assertion failed")
	}
	return err == nil
}

// make test prints this test's line, since go test shows no skips by itself.
func TestSayWhichPostgres(t *testing.T) {
	t.Log("tests run on Postgres from " + Start(t).Source)
}
