package sim

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/eventmaestro/maestro/hlc"
	"github.com/eventmaestro/maestro/store"
	"github.com/eventmaestro/maestro/store/memory"
	"github.com/eventmaestro/maestro/types"
)

// Config says what to simulate.
type Config struct {
	Seed  uint64
	Steps int // actions before the end is let come; 0 means 200

	// sabotage breaks the world on purpose, to see it caught.
	sabotage sabotage
}

// Result is what a run came to.
type Result struct {
	Violations []Violation
	Trace      []string // what happened, the same for the same seed
	Counts     map[string]int
}

// Violation is a broken promise.
type Violation struct {
	Law  int // its number in the list of laws
	Text string
}

func (v Violation) String() string { return fmt.Sprintf("law %d: %s", v.Law, v.Text) }

// world is everything that a run consists of. Its fields belong to the driver where no guard is
// named.
type world struct {
	config Config
	rng    *rand.Rand
	scene  *scene
	gate   gate
	store  logged
	memory *memory.Store
	table  *memory.Table[hlc.Timestamp, row]

	projected func(ctx context.Context, id hlc.Timestamp) row

	nodes [3]*node
	lives int
	all   []*life
	ids   []hlc.Timestamp
	names map[hlc.Timestamp]string // constant once the run has begun
	phase string
	wall  atomic.Int64 // nanoseconds after the epoch, by a clock that is right

	ops       []*op
	open      int // operations without an answer
	tick      int
	commands  []command // with an id, to be repeated
	pairs     [][2]command
	trace     []string
	counts    map[string]int
	histories []history // in the end

	conflicts atomic.Int64

	kept     checkpoint
	retreats []retreat
	tailed   *tailed

	mu         sync.Mutex
	finished   []*op           // guarded by mu: answered since the driver looked last
	violations []Violation     // guarded by mu
	lines      map[string]int  // guarded by mu: of the log
	shown      map[string]bool // guarded by mu: commands with events that the store said were there, since it went back
}

// Phases of a run, after the actions.
const (
	phaseLookup = "lookup"
	phaseJudge  = "judge"
)

// row is what the projection keeps of an aggregate.
type row struct {
	Sequence types.Sequence
	Value    int
}

// Run simulates and checks.
func Run(t *testing.T, c Config) Result {
	t.Helper()
	if c.Steps == 0 {
		c.Steps = 200
	}
	w := &world{config: c, names: map[hlc.Timestamp]string{}, counts: map[string]int{}, lines: map[string]int{}, shown: map[string]bool{}}
	w.rng = rand.New(rand.NewPCG(c.Seed, 0x6d61657374726f))
	synctest.Test(t, func(*testing.T) {
		w.build()
		for range c.Steps {
			w.act()
		}
		w.end()
	})
	w.judge()
	return Result{Violations: w.violations, Trace: w.trace, Counts: w.total()}
}

func (w *world) build() {
	w.scene = newScene(w)
	w.memory = memory.New()
	w.table = memory.NewTable[hlc.Timestamp, row](w.memory)
	w.projected = func(_ context.Context, id hlc.Timestamp) row { r, _ := w.table.Get(id); return r }
	w.store = w.config.sabotage.store(w, w.memory)
	if _, ok := w.store.(store.Transactor); !ok {
		w.scene.transacts = false
	}
	maker := hlc.NewClock(&hlc.Options{Node: 99, Now: func() time.Time { return epoch }})
	for i := range w.scene.aggregates {
		id := maker.NowAfter(hlc.Timestamp{})
		w.ids = append(w.ids, id)
		w.names[id] = fmt.Sprintf("a%d", i)
	}
	for i := range w.nodes {
		w.nodes[i] = &node{index: i, id: 1}
		w.nodes[i].skew.Store(int64(w.scene.skews[i]))
		w.start(w.nodes[i])
	}
	w.tail()
}

func (w *world) nameOf(id hlc.Timestamp) string { return w.names[id] }

// root tells which of a node's roots an aggregate belongs to.
func (w *world) root(aggregate int) int { return aggregate % 2 }

func (w *world) violate(law int, format string, args ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.violations = append(w.violations, Violation{Law: law, Text: fmt.Sprintf(format, args...)})
}

func (w *world) note(format string, args ...any) {
	w.trace = append(w.trace, fmt.Sprintf(format, args...))
}

// collect takes note of what was answered, in an order that doesn't depend on who came first.
func (w *world) collect() {
	synctest.Wait()
	w.mu.Lock()
	finished := w.finished
	w.finished = nil
	w.mu.Unlock()
	slices.SortFunc(finished, func(a, b *op) int { return a.number - b.number })
	for _, o := range finished {
		if o.returned != 0 {
			continue // its node had crashed
		}
		w.tick++
		o.returned = w.tick
		w.open--
		w.note("  %v -> %s", o, o.answer())
		w.counts[o.class().String()]++
		if o.class() == excused {
			w.counts["excused: "+o.reason()]++
		}
	}
}

// proceed lets one of those at the gate go on and reports whether there was one.
func (w *world) proceed() bool {
	points := w.gate.waiting()
	if len(points) == 0 {
		return false
	}
	p := points[w.rng.IntN(len(points))]
	w.wall.Add(int64(time.Millisecond))
	w.note("  %s", p.name)
	w.gate.release(p)
	w.collect()
	return true
}

// pass lets time pass.
func (w *world) pass(jumps int) {
	w.note("  %d jumps", jumps)
	for range jumps {
		time.Sleep(jump)
		w.wall.Add(int64(jump))
		w.collect()
	}
}

// patience is after how many jumps without an answer an operation counts as never answered. It is
// more than all bounds of the library, one after the other.
const patience = 400

// settleDown lets everything go on until nobody waits for anything.
func (w *world) settleDown() bool {
	for quiet := 0; w.open > 0; {
		if w.proceed() {
			continue
		}
		if quiet++; quiet > patience {
			return false
		}
		w.pass(1)
	}
	for w.proceed() {
	}
	return true
}

// background is the context of those who don't give up.
var background = context.Background()
