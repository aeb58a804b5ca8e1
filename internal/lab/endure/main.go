// Command endure works a supervisor for a long time and checks that nothing grows: heap, goroutines
// and connections stay flat while aggregates come, fall asleep and leave.
//
// It prints a line every ten seconds and, at the end, the first and last thirds beside each other.
// It fails if heap or connections of the last third are more than a quarter above the first, or if
// goroutines are left when all aggregates are asleep. How many are awake at a time is a matter of
// how fast the machine is at that time.
package main

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/eventmaestro/maestro/aggregate"
	"github.com/eventmaestro/maestro/hlc"
	"github.com/eventmaestro/maestro/internal/lab/pgserver"
	"github.com/eventmaestro/maestro/migrations"
	"github.com/eventmaestro/maestro/store/postgres"
	"github.com/eventmaestro/maestro/types"
	"github.com/jackc/pgx/v5/pgxpool"
)

type counter struct{ Value int }

type step struct{ By int }

func definition() aggregate.Definition[counter] {
	return aggregate.Definition[counter]{
		Name: "counter",
		Commands: aggregate.Commands[counter]{
			"step": aggregate.Command(func(_ context.Context, c aggregate.Instance[counter], cmd step) ([]types.Uncommitted, error) {
				if cmd.By == 0 {
					return nil, aggregate.Reject("no step at %d", c.State.Value)
				}
				return types.Events(types.NewEvent("stepped", cmd)), nil
			}),
		},
		Events: aggregate.Events[counter]{
			"stepped": aggregate.Event(func(c counter, e step) counter { c.Value += e.By; return c }),
		},
		Snapshots: aggregate.SnapshotPolicy{Every: 200},
		Idle:      aggregate.IdlePolicy{Hibernate: 200 * time.Millisecond, Exit: time.Second, Snapshot: true},
	}
}

func main() {
	duration := flag.Duration("duration", 10*time.Minute, "how long")
	callers := flag.Int("callers", 32, "goroutines that send commands")
	flag.Parse()
	if err := run(*duration, *callers); err != nil {
		fmt.Fprintln(os.Stderr, "endure:", err)
		os.Exit(1)
	}
}

func run(duration time.Duration, callers int) error {
	ctx := context.Background()
	server, err := pgserver.Start(ctx, &pgserver.Config{Durable: true})
	if err != nil {
		return err
	}
	defer server.Close()
	pool, err := pgxpool.New(ctx, server.URL("postgres"))
	if err != nil {
		return err
	}
	defer pool.Close()
	if err := migrations.Apply(ctx, pool, nil); err != nil {
		return err
	}
	s, err := postgres.New(pool, nil)
	if err != nil {
		return err
	}
	sup, err := aggregate.NewSupervisor(s, &aggregate.Options{MaxLive: 5_000})
	if err != nil {
		return err
	}
	root, err := aggregate.NewRoot(sup, definition())
	if err != nil {
		return err
	}
	w := &work{root: root, ids: make([]atomic.Pointer[hlc.Timestamp], 20_000)}
	before := runtime.NumGoroutine()
	samples := w.observe(duration, callers, pool)
	left := settled(before)
	if err := sup.Shutdown(ctx); err != nil {
		return err
	}
	return judge(samples, w, left)
}

// settled waits until the aggregates are asleep and returns how many goroutines are left beyond
// before.
func settled(before int) (left int) {
	for range 100 {
		time.Sleep(100 * time.Millisecond)
		if left = runtime.NumGoroutine() - before; left <= workers {
			break
		}
	}
	return left
}

// workers is how many goroutines a supervisor and a pool may keep while nothing happens.
const workers = 4

type work struct {
	root   *aggregate.Root[counter]
	ids    []atomic.Pointer[hlc.Timestamp] // aggregates are replaced by new ones all the time
	done   atomic.Int64
	failed atomic.Int64
}

// send works until the end of ctx: mostly a few hot aggregates, some cold ones, some new ones,
// impatient callers and refused commands among them.
func (w *work) send(ctx context.Context) {
	for ctx.Err() == nil {
		slot := rand.IntN(200)
		if rand.IntN(4) == 0 {
			slot = rand.IntN(len(w.ids))
		}
		id := w.ids[slot].Load()
		if id == nil || rand.IntN(2_000) == 0 {
			fresh, err := w.root.NewID(ctx)
			if err != nil {
				continue
			}
			id = &fresh
			w.ids[slot].Store(id)
		}
		call, cancel := context.WithTimeout(ctx, time.Minute)
		if rand.IntN(500) == 0 {
			call, cancel = context.WithTimeout(ctx, time.Duration(rand.IntN(2_000))*time.Microsecond)
		}
		err := w.root.Evaluate(call, types.Command{AggregateID: *id, Type: "step", Data: step{By: rand.IntN(10)}})
		cancel()
		if err == nil {
			w.done.Add(1)
		} else {
			w.failed.Add(1)
		}
	}
}

type sample struct{ heap, goroutines, connections float64 }

func (w *work) observe(duration time.Duration, callers int, pool *pgxpool.Pool) []sample {
	ctx, cancel := context.WithTimeout(context.Background(), duration)
	defer cancel()
	var all sync.WaitGroup
	for range callers {
		all.Go(func() { w.send(ctx) })
	}
	var samples []sample
	ticker := time.NewTicker(min(10*time.Second, duration/30))
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			runtime.GC()
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			s := sample{float64(m.HeapAlloc) / (1 << 20), float64(runtime.NumGoroutine()), float64(pool.Stat().TotalConns())}
			samples = append(samples, s)
			fmt.Printf("heap=%.1fMiB goroutines=%.0f connections=%.0f commands=%d refused_or_late=%d\n",
				s.heap, s.goroutines, s.connections, w.done.Load(), w.failed.Load())
		case <-ctx.Done():
			all.Wait()
			return samples
		}
	}
}

// noise is what a heap of a few MiB goes up and down by, in MiB.
const noise = 2

// slack is by how much the last third may be above the first.
const slack = 1.25

func judge(samples []sample, w *work, left int) error {
	third := len(samples) / 3
	if third == 0 {
		return fmt.Errorf("only %d samples: give it more time", len(samples))
	}
	first, last := mean(samples[:third]), mean(samples[len(samples)-third:])
	fmt.Printf("endure commands=%d heap=%.1f→%.1fMiB goroutines=%.0f→%.0f asleep=%d connections=%.0f→%.0f\n",
		w.done.Load(), first.heap, last.heap, first.goroutines, last.goroutines, left, first.connections, last.connections)
	if last.heap > slack*first.heap+noise || left > workers || last.connections > slack*first.connections {
		return fmt.Errorf("something grows")
	}
	return nil
}

func mean(samples []sample) (m sample) {
	for _, s := range samples {
		m.heap += s.heap
		m.goroutines += s.goroutines
		m.connections += s.connections
	}
	n := float64(len(samples))
	return sample{m.heap / n, m.goroutines / n, m.connections / n}
}
