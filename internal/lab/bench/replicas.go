package main

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/eventmaestro/maestro/aggregate"
	"github.com/eventmaestro/maestro/store/postgres"
)

// replicasTail is how many times the p99 of one replica that of several may be.
const replicasTail = 3.0

// replicas is a crowd behind a plain load balancer: each command goes to any of n equal programs.
// The limit is the same crowd on one of them. They are supervisors with pools of their own in this
// process, not processes: a caller sends each command to another one, which only the one who holds
// them all can do.
func replicas(n int, c crowd) func(context.Context, *lab) (outcome, error) {
	return func(ctx context.Context, l *lab) (outcome, error) {
		pools := make([]*pgxpool.Pool, n)
		for i := range pools {
			var err error
			if pools[i], err = l.db.pool(ctx, formation{processes: n}.connections()); err != nil {
				return outcome{}, err
			}
			defer pools[i].Close()
		}
		var one, all replicated
		o, _, err := l.compare(ctx, 1, l.balance(pools[:1], c, &one), l.balance(pools, c, &all))
		if err != nil {
			return outcome{}, err
		}
		g := all.gathering()
		o.noteGathering(g)
		o.nothingFailed(g.failed)
		if !l.ours {
			o.tail("p99_by_one", o.ours.p99, o.limit.p99, replicasTail)
		}
		return o, nil
	}
}

// replicated is what is counted beside a figure.
type replicated struct{ failed, conflicts, total atomic.Int64 }

func (r *replicated) gathering() gathering {
	return gathering{failed: int(r.failed.Load()), conflicts: int(r.conflicts.Load()), total: int(r.total.Load())}
}

// options let a supervisor count its conflicts.
func (r *replicated) options() *aggregate.Options {
	return &aggregate.Options{Hooks: aggregate.Hooks{
		Conflict: func(_ context.Context, c aggregate.Conflict) { r.conflicts.Add(int64(c.Commands)) },
	}}
}

// balance measures a crowd on the replicas that have these pools.
func (l *lab) balance(pools []*pgxpool.Pool, c crowd, r *replicated) measure {
	return func(ctx context.Context, d time.Duration) (figure, error) {
		return l.metered(ctx, func() (tally, error) {
			t, err := balanced(ctx, pools, c, d, r)
			r.total.Add(int64(t.total))
			return t, err
		})
	}
}

// balanced lets a crowd increment counters, each command on one of the replicas.
func balanced(ctx context.Context, pools []*pgxpool.Pool, c crowd, d time.Duration, r *replicated) (tally, error) {
	var sups []*aggregate.Supervisor
	var roots []*aggregate.Root[counter]
	for _, pool := range pools {
		s, err := postgres.New(pool, nil)
		if err != nil {
			return tally{}, err
		}
		root, sup, err := counters(s, r.options(), definition())
		if err != nil {
			return tally{}, err
		}
		sups, roots = append(sups, sup), append(roots, root)
	}
	ids := newIDs(sups[0].Clock(), c.aggregates)
	// All know each other before anything is measured: a replica that meets the first command of
	// another has a conflict.
	const visits = 2
	for range visits {
		for _, root := range roots {
			if err := warm(ctx, root, ids); err != nil {
				return tally{}, err
			}
		}
	}
	t, err := load{callers: c.callers, caller: func(ctx context.Context, i int) (func() error, error) {
		next, rng := i, rand.New(rand.NewPCG(uint64(i), 1))
		return excused(func() error {
			id := ids[next%len(ids)]
			next += c.callers
			return incrementer(ctx, roots[rng.IntN(len(roots))], id)()
		}, &r.failed), nil
	}}.run(ctx, d)
	t.total += visits * len(roots) * len(ids)
	for _, sup := range sups {
		err = errors.Join(err, sup.Shutdown(ctx))
	}
	return t, err
}
