// Package pgbouncer puts a PgBouncer in front of a test's Postgres: a proxy that gives a client
// another connection to the server for every transaction. What a library leaves on a connection,
// such as a setting, a prepared statement or a lock, is somebody else's after that.
//
// To make sure that it is noticed, connections to the server are handed out in turn instead of the
// last one first. The proxy listens on loopback and ends with the test, or with the test's process.
package pgbouncer

import (
	"context"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/eventmaestro/maestro/internal/lab/pgtest"
)

// EnvRequire names a variable that, set to "require", makes a missing program a failure, as
// MAESTRO_TEST_POSTGRES=require does.
const EnvRequire = "MAESTRO_TEST_PGBOUNCER"

// startTimeout bounds the wait for the first answer.
const startTimeout = 15 * time.Second

// Proxy is a running PgBouncer.
type Proxy struct {
	dir, log string
	port     int
	server   *url.URL
}

// Start starts a proxy for all databases of the process' Postgres, in transaction mode. It skips
// the test by one line where the program is missing.
func Start(t testing.TB) *Proxy {
	t.Helper()
	path := program(t)
	server, err := url.Parse(pgtest.URL(t))
	if err != nil || server.Hostname() == "" {
		t.Fatalf("pgbouncer: the server's URL names no host: %v", err)
	}
	dir, err := folder()
	if err != nil {
		t.Fatalf("pgbouncer: %v", err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Errorf("pgbouncer: %v", err)
		}
	})
	p := &Proxy{dir: dir, log: filepath.Join(dir, "log"), server: server}
	for attempt := 0; ; attempt++ {
		err := p.start(t, path)
		if err == nil {
			return p
		}
		if attempt == 3 || !strings.Contains(err.Error(), "in use") {
			t.Fatal(err)
		}
	}
}

// URL returns a connection string of the same server by way of the proxy. It loses the settings
// that it brings along, such as a search_path: the proxy refuses them, as it could not keep them.
func (p *Proxy) URL(t testing.TB, direct string) string {
	t.Helper()
	u, err := url.Parse(direct)
	if err != nil {
		t.Fatalf("pgbouncer: %v", err)
	}
	u.Host = net.JoinHostPort("127.0.0.1", strconv.Itoa(p.port))
	u.RawQuery = "sslmode=disable"
	return u.String()
}

// program finds PgBouncer; Debian installs it where only root's PATH leads.
func program(t testing.TB) string {
	t.Helper()
	const elsewhere = "/usr/sbin/pgbouncer"
	if _, err := exec.LookPath("pgbouncer"); err != nil {
		if _, err := exec.LookPath(elsewhere); err == nil {
			return elsewhere
		}
		if os.Getenv(EnvRequire) == "require" {
			t.Fatalf("%v, and %s=require", err, EnvRequire)
		}
	}
	return pgtest.Program(t, "pgbouncer")
}

// folder makes the proxy's own folder. It is not the test's: where that is root's, others can't
// reach it.
func folder() (string, error) {
	parent := ""
	if os.Geteuid() == 0 {
		parent = "/tmp"
	}
	return os.MkdirTemp(parent, "maestro-pgbouncer-")
}

// start starts the program on a free port and waits until the server answers through it.
func (p *Proxy) start(t testing.TB, path string) error {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	p.port = l.Addr().(*net.TCPAddr).Port
	if err := l.Close(); err != nil {
		return err
	}
	args := []string{path, "-q"}
	if account, err := p.write(); err != nil {
		return err
	} else if account != "" {
		args = append(args, "-u", account)
	}
	if err := run(t, p, append(args, filepath.Join(p.dir, "pgbouncer.ini"))); err != nil {
		return err
	}
	return p.ready(t)
}

// ready waits until the server answers through the proxy.
func (p *Proxy) ready(t testing.TB) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), startTimeout)
	defer cancel()
	for {
		err := ping(ctx, p.URL(t, p.server.String()))
		if err == nil {
			return nil
		}
		log, _ := os.ReadFile(p.log)
		if strings.Contains(string(log), "FATAL") || ctx.Err() != nil {
			return fmt.Errorf("pgbouncer: start: %w\n%s", err, log)
		}
		<-time.After(5 * time.Millisecond)
	}
}

func ping(ctx context.Context, url string) error {
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	_, err = conn.Exec(ctx, "SELECT 1", pgx.QueryExecModeExec)
	return err
}
