package storetest

import (
	"context"
	"flag"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"sync"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	flag.Parse()
	// The tests of the suite make its properties fail on purpose; that is nothing to keep.
	if err := flag.Set("rapid.nofailfile", "true"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	goleak.VerifyTestMain(m)
}

// probe is a testing.TB whose failure is a result, not a failure.
type probe struct {
	testing.TB // for the rest, and because only a TB can be one

	ctx      context.Context
	mu       sync.Mutex
	failed   bool
	text     string
	cleanups []func()
}

// outcome runs a clause on a harness of its own and returns what it complained of, or nothing.
func outcome(t *testing.T, c clause, h Harness) string {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	p := &probe{TB: t, ctx: ctx}
	done := make(chan struct{})
	go func() { // of its own, for FailNow ends it
		defer close(done)
		defer p.cleanUp()
		defer func() {
			if v := recover(); v != nil {
				p.Errorf("panic: %v\n%s", v, debug.Stack())
			}
		}()
		c.run(newEnv(p, &h))
	}()
	<-done
	if p.failed && p.text == "" {
		return "failed"
	}
	return p.text
}

func (p *probe) cleanUp() {
	for i := len(p.cleanups) - 1; i >= 0; i-- {
		p.cleanups[i]()
	}
}

func (p *probe) Errorf(format string, args ...any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.failed = true
	p.text += fmt.Sprintf(format, args...)
}

func (p *probe) Fail() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.failed = true
}

func (p *probe) Failed() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.failed
}

func (p *probe) FailNow() {
	p.Fail()
	runtime.Goexit()
}

func (p *probe) Error(args ...any) { p.Errorf("%s", fmt.Sprintln(args...)) }

func (p *probe) Fatal(args ...any) {
	p.Error(args...)
	runtime.Goexit()
}

func (p *probe) Fatalf(format string, args ...any) {
	p.Errorf(format, args...)
	runtime.Goexit()
}

func (p *probe) Helper()             {}
func (p *probe) Log(...any)          {}
func (p *probe) Logf(string, ...any) {}

func (p *probe) Cleanup(f func()) { p.cleanups = append(p.cleanups, f) }

func (p *probe) Context() context.Context { return p.ctx }
