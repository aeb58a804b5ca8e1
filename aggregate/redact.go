package aggregate

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"

	"github.com/eventmaestro/maestro/hlc"
	"github.com/eventmaestro/maestro/store"
	"github.com/eventmaestro/maestro/types"
)

// Redact replaces the body of one stored event, to repair what can't be read. Everything else about
// the event stays. body is encoded like that of a [types.Uncommitted], and must fit the event's
// stored type. To forget a person, use Erase.
//
// It returns an *EventError and changes nothing if the event can't be applied with the new body, or
// if a later event can't be applied any more. If several events are bad, repair them in their
// order. If the event isn't there the error is store.ErrNoEvent; if the store can't do it,
// store.ErrUnsupported.
//
// This process reads the aggregate anew afterwards. Other processes go on with the state in memory
// until they are about to store a snapshot of it. That snapshot is refused, and they read the
// aggregate anew too.
func (r *Root[S]) Redact(ctx context.Context, id hlc.Timestamp, s types.Sequence, body any) error {
	raw, err := encode(body)
	if err != nil {
		return unfit(&types.Event{AggregateID: id, Sequence: s}, "body", "can't be stored", err)
	}
	return r.rewrite(ctx, id, "redact", func(k *kind[S], a store.Adapter) (rewriting[S], error) {
		return k.checkRedaction(ctx, a, id, s, raw)
	})
}

// Erase takes a person out of an aggregate, in one transaction. It calls forget with each stored
// event, in order. forget returns the event with its new body and metadata; other changes are
// ignored. The records of the aggregate's command IDs are dropped, so a repeat of an earlier
// command runs again. The snapshot is replaced by one of the state that the new log gives. The time
// that it takes grows with the number of events.
//
// If a new body, or because of it a later event, can't be applied, Erase returns an *EventError and
// changes nothing. The same happens if the log can't be read in the first place: repair it with
// Redact. If the store can't do it, the error is store.ErrUnsupported.
//
// This process reads the aggregate anew afterwards. No other process can undo it: a snapshot of the
// state that it has in memory is always refused, and then it reads the aggregate anew. Until then
// it decides and answers with the old state; the guide says how to be sure. forget may be called
// several times with the same event, if another erasure of the aggregate is under way.
func (r *Root[S]) Erase(ctx context.Context, id hlc.Timestamp, forget func(event types.Event) types.Event) error {
	return r.rewrite(ctx, id, "erase", func(k *kind[S], a store.Adapter) (rewriting[S], error) {
		w, err := k.rewritten(ctx, a, id, func(e *types.Event) error {
			changed := forget(*e)
			body, err := encode(changed.Body)
			if err != nil {
				return unfit(e, "body", "can't be stored", err)
			}
			e.Body, e.Metadata = body, changed.Metadata
			return nil
		})
		if err == nil && w.fault != nil {
			err = during("erase", w.fault)
		}
		w.Commands = true
		return w, err
	})
}

// rewriting is what becomes of a log whose events change.
type rewriting[S any] struct {
	store.Redaction
	draft[S]       // as far as the new log can be applied
	fault    error // why it can't be applied any further
	reach    types.Sequence
}

// voidShape is the shape of a snapshot that only says which generation it is of.
const voidShape = "void"

var errVoidSnapshot = errors.New("holds no state: it stands for those that a redaction made void")

// rewrite does what plan says, in the aggregate's own goroutine.
func (r *Root[S]) rewrite(ctx context.Context, id hlc.Timestamp, doing string, plan func(*kind[S], store.Adapter) (rewriting[S], error)) error {
	redactor, ok := r.sup.store.(store.Redactor)
	if !ok {
		return fmt.Errorf("%w: this store can't replace bodies: use a store.Redactor", store.ErrUnsupported)
	}
	return r.do(ctx, id, func(c *core[S]) error {
		for attempt := 1; ; attempt++ {
			w, err := plan(r.kind, c.reads())
			if err != nil {
				return err
			}
			present, err := r.sup.store.LatestSnapshot(ctx, id, store.Range{})
			if err != nil {
				return during(doing, err)
			}
			generation := c.generation
			if present != nil {
				generation = max(generation, store.MarkOf(present.Body).Generation)
			}
			w.Snapshot = r.kind.successor(id, &w, generation+1)
			c.drop() // also after an error, which may be an outcome that nobody knows
			c.yield()
			err = redactor.Redact(ctx, w.Redaction)
			if errors.Is(err, store.ErrConflict) && attempt < r.sup.options.MaxAttempts {
				continue // another redaction was first
			}
			if err != nil {
				return during(doing, err)
			}
			return nil
		}
	})
}

// successor returns the snapshot that takes the place of all that were made of the log before it
// changed. Where the state has no snapshot, it holds nothing but the generation; a process of
// Maestro would take that for the state, so none is stored for it.
func (k *kind[S]) successor(id hlc.Timestamp, w *rewriting[S], generation int64) *types.Snapshot {
	s := types.Snapshot{AggregateID: id, Sequence: max(w.seq, 1)}
	if w.fault == nil && w.seq > 0 {
		from := material[S]{Instance: Instance[S]{ID: id, Sequence: w.seq, State: w.state}, at: w.last, generation: generation}
		if state, m, err := k.proven(from); err == nil {
			if s.Body, err = m.marked(state); err == nil {
				return &s
			}
		}
	}
	if k.SharedWithMaestro || w.seq == 0 && len(w.Events) == 0 {
		return nil
	}
	body, err := mark{Mark: store.Mark{Generation: generation}, Shape: voidShape}.marked(json.RawMessage("{}"))
	if err != nil {
		return nil
	}
	s.Body = body
	return &s
}

// checkRedaction makes sure that the log can be read past s with the new body, and as far as
// before.
func (k *kind[S]) checkRedaction(ctx context.Context, a store.Adapter, id hlc.Timestamp, s types.Sequence, body json.RawMessage) (rewriting[S], error) {
	found := false
	w, err := k.rewritten(ctx, a, id, func(e *types.Event) error {
		if e.Sequence == s {
			found, e.Body = true, body
		}
		return nil
	})
	switch {
	case err != nil:
		return w, err
	case w.fault == nil && !found:
		return w, fmt.Errorf("aggregate: redact: %w: aggregate %v, sequence %d", store.ErrNoEvent, id, s)
	case w.fault == nil:
		return w, nil
	case w.reach <= s:
		return w, during("redact", w.fault)
	}
	before, err := k.rewritten(ctx, a, id, func(*types.Event) error { return nil })
	if err == nil && before.reach > w.reach {
		err = during("redact", w.fault)
	}
	return w, err
}

// rewritten applies a log, each event as change leaves it, up to the first that can't be applied,
// and notes those that change. reach is the sequence of that first one, or past all others. Its
// error is the store's, or change's.
func (k *kind[S]) rewritten(ctx context.Context, a store.Adapter, id hlc.Timestamp, change func(*types.Event) error) (w rewriting[S], err error) {
	w.AggregateID, w.reach = id, math.MaxInt64
	if w.state, err = k.initial(); err != nil {
		return w, during("initial state", err)
	}
	for e, err := range a.Events(ctx, id, store.Range{}) {
		if err != nil {
			return w, during("read events", err)
		}
		was := e
		was.Body = bytes.Clone(e.Body)
		if err := change(&e); err != nil {
			return w, err
		}
		if !bytes.Equal(was.Body, e.Body) || was.Metadata != e.Metadata {
			w.Events = append(w.Events, types.Event{Sequence: e.Sequence, Body: bytes.Clone(e.Body), Metadata: e.Metadata})
		}
		if w.fault != nil {
			continue
		}
		if w.fault = k.applyStored(&w.draft, id, &e); w.fault != nil {
			w.reach = e.Sequence
			if at, ok := errors.AsType[*EventError](w.fault); ok {
				w.reach = at.Sequence
			}
		}
	}
	return w, nil
}
