package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/eventmaestro/maestro/aggregate"
	"github.com/eventmaestro/maestro/hlc"
	"github.com/eventmaestro/maestro/store"
	"github.com/eventmaestro/maestro/store/postgres"
	"github.com/eventmaestro/maestro/types"
)

// brief is what a writer is told by its parent.
type brief struct {
	Name     string        `json:"name"` // unique: each life of a writer has one
	URL      string        `json:"url"`
	Dir      string        `json:"dir"`
	Seed     uint64        `json:"seed"`
	Callers  int           `json:"callers"`
	Pace     time.Duration `json:"pace"` // a caller's longest rest between two operations
	Node     uint64        `json:"node"` // of its clock; 0 for a random one
	Skew     time.Duration `json:"skew"` // of its clock, at first
	Jumps    bool          `json:"jumps"`
	Field    field         `json:"field"`
	Settling time.Duration `json:"settling"`

	Committing time.Duration `json:"committing"`
	Failover   bool          `json:"failover"` // the log can go back
}

// writer is a process that lives until its standard input ends.
type writer struct {
	brief
	journal  *journal
	paths    paths
	sup      *aggregate.Supervisor
	roots    [2]*aggregate.Root[counter]
	ops      atomic.Int64
	tokens   atomic.Int64
	skew     atomic.Int64
	stopping chan struct{}
}

// write is the main function of a writer.
func write(stdin io.Reader) error {
	in := json.NewDecoder(stdin)
	w := &writer{stopping: make(chan struct{})}
	if err := in.Decode(&w.brief); err != nil {
		return fmt.Errorf("chaos: brief: %w", err)
	}
	var err error
	if w.journal, err = openJournal(filepath.Join(w.Dir, w.Name+".journal")); err != nil {
		return err
	}
	go func() {
		_, _ = io.Copy(io.Discard, stdin) // nothing more comes; the end does, also when the parent is killed
		close(w.stopping)
	}()
	config, err := pgxpool.ParseConfig(w.URL)
	if err != nil {
		return err
	}
	config.MaxConns = 6
	config.ConnConfig.ConnectTimeout = 5 * time.Second
	config.ConnConfig.RuntimeParams["application_name"] = writerName
	postgres.WatchStandbys(config)
	pool, err := pgxpool.NewWithConfig(context.Background(), config)
	if err != nil {
		return err
	}
	defer pool.Close()
	if err := w.open(pool); err != nil {
		return err
	}
	w.run()
	return w.finish()
}

// writerName is how the server knows the writers' connections.
const writerName = "maestro-chaos-writer"

func (w *writer) open(pool *pgxpool.Pool) error {
	logger := w.paths.logger()
	w.skew.Store(int64(w.Skew))
	clock := hlc.NewClock(&hlc.Options{Node: w.Node, Now: func() time.Time {
		return time.Now().Add(time.Duration(w.skew.Load()))
	}})
	s, err := postgres.New(pool, &postgres.Options{
		Commands: true, Metadata: true, Logger: logger, CommitTimeout: w.Committing, LockTimeout: w.Committing / 2,
	})
	if err != nil {
		return err
	}
	adapter := &watched{paths: &w.paths, doubted: map[hlc.Timestamp]bool{}, Store: s}
	sup, err := aggregate.NewSupervisor(adapter, &aggregate.Options{
		Clock: clock, Logger: logger, Hooks: w.paths.hooks(), SettleTimeout: w.Settling, MaxLive: 200,
	})
	if err != nil {
		return err
	}
	w.sup = sup
	for i, name := range rootNames {
		var err error
		if w.roots[i], err = aggregate.NewRoot(w.sup, definition(name)); err != nil {
			return err
		}
	}
	return nil
}

// run lets the callers call until the parent wants no more.
func (w *writer) run() {
	var callers sync.WaitGroup
	for i := range w.Callers {
		callers.Go(func() {
			rng := rand.New(rand.NewPCG(w.Seed, uint64(i)+1))
			for !w.stopped(time.Duration(rng.Int64N(int64(w.Pace)))) {
				w.once(rng)
			}
		})
	}
	if w.Jumps {
		callers.Go(w.turnClock)
	}
	callers.Go(w.tellPaths)
	callers.Wait()
}

// tellPaths writes down every second which paths were taken: the writer may be killed.
func (w *writer) tellPaths() {
	for stopped := false; !stopped; {
		stopped = w.stopped(time.Second)
		must(w.journal.write(entry{Kind: "paths", Paths: w.paths.take()}))
	}
}

// stopped rests for a while and reports whether it is time to end.
func (w *writer) stopped(rest time.Duration) bool {
	select {
	case <-w.stopping:
		return true
	case <-time.After(rest):
		return false
	}
}

// turnClock sets the clock to another time now and then, an hour ahead or back, or a little.
func (w *writer) turnClock() {
	rng := rand.New(rand.NewPCG(w.Seed, 0))
	for !w.stopped(time.Duration(rng.Int64N(int64(4 * time.Second)))) {
		skews := []time.Duration{0, time.Hour, -time.Hour, -time.Second, 200 * time.Millisecond}
		w.skew.Store(int64(skews[rng.IntN(len(skews))]))
		_ = w.journal.write(entry{Kind: "clock", At: now(), Err: time.Duration(w.skew.Load()).String()})
	}
}

// once makes one call, and writes down what it asks and what it is told.
func (w *writer) once(rng *rand.Rand) {
	if rng.IntN(8) == 0 {
		w.transfer(rng)
		return
	}
	e := w.draw(rng)
	repeats := 1
	if e.ID != "" {
		repeats = 6 // a command with an id is sent again until its outcome is known
	}
	for range repeats {
		class := w.call(rng, e)
		if class != unknown && class != unavailable && class != ended || w.stopped(0) {
			return
		}
	}
}

// draw makes up an operation.
func (w *writer) draw(rng *rand.Rand) entry {
	n := w.Field.Size
	e := entry{Kind: "asked", Period: w.Field.period(), Index: min(rng.IntN(n), rng.IntN(n))}
	token := fmt.Sprintf("%s-%d", w.Name, w.tokens.Add(1))
	switch r := rng.IntN(20); {
	case r < 3:
		e.Read = true
		return e
	case r < 6:
		e.request = request{Token: token, To: rng.IntN(ceiling)}
	default:
		e.request = request{Token: token, Parts: 1 + rng.IntN(3)*rng.IntN(2), By: rng.IntN(80) - 38}
	}
	switch {
	case rng.IntN(100) == 0:
		e.request = request{Token: token, Spoil: true}
	case rng.IntN(5) == 0:
		e.ID = token
	}
	return e
}

func (w *writer) call(rng *rand.Rand, asked entry) string {
	ctx := context.Background()
	own := false
	if rng.IntN(4) == 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, time.Duration(rng.Int64N(int64(3*time.Second))))
		defer cancel()
		own = true
	}
	asked.Op, asked.At = int(w.ops.Add(1)), now()
	must(w.journal.write(asked))
	state, err := w.ask(ctx, asked)
	told := entry{Kind: "told", Op: asked.Op, At: now(), Period: asked.Period, Index: asked.Index, Class: classOf(err, own && ctx.Err() != nil)}
	if err == nil {
		told.State = &state
	} else {
		told.Err = err.Error()
		var u *aggregate.OutcomeUnknownError
		if errors.As(err, &u) {
			for _, t := range u.Timestamps {
				told.Stamps = append(told.Stamps, t.String())
			}
		}
	}
	must(w.journal.write(told))
	return told.Class
}

func (w *writer) ask(ctx context.Context, asked entry) (counter, error) {
	root, id := w.roots[rootOf(asked.Index)], w.Field.id(asked.Period, asked.Index)
	if asked.Read {
		return root.Fetch(ctx, id)
	}
	return root.EvaluateState(ctx, types.Command{AggregateID: id, Type: "change", Data: asked.request, ID: asked.ID})
}

func classOf(err error, left bool) string {
	switch {
	case err == nil:
		return acked
	case errors.Is(err, store.ErrOutcomeUnknown):
		return unknown
	case errors.Is(err, aggregate.ErrRejected), spoiled(err):
		return rejected
	case left && (errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled)):
		return ended
	case errors.Is(err, store.ErrUnavailable):
		return unavailable
	}
	return wrong
}

// spoiled reports whether the log refused an event that it is to refuse.
func spoiled(err error) bool {
	var refused *pgconn.PgError
	return errors.As(err, &refused) && refused.ConstraintName == "chaos_spoiled"
}

// finish compares what is in memory with what the store leads to, and leaves.
func (w *writer) finish() error {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	for live := range w.sup.Aggregates() {
		period, index := w.Field.place(live.AggregateID)
		e := entry{Kind: "live", Period: period, Index: index}
		state, replayed, err := w.compare(ctx, w.roots[rootOf(index)], live.AggregateID)
		if e.State, e.Replayed = &state, &replayed; err != nil {
			e.Err = err.Error()
		}
		must(w.journal.write(e))
	}
	must(w.journal.write(entry{Kind: "paths", Paths: w.paths.take()}))
	return w.sup.Shutdown(ctx)
}

// compare returns what is in memory, and what the store leads to at that sequence. Where the log
// can go back it is what a Fetch finds: Get may be stale, and an aggregate that nobody has touched
// since can't know.
func (w *writer) compare(ctx context.Context, root *aggregate.Root[counter], id hlc.Timestamp) (state, replayed counter, err error) {
	get := root.Get
	if w.Failover {
		get = root.Fetch
	}
	if state, err = get(ctx, id); err != nil {
		return state, replayed, fmt.Errorf("get: %w", err)
	}
	if replayed, err = root.Replay(ctx, id, types.Sequence(state.Events)); err != nil {
		return state, replayed, fmt.Errorf("replay: %w", err)
	}
	return state, replayed, nil
}

// must ends the writer where it can't keep its journal: it would prove nothing.
func must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
}
