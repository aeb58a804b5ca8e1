package pgserver

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// These change PATH, so they are not parallel.

func TestProgramsFollowsPathToThePlaceOfAllPrograms(t *testing.T) {
	real := fakes(t, filepath.Join(t.TempDir(), "15", "bin"), "postgres", "initdb", "pg_dump")
	links := t.TempDir()
	require.NoError(t, os.Symlink(filepath.Join(real, "postgres"), filepath.Join(links, "postgres")))
	t.Setenv("PATH", links)
	found, err := Programs()
	require.NoError(t, err)
	require.Equal(t, real, found)

	path, err := Program("pg_dump")
	require.NoError(t, err)
	require.Equal(t, filepath.Join(real, "pg_dump"), path)
	_, err = Program("pg_nonsense")
	require.ErrorContains(t, err, "pgserver: find pg_nonsense")
	fakes(t, links, "pg_basebackup", "psql")
	_, err = Program("pg_basebackup")
	require.ErrorContains(t, err, "beside the server's programs", "one of another version is of no use")
	path, err = Program("psql")
	require.NoError(t, err)
	require.Equal(t, filepath.Join(links, "psql"), path)
}

func TestProgramsTakesTheHighestPackagedVersion(t *testing.T) {
	root := t.TempDir()
	for _, version := range []string{"9", "14", "16", "100"} {
		fakes(t, filepath.Join(root, version, "bin"), "postgres", "initdb")
	}
	fakes(t, filepath.Join(root, "200", "bin"), "psql") // a client's package
	replacePackaged(t, filepath.Join(root, "*", "bin"))
	t.Setenv("PATH", t.TempDir())
	found, err := Programs()
	require.NoError(t, err)
	require.Equal(t, filepath.Join(root, "100", "bin"), found)
}

func TestProgramsSaysThatThereAreNone(t *testing.T) {
	replacePackaged(t, filepath.Join(t.TempDir(), "*"))
	t.Setenv("PATH", t.TempDir())
	_, err := Programs()
	require.ErrorIs(t, err, ErrNoPrograms)
	_, err = Start(t.Context(), nil)
	require.ErrorIs(t, err, ErrNoPrograms)
}

// fakes makes programs that do nothing, and returns their folder.
func fakes(t *testing.T, dir string, programs ...string) string {
	t.Helper()
	require.NoError(t, os.MkdirAll(dir, 0o755))
	for _, name := range programs {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte("#!/bin/sh\n"), 0o755))
	}
	dir, err := filepath.EvalSymlinks(dir)
	require.NoError(t, err)
	return dir
}

func replacePackaged(t *testing.T, patterns ...string) {
	t.Helper()
	before := packaged
	packaged = patterns
	t.Cleanup(func() { packaged = before })
}
