package storetest

import (
	"context"
	"encoding/json"
	"slices"
	"sync"

	"github.com/eventmaestro/maestro/hlc"
	"github.com/eventmaestro/maestro/store"
	"github.com/eventmaestro/maestro/store/memory"
	"github.com/eventmaestro/maestro/types"
)

// renaming makes an adapter that returns events after a change.
func renaming(change func(e *types.Event)) func() *broken {
	return reading(func(events []types.Event) []types.Event {
		for i := range events {
			change(&events[i])
		}
		return events
	})
}

// limited is an adapter that takes no body above a size.
func limited() *broken {
	return &broken{
		commit: func(ctx context.Context, s *memory.Store, c store.Commit) error {
			for _, e := range c.Events {
				if len(e.Body) > 1<<16 {
					return &store.InvalidEventError{Field: "body", Reason: "is too long"}
				}
			}
			return s.Commit(ctx, c)
		},
		commitSnapshot: func(ctx context.Context, s *memory.Store, sn types.Snapshot) error {
			if len(sn.Body) > 1<<16 {
				return &store.InvalidEventError{Field: "snapshot", Reason: "is too long"}
			}
			return s.CommitSnapshot(ctx, sn)
		},
	}
}

// aliasing is an adapter that shares the bodies of snapshots with whoever stores or reads them.
func aliasing(in, out bool) func() *broken {
	return func() *broken {
		var kept sync.Map
		return &broken{
			commitSnapshot: func(ctx context.Context, s *memory.Store, sn types.Snapshot) error {
				if in {
					kept.Store(sn.AggregateID, sn.Body)
				}
				return s.CommitSnapshot(ctx, sn)
			},
			snapshot: func(ctx context.Context, s *memory.Store, id hlc.Timestamp, r store.Range) (*types.Snapshot, error) {
				sn, err := s.LatestSnapshot(ctx, id, r)
				if b, ok := kept.Load(id); ok && sn != nil {
					sn.Body = b.(json.RawMessage)
				}
				if out && sn != nil {
					b, _ := kept.LoadOrStore(id, sn.Body)
					sn.Body = b.(json.RawMessage)
				}
				return sn, err
			},
		}
	}
}

// dullMutants are mistakes that hardly anybody makes, for the clauses that nothing else makes fail.
var dullMutants = []mutant{
	{
		"the type is not kept", renaming(func(e *types.Event) { e.Type = "event" }),
		"an event reads back with every field as it was committed",
	},

	{
		"a timestamp loses its highest bit", renaming(func(e *types.Event) { e.Timestamp[0] &= 0x7f }),
		"the timestamp may be of any time",
	},

	{
		"an aggregate id loses its highest bit", renaming(func(e *types.Event) { e.AggregateID[0] &= 0x7f }),
		"any sixteen bytes but zeros name an aggregate",
	},

	{"what is not there is made up", func() *broken {
		return &broken{events: func(ctx context.Context, s *memory.Store, id hlc.Timestamp, r store.Range, yield yieldEvent) {
			events, err := readAll(ctx, s, id, r)
			if len(events) == 0 && err == nil {
				events = []types.Event{{AggregateID: id}}
			}
			give(events, err, yield)
		}}
	}, "a new store has no events and no snapshot of any aggregate"},

	{"the zero id is everybody", func() *broken {
		return &broken{events: func(ctx context.Context, s *memory.Store, id hlc.Timestamp, r store.Range, yield yieldEvent) {
			if id.IsZero() {
				yield(types.Event{Sequence: 1}, nil)
				return
			}
			s.Events(ctx, id, r)(yield)
		}}
	}, "the zero aggregate id names no aggregate"},

	{"bodies have a limit", limited, "a body of a mebibyte is stored"},

	{"snapshots have a limit", limited, "a snapshot of any JSON kind reads back as an equal value"},

	{"a snapshot takes its sequence", func() *broken {
		return &broken{commit: func(ctx context.Context, s *memory.Store, c store.Commit) error {
			sn, _ := s.LatestSnapshot(context.WithoutCancel(ctx), c.AggregateID, store.Range{})
			if sn != nil && len(c.Events) > 0 && c.Events[0].Sequence <= sn.Sequence {
				return store.ErrConflict
			}
			return s.Commit(ctx, c)
		}}
	}, "a snapshot takes no sequence"},

	{"a snapshot loses its body", func() *broken {
		return &broken{snapshot: func(ctx context.Context, s *memory.Store, id hlc.Timestamp, r store.Range) (*types.Snapshot, error) {
			sn, err := s.LatestSnapshot(ctx, id, r)
			if sn != nil {
				sn.Body = json.RawMessage(`{}`)
			}
			return sn, err
		}}
	}, "a snapshot reads back as it was stored"},

	{"the last snapshot is everybody's", func() *broken {
		var mu sync.Mutex
		var last *types.Snapshot
		return &broken{
			commitSnapshot: func(ctx context.Context, s *memory.Store, sn types.Snapshot) error {
				mu.Lock()
				defer mu.Unlock()
				last = &sn
				return s.CommitSnapshot(ctx, sn)
			},
			snapshot: func(context.Context, *memory.Store, hlc.Timestamp, store.Range) (*types.Snapshot, error) {
				mu.Lock()
				defer mu.Unlock()
				return last, nil
			},
		}
	}, "snapshots of aggregates are apart"},

	{"a snapshot without its event is passed over", loading(func(_ store.Range, sn *types.Snapshot, events []types.Event) (*types.Snapshot, []types.Event) {
		if len(events) == 0 {
			return nil, nil
		}
		return sn, events
	}), "a snapshot newer than the log is loaded alone"},

	{"only an aggregate with events has a snapshot", loading(func(_ store.Range, sn *types.Snapshot, events []types.Event) (*types.Snapshot, []types.Event) {
		if len(events) == 0 {
			return nil, nil
		}
		return sn, events
	}), "a load of an aggregate that has only a snapshot is that snapshot"},

	{
		"snapshots are kept without a copy", aliasing(true, false),
		"a snapshot that changes after it was stored changes nothing in the store",
	},

	{
		"snapshots are returned without a copy", aliasing(false, true),
		"a returned snapshot that is written to changes nothing in the store",
	},

	{"a snapshot ignores its context", func() *broken {
		return &broken{commitSnapshot: func(ctx context.Context, s *memory.Store, sn types.Snapshot) error {
			return s.CommitSnapshot(context.WithoutCancel(ctx), sn)
		}}
	}, "a snapshot with an ended context is not stored"},

	{"an unknown command is made up", func() *broken {
		return &broken{lookup: func(ctx context.Context, s *memory.Store, id hlc.Timestamp, command string) (*store.CommandRecord, error) {
			r, err := s.LookupCommand(ctx, id, command)
			if r == nil && err == nil {
				r = &store.CommandRecord{ID: command}
			}
			return r, err
		}}
	}, "a command ID that was never used is not known"},

	{"projections do not get the type", func() *broken {
		return &broken{project: func(ctx context.Context, s *memory.Store, c store.Commit) error {
			untyped := slices.Clone(c.Events)
			for i := range untyped {
				untyped[i].Type = ""
			}
			if err := s.Commit(ctx, bare(c)); err != nil {
				return err
			}
			return aside(ctx, s, c.Projections, untyped)
		}}
	}, "a projection gets an event as it was committed"},
}
