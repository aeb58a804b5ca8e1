package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/eventmaestro/maestro/migrations"
	"github.com/eventmaestro/maestro/store/postgres"
	"github.com/eventmaestro/maestro/types"
)

const (
	tailEvents = 300_000
	tailBatch  = postgres.DefaultTailBatch
)

var tailTables = &migrations.Options{Tail: true, Extend: true}

// tailColumn adds what tails need, or takes it away.
func (db *database) tailColumn(ctx context.Context, add bool) error {
	sql, err := migrations.Down(tailTables)
	if add {
		sql, err = migrations.Up(tailTables)
	}
	if err == nil {
		_, err = db.admin.Exec(ctx, sql)
	}
	return err
}

// tailing reads a backlog: all that a log holds, through a new tail, beside a cursor that knows no
// order and loses nothing only because nobody writes.
func tailing(ctx context.Context, l *lab) (o outcome, err error) {
	if err := l.db.reset(ctx); err != nil {
		return o, err
	}
	if err := l.db.tailColumn(ctx, true); err != nil {
		return o, err
	}
	defer func() { err = errors.Join(err, l.db.tailColumn(context.WithoutCancel(ctx), false)) }()
	pool, err := l.db.pool(ctx, 4)
	if err != nil {
		return o, err
	}
	defer pool.Close()
	insert := l.rawCrowds(pool, 4)
	// Each try begins with an empty log.
	all := 0
	for d := 250 * time.Millisecond; all < tailEvents; d *= 2 {
		if _, err := insert(ctx, d); err != nil {
			return o, err
		}
		if err := l.db.admin.QueryRow(ctx, "SELECT count(*) FROM event_log").Scan(&all); err != nil {
			return o, err
		}
	}
	if _, err := l.db.admin.Exec(ctx, "VACUUM ANALYZE event_log"); err != nil {
		return o, err
	}
	name := 0
	scan := func(read func(ctx context.Context, pool *pgxpool.Pool, name string) (int, error)) measure {
		return func(ctx context.Context, _ time.Duration) (figure, error) {
			name++
			begin := time.Now()
			n, err := read(ctx, pool, fmt.Sprint("bench", name))
			return figure{value: float64(n) / time.Since(begin).Seconds()}, err
		}
	}
	o, _, err = l.compare(ctx, 1, scan(bareCursor), scan(wholeTail(all)))
	return o, err
}

// wholeTail runs a tail until it has handed out all events.
func wholeTail(all int) func(ctx context.Context, pool *pgxpool.Pool, name string) (int, error) {
	return func(ctx context.Context, pool *pgxpool.Pool, name string) (n int, err error) {
		tail, err := postgres.NewTail(pool, &postgres.TailOptions{Name: name})
		if err != nil {
			return 0, err
		}
		ctx, stop := context.WithCancel(ctx)
		defer stop()
		err = tail.Run(ctx, func(_ context.Context, _ pgx.Tx, events []types.Event) error {
			if n += len(events); n >= all {
				stop()
			}
			return nil
		})
		if n == all && errors.Is(err, context.Canceled) {
			err = nil
		}
		return n, err
	}
}

// bareCursor reads the same rows in the order of the transactions, as many at once.
func bareCursor(ctx context.Context, pool *pgxpool.Pool, _ string) (n int, err error) {
	err = pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, `DECLARE c CURSOR FOR SELECT aggregate_id, sequence, "timestamp", type, body FROM event_log ORDER BY transaction_id`); err != nil {
			return err
		}
		for before := -1; before != n; {
			before = n
			rows, err := tx.Query(ctx, fmt.Sprint("FETCH ", tailBatch, " FROM c"))
			if err != nil {
				return err
			}
			var id, at, text []byte
			var sequence int32
			var kind string
			if _, err := pgx.ForEachRow(rows, []any{&id, &sequence, &at, &kind, &text}, func() error { n++; return nil }); err != nil {
				return err
			}
		}
		return nil
	})
	return n, err
}

// tailWriters are writers with the column beside the same without.
func tailWriters(ctx context.Context, l *lab) (outcome, error) {
	pool, err := l.db.pool(ctx, 0)
	if err != nil {
		return outcome{}, err
	}
	defer pool.Close()
	load := l.evaluate(pool, crowd{64, 64, 0}, definition())
	with := func(ctx context.Context, d time.Duration) (figure, error) {
		if err := l.db.tailColumn(ctx, true); err != nil {
			return figure{}, err
		}
		f, err := load(ctx, d)
		return f, errors.Join(err, l.db.tailColumn(context.WithoutCancel(ctx), false))
	}
	o, _, err := l.compare(ctx, 1, load, with)
	return o, err
}
