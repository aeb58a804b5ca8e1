package pgserver

import (
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"sort"
	"strconv"
	"strings"
)

// ErrNoPrograms is returned when the PostgreSQL server programs are neither on
// PATH nor where the usual packages put them.
var ErrNoPrograms = errors.New("pgserver: no postgres and initdb on PATH or in /usr/lib/postgresql/*/bin")

// packaged are the folders in which packages install the programs without
// putting them on PATH: Debian and its relatives, Fedora's and the PGDG's RPMs,
// Homebrew on either kind of Mac.
var packaged = []string{
	"/usr/lib/postgresql/*/bin",
	"/usr/pgsql-*/bin",
	"/opt/homebrew/opt/postgresql@*/bin",
	"/usr/local/opt/postgresql@*/bin",
}

// Programs returns the folder of the PostgreSQL server programs: the one that
// PATH names, else the highest version among the places where packages put
// them. The error is [ErrNoPrograms] when there are none.
func Programs() (string, error) {
	if path, err := exec.LookPath("postgres"); err == nil {
		// A link on PATH leads to a folder that also holds pg_dump of the same
		// version, where the folder of the link need not.
		if path, err = filepath.EvalSymlinks(path); err == nil && complete(filepath.Dir(path)) {
			return filepath.Dir(path), nil
		}
	}
	for _, pattern := range packaged {
		found, _ := filepath.Glob(pattern) // the patterns are constant and well formed
		sort.Slice(found, func(i, j int) bool { return major(found[i]) > major(found[j]) })
		for _, dir := range found {
			if complete(dir) {
				return dir, nil
			}
		}
	}
	return "", ErrNoPrograms
}

// Program returns the path of one PostgreSQL program, such as pg_dump: the one
// beside the server programs, so that the versions agree, else the one on PATH. One
// whose name begins with pg_ refuses a newer server, or makes what an older one can't
// read, so it must be beside the server's where there are such.
func Program(name string) (string, error) {
	if dir, err := Programs(); err == nil {
		path, err := exec.LookPath(filepath.Join(dir, name))
		switch {
		case err == nil:
			return path, nil
		case strings.HasPrefix(name, "pg_"):
			return "", fmt.Errorf("pgserver: find %s beside the server's programs: %w", name, err)
		}
	}
	path, err := exec.LookPath(name)
	if err != nil {
		return "", fmt.Errorf("pgserver: find %s: %w", name, err)
	}
	return path, nil
}

// complete reports whether dir holds what a cluster needs.
func complete(dir string) bool {
	for _, name := range []string{"postgres", "initdb"} {
		if _, err := exec.LookPath(filepath.Join(dir, name)); err != nil {
			return false
		}
	}
	return true
}

// major returns the number in a folder's name: 15 for /usr/lib/postgresql/15/bin
// and for /usr/pgsql-15/bin, 0 where there is none.
func major(dir string) int {
	base := filepath.Base(filepath.Dir(dir))
	end := len(base)
	for end > 0 && base[end-1] >= '0' && base[end-1] <= '9' {
		end--
	}
	n, err := strconv.Atoi(base[end:])
	if err != nil {
		return 0
	}
	return n
}
