package main

import (
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/eventmaestro/maestro/internal/lab/pgtest"
)

func TestMain(m *testing.M) {
	if os.Getenv(childEnv) != "" {
		main()
		return
	}
	os.Exit(m.Run())
}

// The short form of make tail.
func TestNothingIsLostRepeatedOrOutOfOrder(t *testing.T) {
	t.Parallel()
	pgtest.Program(t, "pg_basebackup")
	var out strings.Builder
	require.NoError(t, run(t.Context(), []string{"-events", "1500", "-kills", "30", "-restarts", "2", "-promotions", "1"}, &out), &out)
	require.Contains(t, out.String(), "lost 0, not in the log 0, repeated 0, out of order 0")
	require.Contains(t, out.String(), " 2 restarts, 1 promotions")
	t.Log(out.String())
}
