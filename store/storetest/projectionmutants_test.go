package storetest

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"

	"github.com/eventmaestro/maestro/hlc"
	"github.com/eventmaestro/maestro/store"
	"github.com/eventmaestro/maestro/store/memory"
	"github.com/eventmaestro/maestro/types"
)

// shown is a projection that a broken adapter can run when it should not. Every other one gets it
// as the memory store's own.
type shown func(ctx context.Context, tx *memory.ProjectionTx, e types.Event) error

func (shown) StoreKind() string { return memory.Kind }

func unwrap(c store.Commit) store.Commit {
	c.Projections = slices.Clone(c.Projections)
	for i, p := range c.Projections {
		if p, ok := p.(shown); ok {
			c.Projections[i] = memory.Projection(p)
		}
	}
	return c
}

// aside runs projections in a commit of nobody's event.
func aside(ctx context.Context, s *memory.Store, projections []store.Projection, events []types.Event) error {
	ghost := types.Event{AggregateID: hlc.Timestamp{0: 1, 15: 1}, Sequence: 1, Type: "ghost", Body: []byte("0")}
	for i := range 16 {
		ghost.Timestamp[i] = byte(rand.Uint32())
	}
	ghost.AggregateID = ghost.Timestamp
	err := s.Commit(ctx, store.Commit{
		AggregateID: ghost.AggregateID, Events: []types.Event{ghost},
		Projections: []store.Projection{memory.Projection(func(ctx context.Context, tx *memory.ProjectionTx, _ types.Event) error {
			for _, e := range events {
				for _, p := range projections {
					if p, ok := p.(shown); ok {
						if err := p(ctx, tx, e); err != nil {
							return err
						}
					}
				}
			}
			return nil
		})},
	})
	var refusal *store.ProjectionError
	if errors.As(err, &refusal) {
		return &store.ProjectionError{Event: events[0], Err: refusal.Err}
	}
	return err
}

// bare is c without projections.
func bare(c store.Commit) store.Commit {
	c.Projections = nil
	return c
}

var projectionMutants = []mutant{
	{"projections see the events backwards", func() *broken {
		return &broken{project: func(ctx context.Context, s *memory.Store, c store.Commit) error {
			backwards := slices.Clone(c.Events)
			slices.Reverse(backwards)
			if err := s.Commit(ctx, bare(c)); err != nil {
				return err
			}
			return aside(ctx, s, c.Projections, backwards)
		}}
	}, "a projection gets the events of a commit in their order"},

	{"only the first projection runs", func() *broken {
		return &broken{project: func(ctx context.Context, s *memory.Store, c store.Commit) error {
			c.Projections = c.Projections[:min(len(c.Projections), 1)]
			return s.Commit(ctx, unwrap(c))
		}}
	}, "every projection gets every event"},

	{"a projection of another kind is an error", func() *broken {
		return &broken{project: func(ctx context.Context, s *memory.Store, c store.Commit) error {
			for _, p := range c.Projections {
				if p.StoreKind() != memory.Kind {
					return store.ErrUnsupported
				}
			}
			return s.Commit(ctx, unwrap(c))
		}}
	}, "a projection of another kind is skipped"},

	{"the error of a projection is swallowed", func() *broken {
		return &broken{project: func(ctx context.Context, s *memory.Store, c store.Commit) error {
			err := s.Commit(ctx, unwrap(c))
			var refusal *store.ProjectionError
			if errors.As(err, &refusal) {
				return s.Commit(ctx, bare(c))
			}
			return err
		}}
	}, "a projection that refuses an event refuses the whole commit"},

	{"projections run before the commit, in a transaction of their own", func() *broken {
		return &broken{project: func(ctx context.Context, s *memory.Store, c store.Commit) error {
			if err := aside(ctx, s, c.Projections, c.Events); err != nil {
				return err
			}
			return s.Commit(ctx, bare(c))
		}}
	}, "a conflict undoes what projections wrote"},

	{"projections run after the commit, in a transaction of their own", func() *broken {
		return &broken{project: func(ctx context.Context, s *memory.Store, c store.Commit) error {
			if err := s.Commit(ctx, bare(c)); err != nil {
				return err
			}
			return aside(ctx, s, c.Projections, c.Events)
		}}
	}, "a refusal undoes what other projections wrote"},

	{"each projection has a transaction of its own", func() *broken {
		return &broken{project: func(ctx context.Context, s *memory.Store, c store.Commit) error {
			if n := length(s, c.AggregateID); len(c.Events) > 0 && n >= int(c.Events[0].Sequence) {
				return store.ErrConflict
			}
			for i := range c.Projections {
				if err := aside(ctx, s, c.Projections[i:i+1], c.Events); err != nil {
					return err
				}
			}
			return s.Commit(ctx, bare(c))
		}}
	}, "a refusal undoes what other projections wrote"},

	{"a refusal of a projection is bare", func() *broken {
		return &broken{project: func(ctx context.Context, s *memory.Store, c store.Commit) error {
			err := s.Commit(ctx, unwrap(c))
			var refusal *store.ProjectionError
			if errors.As(err, &refusal) {
				return refusal.Err
			}
			return err
		}}
	}, "the error of a projection names the event and wraps the cause"},

	{"a panic of a projection is told as its text", func() *broken {
		return &broken{project: func(ctx context.Context, s *memory.Store, c store.Commit) error {
			err := s.Commit(ctx, unwrap(c))
			if panicked, ok := errors.AsType[*types.PanicError](err); ok {
				return &store.ProjectionError{Event: c.Events[0], Err: errors.New(panicked.Error())}
			}
			return err
		}}
	}, "a projection that panics refuses the commit, and the panic is its cause"},

	{"projections do not get metadata", func() *broken {
		return &broken{project: func(ctx context.Context, s *memory.Store, c store.Commit) error {
			c.Projections = slices.Clone(c.Projections)
			for i, p := range c.Projections {
				if p, ok := p.(shown); ok {
					c.Projections[i] = shown(func(ctx context.Context, tx *memory.ProjectionTx, e types.Event) error {
						e.Metadata = types.Metadata{}
						return p(ctx, tx, e)
					})
				}
			}
			return s.Commit(ctx, unwrap(c))
		}}
	}, "a projection gets the metadata of the event"},
}
