package pgtest

import (
	"context"
	"fmt"
	"net"
	"net/http"
	osexec "os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/eventmaestro/maestro/internal/lab/pgserver"
)

// The tests below change the environment, so they are not parallel.

func TestWithoutAnEngineThereIsNoContainer(t *testing.T) {
	for _, endpoint := range []string{
		"unix://" + filepath.Join(t.TempDir(), "absent"), "tcp://127.0.0.1:1", "npipe:////./pipe/docker", "nonsense",
	} {
		t.Setenv("DOCKER_HOST", endpoint)
		_, err := fromContainer(t.Context())
		require.ErrorIs(t, err, errNone, endpoint)
	}
}

func TestAnEngineIsAsked(t *testing.T) {
	for status, alive := range map[int]bool{http.StatusOK: true, http.StatusInternalServerError: false} {
		t.Setenv("DOCKER_HOST", engine(t, status, "tcp", "127.0.0.1:0"))
		require.Equal(t, alive, docker(t.Context()) != "")
		t.Setenv("DOCKER_HOST", engine(t, status, "unix", filepath.Join(t.TempDir(), "s")))
		require.Equal(t, alive, docker(t.Context()) != "")
	}
}

func TestTheUsualSocketsAreTried(t *testing.T) {
	t.Setenv("DOCKER_HOST", "")
	t.Setenv("XDG_RUNTIME_DIR", "/run/user/7")
	t.Setenv("HOME", "/home/me")
	require.Equal(t, []string{
		"unix:///var/run/docker.sock", "unix:///run/user/7/docker.sock", "unix:///home/me/.docker/run/docker.sock",
	}, dockerEndpoints())
}

func TestTheContainersURLIsReadAndItEndsWithItsInput(t *testing.T) {
	gone := filepath.Join(t.TempDir(), "gone")
	server, err := runContainer(t.Context(), shell("echo postgres://here; cat; touch "+gone))
	require.NoError(t, err)
	require.Equal(t, "postgres://here", server.URL)
	require.NoFileExists(t, gone)
	require.NoError(t, server.close())
	require.FileExists(t, gone)
}

func TestAContainerThatDoesNotStartSaysWhy(t *testing.T) {
	_, err := runContainer(t.Context(), shell("echo connected >&2; echo no such image >&2; exit 1"))
	require.ErrorIs(t, err, errNone)
	require.Equal(t, remedy+" (container: no such image)", err.Error(), "one line")
}

func TestTheEndOfTheContextEndsTheWaitForAContainer(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := runContainer(ctx, shell("cat >/dev/null"))
	require.Error(t, err)
}

func TestContainersComeThird(t *testing.T) {
	Docker(t)
	server, err := open(t.Context(), []source{fromContainer})
	require.NoError(t, err)
	require.NoError(t, exec(t.Context(), server.URL, "CREATE SCHEMA works"))
	require.NoError(t, server.close())
	require.Error(t, exec(t.Context(), server.URL, "SELECT 1"))
}

func TestWithoutAnEngineATestIsSkippedOrFails(t *testing.T) {
	t.Setenv("DOCKER_HOST", "unix://"+filepath.Join(t.TempDir(), "absent"))
	t.Setenv(EnvDocker, "")
	r := &recorder{TB: t}
	Docker(r)
	require.Contains(t, r.skipped, "start one")

	t.Setenv("DOCKER_HOST", engine(t, http.StatusOK, "tcp", "127.0.0.1:0"))
	r = &recorder{TB: t}
	Docker(r)
	require.Empty(t, r.skipped+r.failed)
	t.Setenv(pgserver.EnvImage, "absent:1")
	Docker(r)
	require.Contains(t, r.skipped, "no container image absent:1")

	t.Setenv("DOCKER_HOST", "unix://"+filepath.Join(t.TempDir(), "absent"))
	t.Setenv(EnvDocker, "require")
	r = &recorder{TB: t}
	Docker(r)
	require.Contains(t, r.failed, EnvDocker)
}

// engine answers every request with a status, and returns where.
func engine(t *testing.T, status int, network, address string) string {
	t.Helper()
	l, err := net.Listen(network, address)
	require.NoError(t, err)
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.Contains(r.URL.Path, "absent") {
			w.WriteHeader(http.StatusNotFound)
			return
		}
		w.WriteHeader(status)
		fmt.Fprint(w, r.URL.Path)
	})}
	done := make(chan error, 1)
	go func() { done <- server.Serve(l) }()
	t.Cleanup(func() {
		require.NoError(t, server.Close())
		require.ErrorIs(t, <-done, http.ErrServerClosed)
	})
	return network + "://" + l.Addr().String()
}

func shell(script string) *osexec.Cmd { return osexec.Command("/bin/sh", "-c", script) }
