package sim

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/eventmaestro/maestro/aggregate"
	"github.com/eventmaestro/maestro/hlc"
	"github.com/eventmaestro/maestro/store"
	"github.com/eventmaestro/maestro/types"
)

// epoch is the simulated wall clock's zero. The clocks of the nodes differ from it by their skew.
var epoch = time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)

// node is one process, which has one life after the other.
type node struct {
	index int
	id    uint64 // of its clock
	skew  atomic.Int64
	life  *life
}

// life is a node between two restarts.
type life struct {
	w     *world
	node  *node
	name  string
	sup   *aggregate.Supervisor
	roots [2]*aggregate.Root[ledger]
	seam  *seam

	dead     atomic.Bool // it has crashed: nobody hears what it still does
	stopping atomic.Bool // it is being shut down
	ended    chan struct{}

	watch *watch
}

// watch knows of which aggregates a handler runs in a process.
type watch struct {
	mu    sync.Mutex
	inUse map[hlc.Timestamp]bool // guarded by mu
}

// Names of the roots; the second one has a projection.
var rootNames = [2]string{"plain", "audited"}

// start gives the node a new life.
func (w *world) start(n *node) {
	w.lives++
	l := &life{w: w, node: n, name: fmt.Sprintf("n%d#%d", n.index, w.lives), watch: w.config.sabotage.watch(w), ended: make(chan struct{})}
	l.seam = &seam{life: l, faulty: w.faulty(w.lives), sound: w.store}
	if !w.scene.sharedIDs {
		n.id = uint64(n.index + 3*w.lives)
	}
	clock := hlc.NewClock(&hlc.Options{Node: n.id, Now: func() time.Time {
		return epoch.Add(time.Duration(w.wall.Load() + n.skew.Load()))
	}})
	o := w.scene.options()
	o.Clock = clock
	var adapter store.Adapter = l.seam
	if w.scene.transacts {
		adapter = txSeam{l.seam}
	}
	if err := l.open(adapter, o); err != nil {
		panic(err)
	}
}

// open begins the life on a store.
func (l *life) open(a store.Adapter, o *aggregate.Options) (err error) {
	w := l.w
	o.Logger = slog.New(told{w})
	o.Hooks.Conflict = func(_ context.Context, c aggregate.Conflict) {
		w.conflicts.Add(1)
		if c.Attempt > o.MaxAttempts {
			w.violate(8, "%s: a command met %d conflicts, the bound is %d", l.name, c.Attempt, o.MaxAttempts)
		}
	}
	o.Hooks.Commit = func(_ context.Context, c aggregate.Committed) {
		if c.Commands > o.MaxBatch {
			w.violate(8, "%s: %d commands share a commit, the bound is %d", l.name, c.Commands, o.MaxBatch)
		}
	}
	sup, err := aggregate.NewSupervisor(a, o)
	if err != nil {
		return err
	}
	l.sup = sup
	for i, name := range rootNames {
		if l.roots[i], err = aggregate.NewRoot(l.sup, l.definition(name)); err != nil {
			return err
		}
	}
	l.node.life = l
	w.all = append(w.all, l)
	return nil
}

// crash ends a life without a word: what it had sent may arrive, what it would have heard doesn't.
func (l *life) crash() {
	l.dead.Store(true)
	l.w.gate.releaseOf(l)
	ended, cancel := context.WithCancel(background)
	cancel()
	go func() {
		defer close(l.ended)
		_ = l.sup.Shutdown(ended) // only to get rid of its goroutines
	}()
}

// stop ends a life in good order; callers are answered.
func (l *life) stop() {
	l.stopping.Store(true)
	go func() {
		defer close(l.ended)
		_ = l.sup.Shutdown(background) // without a bound it has nothing to report
	}()
}

// busy notes that a handler of an aggregate runs, until the result is called.
func (l *life) busy(id hlc.Timestamp) (done func()) {
	l.watch.mu.Lock()
	defer l.watch.mu.Unlock()
	if l.watch.inUse[id] {
		l.w.violate(7, "%s: two handlers of aggregate %s at once", l.name, l.w.nameOf(id))
	}
	l.watch.inUse[id] = true
	return func() {
		l.watch.mu.Lock()
		defer l.watch.mu.Unlock()
		delete(l.watch.inUse, id)
	}
}

// yield is a handler that takes its time, whether or not its caller still waits: if the end of the
// context went to both, the order of the two would be left to chance.
func (l *life) yield(ctx context.Context, wanted bool, token string) {
	if wanted {
		_, _ = l.w.gate.wait(context.WithoutCancel(ctx), l, l.name+" handler "+token)
	}
}

// seen checks a state that anybody got to see: it has to agree with the history in it.
func (w *world) seen(who string, id hlc.Timestamp, seq types.Sequence, s ledger) {
	value, kinds := 0, 0
	for _, token := range s.Tokens {
		value = advance(value, token)
	}
	for _, n := range s.Kinds {
		kinds += n
	}
	if int(seq) != len(s.Tokens) || value != s.Value || kinds != len(s.Tokens) {
		w.violate(6, "%s saw a state of %s at sequence %d that no history leads to: %d, tokens %s, kinds %v",
			who, w.nameOf(id), seq, s.Value, strings.Join(s.Tokens, " "), s.Kinds)
	}
}
