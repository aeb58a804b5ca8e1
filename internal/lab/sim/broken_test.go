package sim

import (
	"context"
	"encoding/json"
	"iter"
	"regexp"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/eventmaestro/maestro/aggregate"
	"github.com/eventmaestro/maestro/hlc"
	"github.com/eventmaestro/maestro/store"
	"github.com/eventmaestro/maestro/types"
)

// broken is a store with one defect. It has the sound one's other methods.
type broken struct {
	logged
	w      *world
	calls  atomic.Int64
	commit func(b *broken, ctx context.Context, c store.Commit) error
	events func(b *broken, all iter.Seq2[types.Event, error], r store.Range) iter.Seq2[types.Event, error]
}

// now and then is every fifth call.
func (b *broken) nowAndThen() bool { return b.calls.Add(1)%5 == 0 }

func (b *broken) Commit(ctx context.Context, c store.Commit) error {
	if b.commit == nil || len(c.Events) == 0 {
		return b.logged.Commit(ctx, c)
	}
	return b.commit(b, ctx, c)
}

func (b *broken) Events(ctx context.Context, id hlc.Timestamp, r store.Range) iter.Seq2[types.Event, error] {
	all := b.logged.Events(ctx, id, r)
	if b.events == nil {
		return all
	}
	return b.events(b, all, r)
}

func commits(f func(b *broken, ctx context.Context, c store.Commit) error) sabotage {
	return sabotage{wrap: func(w *world, s logged) logged { return &broken{logged: s, w: w, commit: f} }}
}

func reads(f func(b *broken, all iter.Seq2[types.Event, error], r store.Range) iter.Seq2[types.Event, error]) sabotage {
	return sabotage{wrap: func(w *world, s logged) logged { return &broken{logged: s, w: w, events: f} }}
}

// follow is an event right after e, which nobody asked for.
func follow(e types.Event, eventType string, body json.RawMessage) types.Event {
	e.Timestamp = hlc.NewClock(nil).NowAfter(e.Timestamp)
	e.Sequence++
	e.Type, e.Body = eventType, body
	return e
}

func nothing(func(types.Event, error) bool) {}

// spoiler keeps snapshots of another value.
type spoiler struct{ logged }

var valueText = regexp.MustCompile(`"value": ?`)

func (s spoiler) CommitSnapshot(ctx context.Context, sn types.Snapshot) error {
	sn.Body = valueText.ReplaceAll(sn.Body, []byte(`"value":1`))
	return s.logged.CommitSnapshot(ctx, sn)
}

// brokenWorld is one in which a law does not hold.
type brokenWorld struct {
	name string
	law  int
	sabotage
}

var worlds = []brokenWorld{
	{"a log has a gap", 1, reads(func(b *broken, all iter.Seq2[types.Event, error], _ store.Range) iter.Seq2[types.Event, error] {
		return func(yield func(types.Event, error) bool) {
			for e, err := range all {
				if b.w.phase == phaseJudge && e.Sequence == 3 {
					continue
				}
				if !yield(e, err) {
					return
				}
			}
		}
	})},
	{"an acknowledged command is not stored", 2, commits(func(b *broken, ctx context.Context, c store.Commit) error {
		if b.nowAndThen() {
			return nil
		}
		return b.logged.Commit(ctx, c)
	})},
	{"a command is stored twice", 2, commits(func(b *broken, ctx context.Context, c store.Commit) error {
		err := b.logged.Commit(ctx, c)
		if err == nil && b.nowAndThen() {
			last := c.Events[len(c.Events)-1]
			c.Events = []types.Event{follow(last, last.Type, last.Body)}
			c.Commands = nil
			return b.logged.Commit(ctx, c)
		}
		return err
	})},
	{"a command that failed is stored", 2, commits(func(b *broken, ctx context.Context, c store.Commit) error {
		err := b.logged.Commit(ctx, c)
		if err == nil && b.nowAndThen() {
			return store.ErrUnavailable
		}
		return err
	})},
	{"a lookup finds nothing", 2, reads(func(b *broken, all iter.Seq2[types.Event, error], _ store.Range) iter.Seq2[types.Event, error] {
		if b.w.phase == phaseLookup {
			return nothing
		}
		return all
	})},
	{"a read misses what is new", 3, reads(func(b *broken, all iter.Seq2[types.Event, error], r store.Range) iter.Seq2[types.Event, error] {
		if r.After > 0 && b.nowAndThen() {
			return nothing
		}
		return all
	})},
	{"an event that can't be applied is stored", 4, commits(func(b *broken, ctx context.Context, c store.Commit) error {
		err := b.logged.Commit(ctx, c)
		if err == nil && b.nowAndThen() {
			c.Events = []types.Event{follow(c.Events[len(c.Events)-1], "nobody_knows", json.RawMessage(`{}`))}
			c.Commands, c.Projections = nil, nil
			return b.logged.Commit(ctx, c)
		}
		return err
	})},
	{"half of a command is stored", 5, commits(func(b *broken, ctx context.Context, c store.Commit) error {
		if len(c.Events) > 1 && b.nowAndThen() {
			c.Events, c.Commands = c.Events[:1], nil
		}
		return b.logged.Commit(ctx, c)
	})},
	{"a projection is left out", 5, commits(func(b *broken, ctx context.Context, c store.Commit) error {
		if b.nowAndThen() {
			c.Projections = nil
		}
		return b.logged.Commit(ctx, c)
	})},
	// By the store: what a definition makes of a state is looked at before it is stored.
	{"a snapshot has another state", 6, sabotage{wrap: func(w *world, s logged) logged { return spoiler{s} }}},
	{"callers share memory with the handlers", 6, sabotage{define: func(d *aggregate.Definition[ledger]) {
		d.Clone = func(s ledger) ledger { return s }
	}, races: true}},
	{"two handlers of an aggregate run at once", 7, sabotage{twins: true}},
	{"a command is never answered", 8, commits(func(b *broken, ctx context.Context, c store.Commit) error {
		if b.w.phase == "" && c.Events[0].Sequence == 4 {
			time.Sleep(3 * patience * jump)
		}
		return b.logged.Commit(ctx, c)
	})},
	{"a command fails for its neighbour", 9, commits(func(b *broken, ctx context.Context, c store.Commit) error {
		if b.nowAndThen() {
			return store.ErrInvalidEvent
		}
		return b.logged.Commit(ctx, c)
	})},
	{"timestamps fall", 10, commits(func(b *broken, ctx context.Context, c store.Commit) error {
		if len(c.Events) == 1 && c.Events[0].Sequence > 1 {
			early := hlc.NewClock(&hlc.Options{Now: func() time.Time { return epoch.Add(-100 * time.Hour) }})
			c.Events = []types.Event{c.Events[0]}
			c.Events[0].Timestamp = early.NowAfter(hlc.Timestamp{})
		}
		return b.logged.Commit(ctx, c)
	})},
	{"a tail leaves events out", 11, sabotage{forgets: true}},
}

func TestBrokenWorldsAreCaught(t *testing.T) {
	t.Parallel()
	for _, world := range slices.Concat(worlds, tornWorlds) {
		if world.races && underRaceDetector {
			continue // which would report the break itself
		}
		t.Run(world.name, func(t *testing.T) {
			t.Parallel()
			laws := map[int]string{}
			for seed := uint64(1); seed <= 20 && laws[world.law] == ""; seed++ {
				for _, v := range Run(t, Config{Seed: seed, sabotage: world.sabotage}).Violations {
					laws[v.Law] = v.Text
				}
			}
			require.Contains(t, laws, world.law, "broken, and not noticed as a break of this law")
		})
	}
}
