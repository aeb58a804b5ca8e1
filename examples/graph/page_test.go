package main

import (
	"context"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
)

// patience is how long a page may take to show what it should, also on a machine that is busy with
// all else that is being tested.
const patience = time.Minute

// page is a tab of the browser, and a person in front of it.
type page struct {
	t   *testing.T
	ctx context.Context
}

// visit opens a tab that shares nothing with others.
func visit(t *testing.T, url string) *page {
	t.Helper()
	ctx, cancel := chromedp.NewContext(browser(t), chromedp.WithNewBrowserContext())
	t.Cleanup(cancel)
	p := &page{t, ctx}
	if err := chromedp.Do(ctx); err != nil { // makes the tab, without the time limit of do
		t.Fatalf("open a tab: %v", err)
	}
	p.do(chromedp.EmulateViewport(1440, 1080), chromedp.Navigate(url))
	return p
}

// do carries actions out, or ends the test with a picture of what the person saw.
func (p *page) do(actions ...chromedp.Action[chromedp.Void]) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	if err := chromedp.Do(ctx, actions...); err != nil {
		p.t.Fatalf("the page: %v\n%s", err, p.saved())
	}
}

// evaluate returns the value of a JavaScript expression, of a promise when it is kept.
func evaluate[V any](p *page, format string, args ...any) (V, error) {
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	return chromedp.Run(ctx, chromedp.Evaluate[V](fmt.Sprintf(format, args...), chromedp.EvalAwaitPromise))
}

// value is evaluate for an expression that has to have a value.
func value[V any](p *page, format string, args ...any) V {
	p.t.Helper()
	v, err := evaluate[V](p, format, args...)
	if err != nil {
		p.t.Fatalf("the page: %s: %v\n%s", fmt.Sprintf(format, args...), err, p.saved())
	}
	return v
}

// until waits for a JavaScript expression to become true, across navigations.
func (p *page) until(format string, args ...any) {
	p.t.Helper()
	expression := fmt.Sprintf(format, args...)
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	tick := time.NewTicker(15 * time.Millisecond)
	defer tick.Stop()
	for {
		ok, err := chromedp.Run(ctx, chromedp.Evaluate[bool]("Boolean("+expression+")"))
		if ok {
			return
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			p.t.Fatalf("the page never came to %s (%v)\n%s", expression, err, p.saved())
		}
	}
}

// sees waits for an element that can be seen to hold a text.
func (p *page) sees(selector, text string) {
	p.t.Helper()
	p.until(`[...document.querySelectorAll(%q)].some(e => e.checkVisibility() && e.textContent.includes(%q))`, selector, text)
}

// holds waits for a text in an element, also one that is out of sight just now.
func (p *page) holds(selector, text string) {
	p.t.Helper()
	p.until(`[...document.querySelectorAll(%q)].some(e => e.textContent.includes(%q))`, selector, text)
}

// picture is what the person sees, as a PNG.
func (p *page) picture() ([]byte, error) {
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	return chromedp.Run(ctx, chromedp.CaptureScreenshot())
}

// saved keeps a picture of the page for whoever looks into a failed test, and says where.
func (p *page) saved() string {
	text, _ := evaluate[string](p, `document.body.innerText`)
	picture, err := p.picture()
	if err != nil {
		return text
	}
	f, err := os.CreateTemp("", "graph-*.png")
	if err != nil {
		return text
	}
	defer f.Close()
	_, _ = f.Write(picture)
	return fmt.Sprintf("it looks like %s and reads:\n%s", f.Name(), text)
}

// prefers shows the page as somebody sees it whose system is light or dark.
func (p *page) prefers(scheme string) {
	p.t.Helper()
	features := []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}
	if _, err := chromedp.Call(p.ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: features}); err != nil {
		p.t.Fatalf("prefer %s: %v", scheme, err)
	}
	p.until(`document.documentElement.dataset.theme === %q`, scheme)
}
