package aggregate

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
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
// definition is a *DefinitionError that names the field, and a supervisor that was shut down
// ErrClosed. Initial is called once, to see that it can be.
func NewRoot[S any](sup *Supervisor, d Definition[S]) (*Root[S], error) {
	if sup == nil || sup.base == nil {
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
	if slices.ContainsFunc(sup.families, func(f *family) bool { return f.name == k.Name }) {
		return nil, k.wrong("Name", "is taken by another root of this supervisor: give it another Name")
	}
	r := &Root[S]{sup: sup, kind: k}
	r.family = family{
		sup: sup, name: k.Name, knows: k.knows,
		Family: mailbox.Family{
			Size: sup.options.MailboxSize, Refuse: sup.options.RefuseWhenFull, MaxBatch: sup.options.MaxBatch,
			Hibernate: cmp.Or(k.Idle.Hibernate, DefaultHibernate), Exit: cmp.Or(k.Idle.Exit, DefaultExit),
		},
	}
	sup.registry.Add(&r.family.Family)
	sup.families = append(sup.families, &r.family)
	sup.warnOfForeignProjections(k.Name, k.Projections)
	return r, nil
}

// warnOfForeignProjections speaks up when a root has projections and the store, or what it wraps,
// runs none of them. Some for other stores beside its own are the normal case: the form for tests
// stands beside the form for production.
func (s *Supervisor) warnOfForeignProjections(root string, projections []store.Projection) {
	runs := ""
	for a := s.store; a != nil && runs == ""; a = unwrap(a) {
		if p, ok := a.(store.Projector); ok {
			runs = p.StoreKind()
		}
	}
	var kinds []string
	for _, p := range projections {
		kinds = append(kinds, p.StoreKind())
	}
	if runs == "" || len(kinds) == 0 || slices.Contains(kinds, runs) {
		return
	}
	slices.Sort(kinds)
	s.log.Warn("no projection of this root runs: all are for other stores; list one for this store, or none",
		"root", root, "store", runs, "projections", slices.Compact(kinds))
}

// Name returns the root's name as it stands in errors, logs and hooks: Definition.Name, or that of
// the state's type.
func (r *Root[S]) Name() string { return r.family.name }

// NewID returns the id of a new aggregate. Nothing is stored before its first event. It fails only
// if the clock fails or the supervisor is closed.
func (r *Root[S]) NewID(ctx context.Context) (hlc.Timestamp, error) {
	if err := ctx.Err(); err != nil {
		return hlc.Timestamp{}, during("new", err)
	}
	if r.sup.registry.Closed() {
		return hlc.Timestamp{}, ErrClosed
	}
	id, err := r.sup.clock.Now()
	if err != nil {
		return hlc.Timestamp{}, during("new", err)
	}
	return id, nil
}

// derivedBits is how many of the 48 bits of milliseconds a derived id uses: enough for uniqueness,
// and few enough that it lies before 4 November 2004, where no clock of today issues anything.
const derivedBits = 40

// IDFor returns the id that belongs to a key, the same in every process and for ever, but only for
// this root. Use it to create an aggregate with a client's key, such as an Idempotency-Key: every
// repeat of the creation, in any process, concerns the same aggregate. It stores nothing. An empty
// key has the zero id, which is refused.
//
// The id is 120 bits of a hash of the root's name and the key, so two keys never share an id. Name
// the root in Definition.Name: the default is the name of a Go type, and the ids would change with
// it. The time in such an id means nothing. It lies before 2005, so no clock ever issues the same
// id or is moved by it.
func (r *Root[S]) IDFor(key string) hlc.Timestamp {
	if key == "" {
		return hlc.Timestamp{}
	}
	h := sha256.New()
	var length [8]byte
	binary.BigEndian.PutUint64(length[:], uint64(len(r.family.name)))
	h.Write(length[:])
	h.Write([]byte(r.family.name))
	h.Write([]byte(key))
	id := hlc.Timestamp(h.Sum(nil)[:hlc.Size])
	clear(id[:(48-derivedBits)/8])
	return id
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

// Do is Evaluate with the complete result, for example for the answer of an HTTP handler. A repeat
// of a command with an ID gets the result of the first one. The errors are those of Evaluate.
func (r *Root[S]) Do(ctx context.Context, command types.Command) (Result[S], error) {
	told, err := r.evaluate(ctx, nil, errand{command: command, wantEvents: true, wantState: true})
	if err != nil {
		return Result[S]{}, err
	}
	state, _ := told.state.(S) // a nil S that is an interface has no type to assert
	return Result[S]{State: state, Sequence: told.seq, Events: told.events, Repeat: told.repeat}, nil
}

// Send evaluates the command that data is: Evaluate of types.CommandOf(id, data). All that Evaluate
// says holds. To send with an ID or an expected sequence, in a transaction, or for another answer,
// give types.CommandOf to Evaluate, Do, EvaluateTx and their like. data must not be nil.
func (r *Root[S]) Send(ctx context.Context, id hlc.Timestamp, data types.CommandData) error {
	return r.Evaluate(ctx, types.CommandOf(id, data))
}

// Result is the complete result of a command.
type Result[S any] struct {
	// State is the state right after the command. The caller owns it.
	State S

	// Sequence is the aggregate's right after the command: what the next command may expect.
	Sequence types.Sequence

	// Events are the resulting events; none if the command changed nothing.
	Events []types.Event

	// Repeat says that the events are those of an earlier command with the same ID.
	Repeat bool
}

// evaluate answers a command: in the aggregate's goroutine or, where tx is not nil, as part of a
// transaction.
func (r *Root[S]) evaluate(ctx context.Context, tx store.Tx, e errand) (told, error) {
	start := time.Now()
	told, tries, err := r.ask(ctx, tx, e)
	if hook := r.sup.options.Hooks.Evaluate; hook != nil {
		hook(ctx, Evaluation{
			Root: r.family.name, AggregateID: e.command.AggregateID, Type: e.command.Type,
			Start: start, Duration: time.Since(start), Attempts: tries, Err: err,
		})
	}
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
func (r *Root[S]) do(ctx context.Context, id hlc.Timestamp, f func(c *core[S]) error) error {
	q := r.sup.newRequest(ctx)
	q.run = func(o mailbox.Owner) error { return f(o.(*core[S])) }
	err := r.deliver(q, id)
	r.sup.free(q)
	return err
}
