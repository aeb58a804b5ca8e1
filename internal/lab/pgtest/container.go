package pgtest

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	osexec "os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/eventmaestro/maestro/internal/lab/pgserver"
)

// EnvDocker is the variable that, set to "require", makes a missing container
// engine a failure of the tests that are about containers.
const EnvDocker = "MAESTRO_TEST_DOCKER"

// Docker skips a test that is about containers where no engine answers or it has
// not got the image, or fails it where MAESTRO_TEST_DOCKER=require asks for one.
// Tests that only want a Postgres have no use for it.
func Docker(t testing.TB) {
	t.Helper()
	endpoint := docker(t.Context())
	switch {
	case endpoint == "" && os.Getenv(EnvDocker) == "require":
		t.Fatal("pgtest: no container engine answers, and " + EnvDocker + "=require")
	case endpoint == "":
		t.Skip("no container engine for this test: start one, such as dockerd")
	case os.Getenv(EnvDocker) != "require" && !get(t.Context(), endpoint, "/images/"+pgserver.Image()+"/json"):
		t.Skip("no container image " + pgserver.Image() + " for this test: pull it, or name another by " + pgserver.EnvImage)
	}
}

// module is where the container program's own module is found.
const module = "github.com/eventmaestro/maestro"

// fromContainer starts a container by the program of the nested module
// internal/lab/containers, which prints the URL and ends the container when its
// standard input ends. It is another program because this module must not
// depend on what it takes to talk to Docker.
func fromContainer(ctx context.Context) (*Server, error) {
	if docker(ctx) == "" {
		return nil, errNone
	}
	out, err := osexec.CommandContext(ctx, "go", "list", "-m", "-f", "{{.Dir}}", module).Output()
	if err != nil {
		return nil, fmt.Errorf("pgtest: find module %s: %w", module, err)
	}
	dir := filepath.Join(strings.TrimSpace(string(out)), "internal", "lab", "containers")
	if _, err := os.Stat(filepath.Join(dir, "go.mod")); err != nil {
		return nil, errNone // a copy of the library without its nested modules
	}
	// Built and run, not "go run", which would be between us and the program.
	tmp, err := os.MkdirTemp("", "maestro-container-")
	if err != nil {
		return nil, fmt.Errorf("pgtest: %w", err)
	}
	defer os.RemoveAll(tmp)
	program := filepath.Join(tmp, "postgres.exe")
	build := osexec.CommandContext(ctx, "go", "build", "-o", program, "./cmd/postgres")
	build.Dir = dir
	build.Env = append(os.Environ(), "GOWORK=off", "GOFLAGS=")
	if out, err := build.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("pgtest: build the container program: %w\n%s", err, out)
	}
	return runContainer(ctx, osexec.CommandContext(context.WithoutCancel(ctx), program))
}

// runContainer starts the program and reads the URL that it prints.
func runContainer(ctx context.Context, cmd *osexec.Cmd) (*Server, error) {
	var complaint bytes.Buffer
	cmd.Stderr = &complaint
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return nil, fmt.Errorf("pgtest: container: %w", err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return nil, fmt.Errorf("pgtest: container: %w", err)
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("pgtest: container: %w", err)
	}
	stop := func() error {
		_ = stdin.Close()
		return cmd.Wait()
	}
	// The end of ctx ends the wait: without its input the program gives up.
	release := context.AfterFunc(ctx, func() { _ = stdin.Close() })
	defer release()
	url, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		_ = stop()
		return nil, &noneError{"container: " + lastLine(complaint.String())}
	}
	return &Server{URL: strings.TrimSpace(url), Source: "a container", close: stop}, nil
}

// lastLine returns what a program said last.
func lastLine(text string) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return lines[len(lines)-1]
}

// docker returns where a container engine answers, "" where none does.
func docker(ctx context.Context) string {
	for _, endpoint := range dockerEndpoints() {
		if get(ctx, endpoint, "/_ping") {
			return endpoint
		}
	}
	return ""
}

// dockerEndpoints returns where an engine may listen: where DOCKER_HOST says,
// else the usual sockets.
func dockerEndpoints() []string {
	if host := os.Getenv("DOCKER_HOST"); host != "" {
		return []string{host}
	}
	return []string{
		"unix:///var/run/docker.sock",
		"unix://" + filepath.Join(os.Getenv("XDG_RUNTIME_DIR"), "docker.sock"),
		"unix://" + filepath.Join(os.Getenv("HOME"), ".docker", "run", "docker.sock"),
	}
}

// get reports whether an engine's API answers a request with what was asked for.
func get(ctx context.Context, endpoint, path string) bool {
	network, address, ok := strings.Cut(endpoint, "://")
	if !ok || (network != "unix" && network != "tcp") {
		return false
	}
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	client := &http.Client{Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, network, address)
		},
	}}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://docker"+path, nil)
	if err != nil {
		return false
	}
	response, err := client.Do(request)
	if err != nil {
		return false
	}
	defer response.Body.Close()
	return response.StatusCode == http.StatusOK
}
