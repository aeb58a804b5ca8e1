package main

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/eventmaestro/maestro/aggregate"
	"github.com/eventmaestro/maestro/store/postgres"
	"github.com/jackc/pgx/v5/pgxpool"
)

const (
	flooding      = 63 // aggregates
	floodCallers  = 4  // of each
	fairnessTimes = 5  // of a commit's median may the p99 of the quiet one be
)

// commits collects how long commits took.
type commits struct {
	mu   sync.Mutex
	took []time.Duration // guarded by mu
}

func (c *commits) add(_ context.Context, done aggregate.Committed) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.took = append(c.took, done.Duration)
}

// fairness is one caller of one aggregate while all others are flooded.
func fairness(ctx context.Context, l *lab) (outcome, error) {
	pool, err := l.db.pool(ctx, 0)
	if err != nil {
		return outcome{}, err
	}
	defer pool.Close()
	var quiet, limit []figure
	var rate []float64
	for round := range l.rounds {
		if err := l.db.reset(ctx); err != nil {
			return outcome{}, err
		}
		stop, err := l.profile(true, round)
		if err != nil {
			return outcome{}, err
		}
		var all commits
		t, err := flood(ctx, pool, &all, l.time)
		stop()
		if err != nil {
			return outcome{}, err
		}
		p50, p99 := latencies(t.timed[:1])
		quiet = append(quiet, figure{value: float64(p99), p50: p50, p99: p99})
		p50, p99 = latencies([][]time.Duration{all.took})
		limit = append(limit, figure{value: float64(fairnessTimes * p50), p50: p50, p99: p99})
		rate = append(rate, t.value)
	}
	o := outcome{ours: medians(quiet), limit: medians(limit)}
	o.note("p99_by_median", fmt.Sprintf("%.2f", float64(o.ours.p99)/float64(o.limit.p50)))
	o.note("flood", perSecond.format(median(rate)))
	return o, nil
}

// flood lets the first caller have an aggregate to itself, and many others press upon the rest.
func flood(ctx context.Context, pool *pgxpool.Pool, all *commits, d time.Duration) (tally, error) {
	s, err := postgres.New(pool, nil)
	if err != nil {
		return tally{}, err
	}
	root, sup, err := counters(s, &aggregate.Options{Hooks: aggregate.Hooks{Commit: all.add}}, definition())
	if err != nil {
		return tally{}, err
	}
	ids := newIDs(sup.Clock(), flooding+1)
	owners := append([]int{0}, slices.Repeat(upTo(flooding), floodCallers)...)
	t, err := load{callers: len(owners), caller: func(ctx context.Context, i int) (func() error, error) {
		return incrementer(ctx, root, ids[owners[i]]), nil
	}}.run(ctx, d)
	if err != nil {
		return tally{}, err
	}
	return t, sup.Shutdown(ctx)
}

// upTo returns 1 to n.
func upTo(n int) []int {
	list := make([]int, n)
	for i := range list {
		list[i] = i + 1
	}
	return list
}
