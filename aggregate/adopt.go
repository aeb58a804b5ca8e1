package aggregate

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/eventmaestro/maestro/hlc"
	"github.com/eventmaestro/maestro/internal/jsonform"
	"github.com/eventmaestro/maestro/internal/panics"
	"github.com/eventmaestro/maestro/store"
	"github.com/eventmaestro/maestro/types"
)

var errNilState = errors.New("is null, which is not a state")

// adopt makes the snapshot's state the draft's. Its error says why it can't be used.
func (k *kind[S]) adopt(l *loaded[S], id hlc.Timestamp, s *types.Snapshot) error {
	if s.AggregateID != id {
		return fmt.Errorf("snapshot of aggregate %v", s.AggregateID)
	}
	if s.Sequence < 1 || s.Sequence > types.MaxSequence {
		return fmt.Errorf("snapshot at sequence %d", s.Sequence)
	}
	m, state := unmark(s.Body)
	from := beside{Sequence: s.Sequence, State: state}
	var err error
	switch {
	case m == nil:
		err = k.checkForeign(state)
	case m.Shape == voidShape:
		l.generation, err = m.Generation, errVoidSnapshot
	default:
		l.generation = m.Generation
		from, err = m.part(k.shape, s.Sequence, state)
	}
	if err == nil {
		bare := types.Snapshot{AggregateID: id, Sequence: from.Sequence, Body: from.State}
		l.state, err = k.use(Instance[S]{ID: id, State: l.state}, bare)
	}
	if err != nil {
		return fmt.Errorf("snapshot at sequence %d: %w", s.Sequence, err)
	}
	l.seq, l.snapshot = from.Sequence, from.Sequence
	l.premise = premise{at: from.At, beside: m != nil && m.Shape != k.shape, foreign: m == nil}
	return nil
}

// checkForeign says why a snapshot without a mark can't be the state: a version was set by hand,
// which it does not have, or it lacks a field, which then might have to be another than zero.
func (k *kind[S]) checkForeign(state json.RawMessage) error {
	switch {
	case k.SnapshotVersion != 0:
		return &otherShapeError{"unknown", k.shape}
	case k.UseSnapshot != nil:
		return nil
	}
	var v any
	if err := json.Unmarshal(state, &v); err != nil {
		return err
	}
	if lacking := jsonform.Lacking(k.stateType(), v); lacking != "" {
		return fmt.Errorf("lacks the field %s", lacking)
	}
	return nil
}

func (k *kind[S]) use(initial Instance[S], s types.Snapshot) (state S, err error) {
	defer panics.Recover(&err)
	if k.UseSnapshot != nil {
		return k.UseSnapshot(initial, s)
	}
	// Decoded into nothing, not on top of the initial state: what the JSON leaves out is zero, not
	// initial.
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
	defer panics.Recover(&err)
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
	s.Body, err = encode(shape)
	return s, err
}

// proven is prepare for a snapshot that is to be stored: a cold start from it gives the very state
// that it was made of. It returns the JSON of the state, and the mark to store with it.
func (k *kind[S]) proven(t material[S]) (state json.RawMessage, m mark, err error) {
	was, current := t.State, t.Instance
	m = mark{Shape: k.shape, Mark: store.Mark{At: store.Stamp(t.at), Generation: t.generation}}
	if k.PrepareSnapshot != nil { // which may work in place
		if current.State, err = k.copied(was); err != nil {
			return nil, m, err
		}
	}
	s, err := k.prepare(current)
	if err != nil {
		return nil, m, err
	}
	state = s.Body
	if err = k.checkShared(state); err != nil {
		return nil, m, err
	}
	if s.Body, err = m.marked(state); err != nil {
		return nil, m, err
	}
	var l loaded[S]
	if l.state, err = k.initial(); err != nil {
		return nil, m, err
	}
	if err = k.adopt(&l, current.ID, &s); err != nil {
		return nil, m, k.wrong("S", "has a snapshot that no cold start could use: "+bareText(err)+k.snapshotRemedy())
	}
	if f := jsonform.Unlike(was, l.state); f != nil {
		return nil, m, k.wrong(f.Path, "would be another one after a cold start from the snapshot: it "+f.Reason+k.snapshotRemedy())
	}
	return state, m, nil
}

func (k *kind[S]) snapshotRemedy() string {
	if k.PrepareSnapshot != nil && k.UseSnapshot != nil {
		return "; or let UseSnapshot undo what PrepareSnapshot does"
	}
	return "; or set PrepareSnapshot and UseSnapshot"
}
