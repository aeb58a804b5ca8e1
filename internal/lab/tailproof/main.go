// Command tailproof proves that a tail loses, repeats and swaps nothing. It lets writers of every
// kind fill a log that had rows before it learned of tails: roots, transactions of the application
// that take their number early and end late, and INSERTs that know nothing of the column. It kills
// the process that consumes them, at its n-th statement or at any moment, restarts the server, and
// lets a standby take its place; each consumer deals the events out to another number of parts. In
// the end every event must have been consumed once, in the order of its aggregate.
//
//	go run ./internal/lab/tailproof -events 1000000 -kills 1000
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/signal"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/eventmaestro/maestro/internal/lab/pgserver"
	"github.com/eventmaestro/maestro/migrations"
)

type options struct {
	events, kills, restarts, promotions int
	consume                             string
	of, dieAt                           int
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx, os.Args[1:], os.Stdout)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "tailproof:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, out io.Writer) error {
	var o options
	f := flag.NewFlagSet("tailproof", flag.ContinueOnError)
	f.IntVar(&o.events, "events", 100_000, "how many events are written at least")
	f.IntVar(&o.kills, "kills", 100, "how often the consumer is killed")
	f.IntVar(&o.restarts, "restarts", 4, "how often the server crashes or restarts")
	f.IntVar(&o.promotions, "promotions", 2, "how often a standby takes the server's place")
	f.StringVar(&o.consume, "consume", "", "be the consumer of the database with this `URL` (used by the program itself)")
	f.IntVar(&o.of, "of", 1, "as a consumer: how many parts it has")
	f.IntVar(&o.dieAt, "die-at", 0, "as a consumer: the statement to be killed at")
	if err := f.Parse(args); err != nil {
		return err
	}
	if o.consume != "" {
		return consume(ctx, o.consume, o.of, o.dieAt)
	}
	p := &proof{options: o, out: out}
	err := p.run(ctx)
	return errors.Join(err, p.close())
}

// proof is one run.
type proof struct {
	options
	out    io.Writer
	server *pgserver.Server
	old    []*pgserver.Server
	pool   atomic.Pointer[pgxpool.Pool]
	pools  []*pgxpool.Pool
	counts
}

// counts are of what happened.
type counts struct {
	restarted, promoted int
	killed, stored      atomic.Int64
}

// run lets everything happen and judges.
func (p *proof) run(ctx context.Context) error {
	var err error
	if p.server, err = pgserver.Start(ctx, nil); err != nil {
		return err
	}
	if err := p.connect(ctx); err != nil {
		return err
	}
	if err := p.prepare(ctx); err != nil {
		return err
	}
	writing, stop := context.WithCancel(ctx)
	defer stop()
	ended := p.write(writing)
	err = p.injure(ctx)
	stop()
	<-ended
	if err != nil {
		return err
	}
	return p.judge(ctx)
}

// prepare makes the log as it was before tails, with rows, and then adds what they need.
func (p *proof) prepare(ctx context.Context) error {
	pool := p.pool.Load()
	if err := migrations.Apply(ctx, pool, &migrations.Options{Partitions: 3}); err != nil {
		return err
	}
	for range 100 {
		if err := p.plainly(ctx, pool, rand.IntN(p.aggregates())); err != nil {
			return err
		}
	}
	if err := migrations.Apply(ctx, pool, &migrations.Options{Tail: true}); err != nil {
		return err
	}
	_, err := pool.Exec(ctx, "CREATE TABLE seen (n bigserial, aggregate_id bytea, sequence int)")
	return err
}

func (p *proof) connect(ctx context.Context) error {
	pool, err := pgxpool.New(ctx, p.server.URL("postgres")+"&pool_max_conns=16")
	if err != nil {
		return err
	}
	p.pools = append(p.pools, pool)
	p.pool.Store(pool)
	return nil
}

// injure kills and restarts until all of that has happened and there are enough events.
func (p *proof) injure(ctx context.Context) error {
	for p.killed.Load() < int64(p.kills) || p.stored.Load() < int64(p.events) {
		if err := p.life(ctx); err != nil {
			return err
		}
		done := min(1, float64(p.killed.Load())/float64(p.kills))
		var err error
		switch {
		case float64(p.restarted) < done*float64(p.restarts)-0.5:
			p.restarted++
			err = p.server.Restart(ctx, []pgserver.Mode{pgserver.Immediate, pgserver.Fast}[p.restarted%2])
		case float64(p.promoted) < done*float64(p.promotions)-0.5:
			p.promoted++
			err = p.promote(ctx)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// promote lets a standby take over. What the old server had not sent yet is lost, to the log and to
// the tail.
func (p *proof) promote(ctx context.Context) error {
	standby, err := p.server.Standby(ctx, fmt.Sprint("standby", p.promoted))
	if err != nil {
		return err
	}
	p.old = append(p.old, p.server)
	if err := p.server.Kill(ctx); err != nil {
		return errors.Join(err, standby.Close())
	}
	p.server = standby
	if err := standby.Promote(ctx); err != nil {
		return err
	}
	return p.connect(ctx)
}

// judge waits until the tail has nothing left, and compares.
func (p *proof) judge(ctx context.Context) error {
	pool := p.pool.Load()
	tail, err := newTail(pool, 1)
	if err != nil {
		return err
	}
	child, err := p.spawn(4, 0)
	if err != nil {
		return err
	}
	for {
		progress, err := tail.Progress(ctx)
		if err != nil {
			return errors.Join(err, child.kill())
		}
		if progress.Events == 0 {
			break
		}
		time.Sleep(time.Second) // it counts all that is left
	}
	if err := child.kill(); err != nil {
		return err
	}
	var events, lost, foreign, repeated, swapped int
	err = pool.QueryRow(ctx, `SELECT (SELECT count(*) FROM event_log),
(SELECT count(*) FROM event_log e WHERE NOT EXISTS (SELECT FROM seen s WHERE s.aggregate_id = e.aggregate_id AND s.sequence = e.sequence)),
(SELECT count(*) FROM seen s WHERE NOT EXISTS (SELECT FROM event_log e WHERE s.aggregate_id = e.aggregate_id AND s.sequence = e.sequence)),
(SELECT count(*) - count(DISTINCT (aggregate_id, sequence)) FROM seen),
(SELECT count(*) FROM (SELECT sequence, row_number() OVER (PARTITION BY aggregate_id ORDER BY n) AS place FROM seen) AS s WHERE sequence <> place)`,
	).Scan(&events, &lost, &foreign, &repeated, &swapped)
	if err != nil {
		return err
	}
	fmt.Fprintf(p.out, "%d events, %d kills, %d restarts, %d promotions: lost %d, not in the log %d, repeated %d, out of order %d\n",
		events, p.killed.Load(), p.restarted, p.promoted, lost, foreign, repeated, swapped)
	if lost+foreign+repeated+swapped > 0 || events < p.events/2 {
		return errors.New("a promise is broken")
	}
	return nil
}

func (p *proof) close() error {
	for _, pool := range p.pools {
		pool.Close()
	}
	var err error
	for _, s := range append(p.old, p.server) {
		if s != nil {
			err = errors.Join(err, s.Close())
		}
	}
	return err
}
