package main

import (
	"context"

	"github.com/eventmaestro/maestro/store"
	"github.com/eventmaestro/maestro/store/postgres"
	"github.com/eventmaestro/maestro/types"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// Balances keeps the table of balances, in the transaction that commits the events.
func Balances() store.Projection {
	return postgres.BatchProjection(func(b *pgx.Batch, e types.Event) error {
		switch e.Type {
		case "account_opened":
			b.Queue(`INSERT INTO balances (account_id, cents) VALUES ($1, 0)`, e.AggregateID)
		case "money_deposited":
			b.Queue(`UPDATE balances SET cents = cents + ($2::jsonb->>'Cents')::bigint WHERE account_id = $1`, e.AggregateID, e.Body)
		case "money_withdrawn":
			b.Queue(`UPDATE balances SET cents = cents - ($2::jsonb->>'Cents')::bigint WHERE account_id = $1`, e.AggregateID, e.Body)
		}
		return nil
	})
}

// Total is what the table is for: a question across accounts.
func Total(ctx context.Context, pool *pgxpool.Pool) (cents int64, err error) {
	err = pool.QueryRow(ctx, `SELECT coalesce(sum(cents), 0) FROM balances`).Scan(&cents)
	return cents, err
}
