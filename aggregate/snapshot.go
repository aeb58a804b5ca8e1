package aggregate

import (
	"context"
	"errors"

	"github.com/eventmaestro/maestro/hlc"
	"github.com/eventmaestro/maestro/internal/panics"
	"github.com/eventmaestro/maestro/store"
	"github.com/eventmaestro/maestro/types"
)

// save takes a snapshot off the aggregate's goroutine. It is best effort: a snapshot saves time and
// holds no information.
func (c *core[S]) save() {
	if !c.loaded || c.seq == 0 || c.saved >= c.seq {
		return
	}
	current, err := c.capture()
	if err != nil {
		c.family.sup.log.Warn("snapshot not taken", "root", c.family.name, "aggregate", c.ID, "err", err)
		c.saved = c.seq // it will not be any different before the next event
		return
	}
	sup := c.family.sup
	if sup.saver.do(func() {
		ctx, cancel := context.WithTimeout(sup.base, sup.options.ReadTimeout)
		defer cancel()
		err := c.root.storeSnapshot(ctx, current)
		_, lost := errors.AsType[*DefinitionError](err)
		if err != nil && (!lost || !c.root.kind.toldOfLoss.Swap(true)) {
			sup.log.Warn("snapshot not stored", "root", c.root.family.name, "aggregate", current.ID, "err", err)
		}
	}) {
		c.saved = c.seq
	}
}

// material is what a snapshot is made of.
type material[S any] struct {
	Instance[S]
	at         hlc.Timestamp // the timestamp at its sequence
	generation int64         // of the snapshots when the state was read
}

// capture returns a copy of the aggregate for a snapshot. The caller has the turn, or the aggregate
// is idle.
func (c *core[S]) capture() (material[S], error) {
	state, err := c.root.kind.copied(c.state)
	current := Instance[S]{ID: c.ID, Sequence: c.seq, State: state}
	return material[S]{Instance: current, at: c.last, generation: c.generation}, err
}

// Snapshot stores a snapshot of the latest state, unless there is a newer one. An aggregate without
// events has nothing to store. If a cold start from the snapshot would give another state, the
// snapshot is not stored: a *DefinitionError names the field and the remedy.
func (r *Root[S]) Snapshot(ctx context.Context, id hlc.Timestamp) error {
	var current material[S]
	err := r.do(ctx, id, func(c *core[S]) (err error) {
		if _, err = c.refresh(ctx); err == nil {
			current, err = c.capture()
		}
		return err
	})
	if err != nil || current.Sequence == 0 {
		return err
	}
	return r.storeSnapshot(ctx, current)
}

// saveIfDue takes a snapshot when so many events came since the last that the policy wants one.
func (c *core[S]) saveIfDue() {
	if c.tx != nil {
		return // the state is not committed yet
	}
	if every := c.root.kind.Snapshots.Every; every > 0 && int64(c.seq-c.saved) >= int64(every) {
		c.save()
	}
}

// BeforeExit saves what the policy wants saved before an aggregate leaves memory.
func (c *core[S]) BeforeExit() bool {
	if !c.root.kind.Idle.Snapshot || !c.loaded || c.saved >= c.seq {
		return true
	}
	c.save()
	return c.saved >= c.seq
}

// storeSnapshot writes a snapshot of current, whose state it may keep. One that would not give the
// state back is not stored, a *DefinitionError.
func (r *Root[S]) storeSnapshot(ctx context.Context, current material[S]) (err error) {
	defer panics.Recover(&err)
	size, err := r.writeSnapshot(ctx, current)
	if errors.Is(err, errVoid) || errors.Is(err, store.ErrNoEvent) {
		r.forget(current)
	}
	if hook := r.sup.options.Hooks.Snapshot; hook != nil {
		hook(Saved{Root: r.family.name, AggregateID: current.ID, Sequence: current.Sequence, Bytes: size, Err: err})
	}
	return err
}

var errVoid = errors.New("the log was changed since the state was read, by a redaction or because the database became an older one")

func (r *Root[S]) writeSnapshot(ctx context.Context, current material[S]) (size int, _ error) {
	state, m, err := r.kind.proven(current)
	if err != nil {
		return 0, during("prepare the snapshot", err)
	}
	present, err := r.sup.store.LatestSnapshot(ctx, current.ID, store.Range{})
	if err != nil {
		return 0, during("store the snapshot", err)
	}
	s := types.Snapshot{AggregateID: current.ID, Sequence: current.Sequence, Body: state}
	if present != nil {
		if store.MarkOf(present.Body).Generation > m.Generation {
			return 0, during("store the snapshot", errVoid)
		}
		void, err := r.void(ctx, present, current.Sequence)
		if err != nil {
			return 0, err
		}
		if void {
			m.Generation++
		}
		news := false
		if m, s, news = m.joined(s, present); !news {
			return 0, nil
		}
	}
	if s.Body, err = m.marked(s.Body); err == nil {
		err = r.sup.store.CommitSnapshot(ctx, s)
	}
	if err != nil {
		err = during("store the snapshot", err)
	}
	return len(s.Body), err
}

// void reports whether a snapshot that is ahead of the state is ahead of the log, too: then the
// database became an older one.
func (r *Root[S]) void(ctx context.Context, present *types.Snapshot, now types.Sequence) (bool, error) {
	if present.Sequence <= now {
		return false, nil
	}
	at := store.MarkOf(present.Body).At
	for e, err := range r.sup.store.Events(ctx, present.AggregateID, store.Range{After: present.Sequence - 1, Max: present.Sequence}) {
		if err != nil {
			return false, during("read events", err)
		}
		return at != "" && at != store.Stamp(e.Timestamp), nil
	}
	return true, nil
}

// forget lets a live aggregate read its state anew: the log is not the one any more that it was
// made of.
func (r *Root[S]) forget(current material[S]) {
	if m := r.sup.registry.Find(current.ID); m == nil || m.Family != &r.family.Family {
		return
	}
	ctx, cancel := context.WithTimeout(r.sup.base, r.sup.options.ReadTimeout)
	defer cancel()
	_ = r.do(ctx, current.ID, func(c *core[S]) error {
		c.drop()
		return nil
	})
}
