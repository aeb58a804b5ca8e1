package aggregate

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"time"

	"github.com/eventmaestro/maestro/hlc"
	"github.com/eventmaestro/maestro/store"
	"github.com/eventmaestro/maestro/types"
)

// loaded is what a cold read found.
type loaded[S any] struct {
	draft[S]
	snapshot types.Sequence // that of the snapshot which was used, or 0
	replayed int            // how many events were applied
	passed   error          // why a snapshot was passed over, if one was
}

// hydrate reads an aggregate from nothing up to the sequence max, 0 for all of it.
func (k *kind[S]) hydrate(ctx context.Context, a store.Adapter, id hlc.Timestamp, limit types.Sequence) (l loaded[S], err error) {
	defer recovered(&err) // an adapter's panic ends a read like an error
	if l.state, err = k.initial(); err != nil {
		return l, during("initial state", err)
	}
	for entry, err := range a.Load(ctx, id, store.Range{Max: limit}) {
		switch {
		case err != nil:
			return l, fmt.Errorf("aggregate: load: %w", err)
		case entry.Snapshot != nil:
			l.passed = k.adopt(&l, id, entry.Snapshot)
		case l.passed != nil:
			// the events after a snapshot that was passed over are of no use
		case l.snapshot != 0 && entry.Event.Sequence == l.snapshot:
			l.last = entry.Event.Timestamp
		default:
			if err := k.replay(&l.draft, id, &entry.Event); err != nil {
				return l, err
			}
			l.replayed++
		}
		if l.passed != nil {
			break
		}
	}
	if l.snapshot != 0 && l.last.IsZero() {
		l.passed = fmt.Errorf("snapshot at sequence %d is newer than the log", l.snapshot)
	}
	if l.passed == nil {
		return l, nil
	}
	return k.hydrateFromEvents(ctx, a, id, limit, l.passed)
}

// hydrateFromEvents is hydrate without a look at the snapshot.
func (k *kind[S]) hydrateFromEvents(ctx context.Context, a store.Adapter, id hlc.Timestamp, limit types.Sequence, passed error) (loaded[S], error) {
	l := loaded[S]{passed: passed}
	var err error
	if l.state, err = k.initial(); err != nil {
		return l, during("initial state", err)
	}
	l.replayed, err = k.catchUp(ctx, a, id, &l.draft, limit, nil)
	return l, err
}

// catchUp brings d forward by what the store has after it and returns by how many events. It
// shows each to see, which may be nil.
func (k *kind[S]) catchUp(ctx context.Context, a store.Adapter, id hlc.Timestamp, d *draft[S], limit types.Sequence, see func(*types.Event)) (n int, err error) {
	defer recovered(&err)
	for e, err := range a.Events(ctx, id, store.Range{After: d.seq, Max: limit}) {
		if err != nil {
			return n, fmt.Errorf("aggregate: read events: %w", err)
		}
		if err := k.replay(d, id, &e); err != nil {
			return n, err
		}
		if see != nil {
			see(&e)
		}
		n++
	}
	return n, nil
}

// follow brings d forward by events of its aggregate, and returns how many were new. They begin with
// the one at d's own sequence, or before: that it is there proves that the log has what d was built
// on. It shows each new one to see. d keeps what was applied before an error.
func (k *kind[S]) follow(events iter.Seq2[types.Event, error], id hlc.Timestamp, d *draft[S], see func(*types.Event)) (n int, proved bool, err error) {
	defer recovered(&err)
	for e, err := range events {
		proved = proved || d.seq == 0
		switch {
		case err != nil:
			return n, proved, fmt.Errorf("aggregate: read events: %w", err)
		case proved, e.AggregateID != id:
			if err := k.replay(d, id, &e); err != nil {
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

// hydrateAt reads an aggregate up to the last event before the first that is later than t.
func (k *kind[S]) hydrateAt(ctx context.Context, a store.Adapter, id hlc.Timestamp, t time.Time) (d draft[S], err error) {
	defer recovered(&err)
	if d.state, err = k.initial(); err != nil {
		return d, during("initial state", err)
	}
	for e, err := range a.Events(ctx, id, store.Range{}) {
		if err != nil {
			return d, fmt.Errorf("aggregate: read events: %w", err)
		}
		if e.Timestamp.Time().After(t) {
			break
		}
		if err := k.replay(&d, id, &e); err != nil {
			return d, err
		}
	}
	return d, nil
}

// replay applies a stored event, which has to be the next one of its aggregate.
func (k *kind[S]) replay(d *draft[S], id hlc.Timestamp, e *types.Event) error {
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

// envelope is a snapshot's JSON where the definition has a SnapshotVersion.
type envelope struct {
	Version *int            `json:"maestro_snapshot_version"`
	State   json.RawMessage `json:"state"`
}

// adopt makes the snapshot's state the draft's. Its error says why it can't be used.
func (k *kind[S]) adopt(l *loaded[S], id hlc.Timestamp, s *types.Snapshot) error {
	if s.AggregateID != id {
		return fmt.Errorf("snapshot of aggregate %v", s.AggregateID)
	}
	if s.Sequence < 1 || s.Sequence > types.MaxSequence {
		return fmt.Errorf("snapshot at sequence %d", s.Sequence)
	}
	bare, err := k.bare(*s)
	if err == nil {
		l.state, err = k.use(Instance[S]{ID: id, State: l.state}, bare)
	}
	if err != nil {
		return fmt.Errorf("snapshot at sequence %d: %w", s.Sequence, err)
	}
	l.seq, l.snapshot = s.Sequence, s.Sequence
	return nil
}

var (
	errNoState  = errors.New("has no state")
	errNilState = errors.New("is null, which no state is")
)

// bare takes the envelope off, if it is of this definition's version.
func (k *kind[S]) bare(s types.Snapshot) (types.Snapshot, error) {
	var e envelope
	version := 0
	if json.Unmarshal(s.Body, &e) == nil && e.Version != nil {
		version = *e.Version
	}
	switch {
	case version != k.SnapshotVersion:
		return s, fmt.Errorf("has shape version %d, not %d", version, k.SnapshotVersion)
	case version == 0:
		return s, nil
	case len(e.State) == 0:
		return s, errNoState
	}
	s.Body = e.State
	return s, nil
}

func (k *kind[S]) use(initial Instance[S], s types.Snapshot) (state S, err error) {
	defer recovered(&err)
	if k.UseSnapshot != nil {
		return k.UseSnapshot(initial, s)
	}
	// Decoded into nothing, not on top of the initial state: what the JSON leaves out is zero, not initial.
	if err = json.Unmarshal(s.Body, &state); err == nil && nilState(state) {
		err = errNilState
	}
	return state, err
}

// checkShape refuses a snapshot that would be decoded into a state it is not.
func (k *kind[S]) checkShape(shape any) error {
	if k.UseSnapshot != nil {
		return nil
	}
	switch shape.(type) {
	case S, *S:
		return nil
	}
	return fmt.Errorf("PrepareSnapshot returned %T, which is not the state, and UseSnapshot is missing: set that too", shape)
}

// prepare encodes the snapshot of an instance, whose state it may keep.
func (k *kind[S]) prepare(current Instance[S]) (s types.Snapshot, err error) {
	defer recovered(&err)
	s.AggregateID, s.Sequence = current.ID, current.Sequence
	var shape any = &current.State // a method of a pointer's type is found behind a pointer only
	if k.PrepareSnapshot != nil {
		if shape, err = k.PrepareSnapshot(current); err != nil {
			return s, err
		}
		if err = k.checkShape(shape); err != nil {
			return s, err
		}
	}
	if s.Body, err = encode(shape); err != nil || k.SnapshotVersion == 0 {
		return s, err
	}
	s.Body, err = encode(envelope{Version: &k.SnapshotVersion, State: s.Body})
	return s, err
}

// proven is prepare for a snapshot that is to be stored: a cold start from it gives the very state that it was made of.
func (k *kind[S]) proven(current Instance[S]) (s types.Snapshot, err error) {
	was := current.State
	if k.PrepareSnapshot != nil { // which may work in place
		if current.State, err = k.copied(was); err != nil {
			return s, err
		}
	}
	if s, err = k.prepare(current); err != nil {
		return s, err
	}
	var l loaded[S]
	if l.state, err = k.initial(); err != nil {
		return s, err
	}
	if err = k.adopt(&l, current.ID, &s); err != nil {
		return s, k.wrong("S", "has a snapshot that no cold start could use: "+bareText(err)+k.snapshotRemedy())
	}
	if f := unlike(was, l.state); f != nil {
		return s, k.wrong(f.path, "would be another one after a cold start from the snapshot: it "+f.reason+k.snapshotRemedy())
	}
	return s, nil
}

func (k *kind[S]) snapshotRemedy() string {
	if k.PrepareSnapshot != nil && k.UseSnapshot != nil {
		return "; or let UseSnapshot undo what PrepareSnapshot does"
	}
	return "; or set PrepareSnapshot and UseSnapshot"
}
