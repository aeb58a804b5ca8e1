//go:build unix

package main

import (
	"os"
	"os/exec"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/eventmaestro/maestro/internal/lab/pgtest"
)

// The script of README.md, which CI lets run for 20 seconds.
func TestTheScriptDeploysWithoutAnErrorThatAClientSees(t *testing.T) {
	t.Parallel()
	long := "3s"
	if os.Getenv("CI") != "" {
		long = "20s"
	}
	script := exec.CommandContext(t.Context(), "sh", "deploy.sh")
	script.Env = append(os.Environ(), "DATABASE_URL="+pgtest.Database(t), "FOR="+long, "A="+freeAddr(t), "B="+freeAddr(t))
	out, err := script.CombinedOutput()
	require.NoError(t, err, "%s", out)
	require.Contains(t, string(out), " 0 errors that a client saw")
	require.Contains(t, string(out), "deployed version 3 under load")
}
