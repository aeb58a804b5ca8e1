package pgserver

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// Mode is a way to stop a server, as pg_ctl's -m names them.
type Mode int

const (
	// Fast ends the sessions, rolls their transactions back and writes everything out.
	Fast Mode = iota
	// Smart waits until the last client has gone by itself.
	Smart
	// Immediate ends all processes at once, as a crash would; the next start recovers.
	Immediate
)

// signals that mean the modes to the server's main process.
var signals = map[Mode]syscall.Signal{
	Smart:     syscall.SIGTERM,
	Fast:      syscall.SIGINT,
	Immediate: syscall.SIGQUIT,
}

// Stop stops the server and keeps its data. It returns when the server's process
// has ended, or with ctx's error when ctx ends before. A stopped server is left
// as it is, without an error.
func (s *Server) Stop(ctx context.Context, mode Mode) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.stop(ctx, mode)
}

func (s *Server) stop(ctx context.Context, mode Mode) error {
	sig, known := signals[mode]
	if !known {
		return fmt.Errorf("pgserver: stop: no mode %d", mode)
	}
	return s.end(ctx, sig)
}

// Kill ends the server's main process with SIGKILL, after which its other
// processes find themselves alone and end too. The data is kept; Start waits for
// the other processes before it recovers.
func (s *Server) Kill(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.end(ctx, syscall.SIGKILL)
}

// Restart stops the server in the given mode and starts it again.
func (s *Server) Restart(ctx context.Context, mode Mode) error {
	if err := s.Stop(ctx, mode); err != nil {
		return err
	}
	return s.Start(ctx)
}

// end signals the server's process and waits for its end.
func (s *Server) end(ctx context.Context, sig syscall.Signal) error {
	if s.run == nil {
		return nil
	}
	s.signal(sig)
	select {
	case <-s.run.done:
	case <-ctx.Done():
		return fmt.Errorf("pgserver: stop: %w", ctx.Err())
	}
	s.guardian.watch(0)
	s.run = nil
	return nil
}

func (s *Server) signal(sig syscall.Signal) {
	if s.run == nil || s.run.ended() {
		return
	}
	// Elsewhere than on Unix only a kill can be sent.
	if err := s.run.cmd.Process.Signal(sig); err != nil && !errors.Is(err, os.ErrProcessDone) {
		_ = s.run.cmd.Process.Kill()
	}
}

func (r *run) ended() bool {
	select {
	case <-r.done:
		return true
	default:
		return false
	}
}

// Close ends the server and removes everything that it wrote. The data of a
// throw-away server is not worth a checkpoint, so it ends at once. A closed server
// can't be started again; a second Close does nothing.
func (s *Server) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	err := s.stop(context.Background(), Immediate)
	if s.closed || s.dir == "" {
		return err
	}
	s.closed = true
	return errors.Join(err, s.guardian.end(), os.RemoveAll(s.dir))
}

// Running reports whether the server's process runs.
func (s *Server) Running() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.run != nil && !s.run.ended()
}

// Log returns the last lines of what the server wrote since it was started last,
// for the message of a test that fails.
func (s *Server) Log() string {
	text, err := os.ReadFile(s.logFile())
	if err != nil {
		return err.Error()
	}
	lines := strings.SplitAfter(string(text), "\n")
	return strings.Join(lines[max(0, len(lines)-30):], "")
}

func (s *Server) logFile() string { return filepath.Join(s.dir, "server.log") }
