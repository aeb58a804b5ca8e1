package realtools_test

import (
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/golang-migrate/migrate/v4"
	_ "github.com/golang-migrate/migrate/v4/database/postgres"
	"github.com/pressly/goose/v3"
	"github.com/stretchr/testify/require"

	"github.com/eventmaestro/maestro/internal/lab/pgtest"
	"github.com/eventmaestro/maestro/migrations"
)

const root = "../../.."

// guideLine matches the lines of the guide that a reader types to make the tables.
var guideLine = regexp.MustCompile(`(?m)^(go tool maestro-migrations|goose|migrate|psql) (.*)$`)

// reader follows the guide in an app's folder, with a database of its own.
type reader struct{ dir, url string }

// follow carries out a line of the guide as the program would that it calls.
func (r *reader) follow(t *testing.T, program, line string) {
	t.Helper()
	args := strings.Fields(strings.ReplaceAll(line, `"$DATABASE_URL"`, r.url))
	flags := flag.NewFlagSet(program, flag.ContinueOnError)
	switch program {
	case "go tool maestro-migrations":
		format, dir := flags.String("format", "", ""), flags.String("dir", "", "")
		require.NoError(t, flags.Parse(args))
		require.Empty(t, flags.Args())
		r.generate(t, *format, *dir)
	case "goose":
		dir := flags.String("dir", "", "")
		require.NoError(t, flags.Parse(args))
		r.goose(t, filepath.Join(r.dir, *dir), flags.Args())
	case "psql":
		require.Len(t, args, 3)
		require.Equal(t, []string{r.url, "-f"}, args[:2])
		text, err := os.ReadFile(filepath.Join(r.dir, args[2]))
		require.NoError(t, err)
		_, err = pgtest.Open(t, r.url).Exec(t.Context(), string(text))
		require.NoError(t, err)
	case "migrate":
		dir, url := flags.String("path", "", ""), flags.String("database", "", "")
		require.NoError(t, flags.Parse(args))
		require.Equal(t, []string{"up"}, flags.Args())
		m, err := migrate.New("file://"+filepath.Join(r.dir, *dir), *url)
		require.NoError(t, err)
		require.NoError(t, m.Up())
		source, database := m.Close()
		require.NoError(t, source)
		require.NoError(t, database)
	}
}

func (r *reader) generate(t *testing.T, format, dir string) {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "go", "run", "github.com/eventmaestro/maestro/migrations/maestro-migrations",
		"-format", format, "-dir", filepath.Join(r.dir, dir)).CombinedOutput()
	require.NoError(t, err, "%s", out)
	require.Contains(t, string(out), "wrote ")
}

// goose does what the command does with its arguments.
func (r *reader) goose(t *testing.T, dir string, args []string) {
	t.Helper()
	if args[0] == "create" {
		require.NoError(t, goose.RunContext(t.Context(), args[0], nil, dir, args[1:]...))
		files, err := filepath.Glob(filepath.Join(dir, "*_"+args[1]+".sql"))
		require.NoError(t, err)
		require.Len(t, files, 1)
		content, err := os.ReadFile(filepath.Join(root, "examples", "guide", args[1]+".sql"))
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(files[0], content, 0o600))
		// A version is a second, and a test is quicker than a reader.
		require.NoError(t, os.Rename(files[0], filepath.Join(dir, "30000101000000_"+args[1]+".sql")))
		return
	}
	require.Len(t, args, 3)
	db, err := goose.OpenDBWithDriver(args[0], args[1])
	require.NoError(t, err)
	require.NoError(t, goose.RunContext(t.Context(), args[2], db, dir))
	require.NoError(t, db.Close())
}

func TestTheGuidesLinesMakeTheTables(t *testing.T) {
	t.Parallel()
	goose.SetLogger(goose.NopLogger())
	guide, err := os.ReadFile(filepath.Join(root, "docs", "guide.md"))
	require.NoError(t, err)
	lines := map[string][][]string{} // by the tool
	for _, m := range guideLine.FindAllStringSubmatch(string(guide), -1) {
		tool := "goose"
		switch {
		case m[1] == "migrate", strings.Contains(m[2], "-format golang-migrate"):
			tool = "golang-migrate"
		case m[1] == "psql", strings.Contains(m[2], "-format sql"):
			tool = "psql"
		}
		lines[tool] = append(lines[tool], m)
	}
	require.Len(t, lines["goose"], 4, "generate, up, create, up")
	require.Len(t, lines["golang-migrate"], 2, "generate, up")
	require.Len(t, lines["psql"], 2, "generate, up")
	for tool, steps := range lines {
		url := pgtest.Database(t)
		r := &reader{dir: t.TempDir(), url: url}
		for _, m := range steps {
			r.follow(t, m[1], m[2])
		}
		pool := pgtest.Open(t, url)
		require.NoError(t, migrations.Validate(t.Context(), pool, nil), tool)
		if tool == "goose" {
			_, err := pool.Exec(t.Context(), "SELECT account_id, cents FROM balances")
			require.NoError(t, err)
		}
	}
}
