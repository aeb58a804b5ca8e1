package recipes_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/eventmaestro/maestro/aggregate"
	"github.com/eventmaestro/maestro/hlc"
	"github.com/eventmaestro/maestro/store/postgres"
	"github.com/eventmaestro/maestro/types"
)

// The key would refuse an event that comes twice.
const createSearch = `CREATE TABLE search (
	aggregate_id bytea, sequence int, words tsvector NOT NULL, PRIMARY KEY (aggregate_id, sequence))`

// index is a tail's function: what it writes and how far the tail is are one transaction.
func index(ctx context.Context, tx pgx.Tx, events []types.Event) error {
	b := &pgx.Batch{}
	for _, e := range events {
		b.Queue(`INSERT INTO search VALUES ($1, $2, to_tsvector('simple', $3))`,
			e.AggregateID, int32(e.Sequence), fmt.Sprintf("%s %s", e.Type, e.Body))
	}
	return tx.SendBatch(ctx, b).Close()
}

// empty goes into the transaction that takes the tail back to the beginning: no reader sees an
// empty index that nobody fills, and no event is left out or indexed twice, whatever the writers do
// meanwhile. Who can't do without the index for so long lets a tail with another name fill a second
// table, and swaps the two when its Progress says that it is there.
func empty(ctx context.Context, tx pgx.Tx) error {
	_, err := tx.Exec(ctx, `DELETE FROM search`)
	return err
}

// A search index is filled behind the writers, and rebuilt from the log while they go on.
func Example_tailSQL() {
	onPostgres(func(ctx context.Context, pool *pgxpool.Pool, s *postgres.Store) error {
		if _, err := pool.Exec(ctx, createSearch); err != nil {
			return err
		}
		sup, err := aggregate.NewSupervisor(s, nil)
		if err != nil {
			return err
		}
		defer sup.Shutdown(ctx)
		accounts, err := aggregate.NewRoot(sup, account())
		if err != nil {
			return err
		}
		var ids []hlc.Timestamp
		for i := range 10 { // from before the index
			id, err := newAccount(ctx, accounts, i+1, i+2)
			if err != nil {
				return err
			}
			ids = append(ids, id)
		}
		tail, err := postgres.NewTail(pool, &postgres.TailOptions{Name: "search", MaxBatch: 7, Poll: 5 * time.Millisecond})
		if err != nil {
			return err
		}
		running, stop := context.WithCancel(ctx)
		ended := make(chan error, 1)
		go func() { ended <- tail.Run(running, index) }()

		var writers sync.WaitGroup
		failed := make([]error, len(ids))
		for i, id := range ids {
			writers.Go(func() {
				for range 20 {
					failed[i] = errors.Join(failed[i], accounts.Send(ctx, id, Deposit{1000}))
				}
			})
		}
		err = tail.Rewind(ctx, time.Time{}, empty) // its rows were wrong, or are to look different
		writers.Wait()
		err = errors.Join(append(failed, err, reached(ctx, tail))...)
		stop()
		if end := <-ended; err != nil || !errors.Is(end, context.Canceled) {
			return errors.Join(err, end)
		}
		var found, missing int
		if err := pool.QueryRow(ctx, `SELECT (SELECT count(*) FROM search WHERE words @@ 'deposited & 1000'),
			(SELECT count(*) FROM event_log e WHERE NOT EXISTS (SELECT FROM search s WHERE (s.aggregate_id, s.sequence) = (e.aggregate_id, e.sequence)))`,
		).Scan(&found, &missing); err != nil {
			return err
		}
		fmt.Println("found:", found, "missing:", missing)
		return nil
	})
	// Output:
	// found: 200 missing: 0
}

// reached waits until a tail has handed out all that there is.
func reached(ctx context.Context, tail *postgres.Tail) error {
	for {
		p, err := tail.Progress(ctx)
		if err != nil || p.Events == 0 {
			return err
		}
		time.Sleep(5 * time.Millisecond)
	}
}
