package main

import (
	"context"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/eventmaestro/maestro/aggregate"
	"github.com/eventmaestro/maestro/hlc"
	"github.com/eventmaestro/maestro/store/postgres"
	"github.com/eventmaestro/maestro/types"
)

// aggregates is how many all writers share.
const aggregates = 40

func idOf(n int) hlc.Timestamp {
	var id hlc.Timestamp
	binary.BigEndian.PutUint64(id[:], uint64(1_700_000_000_000+int64(n))<<16)
	id[15] = 1
	return id
}

// write lets writers of every kind write until ctx ends. What fails, as the server does now and then, is not stored, or is and nobody
// is told: the log says.
func (p *proof) write(ctx context.Context) (ended <-chan struct{}) {
	var group sync.WaitGroup
	for range 2 {
		group.Go(func() { p.each(ctx, p.plainly) })
		group.Go(func() { p.underRoots(ctx) })
	}
	done := make(chan struct{})
	go func() { group.Wait(); close(done) }()
	return done
}

func (p *proof) each(ctx context.Context, one func(ctx context.Context, pool *pgxpool.Pool, n int) error) {
	for ctx.Err() == nil {
		if err := one(ctx, p.pool.Load(), rand.IntN(aggregates)); err == nil {
			p.stored.Add(1)
		} else {
			time.Sleep(5 * time.Millisecond)
		}
	}
}

var plainClock = hlc.NewClock(nil)

// plainly stores an event as a program does that has read the next sequence and knows no column of ours. Each second time it takes its transaction's
// number first and its time.
func (p *proof) plainly(ctx context.Context, pool *pgxpool.Pool, n int) error {
	tx, err := pool.Begin(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback(context.WithoutCancel(ctx)) }()
	if rand.IntN(2) == 0 {
		if _, err := tx.Exec(ctx, "SELECT pg_current_xact_id(), pg_sleep($1)", rand.Float64()*0.02); err != nil {
			return err
		}
	}
	id, at := idOf(n), plainClock.NowAfter(hlc.Timestamp{})
	tag, err := tx.Exec(ctx, `INSERT INTO event_log ("timestamp", aggregate_id, sequence, type, body)
SELECT $1, $2, coalesce(max(sequence), 0) + 1, 'counted', '{}' FROM event_log WHERE aggregate_id = $2 ON CONFLICT DO NOTHING`, at[:], id[:])
	if err != nil {
		return err
	}
	if tag.RowsAffected() == 0 {
		return fmt.Errorf("somebody was faster")
	}
	return tx.Commit(ctx)
}

type count struct{ N int }

// underRoots stores events by commands, some of them in long transactions over several aggregates.
func (p *proof) underRoots(ctx context.Context) {
	for ctx.Err() == nil {
		pool := p.pool.Load()
		s := postgres.New(pool, &postgres.Options{CommitTimeout: 2 * time.Second, LockTimeout: time.Second})
		sup := aggregate.NewSupervisor(s, nil)
		root, err := aggregate.New(sup, aggregate.Definition[int]{
			Commands: aggregate.Commands[int]{"count": aggregate.Command(func(_ context.Context, _ aggregate.Instance[int], c count) ([]types.Uncommitted, error) {
				return types.Events(types.New("counted", c), types.New("counted", c)), nil
			})},
			Events: aggregate.Events[int]{"counted": aggregate.Event(func(n int, _ count) int { return n + 1 })},
		})
		if err != nil {
			panic(err)
		}
		for ctx.Err() == nil && p.pool.Load() == pool {
			if err := p.command(ctx, pool, s, root); err != nil {
				time.Sleep(5 * time.Millisecond)
			} else {
				p.stored.Add(2)
			}
		}
		end, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		_ = sup.Shutdown(end)
		cancel()
	}
}

func (p *proof) command(ctx context.Context, pool *pgxpool.Pool, s *postgres.Store, root *aggregate.Root[int]) error {
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	command := func() types.Command {
		return types.Command{AggregateID: idOf(rand.IntN(aggregates)), Type: "count", Data: count{}}
	}
	if rand.IntN(4) > 0 {
		return root.Evaluate(ctx, command())
	}
	tx, err := pool.Begin(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback(context.WithoutCancel(ctx)) }()
	if _, err := tx.Exec(ctx, "SELECT pg_current_xact_id()"); err != nil {
		return err
	}
	for range 2 {
		if _, err := root.EvaluateTx(ctx, s.Tx(tx), command()); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, "SELECT pg_sleep($1)", rand.Float64()*0.05); err != nil {
			return err
		}
	}
	return tx.Commit(ctx)
}
