package main

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/eventmaestro/maestro/store/postgres"
)

// routed measures a crowd on a store that takes the database for a distributed one, beside the same crowd on one that doesn't: the price of
// a statement and a transaction for each commit, as long as there is one server.
func routed(c crowd) func(context.Context, *lab) (outcome, error) {
	return func(ctx context.Context, l *lab) (outcome, error) {
		pool, err := l.db.pool(ctx, 0)
		if err != nil {
			return outcome{}, err
		}
		defer pool.Close()
		o, _, err := l.compare(ctx, 1, l.evaluate(pool, c, definition()), l.evaluateRouted(pool, c))
		return o, err
	}
}

func (l *lab) evaluateRouted(pool *pgxpool.Pool, c crowd) measure {
	return func(ctx context.Context, length time.Duration) (figure, error) {
		return l.metered(ctx, func() (tally, error) {
			return onPostgres(ctx, pool, &postgres.Options{Distributed: true}, c, definition(), length)
		})
	}
}
