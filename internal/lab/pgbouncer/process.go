package pgbouncer

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// config is the program's. Passwords are checked on both sides: a superuser without one, even on
// loopback, would be every user's of this machine.
const config = `[databases]
* = host=%s port=%s

[pgbouncer]
listen_addr = 127.0.0.1
listen_port = %d
unix_socket_dir =
auth_type = %s
auth_file = %s
pool_mode = transaction
server_round_robin = 1
default_pool_size = 20
max_client_conn = 1000
ignore_startup_parameters = extra_float_digits
log_connections = 0
log_disconnections = 0
`

// write writes the configuration and returns the user that the program, which refuses to be root,
// is to be.
func (p *Proxy) write() (account string, err error) {
	password, given := p.server.User.Password()
	check := "scram-sha-256"
	if !given {
		check = "trust"
	}
	port := p.server.Port()
	if port == "" {
		port = "5432"
	}
	users := filepath.Join(p.dir, "users")
	files := map[string]string{
		users:                                 quote(p.server.User.Username()) + " " + quote(password) + "\n",
		filepath.Join(p.dir, "pgbouncer.ini"): fmt.Sprintf(config, p.server.Hostname(), port, p.port, check, users),
	}
	uid, gid := -1, -1
	if os.Geteuid() == 0 {
		if account, uid, gid, err = other(); err != nil {
			return "", err
		}
	}
	for path, text := range files {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			return "", err
		}
		if err := os.Lchown(path, uid, gid); err != nil {
			return "", err
		}
	}
	return account, os.Lchown(p.dir, uid, gid)
}

func quote(s string) string { return `"` + strings.ReplaceAll(s, `"`, `""`) + `"` }

// other is a user that is not root.
func other() (name string, uid, gid int, err error) {
	for _, name = range []string{"postgres", "nobody"} {
		u, lookup := user.Lookup(name)
		if lookup != nil {
			err = lookup
			continue
		}
		if uid, err = strconv.Atoi(u.Uid); err != nil {
			return name, 0, 0, err
		}
		gid, err = strconv.Atoi(u.Gid)
		return name, uid, gid, err
	}
	return "", 0, 0, fmt.Errorf("pgbouncer: no user to run as: %w", err)
}

// script runs a program until its own standard input ends, which is when this process ends in
// whichever way, and removes the folder. It is killed because what a milder signal means differs
// from version to version.
const script = `trap '' INT HUP QUIT
dir=$1; shift
"$@" </dev/null & pid=$!
cat >/dev/null
kill -KILL $pid 2>/dev/null
wait $pid
rm -rf "$dir"`

func run(t testing.TB, p *Proxy, args []string) error {
	t.Helper()
	file, err := os.Create(p.log)
	if err != nil {
		return err
	}
	defer file.Close()
	cmd := exec.Command("/bin/sh", append([]string{"-c", script, "pgbouncer", p.dir}, args...)...)
	cmd.Stdout, cmd.Stderr = file, file
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("pgbouncer: %w", err)
	}
	t.Cleanup(func() { end(stdin, cmd) })
	return nil
}

func end(stdin io.Closer, cmd *exec.Cmd) {
	_ = stdin.Close()
	_ = cmd.Wait() // it says how the proxy ended, which is of no interest
}
