package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

var now = time.Date(2026, 11, 21, 19, 43, 29, 0, time.UTC)

// call runs the command and returns its exit code and what it wrote.
func call(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, complaint strings.Builder
	code = run(args, &out, &complaint, now)
	return code, out.String(), complaint.String()
}

func TestItSaysWhatItWroteAndWhatItLeft(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "20261121194329_event_store.sql")
	code, stdout, stderr := call(t, "-format", "goose", "-dir", dir)
	require.Equal(t, 0, code, stderr)
	require.Equal(t, "wrote "+path+"\n", stdout)
	require.Empty(t, stderr)

	code, stdout, _ = call(t, "-format", "goose", "-dir", dir)
	require.Equal(t, 0, code)
	require.Equal(t, "left "+path+" as it is: nothing to change\n", stdout)
}

func TestEveryFlagReachesTheSQL(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	code, stdout, stderr := call(t, "-format", "goose", "-dir", dir, "-version", "7", "-name", "log",
		"-schema", "My Log", "-partitions", "2", "-metadata", "-commands", "-tail")
	require.Equal(t, 0, code, stderr)
	path := filepath.Join(dir, "7_log.sql")
	require.Equal(t, "wrote "+path+"\n", stdout)
	sql, err := os.ReadFile(path)
	require.NoError(t, err)
	for _, text := range []string{`CREATE TABLE "My Log".event_log_1`, "ADD COLUMN metadata", `CREATE TABLE "My Log".commands`, `CREATE TABLE "My Log".tails`} {
		require.Contains(t, string(sql), text)
	}

	code, _, stderr = call(t, "-dir", dir, "-name", "sharded", "-sharded")
	require.Equal(t, 0, code, stderr)
	sql, err = os.ReadFile(filepath.Join(dir, "sharded.up.sql"))
	require.NoError(t, err)
	require.Contains(t, string(sql), "create_distributed_table")

	code, _, stderr = call(t, "-dir", dir, "-name", "more", "-extend", "-metadata")
	require.Equal(t, 0, code, stderr)
	sql, err = os.ReadFile(filepath.Join(dir, "more.up.sql"))
	require.NoError(t, err)
	require.NotContains(t, string(sql), "CREATE TABLE")
}

func TestItExitsWith1ForAFileInTheWay(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	code, _, _ := call(t, "-dir", dir)
	require.Equal(t, 0, code)
	code, stdout, stderr := call(t, "-dir", dir, "-metadata")
	require.Equal(t, 1, code)
	require.Empty(t, stdout)
	require.Equal(t, "maestro-migrations: "+filepath.Join(dir, "event_store.up.sql")+
		" is there with other content: choose another -name, or delete it if it never ran\n", stderr)

	code, _, stderr = call(t, "-dir", filepath.Join(dir, "event_store.up.sql"))
	require.Equal(t, 1, code)
	require.Contains(t, stderr, "maestro-migrations: ")
}

func TestItExitsWith2ForFlagsThatMeanNothing(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for text, args := range map[string][]string{
		"flag provided but not defined: -colour": {"-colour"},
		"invalid value":                          {"-partitions", "many"},
		`no format "flyway"`:                     {"-format", "flyway"},
		`unexpected argument "db"`:               {"db"},
		"Options.Partitions is -1":               {"-partitions", "-1"},
		"is 64 bytes long, more than 63":         {"-schema", strings.Repeat("x", 64)},
	} {
		code, stdout, stderr := call(t, append([]string{"-dir", dir}, args...)...)
		require.Equal(t, 2, code, text)
		require.Empty(t, stdout)
		require.Contains(t, stderr, text)
	}
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Empty(t, entries)
}

func TestHelpNamesTheFlagsAndIsNoError(t *testing.T) {
	t.Parallel()
	code, _, stderr := call(t, "-h")
	require.Equal(t, 0, code)
	require.Contains(t, stderr, "usage: maestro-migrations [flags]\nwrites the event store's tables as a migration")
	for _, name := range []string{"-format", "-dir", "-schema", "-partitions", "-metadata", "-commands", "-tail", "-sharded", "-name", "-version"} {
		require.Contains(t, stderr, name)
	}
}

// guideLine matches the lines of the guide that a reader types in a module that replaces the
// library.
var guideLine = regexp.MustCompile(`(?m)^(go mod (?:edit|tidy).*)$`)

func TestTheToolIsBuiltBesideAReplace(t *testing.T) {
	t.Parallel()
	root, err := filepath.Abs("../..")
	require.NoError(t, err)
	guide, err := os.ReadFile(filepath.Join(root, "docs", "guide.md"))
	require.NoError(t, err)
	dir := t.TempDir()
	do := func(line string) string {
		t.Helper()
		fields := strings.Fields(strings.ReplaceAll(line, "=../maestro", "="+root))
		cmd := exec.CommandContext(t.Context(), fields[0], fields[1:]...)
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), "GOFLAGS=-buildvcs=false", "GOWORK=off")
		out, err := cmd.CombinedOutput()
		require.NoError(t, err, "%s: %s", line, out)
		return string(out)
	}
	do("go mod init example.com/bank")
	lines := guideLine.FindAllString(string(guide), -1)
	require.GreaterOrEqual(t, len(lines), 3)
	for _, line := range lines[:3] {
		do(line)
	}
	require.Contains(t, do("go tool maestro-migrations -format sql -dir migrations"), "wrote migrations")
}
