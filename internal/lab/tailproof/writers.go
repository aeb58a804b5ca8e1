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

// aggregates is how many all writers share: few enough that each is written by several at once.
func (p *proof) aggregates() int { return max(40, p.events/2500) }

// pause lets the consumers keep up: the events are spread over the kills.
func (p *proof) pause(ctx context.Context) {
	for ctx.Err() == nil && float64(p.stored.Load()) > float64(p.events)*float64(p.killed.Load()+2)/float64(p.kills) {
		time.Sleep(5 * time.Millisecond)
	}
}

// callers is how many each supervisor has.
const callers = 8

func idOf(n int) hlc.Timestamp {
	var id hlc.Timestamp
	binary.BigEndian.PutUint64(id[:], uint64(1_700_000_000_000+int64(n))<<16)
	id[15] = 1
	return id
}

// write lets writers of every kind write until ctx ends. What fails, as the server does now and
// then, is not stored, or is and nobody is told: the log says.
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
		p.pause(ctx)
		if err := one(ctx, p.pool.Load(), rand.IntN(p.aggregates())); err == nil {
			p.stored.Add(1)
		} else {
			time.Sleep(5 * time.Millisecond)
		}
	}
}

var plainClock = hlc.NewClock(nil)

// plainly stores an event as a program does that has read the next sequence and knows no column of
// ours. Each second time it takes its transaction's number first and its time.
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
		s, err := postgres.New(pool, &postgres.Options{CommitTimeout: 2 * time.Second, LockTimeout: time.Second})
		if err != nil {
			panic(err)
		}
		sup, err := aggregate.NewSupervisor(s, nil)
		if err != nil {
			panic(err)
		}
		root, err := aggregate.NewRoot(sup, aggregate.Definition[int]{
			Commands: aggregate.Commands[int]{"count": aggregate.Command(func(_ context.Context, _ aggregate.Instance[int], c count) ([]types.Uncommitted, error) {
				events := make([]types.Uncommitted, c.N)
				for i := range events {
					events[i] = types.NewEvent("counted", c)
				}
				return events, nil
			})},
			Events: aggregate.Events[int]{"counted": aggregate.Event(func(n int, _ count) int { return n + 1 })},
		})
		if err != nil {
			panic(err)
		}
		var group sync.WaitGroup
		for range callers {
			group.Go(func() {
				for ctx.Err() == nil && p.pool.Load() == pool {
					p.pause(ctx)
					if n, err := p.command(ctx, pool, s, root); err != nil {
						time.Sleep(5 * time.Millisecond)
					} else {
						p.stored.Add(int64(n))
					}
				}
			})
		}
		group.Wait()
		end, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		_ = sup.Shutdown(end)
		cancel()
	}
}

// command stores events, and returns how many.
func (p *proof) command(ctx context.Context, pool *pgxpool.Pool, s *postgres.Store, root *aggregate.Root[int]) (n int, err error) {
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	command := func() types.Command {
		c := count{N: 1 + rand.IntN(20)}
		n += c.N
		return types.Command{AggregateID: idOf(rand.IntN(p.aggregates())), Type: "count", Data: c}
	}
	if rand.IntN(2*callers) > 0 {
		err := root.Evaluate(ctx, command())
		return n, err
	}
	tx, err := pool.Begin(ctx)
	if err != nil {
		return 0, err
	}
	defer func() { _ = tx.Rollback(context.WithoutCancel(ctx)) }()
	if _, err := tx.Exec(ctx, "SELECT pg_current_xact_id()"); err != nil {
		return 0, err
	}
	for range 2 {
		if _, err := root.EvaluateTx(ctx, s.Tx(tx), command()); err != nil {
			return 0, err
		}
		if _, err := tx.Exec(ctx, "SELECT pg_sleep($1)", rand.Float64()*0.05); err != nil {
			return 0, err
		}
	}
	return n, tx.Commit(ctx)
}
