package main

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/eventmaestro/maestro/aggregate"
	"github.com/eventmaestro/maestro/hlc"
	"github.com/eventmaestro/maestro/store"
	"github.com/eventmaestro/maestro/store/postgres"
	"github.com/eventmaestro/maestro/types"
)

// history is what the log has of one aggregate.
type history struct {
	events  []types.Event
	changes []change
	states  []counter      // states[n] is the one at sequence n
	where   map[string]int // command → the number of its first event
}

// record is everything that is compared in the end.
type record struct {
	ops       []*op
	live      []entry
	logs      map[[2]int]*history // by period and index
	projected map[[2]int]projection
	found     map[*op]int // of an unknown outcome with timestamps: events of its own that Lookup found
	elsewhere map[*op]int // … and events of others
}

type projection struct{ sequence, value, events int }

// verify reads all there is and compares it.
func (a *arena) verify(ctx context.Context) (*verdict, error) {
	r := &record{logs: map[[2]int]*history{}, projected: map[[2]int]projection{}, found: map[*op]int{}, elsewhere: map[*op]int{}}
	var err error
	if r.ops, r.live, err = readJournals(a.dir); err != nil {
		return nil, err
	}
	pool, err := pgxpool.New(ctx, a.server.URL("postgres"))
	if err != nil {
		return nil, err
	}
	defer pool.Close()
	adapter := postgres.New(pool, &postgres.Options{Commands: true, Metadata: true})
	if err := a.readLogs(ctx, pool, adapter, r); err != nil {
		return nil, err
	}
	if err := a.readProjection(ctx, pool, r); err != nil {
		return nil, err
	}
	if err := a.lookUp(ctx, adapter, r); err != nil {
		return nil, err
	}
	return judge(r), nil
}

func (a *arena) readLogs(ctx context.Context, pool *pgxpool.Pool, adapter *postgres.Store, r *record) error {
	rows, _ := pool.Query(ctx, `SELECT DISTINCT aggregate_id FROM event_log`)
	ids, err := pgx.CollectRows(rows, pgx.RowTo[[]byte])
	if err != nil {
		return err
	}
	for _, raw := range ids {
		id, err := hlc.FromBytes(raw)
		if err != nil {
			return err
		}
		h := newHistory()
		for e, err := range adapter.Events(ctx, id, store.Range{}) {
			if err != nil {
				return err
			}
			if err := h.add(e); err != nil {
				return err
			}
		}
		period, index := a.field.place(id)
		r.logs[[2]int{period, index}] = h
	}
	return nil
}

func newHistory() *history {
	return &history{states: []counter{{}}, where: map[string]int{}}
}

func (h *history) add(e types.Event) error {
	var c change
	if err := json.Unmarshal(e.Body, &c); err != nil {
		return fmt.Errorf("chaos: body %s: %w", e.Body, err)
	}
	if _, there := h.where[c.command()]; !there {
		h.where[c.command()] = len(h.events)
	}
	h.events, h.changes = append(h.events, e), append(h.changes, c)
	h.states = append(h.states, h.states[len(h.states)-1].after(c))
	return nil
}

func (a *arena) readProjection(ctx context.Context, pool *pgxpool.Pool, r *record) error {
	rows, err := pool.Query(ctx, `SELECT aggregate_id, sequence, value, events FROM chaos_projection`)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var raw []byte
		var p projection
		if err := rows.Scan(&raw, &p.sequence, &p.value, &p.events); err != nil {
			return err
		}
		id, err := hlc.FromBytes(raw)
		if err != nil {
			return err
		}
		period, index := a.field.place(id)
		r.projected[[2]int{period, index}] = p
	}
	return rows.Err()
}

// lookUp asks the library what became of the commands whose callers were told that nobody knows.
func (a *arena) lookUp(ctx context.Context, adapter *postgres.Store, r *record) error {
	sup := aggregate.NewSupervisor(adapter, nil)
	defer func() { _ = sup.Shutdown(ctx) }()
	var roots [2]*aggregate.Root[counter]
	for i, name := range rootNames {
		var err error
		if roots[i], err = aggregate.New(sup, definition(name)); err != nil {
			return err
		}
	}
	for _, o := range r.ops {
		if o.told == nil || len(o.told.Stamps) == 0 {
			continue
		}
		var stamps []hlc.Timestamp
		for _, text := range o.told.Stamps {
			t, err := hlc.Parse(text)
			if err != nil {
				return err
			}
			stamps = append(stamps, t)
		}
		events, err := roots[rootOf(o.asked.Index)].Lookup(ctx, a.field.id(o.asked.Period, o.asked.Index), stamps)
		if err != nil {
			return err
		}
		r.found[o] = 0
		for _, e := range events {
			var c change
			if err := json.Unmarshal(e.Body, &c); err != nil {
				return err
			}
			if c.command() == o.asked.Token {
				r.found[o]++
			} else {
				r.elsewhere[o]++
			}
		}
	}
	return nil
}
