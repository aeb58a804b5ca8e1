package sim

import (
	"context"
	"fmt"
	"time"

	"github.com/eventmaestro/maestro/aggregate"
	"github.com/eventmaestro/maestro/hlc"
	"github.com/eventmaestro/maestro/store"
	"github.com/eventmaestro/maestro/types"
)

// end lets all that is under way come to its end, mends what is broken, and asks every node what it
// thinks of every aggregate.
func (w *world) end() {
	if !w.settleDown() {
		for _, o := range w.ops {
			if o.returned == 0 {
				w.violate(8, "%v was not answered within %v", o, patience*jump)
				o.crashed, o.returned = true, never
			}
		}
	}
	w.pass(lateness)
	w.settleDown()
	for _, l := range w.all {
		l.seam.healed.Store(true)
	}
	w.gate.abandon()

	ctx, cancel := context.WithTimeout(background, patience*jump)
	defer cancel()
	w.phase = phaseLookup
	w.lookUp(ctx)
	w.phase = ""
	for i, id := range w.ids {
		w.lastWords(ctx, i, id)
	}
	for _, l := range w.all {
		if !l.dead.Load() && !l.stopping.Load() {
			l.stop()
		}
	}
	for _, l := range w.all {
		select {
		case <-l.ended:
		case <-time.After(patience * jump):
			w.violate(8, "%s does not shut down", l.name)
			<-l.ended // or the bubble says who hangs
		}
	}
	w.endTail()
	w.phase = phaseJudge
	for _, id := range w.ids {
		w.read(ctx, id)
	}
	w.countFaults()
}

// lateness is after how many jumps everything that was delayed has arrived.
const lateness = 40

// lastWords asks each node for one more command and compares what the nodes hold. There are no more
// faults: whatever happened before has to be over (law 9).
func (w *world) lastWords(ctx context.Context, i int, id hlc.Timestamp) {
	for _, n := range w.nodes {
		c := command{aggregate: i, token: fmt.Sprintf("t%d", len(w.ops)), parts: 1}
		c.Type, c.Data = "add", add{Token: c.token, By: 0, Parts: 1}
		o := &op{kind: opState, life: n.life, aggregate: i, command: c, number: len(w.ops), hasty: true}
		o.AggregateID = id
		o.ctx, o.cancel = context.WithTimeout(ctx, bound(patience))
		w.tick++
		o.invoked = w.tick
		o.run(n.life.roots[w.root(i)])
		w.tick++
		o.returned = w.tick
		w.ops = append(w.ops, o)
		if o.err != nil {
			w.violate(9, "after all faults, %v: %v", o, o.err)
		}
	}
	for _, n := range w.nodes {
		w.compare(ctx, n.life.roots[w.root(i)], n.life, id)
	}
}

// compare holds the state in memory against the one that the log leads to (law 6).
func (w *world) compare(ctx context.Context, r *aggregate.Root[ledger], l *life, id hlc.Timestamp) {
	live, err := r.Get(ctx, id)
	if err != nil {
		w.violate(9, "after all faults, get of %s at %s: %v", w.nameOf(id), l.name, err)
		return
	}
	at := types.Sequence(len(live.Tokens))
	w.seen(l.name+" live", id, at, live)
	replayed, err := r.Replay(ctx, id, at)
	if err != nil {
		w.violate(9, "after all faults, replay of %s at %s: %v", w.nameOf(id), l.name, err)
		return
	}
	w.seen(l.name+" replayed", id, at, replayed)
	if fmt.Sprint(live) != fmt.Sprint(replayed) {
		w.violate(6, "%s holds %v of %s, replayed %v", l.name, live, w.nameOf(id), replayed)
	}
	latest, err := r.FetchInstance(ctx, id)
	if err != nil {
		w.violate(9, "after all faults, fetch of %s at %s: %v", w.nameOf(id), l.name, err)
		return
	}
	w.seen(l.name+" fetched", id, latest.Sequence, latest.State)
}

// lookUp asks what became of the commands whose outcome is not known.
func (w *world) lookUp(ctx context.Context) {
	for _, o := range w.ops {
		stamps := o.stamps()
		if len(stamps) == 0 {
			continue
		}
		found, err := w.nodes[0].life.roots[w.root(o.aggregate)].Lookup(ctx, o.AggregateID, stamps)
		if err != nil {
			w.violate(9, "after all faults, lookup of %v: %v", o, err)
		}
		o.found = new(int)
		*o.found = len(found)
		// Of a transaction that was made more than once each attempt has stamps, and one is stored.
		if len(found) != 0 && len(found) != len(stamps) && o.pair == nil && !w.scene.sharedIDs {
			w.violate(5, "%v: %d of %d events are in the log", o, len(found), len(stamps))
		}
	}
}

// read keeps the log and the used command IDs for the checks.
func (w *world) read(ctx context.Context, id hlc.Timestamp) {
	h := history{used: map[string]types.Sequence{}}
	for e, err := range w.store.Events(ctx, id, store.Range{}) {
		if err != nil {
			w.violate(1, "read the log of %s: %v", w.nameOf(id), err)
			break
		}
		h.events = append(h.events, e)
	}
	for _, c := range w.commands {
		if r, err := w.store.LookupCommand(ctx, id, c.ID); err == nil && r != nil {
			h.used[c.ID] = r.Last
		}
	}
	h.projected = w.projected(ctx, id)
	w.histories = append(w.histories, h)
}

// history is what the store has of an aggregate in the end.
type history struct {
	events    []types.Event
	tokens    []string
	used      map[string]types.Sequence // by command ID: the last sequence of its outcome
	projected row
}

func (h *history) uses(id string) bool {
	_, used := h.used[id]
	return used
}
