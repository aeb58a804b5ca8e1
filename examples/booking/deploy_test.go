package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/eventmaestro/maestro/internal/lab/pgtest"
	"github.com/eventmaestro/maestro/migrations"
)

// program is a replica in a process of its own.
type program struct {
	t    *testing.T
	cmd  *exec.Cmd
	url  string
	read chan struct{} // closed when all of log is there

	mu  sync.Mutex
	log strings.Builder // guarded by mu
}

// launch starts a replica without waiting for it.
func launch(t *testing.T, database string, version int) *program {
	t.Helper()
	p := &program{t: t, read: make(chan struct{})}
	p.cmd = exec.CommandContext(context.WithoutCancel(t.Context()), os.Args[0], "serve", "-addr", "127.0.0.1:0", "-version", fmt.Sprint(version))
	p.cmd.Env = append(os.Environ(), "DATABASE_URL="+database)
	stderr, err := p.cmd.StderrPipe()
	require.NoError(t, err)
	require.NoError(t, p.cmd.Start())
	serving := make(chan string, 1)
	go p.follow(stderr, serving)
	t.Cleanup(func() {
		_ = p.cmd.Process.Kill()
		_ = p.cmd.Wait()
	})
	p.url = <-serving
	return p
}

// follow reads the log to its end. It tells where the replica listens, or "" if it ended.
func (p *program) follow(log io.Reader, serving chan<- string) {
	defer close(p.read)
	defer close(serving)
	told := false
	for lines := bufio.NewScanner(log); lines.Scan(); {
		p.mu.Lock()
		p.log.WriteString(lines.Text() + "\n")
		p.mu.Unlock()
		if _, rest, found := strings.Cut(lines.Text(), "msg=serving addr="); found && !told {
			addr, _, _ := strings.Cut(rest, " ")
			serving <- "http://" + addr
			told = true
		}
	}
}

func (p *program) said() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.log.String()
}

// end waits for the end of the process.
func (p *program) end() error {
	<-p.read
	return p.cmd.Wait()
}

// terminate is what a deploy does to a replica.
func (p *program) terminate() {
	p.t.Helper()
	require.NoError(p.t, p.cmd.Process.Signal(syscall.SIGTERM))
	require.NoError(p.t, p.end(), "%s", p.said())
}

// balancer knows the replicas that run.
type balancer struct {
	mu       sync.Mutex
	programs []*program // guarded by mu
}

func (b *balancer) set(programs ...*program) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.programs = programs
}

func (b *balancer) urls() (urls []string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, p := range b.programs {
		urls = append(urls, p.url)
	}
	return urls
}

// database returns one with the service's tables.
func database(t *testing.T) string {
	t.Helper()
	url := pgtest.Database(t)
	require.NoError(t, migrations.Apply(t.Context(), pgtest.Open(t, url), &migrations.Options{Commands: true}))
	return url
}

// underLoad runs steps while customers have wishes, and returns what the load came to.
func underLoad(t *testing.T, b *balancer, prefix string, steps func(wishes func(int))) *report {
	t.Helper()
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	c := &client{http: &http.Client{Transport: transport, Timeout: time.Minute}, replicas: b.urls}
	var had atomic.Int64
	grown := make(chan struct{}, 1)
	done := make(chan struct{})
	reports := make(chan *report)
	go func() {
		reports <- load(t.Context(), c, prefix, 8, func(int) bool {
			had.Add(1)
			select {
			case grown <- struct{}{}:
			default:
			}
			select {
			case <-done:
				return false
			default:
				return true
			}
		})
	}()
	steps(func(n int) { // waits for so many more wishes
		for until := had.Load() + int64(n); had.Load() < until; {
			<-grown
		}
	})
	close(done)
	return <-reports
}

// Two processes of two versions on one database, following the guide's steps.
func TestNoClientSeesADeployOfProcesses(t *testing.T) {
	t.Parallel()
	db := database(t)
	old, other := launch(t, db, firstVersion), launch(t, db, firstVersion)
	b := &balancer{}
	b.set(old, other)
	var early int64
	r := underLoad(t, b, "deploy", func(wishes func(int)) {
		wishes(200)
		for _, version := range []int{readerVersion, writerVersion, readerVersion, writerVersion} { // a step back is one, too
			for range 2 {
				next := launch(t, db, version)
				b.set(other, next)
				old.terminate()
				wishes(200) // of two processes of two versions
				old, other = other, next
			}
		}
	})
	early = r.early.Load()
	t.Log(r)
	require.Zero(t, r.shown.Load(), "%v: %v", r, texts(r))
	require.Positive(t, r.booked.Load())
	require.Positive(t, r.blocked.Load(), "version 3 wrote its event while version 2 ran")
	require.Positive(t, early, "and version 1 and 2 had no such command")
	require.Positive(t, r.repeats.Load())
	for _, p := range []*program{old, other} {
		require.NotContains(t, p.said(), "level=ERROR")
		p.terminate()
	}
}

func TestAKilledReplicaIsSeenByNoClient(t *testing.T) {
	t.Parallel()
	db := database(t)
	doomed, other := launch(t, db, writerVersion), launch(t, db, writerVersion)
	b := &balancer{}
	b.set(doomed, other)
	r := underLoad(t, b, "kill", func(wishes func(int)) {
		wishes(200)
		require.NoError(t, doomed.cmd.Process.Kill())
		wishes(50) // the balancer has not noticed
		b.set(launch(t, db, writerVersion), other)
		wishes(100)
	})
	require.Zero(t, r.shown.Load(), "%v: %v", r, texts(r))
}

// The errors that the guide names for steps that are forgotten.
func TestAForgottenStepIsSeen(t *testing.T) {
	t.Parallel()
	t.Run("the migration", func(t *testing.T) {
		t.Parallel()
		p := launch(t, pgtest.Database(t), firstVersion)
		require.Empty(t, p.url)
		require.Error(t, p.end())
		require.Contains(t, p.said(), "apply the migrations")
	})
	t.Run("the readers", func(t *testing.T) {
		t.Parallel()
		db := database(t)
		v1, v3 := launch(t, db, firstVersion), launch(t, db, writerVersion)
		b := &balancer{}
		b.set(v1, v3)
		r := underLoad(t, b, "forgotten", func(wishes func(int)) { wishes(400) })
		require.Positive(t, r.shown.Load(), "%v", r)
		for _, text := range texts(r) {
			require.Contains(t, text, "500 Internal Server Error")
		}
		require.Contains(t, v1.said(), `stored event \"seats_blocked\"`)
		require.Contains(t, v1.said(), "unknown event type: a newer version of the program wrote it")
		require.NotContains(t, v3.said(), "level=ERROR")

		// Nothing is lost: with a version that reads it, all goes on.
		v1.terminate()
		b.set(launch(t, db, readerVersion), v3)
		r = underLoad(t, b, "mended", func(wishes func(int)) { wishes(100) })
		require.Zero(t, r.shown.Load(), "%v: %v", r, texts(r))
	})
}

func freeAddr(t *testing.T) string {
	t.Helper()
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	return l.Addr().String()
}
