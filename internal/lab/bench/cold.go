package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/eventmaestro/maestro/hlc"
	"github.com/eventmaestro/maestro/store/postgres"
)

const (
	coldEvents     = 10_000
	coldAggregates = 8
)

// cold is the start of an aggregate with a long history and no snapshot.
func cold(ctx context.Context, l *lab) (outcome, error) {
	if err := l.db.reset(ctx); err != nil {
		return outcome{}, err
	}
	ids := newIDs(l.clock, coldAggregates)
	if err := l.fill(ctx, ids); err != nil {
		return outcome{}, err
	}
	pool, err := l.db.pool(ctx, 0)
	if err != nil {
		return outcome{}, err
	}
	defer pool.Close()
	start := func(begin func(context.Context, *pgxpool.Pool, hlc.Timestamp) (counter, error)) measure {
		return func(ctx context.Context, d time.Duration) (figure, error) {
			t, err := load{callers: 1, caller: func(ctx context.Context, _ int) (func() error, error) {
				n := 0
				return func() error {
					n++
					state, err := begin(ctx, pool, ids[n%len(ids)])
					if err == nil && state.Value != coldEvents {
						err = fmt.Errorf("the counter is at %d, not %d", state.Value, coldEvents)
					}
					return err
				}, nil
			}}.run(ctx, d)
			return t.figure, err
		}
	}
	o, _, err := l.compare(ctx, 1, start(scan), start(coldStart))
	o.note("events", perSecond.format(o.ours.value*coldEvents))
	return o, err
}

// fill stores the histories, and lets the server take notice of them.
func (l *lab) fill(ctx context.Context, ids []hlc.Timestamp) error {
	for _, id := range ids {
		var timestamps [][]byte
		at := id
		for range coldEvents {
			at = l.clock.NowAfter(at)
			timestamps = append(timestamps, bytes.Clone(at[:]))
		}
		_, err := l.db.admin.Exec(ctx, `INSERT INTO event_log ("timestamp", aggregate_id, sequence, type, body)
SELECT t, $2, n, $3, $4::jsonb FROM unnest($1::bytea[]) WITH ORDINALITY AS r (t, n)`, timestamps, id[:], incrementedType, body)
		if err != nil {
			return err
		}
	}
	_, err := l.db.admin.Exec(ctx, "VACUUM ANALYZE event_log")
	return err
}

// coldStart makes a supervisor that has never heard of the aggregate.
func coldStart(ctx context.Context, pool *pgxpool.Pool, id hlc.Timestamp) (counter, error) {
	s, err := postgres.New(pool, nil)
	if err != nil {
		return counter{}, err
	}
	root, sup, err := counters(s, nil, definition())
	if err != nil {
		return counter{}, err
	}
	state, err := root.Get(ctx, id)
	return state, errors.Join(err, sup.Shutdown(ctx))
}

// scan is the same without a library: all columns of all rows, and the bodies decoded into the same
// struct.
func scan(ctx context.Context, pool *pgxpool.Pool, id hlc.Timestamp) (counter, error) {
	var state counter
	rows, err := pool.Query(ctx, `SELECT "timestamp", sequence, type, body FROM event_log WHERE aggregate_id = $1 ORDER BY sequence`, id[:])
	if err != nil {
		return state, err
	}
	defer rows.Close()
	for rows.Next() {
		var timestamp, text []byte
		var sequence int32
		var kind string
		if err := rows.Scan(&timestamp, &sequence, &kind, &text); err != nil {
			return state, err
		}
		var e incremented
		if err := json.Unmarshal(text, &e); err != nil {
			return state, err
		}
		state.Value += e.By
	}
	return state, rows.Err()
}
