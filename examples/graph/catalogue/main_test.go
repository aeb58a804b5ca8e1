package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestTheCatalogueIsCurrent(t *testing.T) {
	t.Parallel()
	require.NoError(t, run([]string{"-check", "-markdown", "graph.md", "-asyncapi", "graph.asyncapi.json"}))
}

func TestACatalogueThatIsBehindIsFound(t *testing.T) {
	t.Parallel()
	old := filepath.Join(t.TempDir(), "graph.md")
	require.NoError(t, os.WriteFile(old, []byte("# The graph editor\n"), 0o600))
	require.ErrorContains(t, run([]string{"-check", "-markdown", old}), "is behind the code")
	require.NoError(t, run([]string{"-markdown", old}))
	require.NoError(t, run([]string{"-check", "-markdown", old}))
}
