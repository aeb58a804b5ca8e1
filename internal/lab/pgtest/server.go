package pgtest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/eventmaestro/maestro/internal/lab/pgserver"
)

// The environment variables that decide where the server comes from.
const (
	// EnvURL names a database in which the tests may make and drop schemas and,
	// for those that need one, databases.
	EnvURL = "MAESTRO_TEST_DATABASE_URL"
	// EnvRequire, set to "require", makes a missing Postgres a failure.
	EnvRequire = "MAESTRO_TEST_POSTGRES"
)

// remedy is the one line of a skipped test.
const remedy = "no Postgres for this test: set " + EnvURL +
	", or install the PostgreSQL server programs (Debian: apt-get install postgresql), or start a Docker engine"

// startTimeout bounds the start of a server; a container's image may have to be
// pulled first.
const startTimeout = 5 * time.Minute

// Server is the Postgres that the tests of this process share.
type Server struct {
	// URL is the connection string of its first database, in which the tests'
	// schemas are made.
	URL string

	// Local is the cluster behind it, nil when the server is another's or a
	// container. A test that stops or restarts the server starts one of its own
	// with pgserver.Start instead of pulling this one away from the others.
	Local *pgserver.Server

	// Source says where the server came from, for a log line.
	Source string

	close func() error
}

// shared is the one server of this process.
var shared struct {
	sync.Mutex
	tried  bool
	server *Server
	err    error
}

// errNone is the cause of a skip: no source has a server.
var errNone = errors.New(remedy)

// noneError is errNone with the reason why the last source has none.
type noneError struct{ reason string }

func (e *noneError) Error() string        { return remedy + " (" + e.reason + ")" }
func (e *noneError) Is(target error) bool { return target == errNone }

// Start returns the server of this process, starting it for the first test that
// asks. It skips or fails the test where there is none. A URL that nobody answers
// and server programs that do not work always fail the test: somebody meant them to
// be used. A container engine says no such thing, and whether it can get an image
// only a try shows, so that one without is as good as none.
func Start(t testing.TB) *Server {
	t.Helper()
	shared.Lock()
	defer shared.Unlock()
	if !shared.tried {
		shared.tried = true
		// The server outlives the test that happens to be the first.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), startTimeout)
		defer cancel()
		shared.server, shared.err = open(ctx, sources())
	}
	report(t, shared.err)
	return shared.server
}

// report ends a test that has no server.
func report(t testing.TB, err error) {
	t.Helper()
	switch {
	case err == nil:
	case errors.Is(err, errNone) && os.Getenv(EnvRequire) != "require":
		t.Skip(err)
	default:
		t.Fatal(err)
	}
}

// Stop ends the server of this process, if a test started it. A later Start
// starts another.
func Stop() error {
	shared.Lock()
	defer shared.Unlock()
	server := shared.server
	shared.server, shared.err, shared.tried = nil, nil, false
	if server == nil {
		return nil
	}
	return server.close()
}

// Main runs the tests, ends the server, and exits. It is the whole TestMain of a
// package that needs nothing else there.
func Main(m *testing.M) { os.Exit(WithServer(m).Run()) }

// M runs a package's tests, as *testing.M does.
type M interface{ Run() int }

// WithServer returns an M that ends the server after m's tests, for a TestMain
// that does more: goleak.VerifyTestMain(pgtest.WithServer(m)).
func WithServer(m M) M { return withServer{m} }

type withServer struct{ M }

func (w withServer) Run() (code int) {
	defer func() {
		if err := Stop(); err != nil {
			fmt.Fprintln(os.Stderr, "pgtest: stop the server:", err)
			code = max(code, 1)
		}
	}()
	return w.M.Run()
}

// URL returns the connection string of the process' server.
func URL(t testing.TB) string {
	t.Helper()
	return Start(t).URL
}

// exec runs statements on a connection of their own, so that no pool of the
// process is left for a leak check to find.
func exec(ctx context.Context, url string, statements ...string) error {
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	for _, sql := range statements {
		if _, err := conn.Exec(ctx, sql); err != nil {
			return fmt.Errorf("%s: %w", sql, err)
		}
	}
	return nil
}
