package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/eventmaestro/maestro/aggregate"
	"github.com/eventmaestro/maestro/hlc"
	"github.com/eventmaestro/maestro/store"
	"github.com/eventmaestro/maestro/store/postgres"
)

// crowd is a number of callers at work on a number of aggregates. Of each caller's commands, one in
// every is timed; 0 means all.
type crowd struct{ aggregates, callers, every int }

// evaluate measures commands on the Postgres store. Each measurement has a supervisor and
// aggregates of its own; that they are warm is the warm-up's work.
func (l *lab) evaluate(pool *pgxpool.Pool, c crowd, d aggregate.Definition[counter]) measure {
	return func(ctx context.Context, length time.Duration) (figure, error) {
		return l.metered(ctx, func() (tally, error) { return onPostgres(ctx, pool, nil, c, d, length) })
	}
}

func onPostgres(ctx context.Context, pool *pgxpool.Pool, o *postgres.Options, c crowd, d aggregate.Definition[counter], length time.Duration) (tally, error) {
	s, err := postgres.New(pool, o)
	if err != nil {
		return tally{}, err
	}
	return commands(ctx, s, c, d, length)
}

// commands lets a crowd increment counters in a store. The callers go round their shares of the
// aggregates.
func commands(ctx context.Context, a store.Adapter, c crowd, d aggregate.Definition[counter], length time.Duration) (tally, error) {
	root, sup, err := counters(a, nil, d)
	if err != nil {
		return tally{}, err
	}
	ids := newIDs(sup.Clock(), c.aggregates)
	if err := warm(ctx, root, ids); err != nil {
		return tally{}, err
	}
	t, err := load{callers: c.callers, every: c.every, caller: func(ctx context.Context, i int) (func() error, error) {
		next := i
		return func() error {
			id := ids[next%len(ids)]
			next += c.callers
			return root.Evaluate(ctx, byOne(id))
		}, nil
	}}.run(ctx, length)
	if err != nil {
		return tally{}, err
	}
	t.total += len(ids)
	return t, sup.Shutdown(ctx)
}

// warm reads all aggregates into memory, by one command each.
func warm(ctx context.Context, root *aggregate.Root[counter], ids []hlc.Timestamp) error {
	return forEach(ids, func(id hlc.Timestamp) error { return incrementer(ctx, root, id)() })
}

// forEach does something for all ids, some at a time.
func forEach(ids []hlc.Timestamp, do func(hlc.Timestamp) error) error {
	const together = 64
	for some := range slices.Chunk(ids, together) {
		errs := make([]error, len(some))
		var wg sync.WaitGroup
		for i, id := range some {
			wg.Go(func() { errs[i] = do(id) })
		}
		wg.Wait()
		if err := errors.Join(errs...); err != nil {
			return err
		}
	}
	return nil
}

// one is a lone caller: nothing to share, so nothing may be added either.
func one(ctx context.Context, l *lab) (outcome, error) {
	pool, err := l.db.pool(ctx, 0)
	if err != nil {
		return outcome{}, err
	}
	defer pool.Close()
	conn, release, err := l.connection(ctx)
	if err != nil {
		return outcome{}, err
	}
	defer release()
	o, _, err := l.compare(ctx, 1, l.rawConnection(conn), l.evaluate(pool, crowd{1, 1, 0}, definition()))
	o.note("p50ratio", fmt.Sprintf("%.2f", float64(o.ours.p50)/float64(o.limit.p50)))
	return o, err
}

// connection returns the one connection of the limit of a lone caller.
func (l *lab) connection(ctx context.Context) (conn *pgxpool.Conn, release func(), err error) {
	pool, err := l.db.pool(ctx, 1)
	if err != nil {
		return nil, nil, err
	}
	if conn, err = pool.Acquire(ctx); err != nil {
		pool.Close()
		return nil, nil, err
	}
	return conn, func() { conn.Release(); pool.Close() }, nil
}

// spread is a crowd of callers on different aggregates.
func spread(aggregates, callers int) func(context.Context, *lab) (outcome, error) {
	return func(ctx context.Context, l *lab) (outcome, error) {
		raw, size, err := l.bestInserts(ctx, callers)
		if err != nil {
			return outcome{}, err
		}
		defer raw.Close()
		o, err := l.besideCrowds(ctx, crowd{aggregates, callers, 0}, l.rawInserts(raw, callers))
		o.note("pool", fmt.Sprint(size))
		return o, err
	}
}

// hot is a crowd of callers on one aggregate.
func hot(ctx context.Context, l *lab) (outcome, error) {
	conn, release, err := l.connection(ctx)
	if err != nil {
		return outcome{}, err
	}
	defer release()
	return l.besideCrowds(ctx, crowd{1, 64, 0}, l.rawConnection(conn))
}

// besideCrowds measures a crowd beside a limit and beside the second one, rows in statements of a
// hundred.
func (l *lab) besideCrowds(ctx context.Context, c crowd, limit measure) (outcome, error) {
	pool, err := l.db.pool(ctx, 0)
	if err != nil {
		return outcome{}, err
	}
	defer pool.Close()
	crowds, size, err := l.bestPool(ctx, "unnest of 100 rows", crowdSizes, l.rawCrowds)
	if err != nil {
		return outcome{}, err
	}
	defer crowds.Close()
	o, others, err := l.compare(ctx, 1, limit, l.evaluate(pool, c, definition()), l.rawCrowds(crowds, size))
	if err != nil {
		return outcome{}, err
	}
	o.note("crowd", perSecond.format(others[0].value))
	o.note("crowdratio", fmt.Sprintf("%.2f", o.ours.value/others[0].value))
	return o, nil
}

// projection is a crowd whose events are also written to a table, in the same transaction.
func projection(ctx context.Context, l *lab) (outcome, error) {
	const callers = 64
	limit := func(pool *pgxpool.Pool) measure { return l.rawTransactions(pool, callers) }
	o, _, err := l.besideBest(ctx, "transaction by 64", poolSizes, limit, func(pool *pgxpool.Pool) []measure {
		return []measure{l.evaluate(pool, crowd{64, callers, 0}, projected(projectSQL))}
	})
	return o, err
}

// besideBest measures on a pool of the default size what ours returns, beside the limit on the pool
// that is best for it.
func (l *lab) besideBest(ctx context.Context, kind string, sizes []int, limit func(*pgxpool.Pool) measure, ours func(*pgxpool.Pool) []measure) (outcome, []figure, error) {
	raw, size, err := l.bestPool(ctx, kind, sizes, func(pool *pgxpool.Pool, _ int) measure { return limit(pool) })
	if err != nil {
		return outcome{}, nil, err
	}
	defer raw.Close()
	pool, err := l.db.pool(ctx, 0)
	if err != nil {
		return outcome{}, nil, err
	}
	defer pool.Close()
	measures := ours(pool)
	o, others, err := l.compare(ctx, 1, limit(raw), measures[0], measures[1:]...)
	o.note("pool", fmt.Sprint(size))
	return o, others, err
}
