package pgserver

import (
	"context"
	"fmt"
	"net"
	"net/url"
	"path/filepath"
	"time"

	"github.com/jackc/pgx/v5"
)

// URL returns the connection string of a database of the server, as superuser.
func (s *Server) URL(database string) string {
	u := url.URL{
		Scheme:   "postgres",
		User:     url.UserPassword(Superuser, s.password),
		Host:     s.Address(),
		Path:     "/" + database,
		RawQuery: "sslmode=disable",
	}
	return u.String()
}

// Address returns host:port, for a proxy to connect to.
func (s *Server) Address() string { return fmt.Sprintf("127.0.0.1:%d", s.port) }

// Port returns the loopback port, which stays the same over restarts.
func (s *Server) Port() int { return s.port }

// DataDir returns the cluster's folder, which stays until Close.
func (s *Server) DataDir() string { return filepath.Join(s.dir, "data") }

// ping opens a connection and asks for the data folder, so that another server
// that took the port is not mistaken for ours.
func (s *Server) ping(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	conn, err := pgx.Connect(ctx, s.URL("postgres"))
	if err != nil {
		return err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	var dir string
	if err := conn.QueryRow(ctx, "SHOW data_directory").Scan(&dir); err != nil {
		return err
	}
	if dir != s.DataDir() {
		return fmt.Errorf("port %d belongs to the server on %s", s.port, dir)
	}
	return nil
}

// freePort asks the kernel for a loopback port that nobody listens on.
func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, fmt.Errorf("pgserver: find a free port: %w", err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port, nil
}
