package main

import (
	"bufio"
	"context"
	"io"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/eventmaestro/maestro/internal/lab/pgtest"
)

// asProgram makes the test binary be the program itself: the tests run the editor as it is
// used, in processes of its own.
const asProgram = "GRAPH_EDITOR_TEST_AS_PROGRAM"

func TestMain(m *testing.M) {
	if os.Getenv(asProgram) != "" {
		main()
		os.Exit(0)
	}
	os.Exit(withBrowser(pgtest.WithServer(m)).Run())
}

var address = regexp.MustCompile(`http://\S+/`)

// start runs the program until the test ends and returns the address of its page.
func start(t *testing.T, args ...string) string {
	t.Helper()
	url, _ := program(t, args...)
	return url
}

// program is start, and a way to end the program earlier. It is interrupted, and has to end well
// although pages are open.
func program(t *testing.T, args ...string) (url string, stop func()) {
	t.Helper()
	c := exec.Command(os.Args[0], append([]string{"-open=false", "-listen=127.0.0.1:0"}, args...)...)
	c.Env = append(os.Environ(), asProgram+"=1")
	var errs strings.Builder
	c.Stderr = &errs
	out, err := c.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, c.Start())
	stop = sync.OnceFunc(func() {
		_ = c.Process.Signal(os.Interrupt)
		_, _ = io.Copy(io.Discard, out)
		// A page may leave while its answer is being read: that is worth a warning at most.
		if err := c.Wait(); err != nil || strings.Contains(errs.String(), "level=ERROR") {
			t.Errorf("the program ended with %v and said:\n%s", err, errs.String())
		}
	})
	t.Cleanup(stop)
	line, err := bufio.NewReader(out).ReadString('\n')
	require.NoError(t, err)
	return strings.TrimSuffix(address.FindString(line), "/"), stop
}

func TestTheProgramRefusesWhatItCanNotWorkWith(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		args []string
		want string
	}{
		"a database that is no URL":     {[]string{"-database", "postgres://%zz"}, "database: "},
		"a database that nobody serves": {[]string{"-database", "postgres://127.0.0.1:1/none?connect_timeout=2"}, "database: "},
		"an address that is none":       {[]string{"-listen", "nowhere"}, "listen tcp"},
		"a pause of nothing":            {[]string{"-poll", "0s"}, "-poll 0s: must be more than 0"},
		"an unknown flag":               {[]string{"-colour", "red"}, "not defined: -colour"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := run(t.Context(), append(c.args, "-open=false"), io.Discard, io.Discard)
			require.ErrorContains(t, err, c.want)
		})
	}
}

func TestTheProgramEndsWithItsContext(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var out strings.Builder
	require.NoError(t, run(ctx, []string{"-open=false", "-listen=127.0.0.1:0"}, &out, io.Discard))
	require.Contains(t, out.String(), "The graph editor is at http://127.0.0.1:")
}
