package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/eventmaestro/maestro/hlc"
	"github.com/eventmaestro/maestro/store"
	"github.com/eventmaestro/maestro/store/postgres"
	"github.com/eventmaestro/maestro/types"
)

// badEvery is one bad body in a hundred.
const badEvery = 100

// errSpared is returned when a body that no store takes was taken.
var errSpared = errors.New("a bad body was not refused")

// badBodies is commands some of which want to store what can't be stored. The library notices that
// before it sends anything; those that share the round must not.
func badBodies(ctx context.Context, l *lab) (outcome, error) {
	return l.withAndWithout(ctx, func(pool *pgxpool.Pool, bad bool) (callers, func(context.Context) error, error) {
		s, err := postgres.New(pool, nil)
		if err != nil {
			return nil, nil, err
		}
		root, sup, err := counters(s, nil, definition())
		if err != nil {
			return nil, nil, err
		}
		ids := newIDs(sup.Clock(), 16)
		return func(ctx context.Context, i int) (func() error, error) {
			id := ids[i%len(ids)]
			return sometimes(bad, incrementer(ctx, root, id), func() error {
				return root.Evaluate(ctx, types.Command{AggregateID: id, Type: spoilType, Data: struct{}{}})
			}), nil
		}, sup.Shutdown, nil
	})
}

// badRows is commits some of which only the server can refuse, and with them the whole statement.
func badRows(ctx context.Context, l *lab) (outcome, error) {
	return l.withAndWithout(ctx, func(pool *pgxpool.Pool, bad bool) (callers, func(context.Context) error, error) {
		s, err := postgres.New(pool, nil)
		if err != nil {
			return nil, nil, err
		}
		return func(ctx context.Context, _ int) (func() error, error) {
			w := &writer{store: s, clock: l.clock, id: newIDs(l.clock, 1)[0]}
			return sometimes(bad, func() error { return w.commit(ctx, body) }, func() error { return w.commit(ctx, refused) }), nil
		}, func(context.Context) error { return nil }, nil
	})
}

// sometimes returns good, or, if wanted, an operation that does the bad one instead once in a
// hundred times.
func sometimes(wanted bool, good, bad func() error) func() error {
	if !wanted {
		return good
	}
	n := 0
	return func() error {
		if n++; n%badEvery != badEvery/2 {
			return good()
		}
		switch err := bad(); {
		case errors.Is(err, store.ErrInvalidEvent):
			return errUncounted
		case err == nil:
			return errSpared
		default:
			return err
		}
	}
}

// writer commits the events of one aggregate one by one.
type writer struct {
	store    *postgres.Store
	clock    *hlc.Clock
	id, at   hlc.Timestamp
	sequence types.Sequence
}

func (w *writer) commit(ctx context.Context, text string) error {
	w.at = w.clock.NowAfter(w.at)
	e := types.Event{Timestamp: w.at, AggregateID: w.id, Sequence: w.sequence + 1, Type: incrementedType, Body: []byte(text)}
	err := w.store.Commit(ctx, store.Commit{AggregateID: w.id, Events: []types.Event{e}})
	if err == nil {
		w.sequence++
	}
	return err
}

type (
	callers = func(ctx context.Context, i int) (func() error, error)

	// opening returns what each caller does, and what ends it all.
	opening func(pool *pgxpool.Pool, bad bool) (c callers, end func(context.Context) error, err error)
)

// withAndWithout measures the good operations of 64 callers with and without bad ones among them. A
// good one that fails fails the case.
func (l *lab) withAndWithout(ctx context.Context, open opening) (outcome, error) {
	pool, err := l.db.pool(ctx, 0)
	if err != nil {
		return outcome{}, err
	}
	defer pool.Close()
	side := func(bad bool) measure {
		return func(ctx context.Context, d time.Duration) (figure, error) {
			return l.metered(ctx, func() (tally, error) {
				c, end, err := open(pool, bad)
				if err != nil {
					return tally{}, err
				}
				t, err := load{callers: 64, caller: c}.run(ctx, d)
				return t, errors.Join(err, end(ctx))
			})
		}
	}
	o, _, err := l.compare(ctx, 1, side(false), side(true))
	if err != nil {
		return outcome{}, fmt.Errorf("with bad bodies among them: %w", err)
	}
	o.note("others_succeeded", "100%")
	return o, nil
}
