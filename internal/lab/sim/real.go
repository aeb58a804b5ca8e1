package sim

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/eventmaestro/maestro/aggregate"
	"github.com/eventmaestro/maestro/hlc"
	"github.com/eventmaestro/maestro/internal/lab/pgproxy"
	"github.com/eventmaestro/maestro/store"
	"github.com/eventmaestro/maestro/store/postgres"
	"github.com/eventmaestro/maestro/types"
)

// real is the part of a run that has a Postgres server instead of a bubble. The seed decides the
// scene, what each caller asks, and which messages of which commits are cut. The order of
// goroutines and of the server's processes is their own. It is here for what the memory store has
// not: shared statements, the wait for locks, isolation by halves, and all the ways in which a
// connection breaks.
type real struct {
	w       *world
	url     string // of the schema, past all proxies
	pool    *pgxpool.Pool
	plans   []*pgproxy.Plan
	closers []func()
	tick    atomic.Int64
	commit  time.Duration // CommitTimeout
}

const (
	callersOf = 4               // callers of each node
	theEnd    = 5 * time.Minute // for all that comes after the faults; on a busy machine that takes a while
)

// RunOnPostgres simulates on the tables that [RealTables] made in the database of a URL, which no
// other run uses, and checks.
func RunOnPostgres(t *testing.T, c Config, url string) Result {
	t.Helper()
	if c.Steps == 0 {
		c.Steps = 200
	}
	w := &world{config: c, names: map[hlc.Timestamp]string{}, counts: map[string]int{}, lines: map[string]int{}}
	w.rng = rand.New(rand.NewPCG(c.Seed, 0x706f737467726573))
	r := &real{w: w, url: url}
	if err := r.run(t.Context()); err != nil {
		t.Fatalf("seed %d: %v", c.Seed, err)
	}
	w.judge()
	return Result{Violations: w.violations, Trace: w.trace, Counts: w.total()}
}

// RealTables makes the tables of the projection and of the tail's consumer. The migrations make the
// others, commands, metadata and tails included.
func RealTables(ctx context.Context, pool *pgxpool.Pool) error {
	_, err := pool.Exec(ctx, `CREATE TABLE sim_projection (aggregate_id bytea PRIMARY KEY, sequence integer NOT NULL, value integer NOT NULL);
CREATE TABLE sim_tailed (n bigserial PRIMARY KEY, aggregate_id bytea, sequence integer, at bytea)`)
	return err
}

func (r *real) run(ctx context.Context) (err error) {
	w := r.w
	if r.pool, err = pgxpool.New(ctx, r.url); err != nil {
		return err
	}
	defer r.pool.Close()
	r.build()
	defer r.close()
	for i := range w.nodes {
		w.nodes[i] = &node{index: i, id: 1}
		w.nodes[i].skew.Store(int64(w.scene.skews[i]))
		if err := r.start(w.nodes[i]); err != nil {
			return err
		}
	}
	r.tail()
	defer w.tailed.end()
	r.work(r.draw())
	ctx, cancel := context.WithTimeout(ctx, theEnd)
	defer cancel()
	r.heal(ctx)
	w.lookUp(ctx)
	for i, id := range w.ids {
		w.lastWords(ctx, i, id)
	}
	for _, l := range w.all {
		if err := l.sup.Shutdown(ctx); err != nil {
			w.violate(8, "%s does not shut down: %v", l.name, err)
		}
	}
	for _, id := range w.ids {
		w.read(ctx, id)
	}
	r.count()
	return r.endTail(ctx)
}

// build makes the scene: the same as in a bubble, but for what is measured in jumps.
func (r *real) build() {
	w := r.w
	w.gate.open = true
	w.scene = newScene(w)
	inner := w.scene.options
	r.commit = one(w.rng, 300*time.Millisecond, 2*time.Second, postgres.DefaultCommitTimeout)
	w.scene.hurried = r.commit < postgres.DefaultCommitTimeout
	w.scene.options = func() *aggregate.Options {
		o := inner()
		o.ReadTimeout, o.SettleTimeout = 10*time.Second, 30*time.Second
		return o
	}
	w.scene.trouble /= 2 // of 100 commits; a call of the store is more than one attempt
	w.scene.projection = one[store.Projection](w.rng, postgres.BatchProjection(projectBatch), postgres.Projection(projectTx))
	w.scene.idle.Hibernate, w.scene.idle.Exit = one(w.rng, -1, soon), one(w.rng, -1, soon, 3*soon)
	adapter, err := postgres.New(r.pool, &postgres.Options{Metadata: true, Commands: true})
	if err != nil {
		panic(err) // the options are ours
	}
	w.store, w.projected = adapter, r.projected
	maker := hlc.NewClock(&hlc.Options{Node: 1000 + w.config.Seed, Now: func() time.Time { return epoch }})
	for i := range w.scene.aggregates {
		id := maker.NowAfter(hlc.Timestamp{})
		w.ids = append(w.ids, id)
		w.names[id] = fmt.Sprintf("a%d", i)
	}
}

// start gives a node a pool of its own, behind a proxy of its own.
func (r *real) start(n *node) error {
	w := r.w
	w.lives++
	at, err := url.Parse(r.url)
	if err != nil {
		return err
	}
	plan := pgproxy.NewPlan(w.config.Seed<<8 + uint64(n.index))
	plan.Share.Store(int64(w.scene.trouble) * 100)
	plan.Delay = r.commit * 3 / 2 // some arrive when nobody waits for them any more
	if plan.Delay > 3*time.Second {
		plan.Delay = pgproxy.LongestDelay
	}
	proxy, err := pgproxy.Listen(at.Host, plan)
	if err != nil {
		return err
	}
	at.Host = proxy.Address()
	config, err := pgxpool.ParseConfig(at.String())
	if err != nil {
		return err
	}
	config.MaxConns = int32(one(w.rng, 2, 4, 6))
	pool, err := pgxpool.NewWithConfig(context.Background(), config)
	if err != nil {
		return err
	}
	r.plans = append(r.plans, plan)
	r.closers = append(r.closers, pool.Close, proxy.Close)
	l := &life{w: w, node: n, name: fmt.Sprintf("n%d", n.index), watch: w.config.sabotage.watch(w), ended: make(chan struct{})}
	if !w.scene.sharedIDs {
		n.id = uint64(n.index + 1)
	}
	o := w.scene.options()
	o.Clock = hlc.NewClock(&hlc.Options{Node: n.id, Now: func() time.Time { return time.Now().Add(time.Duration(n.skew.Load())) }})
	s, err := postgres.New(pool, &postgres.Options{
		Metadata: true, Commands: true, Logger: slog.New(told{w}), CommitTimeout: r.commit, LockTimeout: r.commit / 2, MaxBatch: one(w.rng, 0, 1, 4),
	})
	if err != nil {
		return err
	}
	return l.open(s, o)
}

// draw decides what each caller will ask, before anything happens.
func (r *real) draw() [][]*op {
	w := r.w
	lanes := make([][]*op, len(w.nodes)*callersOf)
	for i := range w.config.Steps {
		o := w.evaluation()
		if w.rng.IntN(5) == 0 {
			o = w.reading()
		}
		lane := w.rng.IntN(len(lanes))
		o.life, o.number, o.AggregateID = w.nodes[lane%len(w.nodes)].life, i, w.ids[o.aggregate]
		if w.rng.IntN(4) == 0 {
			o.hasty, o.patience = true, time.Duration(w.rng.Int64N(int64(400*time.Millisecond)))
		}
		w.ops = append(w.ops, o)
		lanes[lane] = append(lanes[lane], o)
	}
	return lanes
}

// work lets all callers ask.
func (r *real) work(lanes [][]*op) {
	var callers sync.WaitGroup
	for _, lane := range lanes {
		callers.Go(func() {
			for _, o := range lane {
				o.ctx, o.cancel = context.WithCancel(background)
				if o.hasty {
					o.ctx, o.cancel = context.WithTimeout(background, o.patience)
				}
				o.invoked = int(r.tick.Add(1))
				o.run(o.life.roots[r.w.root(o.aggregate)])
				o.returned = int(r.tick.Add(1))
			}
		})
	}
	callers.Wait()
	r.w.tick = int(r.tick.Load())
}

// heal ends all faults, and waits for what is late and for what is in doubt. A caller who left does
// not wait for the end of its doubt, but who asks next in the same mailbox does.
func (r *real) heal(ctx context.Context) {
	late := time.Duration(0)
	for _, p := range r.plans {
		p.Share.Store(0)
		late = max(late, p.Delay)
	}
	time.Sleep(late)
	for _, l := range r.w.all {
		for i, id := range r.w.ids {
			if _, err := l.roots[r.w.root(i)].Fetch(ctx, id); err != nil {
				r.w.violate(9, "after all faults, fetch of %s at %s: %v", r.w.nameOf(id), l.name, err)
			}
		}
	}
}

func (r *real) close() {
	for _, end := range r.closers {
		end()
	}
}

func (r *real) count() {
	for _, o := range r.w.ops {
		c := o.class()
		r.w.counts[c.String()]++
		if c == excused {
			r.w.counts["excused: "+o.reason()]++
		}
	}
	r.w.counts["conflicts"] = int(r.w.conflicts.Load())
	for _, p := range r.plans {
		for _, m := range []pgproxy.Mode{pgproxy.Before, pgproxy.ReplyLost, pgproxy.Late} {
			r.w.counts["cut "+string(m)] += p.Number("cut " + string(m))
		}
	}
}

// projected reads what the projection keeps of an aggregate.
func (r *real) projected(ctx context.Context, id hlc.Timestamp) (p row) {
	var sequence, value int32
	err := r.pool.QueryRow(ctx, `SELECT sequence, value FROM sim_projection WHERE aggregate_id = $1`, id[:]).Scan(&sequence, &value)
	if err != nil {
		return row{} // nothing yet, or a difference that the judge finds
	}
	return row{Sequence: types.Sequence(sequence), Value: int(value)}
}

const projectSQL = `INSERT INTO sim_projection AS p VALUES ($1, 1, $2)
ON CONFLICT (aggregate_id) DO UPDATE SET sequence = p.sequence + 1, value = CASE WHEN $3::boolean THEN excluded.value ELSE p.value + excluded.value END`

// projectionOf works out what an event does to the table.
func projectionOf(e types.Event) (args []any, err error) {
	var n note
	if err := json.Unmarshal(e.Body, &n); err != nil {
		return nil, err
	}
	if e.Type == "refused" {
		return nil, errRefused
	}
	const far = 1 << 20 // further than a value ever is: tells a raise from an addition
	first, second := advance(0, n.Token), advance(far, n.Token)
	return []any{e.AggregateID[:], int32(first), first == second}, nil
}

func projectBatch(b *pgx.Batch, e types.Event) error {
	args, err := projectionOf(e)
	if err == nil {
		b.Queue(projectSQL, args...)
	}
	return err
}

func projectTx(ctx context.Context, tx pgx.Tx, e types.Event) error {
	args, err := projectionOf(e)
	if err == nil {
		_, err = tx.Exec(ctx, projectSQL, args...)
	}
	return err
}
