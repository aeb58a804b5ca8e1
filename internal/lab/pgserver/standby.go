package pgserver

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

// keepSize is how much of its log a primary keeps for standbys that were away, in megabytes.
const keepSize = 256

// Standby copies the running server with pg_basebackup and starts the copy as a hot standby that
// streams from it. The name is what the primary's synchronous_standby_names calls it; it consists
// of letters, digits and underscores. The standby has the primary's Config, on a port of its own,
// and its password. It returns when the standby takes connections. The caller owns the standby and
// ends it with Close.
func (s *Server) Standby(ctx context.Context, name string) (*Server, error) {
	standby := &Server{programs: s.programs, account: s.account, config: s.config}
	standby.config.Port = 0
	err := standby.settle()
	if err == nil {
		err = standby.Rejoin(ctx, s, name)
	}
	if err != nil {
		return nil, errors.Join(err, standby.Close())
	}
	return standby, nil
}

// Rejoin makes a standby of primary out of the server, which is stopped: an old primary after
// another one took its place. What the server had is forgotten; it is copied anew, which for a
// throw-away cluster costs no more than pg_rewind and asks nothing of how the server ended. The
// port stays.
func (s *Server) Rejoin(ctx context.Context, primary *Server, name string) error {
	if s.Running() {
		return ErrRunning
	}
	if err := primary.alter(ctx, fmt.Sprintf("wal_keep_size = '%dMB'", keepSize)); err != nil {
		return err
	}
	if err := s.copyOf(ctx, primary, name); err != nil {
		return err
	}
	return s.Start(ctx)
}

// copyOf replaces the server's data by a copy of another's that will follow it.
func (s *Server) copyOf(ctx context.Context, primary *Server, name string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return ErrClosed
	}
	if err := os.RemoveAll(s.DataDir()); err != nil {
		return fmt.Errorf("pgserver: %w", err)
	}
	s.password = primary.password
	backup := s.command(ctx, "pg_basebackup", "-D", s.DataDir(), "-d", primary.URL("postgres"),
		"-X", "stream", "-c", "fast", "--no-sync")
	if out, err := backup.CombinedOutput(); err != nil {
		return fmt.Errorf("pgserver: pg_basebackup: %w\n%s", err, out)
	}
	// Not what ALTER SYSTEM wrote on the primary: the copy has no synchronous standby of its own.
	auto, signal := filepath.Join(s.DataDir(), "postgresql.auto.conf"), filepath.Join(s.DataDir(), "standby.signal")
	conninfo := fmt.Sprintf("primary_conninfo = '%s'\n", primary.conninfo(name))
	err := errors.Join(os.WriteFile(auto, []byte(conninfo), 0o600), os.WriteFile(signal, nil, 0o600),
		s.account.own(auto), s.account.own(signal))
	if err != nil {
		return fmt.Errorf("pgserver: %w", err)
	}
	return nil
}

// conninfo is how a standby of that name reaches the server.
func (s *Server) conninfo(name string) string {
	return fmt.Sprintf("host=127.0.0.1 port=%d user=%s password=%s application_name=%s sslmode=disable",
		s.port, Superuser, s.password, name)
}

// Promote makes a primary of a standby, with all that it has received. It returns when the server
// takes writes.
func (s *Server) Promote(ctx context.Context) error {
	if err := s.exec(ctx, "SELECT pg_promote(false)"); err != nil {
		return fmt.Errorf("pgserver: promote: %w", err)
	}
	return s.wait(ctx, "promote", "SELECT NOT pg_is_in_recovery()")
}

// Detach ends a standby's streaming, so that a promotion loses what the primary commits from now
// on. It returns when nothing streams any more.
func (s *Server) Detach(ctx context.Context) error {
	if err := s.alter(ctx, "primary_conninfo = ''"); err != nil {
		return err
	}
	return s.wait(ctx, "detach", "SELECT count(*) = 0 FROM pg_stat_wal_receiver")
}

// Attach lets a standby stream again, from the primary and under the name that are given. It
// returns when it does.
func (s *Server) Attach(ctx context.Context, primary *Server, name string) error {
	if err := s.alter(ctx, fmt.Sprintf("primary_conninfo = '%s'", primary.conninfo(name))); err != nil {
		return err
	}
	return s.wait(ctx, "attach", "SELECT count(*) = 1 FROM pg_stat_wal_receiver WHERE status = 'streaming'")
}

// Synchronous makes the commits of a primary wait for its standbys, in the words of the setting
// synchronous_standby_names; "" lets them wait for none. It returns when new commits do.
func (s *Server) Synchronous(ctx context.Context, names string) error {
	if err := s.alter(ctx, fmt.Sprintf("synchronous_standby_names = '%s'", names)); err != nil {
		return err
	}
	if names == "" {
		return nil
	}
	return s.wait(ctx, "synchronous", "SELECT count(*) > 0 FROM pg_stat_replication WHERE sync_state IN ('sync', 'quorum')")
}

// CaughtUp returns when a standby has replayed all that the server had written when it was called.
func (s *Server) CaughtUp(ctx context.Context, standby *Server) error {
	conn, err := pgx.Connect(ctx, s.URL("postgres"))
	if err != nil {
		return fmt.Errorf("pgserver: caught up: %w", err)
	}
	defer conn.Close(context.WithoutCancel(ctx))
	var position string
	if err := conn.QueryRow(ctx, "SELECT pg_current_wal_lsn()::text").Scan(&position); err != nil {
		return fmt.Errorf("pgserver: caught up: %w", err)
	}
	return standby.wait(ctx, "caught up", "SELECT coalesce(pg_last_wal_replay_lsn() >= '"+position+"', false)")
}

// alter changes a setting for good, and lets the server's processes know.
func (s *Server) alter(ctx context.Context, setting string) error {
	if err := s.exec(ctx, "ALTER SYSTEM SET "+setting, "SELECT pg_reload_conf()"); err != nil {
		name, _, _ := strings.Cut(setting, " ")
		return fmt.Errorf("pgserver: set %s: %w", name, err)
	}
	return nil
}

// exec runs statements, each in a transaction of its own.
func (s *Server) exec(ctx context.Context, statements ...string) error {
	conn, err := pgx.Connect(ctx, s.URL("postgres"))
	if err != nil {
		return err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	for _, sql := range statements {
		if _, err := conn.Exec(ctx, sql); err != nil {
			return err
		}
	}
	return nil
}

// wait asks again and again until the server says yes.
func (s *Server) wait(ctx context.Context, what, question string) error {
	conn, err := pgx.Connect(ctx, s.URL("postgres"))
	if err != nil {
		return fmt.Errorf("pgserver: %s: %w", what, err)
	}
	defer conn.Close(context.WithoutCancel(ctx))
	for {
		var yes bool
		if err := conn.QueryRow(ctx, question).Scan(&yes); err != nil {
			return fmt.Errorf("pgserver: %s: %w", what, err)
		}
		if yes {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("pgserver: %s: %w", what, ctx.Err())
		case <-time.After(10 * time.Millisecond):
		}
	}
}
