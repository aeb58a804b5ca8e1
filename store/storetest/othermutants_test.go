package storetest

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/eventmaestro/maestro/hlc"
	"github.com/eventmaestro/maestro/store"
	"github.com/eventmaestro/maestro/store/memory"
	"github.com/eventmaestro/maestro/types"
)

var snapshotMutants = []mutant{
	{"a snapshot is replaced by an older one", replacing(func(kept, sn types.Snapshot) bool {
		return sn.Sequence < kept.Sequence
	}), "a snapshot is not replaced by an older one"},

	{"a snapshot's generation does not count", replacing(func(kept, sn types.Snapshot) bool {
		return sn.Sequence > kept.Sequence
	}), "a snapshot of a later generation replaces a newer one"},

	{"the first snapshot of a sequence remains", func() *broken {
		return &broken{commitSnapshot: func(ctx context.Context, s *memory.Store, sn types.Snapshot) error {
			if kept, _ := s.LatestSnapshot(ctx, sn.AggregateID, store.Range{}); kept != nil && kept.Sequence == sn.Sequence {
				return nil
			}
			return s.CommitSnapshot(ctx, sn)
		}}
	}, "a snapshot is replaced by another one of the same sequence"},

	{"a snapshot may be of another log", func() *broken {
		return &broken{commitSnapshot: func(ctx context.Context, s *memory.Store, sn types.Snapshot) error {
			return ignore(s.CommitSnapshot(ctx, sn), store.ErrNoEvent)
		}}
	}, "a snapshot of an event that the log has not is not stored"},

	{"the first snapshot remains", func() *broken {
		return &broken{commitSnapshot: func(ctx context.Context, s *memory.Store, sn types.Snapshot) error {
			if kept, _ := s.LatestSnapshot(ctx, sn.AggregateID, store.Range{}); kept != nil {
				return nil
			}
			return s.CommitSnapshot(ctx, sn)
		}}
	}, "a snapshot is replaced by a newer one"},

	{"an older snapshot is an error", func() *broken {
		return &broken{commitSnapshot: func(ctx context.Context, s *memory.Store, sn types.Snapshot) error {
			if kept, _ := s.LatestSnapshot(ctx, sn.AggregateID, store.Range{}); kept != nil && kept.Sequence >= sn.Sequence {
				return store.ErrConflict
			}
			return s.CommitSnapshot(ctx, sn)
		}}
	}, "of many writers' snapshots the newest remains"},

	{"a snapshot is read whatever the range", func() *broken {
		return &broken{snapshot: func(ctx context.Context, s *memory.Store, id hlc.Timestamp, _ store.Range) (*types.Snapshot, error) {
			return s.LatestSnapshot(ctx, id, store.Range{})
		}}
	}, "a snapshot outside of the range is not returned"},

	{"a snapshot of anything is stored", func() *broken {
		return &broken{commitSnapshot: func(ctx context.Context, s *memory.Store, sn types.Snapshot) error {
			return ignore(s.CommitSnapshot(ctx, sn), store.ErrInvalidEvent)
		}}
	}, "a snapshot that no aggregate can have is refused"},
}

// replacing makes an adapter that returns another snapshot than the one that should have been kept.
func replacing(despite func(kept, sn types.Snapshot) bool) func() *broken {
	return func() *broken {
		var kept sync.Map
		return &broken{
			commitSnapshot: func(ctx context.Context, s *memory.Store, sn types.Snapshot) error {
				old, err := s.LatestSnapshot(ctx, sn.AggregateID, store.Range{})
				if err == nil && old != nil && despite(*old, sn) {
					kept.Store(sn.AggregateID, sn)
				}
				return s.CommitSnapshot(ctx, sn)
			},
			snapshot: func(ctx context.Context, s *memory.Store, id hlc.Timestamp, r store.Range) (*types.Snapshot, error) {
				if sn, ok := kept.Load(id); ok && r.Contains(sn.(types.Snapshot).Sequence) {
					other := sn.(types.Snapshot)
					return &other, nil
				}
				return s.LatestSnapshot(ctx, id, r)
			},
		}
	}
}

var commandMutants = []mutant{
	{"command IDs are not recorded", func() *broken {
		return &broken{commit: func(ctx context.Context, s *memory.Store, c store.Commit) error {
			if len(c.Events) == 0 && c.Check() == nil {
				return nil
			}
			if c.Check() == nil {
				c.Commands = nil
			}
			return s.Commit(ctx, c)
		}}
	}, "a command ID is recorded with the events"},

	{"a command ID that was used is stored again", func() *broken {
		return &broken{commit: func(ctx context.Context, s *memory.Store, c store.Commit) error {
			err := s.Commit(ctx, c)
			if errors.Is(err, store.ErrDuplicateCommand) && len(c.Events) > 0 {
				c.Commands = nil
				return s.Commit(ctx, c)
			}
			return err
		}}
	}, "a command ID that was used is refused, with the events"},

	{"a duplicate command ID is a conflict", func() *broken {
		return &broken{commit: func(ctx context.Context, s *memory.Store, c store.Commit) error {
			if err := s.Commit(ctx, c); !errors.Is(err, store.ErrDuplicateCommand) {
				return err
			}
			return store.ErrConflict
		}}
	}, "a command ID that was used is refused, with the events"},

	{"pruning forgets everything", func() *broken {
		return &broken{prune: func(ctx context.Context, s *memory.Store, _ time.Time) (int64, error) {
			return s.PruneCommands(ctx, time.Now().Add(time.Hour))
		}}
	}, "pruning forgets what was recorded before a time"},

	{"a redaction keeps the snapshot", func() *broken {
		return &broken{redact: func(ctx context.Context, s *memory.Store, r store.Redaction) error {
			kept, _ := s.LatestSnapshot(ctx, r.AggregateID, store.Range{})
			err := s.Redact(ctx, r)
			if kept != nil {
				return errors.Join(err, s.CommitSnapshot(ctx, *kept))
			}
			return err
		}}
	}, "a redaction drops a snapshot that contains the event"},

	{"a redaction of nothing is reported as success", func() *broken {
		return &broken{redact: func(ctx context.Context, s *memory.Store, r store.Redaction) error {
			return ignore(s.Redact(ctx, r), store.ErrNoEvent)
		}}
	}, "a redaction of an event that is not there says so"},

	{"a redaction keeps the command IDs", func() *broken {
		return &broken{redact: func(ctx context.Context, s *memory.Store, r store.Redaction) error {
			r.Commands = false
			return s.Redact(ctx, r)
		}}
	}, "a redaction drops the aggregate's command IDs"},

	{"a redaction keeps the metadata", func() *broken {
		return &broken{redact: func(ctx context.Context, s *memory.Store, r store.Redaction) error {
			for i := range r.Events {
				for e, err := range s.Events(ctx, r.AggregateID, store.Range{After: r.Events[i].Sequence - 1, Max: r.Events[i].Sequence}) {
					if err != nil {
						return err
					}
					r.Events[i].Metadata = e.Metadata
				}
			}
			return s.Redact(ctx, r)
		}}
	}, "a redaction of many events is one"},

	{"a redaction that another one overtook is done all the same", func() *broken {
		return &broken{redact: func(ctx context.Context, s *memory.Store, r store.Redaction) error {
			err := s.Redact(ctx, r)
			if errors.Is(err, store.ErrConflict) {
				r.Snapshot = nil
				return s.Redact(ctx, r)
			}
			return err
		}}
	}, "a redaction that another one overtook changes nothing"},
}
