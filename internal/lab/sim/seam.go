package sim

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"sync/atomic"
	"time"

	"github.com/eventmaestro/maestro/hlc"
	"github.com/eventmaestro/maestro/store"
	"github.com/eventmaestro/maestro/store/storetest"
	"github.com/eventmaestro/maestro/types"
)

// errCrashed is what the store says to a node that has crashed. Nobody hears it.
var errCrashed = errors.New("sim: the node has crashed")

// seam is the store as one life of a node sees it: every call waits at the gate before it is
// made and again before its answer arrives.
type seam struct {
	life   *life
	faulty *storetest.Faults
	sound  logged
	healed atomic.Bool // faults are over
}

// logged is what the simulated store can do.
type logged interface {
	store.Adapter
	store.CommandLog
}

var _ logged = (*seam)(nil)

func (s *seam) store() logged {
	if s.healed.Load() {
		return s.sound
	}
	return s.faulty
}

// call makes one call of the store, named for the trace. Nothing ends the wait for the answer of
// what is seen through.
func (s *seam) call(ctx context.Context, id hlc.Timestamp, name string, seeThrough bool, f func(store logged) error) error {
	name = fmt.Sprintf("%s %s %s", s.life.name, s.life.w.nameOf(id), name)
	if o, ok := ctx.Value(asking{}).(*op); ok {
		name += fmt.Sprintf(" for %d", o.number) // or two calls could have the same name
	}
	switch alive, ended := s.life.w.gate.wait(ctx, s.life, name); {
	case !alive:
		return fmt.Errorf("%w: %w", store.ErrUnavailable, errCrashed)
	case ended != nil:
		return ended
	}
	err := f(s.store())
	if seeThrough {
		ctx = context.WithoutCancel(ctx)
	}
	alive, ended := s.life.w.gate.wait(ctx, s.life, name+" answer")
	switch {
	case !alive:
		return fmt.Errorf("%w: %w", store.ErrOutcomeUnknown, errCrashed)
	case ended != nil:
		return ended
	}
	return err
}

// Commit is a call. Its panics are the adapter's.
func (s *seam) Commit(ctx context.Context, c store.Commit) error {
	name := "commit"
	if len(c.Events) > 0 {
		name = fmt.Sprintf("commit %d+%d", c.Events[0].Sequence, len(c.Events))
	}
	return s.call(ctx, c.AggregateID, name, true, func(a logged) error {
		err := a.Commit(ctx, c)
		if err == nil {
			s.life.w.show(c.Events...)
		}
		return s.life.w.showRefused(err)
	})
}

// Load is one call for the whole loop, as it is one statement.
func (s *seam) Load(ctx context.Context, id hlc.Timestamp, r store.Range) iter.Seq2[store.Entry, error] {
	return whole(ctx, s, id, fmt.Sprintf("load %d", r.Max), func(a logged) iter.Seq2[store.Entry, error] { return a.Load(ctx, id, r) })
}

// Events is one call for the whole loop, but for the look at a snapshot's own event where
// aggregates leave memory.
func (s *seam) Events(ctx context.Context, id hlc.Timestamp, r store.Range) iter.Seq2[types.Event, error] {
	if s.unscheduled(ctx) {
		return s.sound.Events(ctx, id, r)
	}
	return whole(ctx, s, id, fmt.Sprintf("events %d-%d", r.After, r.Max), func(a logged) iter.Seq2[types.Event, error] { return a.Events(ctx, id, r) })
}

// whole reads a sequence to its end inside of one call, so that it sees one moment.
func whole[T any](ctx context.Context, s *seam, id hlc.Timestamp, name string, read func(logged) iter.Seq2[T, error]) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		type step struct {
			value T
			err   error
		}
		var steps []step
		err := s.call(ctx, id, name, false, func(a logged) error {
			for v, err := range read(a) {
				steps = append(steps, step{v, err})
				switch v := any(v).(type) {
				case types.Event:
					s.life.w.show(v)
				case store.Entry:
					s.life.w.show(v.Event)
				}
			}
			return nil
		})
		if err != nil {
			yield(*new(T), err)
			return
		}
		for _, st := range steps {
			if !yield(st.value, st.err) {
				return
			}
		}
	}
}

// LatestSnapshot is a call.
func (s *seam) LatestSnapshot(ctx context.Context, id hlc.Timestamp, r store.Range) (snapshot *types.Snapshot, _ error) {
	if s.unscheduled(ctx) {
		return s.sound.LatestSnapshot(ctx, id, r)
	}
	err := s.call(ctx, id, "snapshot", false, func(a logged) (err error) {
		snapshot, err = a.LatestSnapshot(ctx, id, r)
		return err
	})
	return snapshot, err
}

// CommitSnapshot is a call, but where aggregates leave memory.
func (s *seam) CommitSnapshot(ctx context.Context, sn types.Snapshot) error {
	if s.unscheduled(ctx) {
		return s.sound.CommitSnapshot(ctx, sn)
	}
	return s.call(ctx, sn.AggregateID, fmt.Sprintf("save %d", sn.Sequence), false, func(a logged) error { return a.CommitSnapshot(ctx, sn) })
}

// unscheduled reports whether ctx is that of a snapshot on exit. Aggregates that leave memory are
// saved two at a time, in the order in which they fell idle, or of a map. Without gate and faults
// that makes no difference.
func (s *seam) unscheduled(ctx context.Context) bool {
	_, asked := ctx.Value(asking{}).(*op)
	return !asked && (s.life.stopping.Load() || s.life.w.scene.idle.Snapshot)
}

// LookupCommand is a call.
func (s *seam) LookupCommand(ctx context.Context, id hlc.Timestamp, command string) (record *store.CommandRecord, _ error) {
	err := s.call(ctx, id, "lookup "+command, false, func(a logged) (err error) {
		record, err = a.LookupCommand(ctx, id, command)
		return err
	})
	return record, err
}

// PruneCommands is not used by the library itself.
func (s *seam) PruneCommands(ctx context.Context, t time.Time) (int64, error) {
	return s.store().PruneCommands(ctx, t)
}
