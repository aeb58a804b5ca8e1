package aggregate

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/eventmaestro/maestro/hlc"
	"github.com/eventmaestro/maestro/internal/mailbox"
	"github.com/eventmaestro/maestro/store"
	"github.com/eventmaestro/maestro/types"
)

// Root is one kind of aggregate, with as many aggregates as have ids. All methods are
// safe for concurrent use. They block until there is an answer or their context ends.
type Root[S any] struct {
	sup    *Supervisor
	kind   *kind[S]
	family family
}

// NewRoot checks d and returns the root that it defines. Its aggregates live in sup. An invalid
// definition is a *DefinitionError that names the field, and a supervisor that was shut down ErrClosed. Initial is called
// once, to see that it can be.
func NewRoot[S any](sup *Supervisor, d Definition[S]) (*Root[S], error) {
	if sup == nil || sup.names == nil {
		return nil, errors.New("aggregate: the supervisor is nil or empty: make it with NewSupervisor")
	}
	k, err := compile(d)
	if err != nil {
		return nil, err
	}
	sup.mu.Lock()
	defer sup.mu.Unlock()
	if sup.registry.Closed() {
		return nil, ErrClosed
	}
	if sup.names[k.Name] {
		return nil, k.wrong("Name", "is taken by another root of this supervisor: give it another Name")
	}
	sup.names[k.Name] = true
	r := &Root[S]{sup: sup, kind: k}
	r.family = family{
		sup: sup, name: k.Name, saves: k.Idle.Snapshot, knows: k.knows,
		Family: mailbox.Family{
			Size: sup.options.MailboxSize, Refuse: sup.options.RefuseWhenFull, MaxBatch: sup.options.MaxBatch,
			Hibernate: k.Idle.hibernate(), Exit: k.Idle.exit(),
		},
	}
	sup.registry.Add(&r.family.Family)
	sup.families = append(sup.families, &r.family)
	sup.warnOfForeignProjections(k.Name, k.Projections)
	return r, nil
}

// warnOfForeignProjections speaks up when a root has projections and the store runs none of them. Some for
// other stores beside its own are the normal case: the form for tests stands beside the form for production.
func (s *Supervisor) warnOfForeignProjections(root string, projections []store.Projection) {
	runs, known := projectionsRun(s.store)
	if !known || len(projections) == 0 {
		return
	}
	var kinds []string
	for _, p := range projections {
		if p.StoreKind() == runs {
			return
		}
		kinds = append(kinds, p.StoreKind())
	}
	slices.Sort(kinds)
	s.log.Warn("no projection of this root runs: all are for other stores; list one for this store, or none",
		"root", root, "store", runs, "projections", slices.Compact(kinds))
}

// projectionsRun says of which store the projections are that a store runs, or one that it wraps.
func projectionsRun(a store.Adapter) (of string, known bool) {
	for ; a != nil; a = unwrap(a) {
		if p, ok := a.(store.Projector); ok {
			return p.StoreKind(), true
		}
	}
	return "", false
}

// Name returns the root's name as it stands in errors, logs and hooks: Definition.Name, or that of
// the state's type.
func (r *Root[S]) Name() string { return r.family.name }

// NewID returns the id of a new aggregate. Nothing is stored before its first event. It fails only if
// the clock fails or the supervisor is closed.
func (r *Root[S]) NewID(ctx context.Context) (hlc.Timestamp, error) {
	if err := ctx.Err(); err != nil {
		return hlc.Timestamp{}, fmt.Errorf("aggregate: new: %w", err)
	}
	if r.sup.registry.Closed() {
		return hlc.Timestamp{}, ErrClosed
	}
	id, err := r.sup.clock.Now()
	if err != nil {
		return hlc.Timestamp{}, fmt.Errorf("aggregate: new: %w", err)
	}
	return id, nil
}

// Evaluate evaluates a command against the latest state and commits the resulting events. It
// returns nil when they are stored, or if there are none.
//
// A handler's refusal is returned as it is. After every error but an *OutcomeUnknownError the
// command's events are not stored and never will be. If ctx ends before they were sent to the
// store, nothing is stored. If it ends later, the library completes the commit and the caller gets
// an *OutcomeUnknownError.
func (r *Root[S]) Evaluate(ctx context.Context, command types.Command) error {
	_, err := r.evaluate(ctx, nil, errand{command: command})
	return err
}

// EvaluateEvents is Evaluate and returns the events that were stored.
func (r *Root[S]) EvaluateEvents(ctx context.Context, command types.Command) ([]types.Event, error) {
	told, err := r.evaluate(ctx, nil, errand{command: command, wantEvents: true})
	return told.events, err
}

// EvaluateState is Evaluate and returns the state right after the command.
func (r *Root[S]) EvaluateState(ctx context.Context, command types.Command) (S, error) {
	told, err := r.evaluate(ctx, nil, errand{command: command, wantState: true})
	if err != nil {
		return *new(S), err
	}
	typed, _ := told.state.(S) // a nil S that is an interface has no type to assert
	return typed, nil
}

// evaluate answers a command: in the aggregate's goroutine or, where tx is not nil, as part of a transaction.
func (r *Root[S]) evaluate(ctx context.Context, tx store.Tx, e errand) (told, error) {
	hook := r.sup.options.Hooks.Evaluate
	if hook == nil {
		told, _, err := r.ask(ctx, tx, e)
		return told, err
	}
	start := time.Now()
	told, tries, err := r.ask(ctx, tx, e)
	hook(ctx, Evaluation{
		Root: r.family.name, AggregateID: e.command.AggregateID, Type: e.command.Type,
		Start: start, Duration: time.Since(start), Attempts: tries, Err: err,
	})
	return told, err
}

func (r *Root[S]) ask(ctx context.Context, tx store.Tx, e errand) (answer told, tries int, err error) {
	handler, known := r.kind.Commands[e.command.Type]
	if !known {
		return told{}, 0, &unknownCommandError{r.family.name, e.command.Type}
	}
	if tx != nil && !r.sup.owns(tx, e.command.AggregateID) {
		return told{}, 0, ErrOtherStore
	}
	e.handler = handler
	if e.command.ID != "" {
		if e.record, err = r.identify(e.command, handler); err != nil {
			return told{}, 0, err
		}
	}
	q := r.sup.newRequest(ctx)
	q.errand = e
	if tx != nil {
		err = r.answerIn(q, tx)
	} else {
		err = r.deliver(q, e.command.AggregateID)
	}
	if q.Phase() != mailbox.Answered {
		return told{}, 0, err // the mailbox may still hold the request
	}
	if err == nil {
		answer = q.told
	}
	tries = q.tries
	r.sup.free(q)
	return answer, tries, err
}

// deliver puts a request into the mailbox of an aggregate and returns its answer.
func (r *Root[S]) deliver(q *request, id hlc.Timestamp) error {
	c, err := r.reach(q.Ctx, id, func(m *mailbox.Mailbox) mailbox.Delivery { return m.Put(&q.Request) })
	if err != nil {
		return err
	}
	return q.wait(c.live)
}

// do runs f in the aggregate's own goroutine.
func (r *Root[S]) do(ctx context.Context, id hlc.Timestamp, how manner, f func(c *core[S]) error) error {
	q := r.sup.newRequest(ctx)
	q.manner = how
	q.run = func(o mailbox.Owner) error { return f(o.(*core[S])) }
	err := r.deliver(q, id)
	if q.Phase() == mailbox.Answered {
		r.sup.free(q)
	}
	return err
}
