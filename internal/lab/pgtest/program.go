package pgtest

import (
	"bytes"
	"os"
	osexec "os/exec"
	"strings"
	"testing"

	"github.com/eventmaestro/maestro/internal/lab/pgserver"
)

// Program returns the path of one of PostgreSQL's or its companions' programs,
// such as pg_dump or pgbouncer. Like a missing server a missing program skips the
// test, or fails it where Postgres is required.
func Program(t testing.TB, name string) string {
	t.Helper()
	path, err := pgserver.Program(name)
	if err != nil {
		if os.Getenv(EnvRequire) == "require" {
			t.Fatal(err)
		}
		t.Skipf("no program %s for this test: install it (Debian: apt-get install postgresql pgbouncer)", name)
	}
	return path
}

// Dump returns the schema of a database as pg_dump prints it, without owners and
// privileges. A pg_dump that is older than the server, and so refuses it, is as
// good as none.
func Dump(t testing.TB, url string) string {
	t.Helper()
	cmd := osexec.CommandContext(t.Context(), Program(t, "pg_dump"),
		"--schema-only", "--no-owner", "--no-privileges", "--dbname", url)
	var complaint bytes.Buffer
	cmd.Stderr = &complaint
	out, err := cmd.Output()
	switch {
	case err == nil:
	case strings.Contains(complaint.String(), "server version mismatch") && os.Getenv(EnvRequire) != "require":
		t.Skip("pg_dump is older than the server of this test: install a newer one")
	default:
		t.Fatalf("pgtest: pg_dump: %v\n%s", err, complaint.String())
	}
	return string(out)
}
