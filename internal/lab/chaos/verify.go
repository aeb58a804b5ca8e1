package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/eventmaestro/maestro/aggregate"
	"github.com/eventmaestro/maestro/hlc"
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
	kind       kind
	promotions []promotion
	paths      map[string]int
	must       []string // paths that must have been taken
	ops        []*op
	live       []entry
	logs       map[[2]int]*history // by period and index
	projected  map[[2]int]projection
	found      map[*op]int // of an unknown outcome with timestamps: events of its own that Lookup found
	elsewhere  map[*op]int // … and events of others
}

type projection struct{ sequence, value, events int }

func newRecord() *record {
	return &record{
		paths: map[string]int{}, logs: map[[2]int]*history{}, projected: map[[2]int]projection{},
		found: map[*op]int{}, elsewhere: map[*op]int{},
	}
}

// verify reads all there is and compares it.
func (a *arena) verify(ctx context.Context) (*verdict, error) {
	r, err := readJournals(a.dir)
	if err != nil {
		return nil, err
	}
	r.kind, r.promotions, r.must = a.kind, a.promotions, a.mustReach()
	r.paths[pathBeyond] = a.plan.Number(pathBeyond)
	for name, n := range a.seen.take() {
		r.paths[name] += n
	}
	pool, err := pgxpool.New(ctx, a.server.URL("postgres"))
	if err != nil {
		return nil, err
	}
	defer pool.Close()
	adapter, err := postgres.New(pool, &postgres.Options{Commands: true, Metadata: true})
	if err != nil {
		return nil, err
	}
	if err := a.readLogs(ctx, pool, r); err != nil {
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

// readLogs reads past the library, which refuses a log with a gap.
func (a *arena) readLogs(ctx context.Context, pool *pgxpool.Pool, r *record) error {
	rows, _ := pool.Query(ctx, `SELECT aggregate_id, "timestamp", sequence, type, body FROM event_log ORDER BY aggregate_id, sequence`)
	var id, at, body []byte
	var sequence int32
	var kind string
	_, err := pgx.ForEachRow(rows, []any{&id, &at, &sequence, &kind, &body}, func() error {
		aggregateID, err1 := hlc.FromBytes(id)
		timestamp, err2 := hlc.FromBytes(at)
		if err := errors.Join(err1, err2); err != nil {
			return err
		}
		period, index := a.field.place(aggregateID)
		place := [2]int{period, index}
		if r.logs[place] == nil {
			r.logs[place] = newHistory()
		}
		return r.logs[place].add(types.Event{
			AggregateID: aggregateID, Timestamp: timestamp, Sequence: types.Sequence(sequence), Type: kind, Body: body,
		})
	})
	return err
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
	sup, err := aggregate.NewSupervisor(adapter, nil)
	if err != nil {
		return err
	}
	defer func() { _ = sup.Shutdown(ctx) }()
	var roots [2]*aggregate.Root[counter]
	for i, name := range rootNames {
		var err error
		if roots[i], err = aggregate.NewRoot(sup, definition(name)); err != nil {
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
		if errors.Is(err, aggregate.ErrCorruptLog) {
			continue // which judgeLog finds
		}
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
