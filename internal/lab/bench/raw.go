package main

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/eventmaestro/maestro/hlc"
)

const (
	insertSQL  = `INSERT INTO event_log ("timestamp", aggregate_id, sequence, type, body) VALUES ($1, $2, $3, $4, $5)`
	projectSQL = `INSERT INTO projected (aggregate_id, sequence) VALUES ($1, $2)`
	crowdSQL   = `INSERT INTO event_log ("timestamp", aggregate_id, sequence, type, body)
SELECT t, a, s, y, b::jsonb FROM unnest($1::bytea[], $2::bytea[], $3::int4[], $4::text[], $5::text[]) AS r (t, a, s, y, b)`
)

// history makes the rows of one aggregate, as short of ceremony as can be.
type history struct {
	clock    *hlc.Clock
	id       hlc.Timestamp
	at       hlc.Timestamp
	sequence int32
}

func newHistory(clock *hlc.Clock) *history { return &history{clock: clock, id: newIDs(clock, 1)[0]} }

func (h *history) next() *history {
	h.at, h.sequence = h.clock.NowAfter(h.at), h.sequence+1
	return h
}

// execer is what a pool and a connection have in common. Both prepare a statement at its first use.
type execer interface {
	Exec(ctx context.Context, sql string, args ...any) (pgconn.CommandTag, error)
}

// insertOne stores one event in a transaction of its own: the limit of whoever stores them one by
// one.
func (h *history) insertOne(ctx context.Context, q execer) error {
	h.next()
	_, err := q.Exec(ctx, insertSQL, h.at[:], h.id[:], h.sequence, incrementedType, body)
	return err
}

// rawInserts measures single INSERTs by so many callers, each with its own aggregate, on a pool.
func (l *lab) rawInserts(pool *pgxpool.Pool, callers int) measure {
	return l.onEmptyTables(load{callers: callers, caller: func(ctx context.Context, _ int) (func() error, error) {
		h := newHistory(l.clock)
		return func() error { return h.insertOne(ctx, pool) }, nil
	}})
}

// rawConnection measures single INSERTs on one connection, without even a pool.
func (l *lab) rawConnection(conn *pgxpool.Conn) measure {
	return l.onEmptyTables(load{callers: 1, caller: func(ctx context.Context, _ int) (func() error, error) {
		h := newHistory(l.clock)
		return func() error { return h.insertOne(ctx, conn) }, nil
	}})
}

// rawTransactions measures BEGIN, two INSERTs and COMMIT, sent and answered in one go.
func (l *lab) rawTransactions(pool *pgxpool.Pool, callers int) measure {
	return l.onEmptyTables(load{callers: callers, caller: func(ctx context.Context, _ int) (func() error, error) {
		h := newHistory(l.clock)
		return func() error {
			h.next()
			b := &pgx.Batch{}
			b.Queue("BEGIN")
			b.Queue(insertSQL, h.at[:], h.id[:], h.sequence, incrementedType, body)
			b.Queue(projectSQL, h.id[:], h.sequence)
			b.Queue("COMMIT")
			return pool.SendBatch(ctx, b).Close()
		}, nil
	}})
}

// crowdRows is how many rows of different aggregates share a statement of rawCrowds.
const crowdRows = 100

// rawCrowds measures rows stored by one unnest INSERT of 100 on each connection of a pool.
func (l *lab) rawCrowds(pool *pgxpool.Pool, connections int) measure {
	return l.onEmptyTables(load{callers: connections, times: crowdRows, caller: func(ctx context.Context, _ int) (func() error, error) {
		var histories [crowdRows]*history
		for i := range histories {
			histories[i] = newHistory(l.clock)
		}
		return func() error {
			timestamps, ids := make([][]byte, 0, crowdRows), make([][]byte, 0, crowdRows)
			sequences := make([]int32, 0, crowdRows)
			kinds, bodies := make([]string, 0, crowdRows), make([]string, 0, crowdRows)
			for _, h := range histories {
				h.next()
				timestamps, ids = append(timestamps, h.at[:]), append(ids, h.id[:])
				sequences = append(sequences, h.sequence)
				kinds, bodies = append(kinds, incrementedType), append(bodies, body)
			}
			_, err := pool.Exec(ctx, crowdSQL, timestamps, ids, sequences, kinds, bodies)
			return err
		}, nil
	}})
}

// onEmptyTables makes a measure of a load.
func (l *lab) onEmptyTables(work load) measure {
	return func(ctx context.Context, d time.Duration) (figure, error) {
		return l.metered(ctx, func() (tally, error) { return work.run(ctx, d) })
	}
}

// bestPool returns a pool of the size, among some, that a load is fastest with, and its size. The
// search happens once a run and kind of load, in two passes so that one moment's noise does not
// decide.
func (l *lab) bestPool(ctx context.Context, kind string, sizes []int, work func(pool *pgxpool.Pool, size int) measure) (*pgxpool.Pool, int, error) {
	if l.ours {
		l.best[kind] = sizes[0] // nobody measures the limit
	}
	if size, known := l.best[kind]; known {
		pool, err := l.db.pool(ctx, size)
		return pool, size, err
	}
	rates := map[int]float64{}
	best := sizes[0]
	for range 2 {
		for _, size := range sizes {
			pool, err := l.db.pool(ctx, size)
			if err != nil {
				return nil, 0, err
			}
			f, err := work(pool, size)(ctx, l.time/4)
			pool.Close()
			if err != nil {
				return nil, 0, fmt.Errorf("search of the best pool: %w", err)
			}
			rates[size] += f.value / 2
		}
	}
	line := ""
	for _, size := range sizes {
		if rates[size] > rates[best] {
			best = size
		}
		line += fmt.Sprintf(" %d=%.0f/s", size, rates[size])
	}
	fmt.Fprintf(l.out, "# pools, %s:%s\n", kind, line)
	l.best[kind] = best
	pool, err := l.db.pool(ctx, best)
	return pool, best, err
}

var (
	poolSizes  = []int{4, 8, 16, 32, 64}
	crowdSizes = []int{1, 2, 4}
)

// bestInserts is the pool for single INSERTs by so many callers.
func (l *lab) bestInserts(ctx context.Context, callers int) (*pgxpool.Pool, int, error) {
	return l.bestPool(ctx, fmt.Sprintf("insert by %d", callers), poolSizes, func(pool *pgxpool.Pool, _ int) measure {
		return l.rawInserts(pool, callers)
	})
}
