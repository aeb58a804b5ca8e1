package aggregate

import (
	"context"
	"errors"
	"slices"

	"github.com/eventmaestro/maestro/store"
)

// settle finds out what became of an attempt whose answer got lost. Its first events are stored
// once more, in a transaction that is rolled back: the unique index makes that wait for the
// attempt, if it is still open, and decides.
func (t *transaction) settle(ctx context.Context, doubt error) error {
	sup := t.sup
	unknown := t.unknown(doubt, append(slices.Clip(t.doubt), t.commits)...)
	probe, ok := probeOf(t.commits)
	if !ok {
		return unknown
	}
	sup.log.Warn("the answer to a transaction's commit got lost", "aggregate", probe.AggregateID, "err", doubt)
	outcome, err := sup.settle(ctx, probe, func() error { return tryOut(ctx, sup.store.(store.Transactor), probe) })
	switch outcome {
	case stillUnknown:
		return unknown
	case storedAgain: // and taken back: it may still arrive, and only events at the same place keep it out
		t.doubt = append(t.doubt, t.commits)
		return store.ErrConflict
	}
	return err
}

// tryOut stores a commit and takes it back.
func tryOut(ctx context.Context, begins store.Transactor, c store.Commit) error {
	tx, err := beginTx(ctx, begins)
	if err != nil {
		return err
	}
	defer tx.Abort(ctx)
	if err := tx.Stage(c); err != nil {
		return err
	}
	return tx.Send(ctx)
}

// unknown names one of the aggregates that have events, and those of each attempt that may be
// stored: what became of it became of all, and one attempt at most is stored.
func (t *transaction) unknown(cause error, attempts ...[]store.Commit) *OutcomeUnknownError {
	u := &OutcomeUnknownError{Err: cause}
	for _, commits := range attempts {
		for _, c := range commits {
			if len(u.Timestamps) > 0 && c.AggregateID != u.AggregateID {
				continue
			}
			for i := range c.Events {
				u.AggregateID = c.AggregateID
				u.Timestamps = append(u.Timestamps, c.Events[i].Timestamp)
			}
		}
	}
	return u
}

// probeOf returns the first events of an attempt. All of it is stored where they are.
func probeOf(commits []store.Commit) (probe store.Commit, ok bool) {
	i := slices.IndexFunc(commits, func(c store.Commit) bool { return len(c.Events) > 0 })
	if i < 0 {
		return probe, false
	}
	c := commits[i]
	return store.Commit{AggregateID: c.AggregateID, Events: c.Events, Predecessor: c.Predecessor}, true
}

// arrived reports whether an attempt whose answer got lost is stored by now. It forgets those of
// which somebody else has taken a place.
func (t *transaction) arrived(ctx context.Context) (ours bool) {
	ctx = context.WithoutCancel(ctx)
	t.doubt = slices.DeleteFunc(t.doubt, func(commits []store.Commit) bool {
		return slices.ContainsFunc(commits, func(c store.Commit) bool {
			has := unclear
			if len(c.Events) > 0 {
				has = t.sup.whose(ctx, c)
			}
			ours = ours || has == us
			return has == others
		})
	})
	return ours
}

// overtaken reports whether the present attempt was decided on events that stand where those of one
// in doubt would. Otherwise it takes their place, and keeps them out.
func (t *transaction) overtaken() bool {
	for _, late := range t.doubt {
		for _, l := range late {
			i := slices.IndexFunc(t.commits, func(c store.Commit) bool { return c.AggregateID == l.AggregateID && len(c.Events) > 0 })
			if i >= 0 && len(l.Events) > 0 && t.commits[i].Events[0].Sequence != l.Events[0].Sequence {
				return true
			}
		}
	}
	return false
}

// orDoubt is the answer to a transaction of which earlier attempts may have arrived, or still may.
func (t *transaction) orDoubt(ctx context.Context, err error) error {
	switch {
	case len(t.doubt) == 0:
		return err
	case t.arrived(ctx):
		return nil
	case len(t.doubt) == 0:
		return err
	}
	return t.unknown(errors.Join(store.ErrOutcomeUnknown, err), t.doubt...)
}

// covered is the answer to a transaction that was stored. An earlier attempt that may still arrive
// is kept out by any event of the same aggregate: its place is taken.
func (t *transaction) covered(ctx context.Context) error {
	t.doubt = slices.DeleteFunc(t.doubt, func(late []store.Commit) bool {
		return slices.ContainsFunc(late, func(l store.Commit) bool {
			return len(l.Events) > 0 && slices.ContainsFunc(t.commits, func(c store.Commit) bool {
				return len(c.Events) > 0 && c.AggregateID == l.AggregateID
			})
		})
	})
	return t.orDoubt(ctx, nil)
}
