package aggregate

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"log/slog"

	"github.com/eventmaestro/maestro/hlc"
	"github.com/eventmaestro/maestro/internal/panics"
	"github.com/eventmaestro/maestro/store"
	"github.com/eventmaestro/maestro/types"
)

// loaded is what a cold read found.
type loaded[S any] struct {
	draft[S]
	premise  premise        // of the snapshot which was used
	snapshot types.Sequence // that of the snapshot which was used, or 0
	replayed int            // how many events were applied
	unused   error          // why a snapshot was passed over, if one was
}

// premise is what has to be true of the log where a snapshot is used.
type premise struct {
	at      string // the timestamp at the snapshot's sequence; empty: not known
	beside  bool   // a newer snapshot of another shape hides the events up to its own sequence
	foreign bool   // somebody else made the snapshot, perhaps in the order of the timestamps
}

// hydrate reads an aggregate from nothing up to the sequence max, 0 for all of it.
func (k *kind[S]) hydrate(ctx context.Context, a store.Adapter, id hlc.Timestamp, limit types.Sequence) (l loaded[S], err error) {
	defer panics.Recover(&err) // an adapter's panic ends a read like an error
	if l.state, err = k.initial(); err != nil {
		return l, during("initial state", err)
	}
	for entry, err := range a.Load(ctx, id, store.Range{Max: limit}) {
		switch {
		case err != nil:
			return l, during("load", err)
		case entry.Snapshot != nil:
			l.unused = k.adopt(&l, id, entry.Snapshot)
		default:
			if err := k.goOn(&l, id, &entry.Event); err != nil {
				return l, err
			}
		}
		if l.unused != nil || l.premise.beside {
			break // the events after this snapshot are of no use
		}
	}
	if l.premise.beside {
		if err := k.readRest(ctx, a, &l, id, limit); err != nil {
			return l, err
		}
	}
	if l.unused == nil {
		if l.unused, err = k.disproof(ctx, a, &l, id); err != nil {
			return l, err
		}
	}
	if l.unused == nil {
		return l, nil
	}
	from := loaded[S]{unused: l.unused}
	from.draft, from.replayed, err = k.replay(ctx, a, id, limit, nil)
	from.generation = l.generation
	return from, err
}

// goOn takes the next event after a snapshot, or without one. Where there is a snapshot, the first
// is the one at its sequence.
func (k *kind[S]) goOn(l *loaded[S], id hlc.Timestamp, e *types.Event) error {
	switch {
	case l.snapshot != 0 && e.Sequence == l.snapshot:
		if l.last = e.Timestamp; l.premise.at != "" && l.premise.at != store.Stamp(e.Timestamp) {
			l.unused = fmt.Errorf("snapshot at sequence %d was made of another log: the event there is another one", l.snapshot)
		}
		return nil
	case l.premise.foreign && l.last.Compare(e.Timestamp) >= 0:
		l.unused = errTimeFalls
		return nil
	}
	l.replayed++
	return k.applyStored(&l.draft, id, e)
}

// readRest reads the events from the snapshot's own sequence on, which Load did not bring.
func (k *kind[S]) readRest(ctx context.Context, a store.Adapter, l *loaded[S], id hlc.Timestamp, limit types.Sequence) error {
	for e, err := range a.Events(ctx, id, store.Range{After: l.snapshot - 1, Max: limit}) {
		if err != nil {
			return during("read events", err)
		}
		if err := k.goOn(l, id, &e); err != nil {
			return err
		}
		if l.unused != nil {
			break
		}
	}
	return nil
}

var errTimeFalls = errors.New("snapshot was not made by this library, and the timestamps of the events do not rise: it may be of other events than its sequence says")

// disproof says why a snapshot that was used should not have been, now that the events after it are
// known.
func (k *kind[S]) disproof(ctx context.Context, a store.Adapter, l *loaded[S], id hlc.Timestamp) (why, _ error) {
	if l.snapshot != 0 && l.last.IsZero() {
		return fmt.Errorf("snapshot at sequence %d is newer than the log", l.snapshot), nil
	}
	if !l.premise.foreign {
		return nil, nil
	}
	rise, err := rises(ctx, a, id, store.Range{Max: l.snapshot})
	if err != nil || rise {
		return nil, err
	}
	return errTimeFalls, nil
}

// rises reports whether the timestamps of events rise with their sequences.
func rises(ctx context.Context, a store.Adapter, id hlc.Timestamp, r store.Range) (bool, error) {
	if c, ok := a.(store.Chronology); ok {
		rise, err := c.Rises(ctx, id, r)
		if err != nil {
			return false, during("look at the timestamps", err)
		}
		return rise, nil
	}
	var last hlc.Timestamp
	for e, err := range a.Events(ctx, id, r) {
		if err != nil {
			return false, during("read events", err)
		}
		if last.Compare(e.Timestamp) >= 0 {
			return false, nil
		}
		last = e.Timestamp
	}
	return true, nil
}

// replay reads an aggregate from its events alone, up to the sequence limit, 0 for all, or to one
// at which stop says so. It returns how many it applied. stop may be nil.
func (k *kind[S]) replay(ctx context.Context, a store.Adapter, id hlc.Timestamp, limit types.Sequence, stop func(types.Event) bool) (d draft[S], n int, err error) {
	defer panics.Recover(&err)
	if d.state, err = k.initial(); err != nil {
		return d, 0, during("initial state", err)
	}
	for e, err := range a.Events(ctx, id, store.Range{Max: limit}) {
		if err != nil {
			return d, n, during("read events", err)
		}
		if stop != nil && stop(e) {
			break
		}
		if err := k.applyStored(&d, id, &e); err != nil {
			return d, n, err
		}
		n++
	}
	return d, n, nil
}

// stateAt returns the state as it was at a sequence.
func (k *kind[S]) stateAt(ctx context.Context, a store.Adapter, id hlc.Timestamp, s types.Sequence) (S, error) {
	if s == 0 {
		return k.initial()
	}
	l, err := k.hydrate(ctx, a, id, s)
	return l.state, err
}

// follow brings d forward by events of its aggregate, and returns how many were new. They begin
// with the one at d's own sequence, or before: that it is there proves that the log has what d was
// built on. It shows each new one to see. d keeps what was applied before an error. A d that lost
// all it had while the first event was waited for is left alone.
func (k *kind[S]) follow(events iter.Seq2[types.Event, error], id hlc.Timestamp, d *draft[S], see func(*types.Event)) (n int, proved bool, err error) {
	defer panics.Recover(&err)
	began := d.seq
	for e, err := range events {
		proved = proved || began == 0 && d.seq == 0
		switch {
		case err != nil:
			return n, proved, during("read events", err)
		case proved, e.AggregateID != id:
			if err := k.applyStored(d, id, &e); err != nil {
				return n, proved, err
			}
			see(&e)
			n++
		case e.Sequence == d.seq && e.Timestamp == d.last:
			proved = true
		case e.Sequence >= d.seq:
			return n, false, nil
		}
	}
	return n, proved, nil
}

// applyStored applies a stored event, which has to be the next one of its aggregate.
func (k *kind[S]) applyStored(d *draft[S], id hlc.Timestamp, e *types.Event) error {
	var err error
	switch {
	case e.AggregateID != id:
		err = fmt.Errorf("belongs to aggregate %v", e.AggregateID)
	case e.Sequence != d.seq+1:
		err = fmt.Errorf("comes right after sequence %d", d.seq)
	default:
		err = k.apply(d, e)
	}
	if err == nil {
		return nil
	}
	return &EventError{AggregateID: id, Sequence: e.Sequence, Type: e.Type, Stored: true, Err: err}
}

// unusedLevel is how loud it is said that a snapshot was passed over: two versions of a program do
// that to each other, and a redaction makes one that is to be.
func unusedLevel(err error) slog.Level {
	if _, ok := errors.AsType[*otherShapeError](err); ok {
		return slog.LevelInfo
	}
	if errors.Is(err, errVoidSnapshot) {
		return slog.LevelDebug
	}
	return slog.LevelWarn
}
