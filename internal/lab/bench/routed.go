package main

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/eventmaestro/maestro/store/postgres"
)

// routedPool has a connection for each committer of such a store, and one more.
const routedPool = 17

// routed measures a crowd on a store that takes the database for a distributed one, beside the same
// crowd on one that doesn't: the price of a statement and a transaction for each commit, as long as
// there is one server. What a bare program pays for that is measured, too.
func routed(c crowd) func(context.Context, *lab) (outcome, error) {
	return func(ctx context.Context, l *lab) (outcome, error) {
		pool, err := l.db.pool(ctx, 0)
		if err != nil {
			return outcome{}, err
		}
		defer pool.Close()
		larger, err := l.db.pool(ctx, routedPool)
		if err != nil {
			return outcome{}, err
		}
		defer larger.Close()
		raw, size, err := l.bestInserts(ctx, c.callers)
		if err != nil {
			return outcome{}, err
		}
		defer raw.Close()
		o, others, err := l.compare(ctx, 1, l.evaluate(pool, c, definition()), l.evaluateRouted(larger, c), l.rawInserts(raw, c.callers))
		if err != nil {
			return outcome{}, err
		}
		o.note("bare", perSecond.format(others[0].value))
		o.note("bareratio", fmt.Sprintf("%.2f", o.ours.value/others[0].value))
		o.note("pool", fmt.Sprint(size))
		return o, nil
	}
}

func (l *lab) evaluateRouted(pool *pgxpool.Pool, c crowd) measure {
	return func(ctx context.Context, length time.Duration) (figure, error) {
		return l.metered(ctx, func() (tally, error) {
			return onPostgres(ctx, pool, &postgres.Options{Distributed: true}, c, definition(), length)
		})
	}
}
