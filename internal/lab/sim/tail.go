package sim

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/eventmaestro/maestro/store/memory"
	"github.com/eventmaestro/maestro/store/postgres"
	"github.com/eventmaestro/maestro/types"
)

// tailed is a consumer of the whole run, which knows nothing of the nodes. Its tail fails, panics
// and dies now and then, comes back with another number of parts, and goes back with the store.
// What it kept in the end is compared with the log (law 11).
type tailed struct {
	w     *world
	rng   *rand.Rand // its own, for it runs beside the driver
	table *memory.Table[int, types.Event]
	stop  context.CancelFunc
	ended chan struct{}
	kept  []types.Event // in the end, in the order in which they were handed out
}

// errTailed is what the consumer fails with.
var errTailed = errors.New("the consumer fails")

func (w *world) newTailed() *tailed {
	return &tailed{w: w, rng: rand.New(rand.NewPCG(w.config.Seed, 0x7461696c)), ended: make(chan struct{})}
}

func (t *tailed) end() {
	t.stop()
	<-t.ended
}

// keep writes events down, or fails on the way.
func (t *tailed) keep(events []types.Event, write func(types.Event) error, die func()) error {
	for _, e := range events {
		switch t.rng.IntN(60) {
		case 0:
			return errTailed
		case 1:
			panic(errTailed)
		case 2:
			die() // and the rest is written, but not kept
		}
		if t.w.config.sabotage.forgets && e.Sequence%4 == 0 {
			continue
		}
		if err := write(e); err != nil {
			return err
		}
	}
	return nil
}

// live runs one tail after the other until ctx ends.
func (t *tailed) live(ctx context.Context, run func(ctx context.Context, of, batch int, die func()) error) {
	defer close(t.ended)
	for ctx.Err() == nil {
		life, die := context.WithCancel(ctx)
		err := run(life, 1+t.rng.IntN(3), 1+t.rng.IntN(5), die)
		die()
		if !errors.Is(err, context.Canceled) {
			t.w.violate(11, "the tail ended: %v", err)
			return
		}
	}
}

// tail starts the consumer in a bubble.
func (w *world) tail() {
	t := w.newTailed()
	t.table = memory.NewTable[int, types.Event](w.memory)
	ctx, stop := context.WithCancel(background)
	w.tailed, t.stop = t, stop
	go t.live(ctx, func(ctx context.Context, of, batch int, die func()) error {
		tail, err := memory.NewTail(w.memory, &memory.TailOptions{Name: "law", Of: of, MaxBatch: batch, Poll: jump / 7, MaxBackoff: jump / 11})
		if err != nil {
			return err
		}
		return tail.Run(ctx, func(_ context.Context, tx *memory.ProjectionTx, events []types.Event) error {
			n := t.table.Len()
			return t.keep(events, func(e types.Event) error {
				t.table.In(tx).Put(n, e)
				n++
				return nil
			}, die)
		})
	})
}

// endTail lets the consumer reach the end of the log.
func (w *world) endTail() {
	t := w.tailed
	defer t.end()
	tail, err := memory.NewTail(w.memory, &memory.TailOptions{Name: "law"})
	for n := 0; err == nil && n < patience; n++ {
		p, failed := tail.Progress(background)
		if err = failed; p.Events == 0 {
			break
		}
		time.Sleep(jump)
	}
	if err != nil {
		w.violate(11, "the tail's progress: %v", err)
	}
	for n := range t.table.Len() {
		e, _ := t.table.Get(n)
		t.kept = append(t.kept, e)
	}
	w.counts["handed out by the tail"] += len(t.kept)
}

// judgeTail compares what the consumer kept with the log: law 11.
func (w *world) judgeTail() {
	if w.tailed == nil {
		return
	}
	for i, id := range w.ids {
		var kept []types.Event
		for _, e := range w.tailed.kept {
			if e.AggregateID == id {
				kept = append(kept, e)
			}
		}
		log := w.histories[i].events
		for n := range max(len(kept), len(log)) {
			switch {
			case n >= len(kept):
				w.violate(11, "a%d: the tail handed out %d events of %d", i, len(kept), len(log))
			case n >= len(log):
				w.violate(11, "a%d: the tail handed out %d events, the log has %d", i, len(kept), len(log))
			case kept[n].Sequence != log[n].Sequence || kept[n].Timestamp != log[n].Timestamp:
				w.violate(11, "a%d: the tail handed out sequence %d where the log has %d", i, kept[n].Sequence, log[n].Sequence)
			default:
				continue
			}
			break
		}
	}
}

// tail starts the consumer on a server.
func (r *real) tail() {
	w := r.w
	t := w.newTailed()
	ctx, stop := context.WithCancel(background)
	w.tailed, t.stop = t, stop
	go t.live(ctx, func(ctx context.Context, of, batch int, die func()) error {
		tail, err := postgres.NewTail(r.pool, &postgres.TailOptions{
			Name: "law", Of: of, MaxBatch: 5 * batch, Poll: 5 * time.Millisecond, MaxBackoff: 10 * time.Millisecond,
		})
		if err != nil {
			return err
		}
		one := make(chan struct{}, 1) // parts are handed out beside one another, and share the chance
		return tail.Run(ctx, func(ctx context.Context, tx pgx.Tx, events []types.Event) error {
			one <- struct{}{}
			defer func() { <-one }()
			return t.keep(events, func(e types.Event) error {
				_, err := tx.Exec(ctx, "INSERT INTO sim_tailed (aggregate_id, sequence, at) VALUES ($1, $2, $3)",
					e.AggregateID[:], int32(e.Sequence), e.Timestamp[:])
				return err
			}, die)
		})
	})
}

// endTail lets the consumer reach the end of the log, and takes down what it kept.
func (r *real) endTail(ctx context.Context) error {
	t := r.w.tailed
	events := 0
	for _, h := range r.w.histories {
		events += len(h.events)
	}
	for n := 0; n < events; time.Sleep(5 * time.Millisecond) {
		err := r.pool.QueryRow(ctx, "SELECT count(*) FROM sim_tailed").Scan(&n)
		if err != nil {
			return fmt.Errorf("the tail has handed out %d events of %d: %w", n, events, err)
		}
	}
	t.end()
	rows, err := r.pool.Query(ctx, "SELECT aggregate_id, sequence, at FROM sim_tailed ORDER BY n")
	if err != nil {
		return err
	}
	t.kept, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (e types.Event, err error) {
		var id, at []byte
		var sequence int32
		if err := row.Scan(&id, &sequence, &at); err != nil {
			return e, err
		}
		e.Sequence = types.Sequence(sequence)
		copy(e.AggregateID[:], id)
		copy(e.Timestamp[:], at)
		return e, nil
	})
	r.w.counts["handed out by the tail"] += len(t.kept)
	return err
}
