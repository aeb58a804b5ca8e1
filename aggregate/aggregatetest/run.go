package aggregatetest

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"

	"github.com/eventmaestro/maestro/aggregate"
	"github.com/eventmaestro/maestro/hlc"
	"github.com/eventmaestro/maestro/internal/body"
	"github.com/eventmaestro/maestro/store"
	"github.com/eventmaestro/maestro/store/memory"
	"github.com/eventmaestro/maestro/types"
)

// session is a process of its own on a store: nothing is in its memory when it begins.
type session[S any] struct {
	*aggregate.Root[S]
	sup      *aggregate.Supervisor
	warnings bytes.Buffer
	snapshot types.Sequence // that of the snapshot the aggregate was started from
}

// supervisor makes one with options of ours.
func supervisor(a store.Adapter, o *aggregate.Options) *aggregate.Supervisor {
	sup, err := aggregate.NewSupervisor(a, o)
	if err != nil {
		panic("aggregatetest: " + err.Error())
	}
	return sup
}

func (c *Case[S]) open(a store.Adapter) *session[S] {
	s := &session[S]{}
	s.sup = supervisor(a, &aggregate.Options{
		Clock:  c.clock,
		Logger: slog.New(slog.NewTextHandler(&s.warnings, nil)),
		Hooks: aggregate.Hooks{Load: func(_ context.Context, l aggregate.Loaded) {
			s.snapshot = l.Snapshot
		}},
	})
	root, err := aggregate.NewRoot(s.sup, c.definition)
	if err != nil {
		panic("aggregatetest: a definition that passed before: " + err.Error())
	}
	s.Root = root
	return s
}

func (s *session[S]) end() { _ = s.sup.Shutdown(context.Background()) }

// read returns the aggregate as a new process finds it in a store.
func (c *Case[S]) read(a store.Adapter) (aggregate.Instance[S], error) {
	s := c.open(a)
	defer s.end()
	return s.FetchInstance(context.Background(), c.id)
}

// copier returns a function that copies s in the way the definition does.
func (c *Case[S]) copier(s S) func() S {
	d := c.definition
	d.Initial = func() S { return s }
	return func() S {
		sup := supervisor(memory.New(), nil)
		defer func() { _ = sup.Shutdown(context.Background()) }()
		root, err := aggregate.NewRoot(sup, d)
		if err != nil {
			panic("aggregatetest: a definition that passed before: " + err.Error())
		}
		copied, err := root.Get(context.Background(), c.id)
		if err != nil {
			panic(err) // Initial is ours, and Clone copied this state before
		}
		return copied
	}
}

// snapshotted returns a store with the log, and a snapshot that was taken at a sequence.
func (c *Case[S]) snapshotted(log []types.Event, at types.Sequence) (*memory.Store, error) {
	a := memory.New()
	if err := commit(a, log[:at]); err != nil {
		return nil, err
	}
	s := c.open(a)
	defer s.end()
	if err := s.Snapshot(context.Background(), c.id); err != nil {
		return nil, err
	}
	return a, commit(a, log[at:])
}

func logOf(a store.Adapter, id hlc.Timestamp) (log []types.Event, _ error) {
	for e, err := range a.Events(context.Background(), id, store.Range{}) {
		if err != nil {
			return nil, err
		}
		log = append(log, e)
	}
	return log, nil
}

func commit(a store.Adapter, events []types.Event, projections ...store.Projection) error {
	if len(events) == 0 {
		return nil
	}
	return a.Commit(context.Background(), store.Commit{AggregateID: events[0].AggregateID, Events: events, Projections: projections})
}

// encode returns a body in its stored form.
func encode(v any) (json.RawMessage, error) {
	raw, err := body.Encode(v)
	if err != nil {
		return nil, fmt.Errorf("encode the body: %w", err)
	}
	return raw, nil
}
