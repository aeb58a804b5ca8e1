package postgres

import (
	"context"
	"errors"
	"fmt"
	"iter"

	"github.com/eventmaestro/maestro/hlc"
	"github.com/eventmaestro/maestro/store"
	"github.com/eventmaestro/maestro/types"
	"github.com/jackc/pgx/v5"
)

// Load reads snapshot and events in one statement; see store.Adapter. It streams: while the loop
// runs it holds one connection of the pool, so the body of the loop must not need the last one.
func (s *Store) Load(ctx context.Context, id hlc.Timestamp, r store.Range) iter.Seq2[store.Entry, error] {
	return s.loadFrom(ctx, s.pool, id, r)
}

// Events reads events in one statement; see store.Adapter. It streams as Load does.
func (s *Store) Events(ctx context.Context, id hlc.Timestamp, r store.Range) iter.Seq2[types.Event, error] {
	return s.eventsFrom(ctx, s.pool, id, r)
}

// LatestSnapshot returns the snapshot if its sequence is in r; see store.Adapter.
func (s *Store) LatestSnapshot(ctx context.Context, id hlc.Timestamp, r store.Range) (*types.Snapshot, error) {
	return s.snapshotFrom(ctx, s.pool, id, r)
}

func (s *Store) loadFrom(ctx context.Context, q querier, id hlc.Timestamp, r store.Range) iter.Seq2[store.Entry, error] {
	return func(yield func(store.Entry, error) bool) {
		stopped := false
		err := s.read(ctx, q, "load aggregate", s.sql.load, id, r, func(e store.Entry) bool {
			stopped = !yield(e, nil)
			return !stopped
		})
		if err != nil && !stopped {
			yield(store.Entry{}, err)
		}
	}
}

func (s *Store) eventsFrom(ctx context.Context, q querier, id hlc.Timestamp, r store.Range) iter.Seq2[types.Event, error] {
	return func(yield func(types.Event, error) bool) {
		stopped := false
		err := s.read(ctx, q, "read events of aggregate", s.sql.events, id, r, func(e store.Entry) bool {
			stopped = !yield(e.Event, nil)
			return !stopped
		})
		if err != nil && !stopped {
			yield(types.Event{}, err)
		}
	}
}

// read calls each with every row of a statement that reads the range r of an aggregate, until it
// returns false.
func (s *Store) read(ctx context.Context, q querier, doing, sql string, id hlc.Timestamp, r store.Range, each func(store.Entry) bool) error {
	after, last, some := bounds(r)
	if !some {
		return nil
	}
	if _, inTx := q.(pgx.Tx); s.routes() && !inTx {
		return s.readWhole(ctx, q, doing, sql, id, after, last, each)
	}
	return s.readRows(ctx, q, doing, sql, id, after, last, each)
}

// readRows is read for bounds.
func (s *Store) readRows(ctx context.Context, q querier, doing, sql string, id hlc.Timestamp, after, last int32, each func(store.Entry) bool) error {
	// Cancelled only to get rid of what an early end of the loop leaves unread.
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	err := s.planned(ctx, q, func(q querier) error {
		rows, err := q.Query(ctx, sql, id[:], after, last)
		if err != nil {
			return err
		}
		defer rows.Close()
		d := decoder{id: id, metadata: s.o.Metadata, log: s.o.Logger}
		for rows.Next() {
			e, err := d.entry(rows)
			if err != nil {
				return err
			}
			if !each(e) {
				if _, inTx := q.(pgx.Tx); !inTx && !exhaust(rows) {
					cancel()
				}
				return nil
			}
		}
		return rows.Err() // of a stale plan before the first row, or never
	})
	if err != nil {
		return readError(ctx, fmt.Sprint(doing, " ", id), err)
	}
	return nil
}

// exhaust reads the rows that are left, if they are few, and reports whether they were. Giving up
// the connection costs more than some hundred rows, but less than a million.
func exhaust(rows pgx.Rows) bool {
	for range 1000 {
		if !rows.Next() {
			return true
		}
	}
	return false
}

// bounds are the parameters of a range, and whether any sequence can be in it.
func bounds(r store.Range) (after, last int32, some bool) {
	upper := r.Max
	if upper == 0 || upper > types.MaxSequence {
		upper = types.MaxSequence
	}
	lower := max(r.After, 0)
	if lower >= upper {
		return 0, 0, false
	}
	return int32(lower), int32(upper), true
}

func (s *Store) snapshotFrom(ctx context.Context, q querier, id hlc.Timestamp, r store.Range) (*types.Snapshot, error) {
	after, last, some := bounds(r)
	if !some {
		return nil, nil
	}
	var sequence int32
	var body []byte
	err := s.planned(ctx, q, func(q querier) error {
		return q.QueryRow(ctx, s.sql.snapshot, id[:], after, last).Scan(&sequence, &body)
	})
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return nil, nil
	case err != nil:
		return nil, readError(ctx, fmt.Sprint("read snapshot of aggregate ", id), err)
	}
	return &types.Snapshot{AggregateID: id, Sequence: types.Sequence(sequence), Body: body}, nil
}

// ListAggregates returns a page of the ids in the log; see store.Lister. It takes a step in the
// index for each id, whatever the number of its events.
func (s *Store) ListAggregates(ctx context.Context, after hlc.Timestamp, limit int) (ids []hlc.Timestamp, err error) {
	err = s.planned(ctx, s.pool, func(q querier) error {
		rows, err := q.Query(ctx, s.sql.list, after[:], limit)
		if err != nil {
			return err
		}
		ids, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (id hlc.Timestamp, err error) {
			var raw []byte
			if err = row.Scan(&raw); err == nil {
				id, err = hlc.FromBytes(raw)
			}
			return id, err
		})
		return err
	})
	if err != nil {
		return nil, readError(ctx, "list aggregates", err)
	}
	return ids, nil
}
