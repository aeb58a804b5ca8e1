package sim

import (
	"context"
	"encoding/json"
	"errors"
	"math/rand/v2"
	"time"

	"github.com/eventmaestro/maestro/aggregate"
	"github.com/eventmaestro/maestro/store"
	"github.com/eventmaestro/maestro/store/memory"
	"github.com/eventmaestro/maestro/types"
)

// scene is what stays the same during a run and differs between seeds.
type scene struct {
	w          *world
	aggregates int
	sharedIDs  bool // all clocks have the same node id, so timestamps don't tell whose an event is
	skews      [3]time.Duration
	forgetful  bool // the store goes back now and then
	trouble    int  // of 100 calls of the store, so many are faulty
	hurried    bool // a real server may take longer than is waited for
	transacts  bool // there are transactions of two aggregates

	options    func() *aggregate.Options
	readFirst  bool
	snapshots  aggregate.SnapshotPolicy
	version    int
	idle       aggregate.IdlePolicy
	projection store.Projection
}

// soon is the part of an idle time beyond whole jumps. An aggregate that falls idle at whatever
// moment of a jump, up to the end of its last random pause, is then due within the same later one.
const soon = 50 * time.Millisecond

// one returns one of the choices.
func one[T any](rng *rand.Rand, choices ...T) T { return choices[rng.IntN(len(choices))] }

func newScene(w *world) *scene {
	r := w.rng
	s := &scene{w: w, aggregates: 2 + r.IntN(7), transacts: w.config.Seed%2 == 0}
	s.skews = [3]time.Duration{0, one(r, 0, -time.Hour, time.Hour, -time.Minute), one(r, 0, 10*time.Millisecond, 2*time.Hour)}
	if r.IntN(4) == 0 {
		s.sharedIDs = true
		s.skews[1] = one(r, 0, time.Millisecond)
	}
	s.trouble = one(r, 0, 5, 15, 30, 60)
	s.forgetful = r.IntN(4) == 0
	attempts, batch, mailbox := one(r, 3, 5, 10), one(r, 1, 2, 8, 100), one(r, 1, 3, 100)
	patience := one(r, 4, 12, 30)
	s.options = func() *aggregate.Options {
		return &aggregate.Options{
			MaxAttempts: attempts, MaxBatch: batch, MailboxSize: mailbox,
			ReadTimeout: bound(patience), SettleTimeout: bound(2 * patience),
		}
	}
	s.readFirst = r.IntN(5) == 0
	s.snapshots = aggregate.SnapshotPolicy{Every: one(r, 0, 1, 3, 10), AfterReplay: one(r, 0, 2)}
	s.version = one(r, 0, 1)
	s.idle = aggregate.IdlePolicy{
		Hibernate: one(r, -1, soon, jump+soon), Exit: one(r, -1, soon, jump+soon, 3*jump+soon), Snapshot: r.IntN(2) == 0,
	}
	if s.forgetful {
		// A snapshot of a state that is gone can be stored after the store went back, and looks
		// like any other.
		s.snapshots, s.idle.Snapshot = aggregate.SnapshotPolicy{}, false
	}
	s.projection = memory.Projection(s.project)
	return s
}

// configure gives a definition what the scene decides.
func (s *scene) configure(d *aggregate.Definition[ledger]) {
	d.ReadFirst, d.Snapshots, d.SnapshotVersion, d.Idle = s.readFirst, s.snapshots, s.version, s.idle
	if d.Name == rootNames[1] {
		d.Projections = []store.Projection{s.projection}
	}
	s.w.config.sabotage.definition(d)
}

var errRefused = errors.New("sim: the projection refuses")

// project keeps a table of values.
func (s *scene) project(_ context.Context, tx *memory.ProjectionTx, e types.Event) error {
	var n note
	if err := json.Unmarshal(e.Body, &n); err != nil {
		return err
	}
	rows := s.w.table.In(tx)
	r, _ := rows.Get(e.AggregateID)
	if r.Sequence+1 != e.Sequence {
		s.w.violate(1, "the projection of %s was shown sequence %d after %d", s.w.nameOf(e.AggregateID), e.Sequence, r.Sequence)
	}
	rows.Put(e.AggregateID, row{Sequence: e.Sequence, Value: advance(r.Value, n.Token)})
	if e.Type == "refused" {
		return errRefused
	}
	return nil
}
