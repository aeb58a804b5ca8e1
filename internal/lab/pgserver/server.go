package pgserver

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"
)

// ErrRunning is returned by Start when the server runs already.
var ErrRunning = errors.New("pgserver: the server runs already")

// ErrClosed is returned by Start after Close.
var ErrClosed = errors.New("pgserver: the server is closed")

// Superuser is the name of the role that URLs log in with.
const Superuser = "postgres"

// Server is a PostgreSQL cluster of this process' own. Its methods may be called
// from any goroutine; those that start and stop it wait for one another.
type Server struct {
	config   Config
	account  account
	programs string
	dir      string // everything below is the server's
	port     int
	password string
	guardian *guardian

	mu     sync.Mutex
	run    *run // guarded by mu; nil while the server is stopped
	closed bool // guarded by mu
}

// run is one life of the server's main process.
type run struct {
	cmd  *exec.Cmd
	done chan struct{} // closed when the process has ended
	err  error         // how it ended; read after done
}

// Start makes a cluster and starts a server on it. It returns when the server
// takes connections; when ctx ends first the server is removed again. A nil
// config means the zero Config. The error is [ErrNoPrograms] where PostgreSQL is
// not installed; any other carries the end of the server's log. The caller owns
// the server and ends it with Close.
func Start(ctx context.Context, config *Config) (*Server, error) {
	programs, err := Programs()
	if err != nil {
		return nil, err
	}
	who, err := serverAccount()
	if err != nil {
		return nil, err
	}
	s := &Server{programs: programs, account: who, password: rand.Text()}
	if config != nil {
		s.config = *config
	}
	if err := s.create(ctx); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	if err := s.Start(ctx); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// create makes the server's folder and the cluster in it.
func (s *Server) create(ctx context.Context) error {
	if err := s.settle(); err != nil {
		return err
	}
	secret := filepath.Join(s.dir, "password")
	if err := os.WriteFile(secret, []byte(s.password+"\n"), 0o600); err != nil {
		return fmt.Errorf("pgserver: %w", err)
	}
	if err := s.account.own(secret); err != nil {
		return fmt.Errorf("pgserver: give %s to the server's user: %w", secret, err)
	}
	// A password even on loopback: a superuser without one would let every user
	// of this machine run programs as the server's user.
	initdb := s.command(ctx, "initdb", "-D", s.DataDir(), "-U", Superuser, "-E", "UTF8", "--locale=C",
		"-A", "scram-sha-256", "--pwfile="+secret, "--no-sync")
	if out, err := initdb.CombinedOutput(); err != nil {
		return fmt.Errorf("pgserver: initdb: %w\n%s", err, out)
	}
	return nil
}

// settle makes the server's folder, and the guardian that removes it.
func (s *Server) settle() error {
	parent := s.config.Parent
	if parent == "" {
		parent = s.account.parent()
	}
	dir, err := os.MkdirTemp(parent, "maestro-postgres-")
	if err != nil {
		return fmt.Errorf("pgserver: %w", err)
	}
	s.dir = dir
	if s.guardian, err = guard(dir); err != nil {
		return err
	}
	if err := s.account.own(dir); err != nil {
		return fmt.Errorf("pgserver: give %s to the server's user: %w", dir, err)
	}
	return nil
}

// Start starts a stopped server on the data that it left. It returns when the
// server takes connections, after its recovery where it had to recover.
func (s *Server) Start(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return ErrClosed
	}
	if s.run != nil && !s.run.ended() {
		return ErrRunning
	}
	for {
		err := s.try(ctx)
		if err == nil || !s.worthAnotherTry(err) {
			return err
		}
		select {
		case <-ctx.Done():
			return errors.Join(ctx.Err(), err)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// errEnded is wrapped when the server's process ends before it is ready.
var errEnded = errors.New("the server ended while it started")

// worthAnotherTry reports whether a start failed on something that passes: the
// processes of a killed server that are not gone yet, or a free port that
// somebody else took first.
func (s *Server) worthAnotherTry(err error) bool {
	if !errors.Is(err, errEnded) {
		return false
	}
	text := err.Error()
	if strings.Contains(text, "Address already in use") && s.config.Port == 0 && !s.used() {
		s.port = 0
		return true
	}
	return strings.Contains(text, "shared memory block") || strings.Contains(text, "lock file")
}

// used reports whether the server has ever been up: from then on its port is
// known to others and stays.
func (s *Server) used() bool {
	_, err := os.Stat(filepath.Join(s.dir, "used"))
	return err == nil
}

// try starts the server's process once and waits until it takes connections.
func (s *Server) try(ctx context.Context) error {
	if s.port == 0 {
		s.port = s.config.Port
	}
	if s.port == 0 {
		port, err := freePort()
		if err != nil {
			return err
		}
		s.port = port
	}
	log, err := os.Create(s.logFile())
	if err != nil {
		return fmt.Errorf("pgserver: %w", err)
	}
	defer log.Close()

	// Not bound to ctx: the server outlives the call that starts it.
	cmd := s.command(context.WithoutCancel(ctx), "postgres",
		append([]string{"-D", s.DataDir()}, s.config.arguments(s.port)...)...)
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("pgserver: start postgres: %w", err)
	}
	s.guardian.watch(cmd.Process.Pid)
	r := &run{cmd: cmd, done: make(chan struct{})}
	go func() {
		defer close(r.done)
		r.err = cmd.Wait()
	}()
	s.run = r
	if err := s.ready(ctx, r); err != nil {
		tail := s.Log()
		s.signal(syscall.SIGKILL)
		return fmt.Errorf("pgserver: start postgres: %w\n%s", err, tail)
	}
	return os.WriteFile(filepath.Join(s.dir, "used"), nil, 0o600)
}

// ready waits until the server answers a query.
func (s *Server) ready(ctx context.Context, r *run) error {
	for {
		select {
		case <-r.done:
			return fmt.Errorf("%w: %w", errEnded, r.err)
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(10 * time.Millisecond):
		}
		if s.ping(ctx) == nil {
			return nil
		}
	}
}

// command prepares one of PostgreSQL's programs to run as the server's user,
// without the PG… variables that the developer may have set.
func (s *Server) command(ctx context.Context, name string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, filepath.Join(s.programs, name), args...)
	cmd.Dir = s.dir
	cmd.SysProcAttr = s.account.attributes()
	for _, entry := range os.Environ() {
		if !strings.HasPrefix(entry, "PG") && !strings.HasPrefix(entry, "LC_") {
			cmd.Env = append(cmd.Env, entry)
		}
	}
	cmd.Env = append(cmd.Env, "LC_ALL=C", "TZ=UTC")
	return cmd
}
