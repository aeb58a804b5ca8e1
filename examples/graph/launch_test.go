package main

import (
	"context"
	"os"
	"os/exec"
	"sync"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"

	"github.com/eventmaestro/maestro/internal/lab/pgtest"
)

// shared is the one browser of all tests; each test has tabs of its own.
var shared struct {
	sync.Once
	ctx   context.Context
	close func()
	err   error
}

// browser returns the browser. Where there is none the test is skipped, or fails where
// MAESTRO_TEST_BROWSER=require asks for one, as CI does.
func browser(t *testing.T) context.Context {
	t.Helper()
	path := browserPath()
	if path == "" {
		const remedy = "no browser for this test: install Chromium (Debian: apt-get install chromium)"
		if os.Getenv("MAESTRO_TEST_BROWSER") == "require" {
			t.Fatal(remedy)
		}
		t.Skip(remedy)
	}
	shared.Do(func() { shared.ctx, shared.close, shared.err = launch(path) })
	require.NoError(t, shared.err)
	return shared.ctx
}

func browserPath() string {
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	return ""
}

// launch starts a browser that talks to nobody but the tests' servers.
func launch(path string) (context.Context, func(), error) {
	dir, err := os.MkdirTemp("", "graph-browser-")
	if err != nil {
		return nil, nil, err
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:len(chromedp.DefaultExecAllocatorOptions):len(chromedp.DefaultExecAllocatorOptions)],
		chromedp.ExecPath(path), chromedp.UserDataDir(dir), chromedp.DisableGPU, chromedp.NoSandbox,
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-component-update", true),
	)
	allocator, end := chromedp.NewExecAllocator(context.Background(), options...)
	ctx, cancel := chromedp.NewContext(allocator)
	closeAll := func() {
		_ = chromedp.Cancel(ctx) // waits for the browser's end
		cancel()
		end()
		_ = os.RemoveAll(dir)
	}
	if err := chromedp.Do(ctx); err != nil {
		closeAll()
		return nil, nil, err
	}
	return ctx, closeAll, nil
}

// withBrowser ends the browser after the tests.
func withBrowser(m pgtest.M) pgtest.M { return browserM{m} }

type browserM struct{ pgtest.M }

func (m browserM) Run() int {
	defer func() {
		if shared.close != nil {
			shared.close()
		}
	}()
	return m.M.Run()
}
