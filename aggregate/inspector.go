package aggregate

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"

	"github.com/eventmaestro/maestro/hlc"
	"github.com/eventmaestro/maestro/internal/audit"
	"github.com/eventmaestro/maestro/internal/panics"
	"github.com/eventmaestro/maestro/store"
	"github.com/eventmaestro/maestro/types"
)

// inspector reads a log as it is. As an event handler may work in place and leave the state between
// two events when it fails, the inspector can go back: to a copy of the state from a while ago, and
// forward from there by the events since.
type inspector[S any] struct {
	k     *kind[S]
	id    hlc.Timestamp
	in    *Inspection[S]
	d     draft[S]
	base  draft[S]      // a copy of d as it was
	since []types.Event // those applied since

	from loaded[S] // what the snapshot says

	rows int
	log  audit.Log // without the rows of other aggregates
}

// stride is how many events an inspector goes back and forward again at most.
const stride = 256

func (k *kind[S]) inspect(ctx context.Context, a store.Adapter, id hlc.Timestamp) (*Inspection[S], error) {
	// The snapshot first: what is stored meanwhile can't make it look newer than the log.
	snapshot, err := a.LatestSnapshot(ctx, id, store.Range{})
	if err != nil {
		return nil, during("inspect", err)
	}
	i := &inspector[S]{k: k, id: id, in: &Inspection[S]{AggregateID: id}, log: audit.Log{From: 1}}
	if i.d.state, err = k.initial(); err != nil {
		return nil, during("inspect: initial state", err)
	}
	if snapshot != nil {
		i.in.Snapshot = &SnapshotReport{Snapshot: *snapshot}
		if err = i.adopt(); err != nil {
			return nil, during("inspect: initial state", err)
		}
	}
	if err = i.keep(); err == nil {
		err = i.readAll(ctx, a)
	}
	i.in.Rows = i.rows
	latest, copyErr := i.instance()
	i.in.Latest = latest
	if err = errors.Join(err, copyErr); err != nil {
		return i.in, during("inspect", err)
	}
	i.judgeSnapshot()
	return i.in, nil
}

func (i *inspector[S]) readAll(ctx context.Context, a store.Adapter) error {
	for e, err := range a.Events(ctx, i.id, store.Range{}) {
		if err != nil {
			return err
		}
		if err := i.look(e); err != nil {
			return err
		}
	}
	return nil
}

// look judges one row. Its error is about the state, which can't be copied.
func (i *inspector[S]) look(e types.Event) error {
	i.rows++
	if e.AggregateID != i.id {
		return i.fault(FaultForeign, &e, fmt.Errorf("belongs to aggregate %v", e.AggregateID))
	}
	repeat := false
	for _, f := range i.log.Row(e.Sequence, e.Timestamp) {
		if err := i.fault(FaultKind(f.Kind), &e, errors.New(f.Text)); err != nil {
			return err
		}
		repeat = repeat || f.Kind == audit.Repeat
	}
	if repeat {
		return nil
	}
	if cause := i.k.apply(&i.d, &e); cause != nil {
		if err := i.goBack(); err != nil {
			return err
		}
		return i.fault(FaultUnreadable, &e, cause)
	}
	return i.applied(&e)
}

// applied takes note of the state after e.
func (i *inspector[S]) applied(e *types.Event) error {
	i.since = append(i.since, *e)
	if len(i.since) == stride {
		if err := i.keep(); err != nil {
			return err
		}
	}
	if bad := i.in.Bad; bad != nil && bad.After == nil {
		after, err := i.instance()
		if err != nil {
			return err
		}
		bad.After = &after
	}
	if s := i.in.Snapshot; s != nil && i.from.snapshot == e.Sequence && i.in.Bad == nil {
		current, err := i.instance()
		if err != nil {
			return err
		}
		prepared, err := i.k.prepare(current)
		if err != nil {
			s.Err = fmt.Errorf("can't be compared: prepare the snapshot: %w", err)
			return nil
		}
		s.FromLog = prepared.Body
	}
	return nil
}

// fault takes note of what is wrong with a row, before anything is done with it.
func (i *inspector[S]) fault(kind FaultKind, e *types.Event, cause error) error {
	f := LogFault{
		Kind: kind, Row: i.rows, Sequence: e.Sequence, Timestamp: e.Timestamp, Type: e.Type,
		Err: &EventError{AggregateID: i.id, Sequence: e.Sequence, Type: e.Type, Stored: true, Err: cause},
	}
	if len(i.in.Faults) < MaxFaults {
		i.in.Faults = append(i.in.Faults, f)
	} else {
		i.in.MoreFaults++
	}
	if kind == FaultTimeBack || i.in.Bad != nil {
		return nil
	}
	before, err := i.instance()
	if err != nil {
		return err
	}
	i.in.Bad = &BadEvent[S]{LogFault: f, Event: *e, Upcasts: i.k.trace(*e, nil), Before: before}
	return nil
}

// instance returns a copy of the state.
func (i *inspector[S]) instance() (Instance[S], error) {
	state, err := i.k.copied(i.d.state)
	return Instance[S]{ID: i.id, Sequence: i.d.seq, State: state}, err
}

// keep makes the state the one to go back to.
func (i *inspector[S]) keep() (err error) {
	i.since, i.base = i.since[:0], i.d
	i.base.state, err = i.k.copied(i.d.state)
	return err
}

// goBack undoes what an event did that could not be applied.
func (i *inspector[S]) goBack() (err error) {
	i.d = i.base
	if i.d.state, err = i.k.copied(i.base.state); err != nil {
		return err
	}
	for n := range i.since {
		if err := i.k.apply(&i.d, &i.since[n]); err != nil {
			return fmt.Errorf("apply sequence %d once more: %w", i.since[n].Sequence, err)
		}
	}
	return i.keep() // the next one may be as bad
}

// adopt takes the snapshot apart as a start does. What is wrong with it goes into the report.
func (i *inspector[S]) adopt() (err error) {
	if i.from.state, err = i.k.initial(); err == nil {
		s := i.in.Snapshot
		s.Err = i.k.adopt(&i.from, i.id, &s.Snapshot)
		i.from.snapshot = cmp.Or(i.from.snapshot, s.Snapshot.Sequence)
		i.log.Snapshot = i.from.snapshot
	}
	return err
}

// judgeSnapshot says whether a start could use the snapshot, and whether it should.
func (i *inspector[S]) judgeSnapshot() {
	s := i.in.Snapshot
	if s == nil || s.Err != nil {
		return
	}
	l := i.from
	if err := i.log.JudgeSnapshot(l.premise.at); err != nil {
		s.Err = fmt.Errorf("snapshot at sequence %d is %w", l.seq, err)
		return
	}
	// Both through the same shape: the snapshot may have been written by an older definition.
	prepared, err := i.k.prepare(Instance[S]{ID: i.id, Sequence: l.seq, State: l.state})
	if err != nil || s.FromLog == nil {
		s.Err = err
		return
	}
	if !bytes.Equal(prepared.Body, s.FromLog) {
		s.Err = fmt.Errorf("snapshot at sequence %d holds another state than the log gives: %s, not %s", l.seq, prepared.Body, s.FromLog)
	}
}

// trace returns the steps that the upcasts take with an event, up to the first that fails.
func (k *kind[S]) trace(e types.Event, steps []UpcastStep) []UpcastStep {
	upcast, old := k.Upcasts[e.Type]
	if !old {
		return steps
	}
	step := UpcastStep{From: Upcasted{Type: e.Type, Body: bytes.Clone(e.Body)}}
	newer, err := upcast.guarded(e)
	for _, n := range newer {
		step.To = append(step.To, Upcasted{Type: n.Type, Body: n.Body})
	}
	step.Err = err
	if steps = append(steps, step); err != nil {
		return steps
	}
	for _, n := range newer {
		steps = k.trace(n, steps)
		if steps[len(steps)-1].Err != nil {
			return steps
		}
	}
	return steps
}

func (u Upcast) guarded(e types.Event) (newer []types.Event, err error) {
	defer panics.Recover(&err)
	return u.apply(e)
}
