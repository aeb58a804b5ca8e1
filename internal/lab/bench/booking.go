package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/eventmaestro/maestro/aggregate"
	"github.com/eventmaestro/maestro/hlc"
	"github.com/eventmaestro/maestro/store"
	"github.com/eventmaestro/maestro/store/postgres"
)

const (
	stockTable = `CREATE TABLE stock (aggregate_id bytea PRIMARY KEY, sequence int NOT NULL)`
	stockRows  = `INSERT INTO stock SELECT unnest($1::bytea[]), 0`
	stockSQL   = `UPDATE stock SET sequence = $2 WHERE aggregate_id = $1`
	stockLock  = `SELECT sequence FROM stock WHERE aggregate_id = $1 FOR UPDATE`
)

// bookings is a crowd whose every operation is a transaction of two aggregates, one event each, and
// of a row of a read model for the first. Where one is shared, all have it as their first.
type bookings struct {
	aggregates, callers int
	shared              bool
}

// pair draws the places of two aggregates, which others may want at the same moment: an even and an
// odd one.
func (b bookings) pair(rng *rand.Rand) (first, second int) {
	half := b.aggregates / 2
	if b.shared {
		return 0, 1 + 2*rng.IntN(half)
	}
	return 2 * rng.IntN(half), 1 + 2*rng.IntN(half)
}

// transactions measures Supervisor.Transact beside raw transactions: everything in one round trip,
// or, where one aggregate is shared, in two, with the row of the read model as its lock.
func transactions(b bookings) func(context.Context, *lab) (outcome, error) {
	return func(ctx context.Context, l *lab) (_ outcome, err error) {
		if _, err := l.db.admin.Exec(ctx, stockTable); err != nil {
			return outcome{}, err
		}
		defer func() {
			_, dropped := l.db.admin.Exec(context.WithoutCancel(ctx), `DROP TABLE stock`)
			err = errors.Join(err, dropped)
		}()
		sizes := poolSizes
		if b.callers == 1 {
			sizes = []int{1}
		}
		var queued, own replicated
		limit := func(pool *pgxpool.Pool) measure { return l.rawBookings(pool, b) }
		o, others, err := l.besideBest(ctx, fmt.Sprintf("bookings %+v", b), sizes, limit, func(pool *pgxpool.Pool) []measure {
			return []measure{l.book(pool, b, false, &queued), l.book(pool, b, true, &own)}
		})
		if err != nil {
			return outcome{}, err
		}
		o.note("own_statement", perSecond.format(others[0].value))
		o.noteGathering(queued.gathering())
		o.nothingFailed(int(queued.failed.Load() + own.failed.Load()))
		return o, nil
	}
}

// stocked empties the read model, and puts the rows of those aggregates there.
func (l *lab) stocked(ctx context.Context, of []*history) error {
	rows := make([][]byte, len(of))
	for i := range of {
		rows[i] = of[i].id[:]
	}
	if _, err := l.db.admin.Exec(ctx, `TRUNCATE stock`); err != nil {
		return err
	}
	_, err := l.db.admin.Exec(ctx, stockRows, rows)
	return err
}

// rawBookings measures BEGIN, two INSERTs, UPDATE and COMMIT, sent and answered in one go, by
// callers that never meet. Where an aggregate is shared, its next sequence is read under the lock
// of its row first.
func (l *lab) rawBookings(pool *pgxpool.Pool, b bookings) measure {
	return func(ctx context.Context, d time.Duration) (figure, error) {
		return l.metered(ctx, func() (tally, error) {
			firsts, seconds := l.histories(b.aggregates/2), l.histories(b.aggregates/2)
			if err := l.stocked(ctx, firsts); err != nil {
				return tally{}, err
			}
			t, err := load{callers: b.callers, caller: func(ctx context.Context, i int) (func() error, error) {
				next := i
				return func() error {
					if next >= len(firsts) {
						next = i
					}
					first, second := firsts[next], seconds[next]
					next += b.callers
					if b.shared {
						return bookShared(ctx, pool, l.clock, firsts[0].id, second)
					}
					return bookBoth(ctx, pool, first, second)
				}, nil
			}}.run(ctx, d)
			t.total *= 2
			return t, err
		})
	}
}

func (l *lab) histories(n int) []*history {
	list := make([]*history, n)
	for i := range list {
		list[i] = newHistory(l.clock)
	}
	return list
}

func bookBoth(ctx context.Context, pool *pgxpool.Pool, first, second *history) error {
	first.next()
	second.next()
	b := &pgx.Batch{}
	b.Queue("BEGIN")
	queueBooking(b, first, second)
	return pool.SendBatch(ctx, b).Close()
}

func queueBooking(b *pgx.Batch, first, second *history) {
	b.Queue(insertSQL, first.at[:], first.id[:], first.sequence, incrementedType, body)
	b.Queue(insertSQL, second.at[:], second.id[:], second.sequence, incrementedType, body)
	b.Queue(stockSQL, first.id[:], first.sequence)
	b.Queue("COMMIT")
}

func bookShared(ctx context.Context, pool *pgxpool.Pool, clock *hlc.Clock, id hlc.Timestamp, own *history) error {
	conn, err := pool.Acquire(ctx)
	if err != nil {
		return err
	}
	defer conn.Release()
	shared := &history{clock: clock, id: id}
	b := &pgx.Batch{}
	b.Queue("BEGIN")
	b.Queue(stockLock, id[:]).QueryRow(func(row pgx.Row) error { return row.Scan(&shared.sequence) })
	if err := conn.SendBatch(ctx, b).Close(); err != nil {
		return err
	}
	shared.next()
	own.next()
	b = &pgx.Batch{}
	queueBooking(b, shared, own)
	return conn.SendBatch(ctx, b).Close()
}

// book measures the library: with the UPDATE as a batched projection, or as a statement of the
// function's own.
func (l *lab) book(pool *pgxpool.Pool, b bookings, own bool, r *replicated) measure {
	return func(ctx context.Context, d time.Duration) (figure, error) {
		return l.metered(ctx, func() (tally, error) {
			t, err := l.booked(ctx, pool, b, own, r, d)
			r.total.Add(int64(t.total))
			return t, err
		})
	}
}

func (l *lab) booked(ctx context.Context, pool *pgxpool.Pool, b bookings, own bool, r *replicated, d time.Duration) (tally, error) {
	s, err := postgres.New(pool, nil)
	if err != nil {
		return tally{}, err
	}
	sup, err := aggregate.NewSupervisor(s, r.options())
	if err != nil {
		return tally{}, err
	}
	stock, others := definition(), definition()
	if !own {
		stock = projected(stockSQL)
	}
	stock.Name, others.Name = "stock", "other"
	var roots [2]*aggregate.Root[counter]
	for i, d := range []aggregate.Definition[counter]{stock, others} {
		if roots[i], err = aggregate.NewRoot(sup, d); err != nil {
			return tally{}, err
		}
	}
	all := l.histories(b.aggregates)
	if err := l.stocked(ctx, all); err != nil {
		return tally{}, err
	}
	var ids [2][]hlc.Timestamp
	for i, h := range all {
		ids[i%2] = append(ids[i%2], h.id)
	}
	for i, root := range roots {
		if err := warm(ctx, root, ids[i]); err != nil {
			return tally{}, err
		}
	}
	t, err := load{callers: b.callers, caller: func(ctx context.Context, i int) (func() error, error) {
		rng := rand.New(rand.NewPCG(uint64(i), 1))
		return excused(func() error {
			first, second := b.pair(rng)
			return bookOnce(ctx, sup, roots, all[first].id, all[second].id, own)
		}, &r.failed), nil
	}}.run(ctx, d)
	if err != nil {
		return tally{}, err
	}
	t.total = 2*t.total + len(all)
	return t, sup.Shutdown(ctx)
}

// bookOnce is the transaction of all cases.
func bookOnce(ctx context.Context, sup *aggregate.Supervisor, roots [2]*aggregate.Root[counter], first, second hlc.Timestamp, own bool) error {
	return sup.Transact(ctx, func(ctx context.Context, tx store.Tx) error {
		done, err := roots[0].EvaluateTx(ctx, tx, byOne(first))
		if err != nil {
			return err
		}
		if _, err = roots[1].EvaluateTx(ctx, tx, byOne(second)); err != nil || !own {
			return err
		}
		sql, err := postgres.TxOf(ctx, tx)
		if err != nil {
			return err
		}
		_, err = sql.Exec(ctx, stockSQL, first[:], int32(done[0].Sequence))
		return err
	})
}
