package generate_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/eventmaestro/maestro/migrations"
	"github.com/eventmaestro/maestro/migrations/internal/generate"
)

var now = time.Date(2026, 11, 21, 20, 43, 29, 0, time.FixedZone("east", 3600))

// layouts are the files that each format asks for, with where the SQL begins and
// what stands between up and down.
var layouts = map[string]struct {
	files            []string
	begin, separator string
}{
	"goose":          {[]string{"20261121194329_event_store.sql"}, "-- +goose Up\n", "\n-- +goose Down\n"},
	"dbmate":         {[]string{"20261121194329_event_store.sql"}, "-- migrate:up\n", "\n-- migrate:down\n"},
	"tern":           {[]string{"001_event_store.sql"}, "", "\n---- create above / drop below ----\n\n"},
	"golang-migrate": {[]string{"20261121194329_event_store.up.sql", "20261121194329_event_store.down.sql"}, "", ""},
	"sql":            {[]string{"event_store.up.sql", "event_store.down.sql"}, "", ""},
}

func TestEveryFormatHasItsNamesAndMarkers(t *testing.T) {
	t.Parallel()
	require.Len(t, layouts, len(generate.Formats()))
	options := migrations.Options{Schema: "Ledger", Partitions: 2, Metadata: true, Commands: true}
	up, err := migrations.Up(&options)
	require.NoError(t, err)
	down, err := migrations.Down(&options)
	require.NoError(t, err)
	for _, format := range generate.Formats() {
		t.Run(format, func(t *testing.T) {
			t.Parallel()
			config := configFor(t, format)
			config.Options = options
			layout := layouts[format]
			require.Equal(t, layout.files, write(t, config))
			require.Equal(t, layout.files, names(t, config.Dir))
			first := read(t, config.Dir, layout.files[0])
			if len(layout.files) == 1 {
				require.Equal(t, layout.begin+up+layout.separator+down, first)
				return
			}
			require.Equal(t, up, first)
			require.Equal(t, down, read(t, config.Dir, layout.files[1]))
		})
	}
}

func TestWritingAgainLeavesTheMigrationAsItIs(t *testing.T) {
	t.Parallel()
	for _, format := range generate.Formats() {
		t.Run(format, func(t *testing.T) {
			t.Parallel()
			config := configFor(t, format)
			first := write(t, config)
			config.Now = now.Add(time.Hour)
			again, err := generate.Write(config)
			require.NoError(t, err)
			require.False(t, again.Fresh)
			require.Len(t, again.Paths, len(first))
			require.ElementsMatch(t, first, names(t, config.Dir))
		})
	}
}

func TestAnotherMigrationOfTheNameIsNotOverwrittenNorDoubled(t *testing.T) {
	t.Parallel()
	for _, format := range generate.Formats() {
		t.Run(format, func(t *testing.T) {
			t.Parallel()
			config := configFor(t, format)
			first := write(t, config)
			before := read(t, config.Dir, first[0])
			config.Now = now.Add(time.Hour)
			config.Options.Metadata = true

			_, err := generate.Write(config)
			var exists *generate.ExistsError
			require.ErrorAs(t, err, &exists)
			require.Equal(t, filepath.Join(config.Dir, first[0]), exists.Path)
			require.ElementsMatch(t, first, names(t, config.Dir))
			require.Equal(t, before, read(t, config.Dir, first[0]))
		})
	}
}

func TestAMigrationOfAnotherFormatStandsInTheWay(t *testing.T) {
	t.Parallel()
	config := configFor(t, "golang-migrate")
	write(t, config)
	config.Format = "goose"
	_, err := generate.Write(config)
	require.ErrorAs(t, err, new(*generate.ExistsError))
}

func TestAHalfOfAPairStandsInTheWay(t *testing.T) {
	t.Parallel()
	for _, format := range []string{"golang-migrate", "sql"} {
		config := configFor(t, format)
		first := write(t, config)
		require.NoError(t, os.Remove(filepath.Join(config.Dir, first[0])))
		_, err := generate.Write(config)
		require.ErrorAs(t, err, new(*generate.ExistsError), format)
		require.Equal(t, first[1:], names(t, config.Dir))
	}
}

func TestVersionsAreNotSharedAndTernCountsOn(t *testing.T) {
	t.Parallel()
	config := configFor(t, "tern")
	touch(t, config.Dir, "001_users.sql", "014_orders.sql", "README.md", "99_notes.txt")
	require.Equal(t, []string{"015_event_store.sql"}, write(t, config))

	config.Name, config.Version = "event_store_again", "14"
	_, err := generate.Write(config)
	var exists *generate.ExistsError
	require.ErrorAs(t, err, &exists)
	require.Equal(t, filepath.Join(config.Dir, "014_orders.sql"), exists.Path)

	config.Version = "0016"
	require.Equal(t, []string{"0016_event_store_again.sql"}, write(t, config))
}

func TestNamesThatEndAlikeAreNotTheSame(t *testing.T) {
	t.Parallel()
	config := configFor(t, "goose")
	touch(t, config.Dir, "20200101000000_my_event_store.sql", "20200101000001_event_store_2.sql")
	require.Equal(t, []string{"20261121194329_event_store.sql"}, write(t, config))
}

func TestWhatCanNotBeWrittenIsAUsageError(t *testing.T) {
	t.Parallel()
	for text, spoil := range map[string]func(*generate.Config){
		`no format "flyway"`:                        func(c *generate.Config) { c.Format = "flyway" },
		`name ""`:                                   func(c *generate.Config) { c.Name = "" },
		`name "../x"`:                               func(c *generate.Config) { c.Name = "../x" },
		`no folder`:                                 func(c *generate.Config) { c.Dir = "" },
		`version "v1"`:                              func(c *generate.Config) { c.Version = "v1" },
		`version "1111111111111111111"`:             func(c *generate.Config) { c.Version = "1111111111111111111" },
		`files of format sql have none`:             func(c *generate.Config) { c.Format, c.Version = "sql", "1" },
		`contains a control character`:              func(c *generate.Config) { c.Options.Schema = "a\n-- +goose Down" },
		`means something to the migration tool`:     func(c *generate.Config) { c.Format, c.Options.Schema = "tern", "{{x}}" },
		`holds "--"`:                                func(c *generate.Config) { c.Options.Schema = "a -- b" },
		`is 64 bytes long`:                          func(c *generate.Config) { c.Options.Schema = sixtyFour },
		`migrations: Options.Partitions is -1`:      func(c *generate.Config) { c.Options.Partitions = -1 },
		`migrations: Options.Sharded excludes`:      func(c *generate.Config) { c.Options.Sharded, c.Options.Partitions = true, 2 },
		`migrations: Options.Extend leaves nothing`: func(c *generate.Config) { c.Options.Extend = true },
	} {
		config := configFor(t, "goose")
		spoil(config)
		_, err := generate.Write(config)
		require.ErrorAs(t, err, new(*generate.UsageError), text)
		require.ErrorContains(t, err, text)
		if config.Dir != "" {
			require.Empty(t, names(t, config.Dir), text)
		}
	}
}

func TestAFolderThatIsMissingIsMade(t *testing.T) {
	t.Parallel()
	config := configFor(t, "goose")
	config.Dir = filepath.Join(config.Dir, "db", "migrations")
	write(t, config)
	require.Len(t, names(t, config.Dir), 1)
}

const sixtyFour = "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"

func configFor(t *testing.T, format string) *generate.Config {
	t.Helper()
	return &generate.Config{Format: format, Dir: t.TempDir(), Name: "event_store", Now: now}
}

// write writes the migration, which must be new, and returns its file names.
func write(t *testing.T, config *generate.Config) []string {
	t.Helper()
	result, err := generate.Write(config)
	require.NoError(t, err)
	require.True(t, result.Fresh)
	var bases []string
	for _, path := range result.Paths {
		require.Equal(t, config.Dir, filepath.Dir(path))
		bases = append(bases, filepath.Base(path))
	}
	return bases
}

// names returns the files of a folder, up before down.
func names(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	var bases []string
	for i := len(entries) - 1; i >= 0; i-- {
		bases = append(bases, entries[i].Name())
	}
	return bases
}

func read(t *testing.T, dir, base string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, base))
	require.NoError(t, err)
	return string(text)
}

func touch(t *testing.T, dir string, bases ...string) {
	t.Helper()
	for _, base := range bases {
		require.NoError(t, os.WriteFile(filepath.Join(dir, base), nil, 0o600))
	}
}
