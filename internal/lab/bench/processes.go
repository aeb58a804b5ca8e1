package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"runtime/pprof"
	"slices"
	"sync/atomic"
	"time"

	"github.com/eventmaestro/maestro/aggregate"
	"github.com/eventmaestro/maestro/hlc"
	"github.com/eventmaestro/maestro/store"
	"github.com/eventmaestro/maestro/store/postgres"
)

// formation is a number of processes that work on the same aggregates, with so many callers each.
type formation struct{ processes, aggregates, callers int }

// allConnections is what all processes of a formation may open together.
const allConnections = 160

// connections is how many each process opens: pgx's own default where the server has so many.
func (f formation) connections() int {
	return max(1, min(max(4, runtime.NumCPU()), allConnections/f.processes))
}

// task is what a process is told, and answer what it says in the end.
type (
	task struct {
		URL         string
		IDs         []hlc.Timestamp
		Callers     int
		Connections int
		Length      time.Duration
		Profile     string
	}
	answer struct {
		Rate      float64
		Total     int // successes, those of the warm-up included
		Failed    int // commands that ran out of attempts, or of time
		Conflicts int
		Timed     []time.Duration
	}
)

// gathering is what the processes of a formation did together. Only what was acknowledged counts.
type gathering struct {
	failed, conflicts, total int
	luck                     []float64 // by round: the rate of the unluckiest process to that of the luckiest
}

// gather measures a formation, and adds up in g what is not in a figure.
func (l *lab) gather(f formation, g *gathering) measure {
	round := 0
	return func(ctx context.Context, d time.Duration) (figure, error) {
		if err := l.db.reset(ctx); err != nil {
			return figure{}, err
		}
		before := l.db.cpu()
		answers, err := l.together(ctx, d, round, f)
		if err != nil {
			return figure{}, err
		}
		round++
		var sum figure
		stored := 0
		lists := make([][]time.Duration, len(answers))
		least, most := answers[0].Rate, answers[0].Rate
		for i, a := range answers {
			sum.value += a.Rate
			least, most = min(least, a.Rate), max(most, a.Rate)
			lists[i] = a.Timed
			stored, g.failed, g.conflicts = stored+a.Total, g.failed+a.Failed, g.conflicts+a.Conflicts
		}
		g.total += stored
		if most > 0 {
			g.luck = append(g.luck, least/most)
		}
		sum.p50, sum.p99 = latencies(lists)
		if after := l.db.cpu(); stored > 0 && after > before {
			sum.cpu = (after - before) / time.Duration(stored)
		}
		return sum, l.db.expect(ctx, stored)
	}
}

// together runs the processes side by side, which begin when all are ready.
func (l *lab) together(ctx context.Context, d time.Duration, round int, f formation) ([]answer, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	ids := newIDs(l.clock, f.aggregates)
	processes := make([]*process, f.processes)
	for i := range processes {
		t := task{URL: l.db.url, IDs: ids, Callers: f.callers, Connections: f.connections(), Length: d}
		if l.profiles != "" {
			t.Profile = l.profileFile(round, fmt.Sprintf("process%d.pprof", i))
		}
		if processes[i], err = start(ctx, self, t); err != nil {
			return nil, err
		}
		defer processes[i].end()
	}
	for _, p := range processes {
		if line, err := p.out.ReadString('\n'); err != nil || line != "ready\n" {
			return nil, fmt.Errorf("process is not ready: %q, %w", line, err)
		}
	}
	for _, p := range processes {
		if _, err := io.WriteString(p.in, "go\n"); err != nil {
			return nil, err
		}
	}
	answers := make([]answer, len(processes))
	for i, p := range processes {
		if err := json.NewDecoder(p.out).Decode(&answers[i]); err != nil {
			return nil, fmt.Errorf("answer of a process: %w", err)
		}
	}
	return answers, nil
}

// process is this program once more.
type process struct {
	cmd *exec.Cmd
	in  io.WriteCloser
	out *bufio.Reader
}

func start(ctx context.Context, self string, t task) (*process, error) {
	p := &process{cmd: exec.CommandContext(ctx, self, "-worker")}
	p.cmd.Stderr = os.Stderr
	in, err := p.cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	p.in, p.out = in, bufio.NewReader(out)
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	return p, json.NewEncoder(in).Encode(t)
}

func (p *process) end() {
	_ = p.in.Close()
	_ = p.cmd.Wait() // it said what it had to say, or its absence was noticed
}

// work is the whole life of such a process.
func work(ctx context.Context, in io.Reader, out io.Writer) error {
	lines := bufio.NewReader(in)
	var t task
	line, err := lines.ReadBytes('\n')
	if err != nil {
		return err
	}
	if err := json.Unmarshal(line, &t); err != nil {
		return err
	}
	pool, err := (&database{url: t.URL}).pool(ctx, t.Connections)
	if err != nil {
		return err
	}
	defer pool.Close()
	fmt.Fprintln(out, "ready")
	if _, err := lines.ReadString('\n'); err != nil {
		return err
	}
	if t.Profile != "" {
		f, err := os.Create(t.Profile)
		if err != nil {
			return err
		}
		defer f.Close()
		if err := pprof.StartCPUProfile(f); err != nil {
			return err
		}
		defer pprof.StopCPUProfile()
	}
	s, err := postgres.New(pool, nil)
	if err != nil {
		return err
	}
	a, err := contend(ctx, s, t)
	if err != nil {
		return err
	}
	return json.NewEncoder(out).Encode(a)
}

// contend increments the counters that another process increments too. A command that runs out of
// attempts is a failure of that command, not of the measurement.
func contend(ctx context.Context, s *postgres.Store, t task) (answer, error) {
	var failed, conflicts atomic.Int64
	sup, err := aggregate.NewSupervisor(s, &aggregate.Options{Hooks: aggregate.Hooks{Conflict: func(_ context.Context, c aggregate.Conflict) {
		conflicts.Add(int64(c.Commands))
	}}})
	if err != nil {
		return answer{}, err
	}
	root, err := aggregate.NewRoot(sup, definition())
	if err != nil {
		return answer{}, err
	}
	done, err := load{callers: t.Callers, caller: func(ctx context.Context, i int) (func() error, error) {
		return excused(incrementer(ctx, root, t.IDs[i%len(t.IDs)]), &failed), nil
	}}.run(ctx, t.Length)
	if err != nil {
		return answer{}, err
	}
	a := answer{Rate: done.value, Total: done.total, Failed: int(failed.Load()), Conflicts: int(conflicts.Load()), Timed: slices.Concat(done.timed...)}
	return a, sup.Shutdown(ctx)
}

// excused counts what definitely failed, for want of attempts or of time, instead of ending the
// measurement.
func excused(do func() error, failed *atomic.Int64) func() error {
	return func() error {
		err := do()
		if errors.Is(err, aggregate.ErrRetriesSpent) || errors.Is(err, store.ErrUnavailable) {
			failed.Add(1)
			return errUncounted
		}
		return err
	}
}
