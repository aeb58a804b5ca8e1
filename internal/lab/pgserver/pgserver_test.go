package pgserver_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/eventmaestro/maestro/internal/lab/pgserver"
	"github.com/eventmaestro/maestro/internal/lab/pgtest"
)

func TestMain(m *testing.M) {
	if os.Getenv(orphanage) != "" {
		abandon()
	}
	goleak.VerifyTestMain(m)
}

func TestStopInEveryModeKeepsTheDataAndThePort(t *testing.T) {
	t.Parallel()
	s := start(t, &pgserver.Config{Durable: true})
	query(t, s, "CREATE TABLE kept (n int)")
	url := s.URL("postgres")
	for n, mode := range []pgserver.Mode{pgserver.Fast, pgserver.Smart, pgserver.Immediate} {
		query(t, s, fmt.Sprintf("INSERT INTO kept VALUES (%d)", n))
		require.NoError(t, s.Stop(t.Context(), mode))
		require.False(t, s.Running())
		require.Error(t, connect(t, url), "the server of mode %d still answers", mode)
		require.NoError(t, s.Stop(t.Context(), mode), "a stop of a stopped server")

		require.NoError(t, s.Start(t.Context()))
		require.True(t, s.Running())
		require.Equal(t, url, s.URL("postgres"))
		require.Equal(t, fmt.Sprint(n+1), query(t, s, "SELECT count(*)::text FROM kept"))
	}
}

func TestKillIsSurvivedBecauseStartWaitsForTheOthers(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	query(t, s, "CREATE TABLE kept ()")
	// A session in the middle of something is what a start may find still alive.
	conn, err := pgx.Connect(t.Context(), s.URL("postgres"))
	require.NoError(t, err)
	defer conn.Close(context.WithoutCancel(t.Context()))
	for range 3 {
		require.NoError(t, s.Kill(t.Context()))
		require.False(t, s.Running())
		require.NoError(t, s.Start(t.Context()))
		query(t, s, "TABLE kept")
	}
}

func TestRestart(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	before := query(t, s, "SELECT pg_postmaster_start_time()::text")
	require.NoError(t, s.Restart(t.Context(), pgserver.Immediate))
	require.NotEqual(t, before, query(t, s, "SELECT pg_postmaster_start_time()::text"))
}

func TestStartOfARunningServerIsRefused(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	require.ErrorIs(t, s.Start(t.Context()), pgserver.ErrRunning)
}

func TestDurabilityIsAChoice(t *testing.T) {
	t.Parallel()
	for durable, want := range map[bool]string{true: "on", false: "off"} {
		s := start(t, &pgserver.Config{Durable: durable, MaxConnections: 17, Settings: map[string]string{"work_mem": "7MB"}})
		for _, setting := range []string{"fsync", "full_page_writes"} {
			require.Equal(t, want, query(t, s, "SHOW "+setting), setting)
		}
		require.Equal(t, "on", query(t, s, "SHOW synchronous_commit"))
		require.Equal(t, "17", query(t, s, "SHOW max_connections"))
		require.Equal(t, "7MB", query(t, s, "SHOW work_mem"))
	}
}

func TestSettingsWinOverFields(t *testing.T) {
	t.Parallel()
	s := start(t, &pgserver.Config{MaxConnections: 17, Settings: map[string]string{"max_connections": "18", "fsync": "on"}})
	require.Equal(t, "18", query(t, s, "SHOW max_connections"))
	require.Equal(t, "on", query(t, s, "SHOW fsync"))
}

func TestAGivenPortIsTaken(t *testing.T) {
	t.Parallel()
	pgtest.Program(t, "initdb")
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	port := l.Addr().(*net.TCPAddr).Port
	_, err = pgserver.Start(t.Context(), &pgserver.Config{Port: port})
	require.ErrorContains(t, err, "Address already in use", "the log says why")

	require.NoError(t, l.Close())
	s := start(t, &pgserver.Config{Port: port})
	require.Equal(t, port, s.Port())
	require.Equal(t, fmt.Sprintf("127.0.0.1:%d", port), s.Address())
}

func TestAServerThatDoesNotStartIsGoneAndSaysWhy(t *testing.T) {
	t.Parallel()
	parent := openFolder(t)
	_, err := pgserver.Start(t.Context(), &pgserver.Config{Parent: parent, Settings: map[string]string{"no_such_setting": "1"}})
	require.ErrorContains(t, err, `unrecognized configuration parameter "no_such_setting"`)
	require.Empty(t, entries(t, parent))
}

func TestTheEndOfTheContextEndsAStart(t *testing.T) {
	t.Parallel()
	parent := openFolder(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := pgserver.Start(ctx, &pgserver.Config{Parent: parent})
	require.ErrorIs(t, err, context.Canceled)
	require.Empty(t, entries(t, parent))
}

func TestCloseLeavesNothing(t *testing.T) {
	t.Parallel()
	parent := openFolder(t)
	s, err := pgserver.Start(t.Context(), &pgserver.Config{Parent: parent})
	require.NoError(t, err)
	require.DirExists(t, s.DataDir())
	require.NoError(t, s.Close())
	require.Empty(t, entries(t, parent))
	require.NoError(t, s.Close(), "a second Close")
	require.ErrorIs(t, s.Start(t.Context()), pgserver.ErrClosed)
	require.Error(t, connect(t, s.URL("postgres")))
}

func TestNobodyLogsInWithoutThePassword(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	err := connect(t, fmt.Sprintf("postgres://postgres:wrong@%s/postgres?sslmode=disable", s.Address()))
	require.ErrorContains(t, err, "password authentication failed")
}

// orphanage names a folder to the process that this test kills.
const orphanage = "MAESTRO_PGSERVER_ORPHANAGE"

// abandon starts a server, says where it listens, and waits to be killed.
func abandon() {
	s, err := pgserver.Start(context.Background(), &pgserver.Config{Parent: os.Getenv(orphanage)})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println(s.URL("postgres"))
	select {}
}

func TestTheServerEndsWithAProcessThatIsKilled(t *testing.T) {
	t.Parallel()
	parent := openFolder(t)
	self, err := os.Executable()
	require.NoError(t, err)
	cmd := exec.CommandContext(t.Context(), self)
	cmd.Env = append(os.Environ(), orphanage+"="+parent)
	stdout, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	var url string
	_, err = fmt.Fscanln(stdout, &url)
	require.NoError(t, err)
	require.NoError(t, connect(t, url))

	require.NoError(t, cmd.Process.Kill())
	require.Error(t, cmd.Wait())
	require.Eventually(t, func() bool { return len(entries(t, parent)) == 0 }, time.Minute, 20*time.Millisecond)
	require.Error(t, connect(t, url))
}

// start starts a server that ends with the test.
func start(t *testing.T, config *pgserver.Config) *pgserver.Server {
	t.Helper()
	pgtest.Program(t, "initdb")
	s, err := pgserver.Start(t.Context(), config)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return s
}

// query runs a statement and returns its one text, if it has one.
func query(t *testing.T, s *pgserver.Server, sql string) string {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), s.URL("postgres"))
	require.NoError(t, err)
	defer conn.Close(context.WithoutCancel(t.Context()))
	var text string
	err = conn.QueryRow(t.Context(), sql).Scan(&text)
	if !errors.Is(err, pgx.ErrNoRows) {
		require.NoError(t, err)
	}
	return text
}

func connect(t *testing.T, url string) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return err
	}
	return conn.Close(ctx)
}

// openFolder returns an empty folder that the server's user can reach, for a test
// that starts a server there.
func openFolder(t *testing.T) string {
	t.Helper()
	pgtest.Program(t, "initdb")
	dir, err := os.MkdirTemp("", "maestro-pgserver-test-") //nolint:usetesting // a test's own folder lies in one that is closed
	require.NoError(t, err)
	require.NoError(t, os.Chmod(dir, 0o755))
	t.Cleanup(func() { require.NoError(t, os.RemoveAll(dir)) })
	return dir
}

func entries(t *testing.T, dir string) []string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(dir, "*"))
	require.NoError(t, err)
	return found
}
