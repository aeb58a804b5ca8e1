package storetest

import (
	"context"
	"encoding/json"
	"errors"
	"runtime"
	"slices"

	"github.com/eventmaestro/maestro/store"
	"github.com/eventmaestro/maestro/store/memory"
	"github.com/eventmaestro/maestro/types"
)

// mutant is an adapter with one law broken, and a clause that has to notice.
type mutant struct {
	name     string
	make     func() *broken
	caughtBy string
}

var commitMutants = []mutant{
	{"a conflict is reported as success", func() *broken {
		return &broken{commit: func(ctx context.Context, s *memory.Store, c store.Commit) error {
			return ignore(s.Commit(ctx, c), store.ErrConflict)
		}}
	}, "a sequence that is taken is a conflict and stores nothing"},

	{"a conflict is the driver's error", func() *broken {
		return &broken{commit: func(ctx context.Context, s *memory.Store, c store.Commit) error {
			if err := s.Commit(ctx, c); !errors.Is(err, store.ErrConflict) {
				return err
			}
			return errors.New("duplicate key value violates unique constraint (SQLSTATE 23505)")
		}}
	}, "of sixteen writers of one sequence one succeeds and fifteen conflict"},

	{"DO NOTHING without a count", func() *broken {
		return &broken{commit: func(ctx context.Context, s *memory.Store, c store.Commit) error {
			end := types.Sequence(length(s, c.AggregateID))
			c.Events = slices.DeleteFunc(slices.Clone(c.Events), func(e types.Event) bool { return e.Sequence <= end })
			if len(c.Events) == 0 {
				return store.ErrConflict
			}
			return s.Commit(ctx, c)
		}}
	}, "a commit that overlaps the end of the log stores none of its events"},

	{"a resend is reported as success", func() *broken {
		return &broken{commit: func(ctx context.Context, s *memory.Store, c store.Commit) error {
			err := s.Commit(ctx, c)
			if errors.Is(err, store.ErrConflict) && isStored(s, c.Events) {
				return nil
			}
			return err
		}}
	}, "the very same commit again is a conflict and the log has it once"},

	{"the last of several events is lost", func() *broken {
		return &broken{commit: func(ctx context.Context, s *memory.Store, c store.Commit) error {
			if len(c.Events) > 1 {
				c.Events = c.Events[:len(c.Events)-1]
			}
			return s.Commit(ctx, c)
		}}
	}, "the events of one commit are stored in their order"},

	{"what exceeds the parameters of a statement is lost", func() *broken {
		return &broken{commit: func(ctx context.Context, s *memory.Store, c store.Commit) error {
			c.Events = c.Events[:min(len(c.Events), 65_535)]
			return s.Commit(ctx, c)
		}}
	}, "70,000 events are one commit"},

	{"each event is a transaction", func() *broken {
		return &broken{commit: func(ctx context.Context, s *memory.Store, c store.Commit) error {
			return oneByOne(ctx, s, c)
		}}
	}, "a reader beside writers sees whole commits and no gap"},

	{"a conflict keeps the part that did not conflict", func() *broken {
		return &broken{commit: func(ctx context.Context, s *memory.Store, c store.Commit) error {
			err := s.Commit(ctx, c)
			if errors.Is(err, store.ErrConflict) {
				rest := c
				rest.Events = slices.DeleteFunc(slices.Clone(c.Events), func(e types.Event) bool {
					return e.Sequence <= types.Sequence(length(s, c.AggregateID))
				})
				_ = s.Commit(ctx, rest)
			}
			return err
		}}
	}, "of racing commits of several events one is stored whole and none in part"},

	{"the check and the insert are two steps", func() *broken {
		return &broken{commit: func(ctx context.Context, s *memory.Store, c store.Commit) error {
			if len(c.Events) > 0 && length(s, c.AggregateID) >= int(c.Events[0].Sequence) {
				return store.ErrConflict
			}
			for range 100 {
				runtime.Gosched()
			}
			return ignore(s.Commit(ctx, c), store.ErrConflict)
		}}
	}, "of sixteen writers of one sequence one succeeds and fifteen conflict"},

	{"commits of other aggregates conflict", func() *broken {
		// One for all "processes", as the table is.
		return &broken{commit: func(ctx context.Context, s *memory.Store, c store.Commit) error {
			if !serializable.TryLock() {
				return store.ErrConflict
			}
			defer serializable.Unlock()
			for range 100 {
				runtime.Gosched()
			}
			return s.Commit(ctx, c)
		}}
	}, "first commits of different aggregates never conflict"},

	{"a duplicate timestamp is replaced", func() *broken {
		return &broken{commit: func(ctx context.Context, s *memory.Store, c store.Commit) error {
			err := s.Commit(ctx, c)
			for errors.Is(err, store.ErrDuplicateTimestamp) {
				c.Events = clone(c.Events)
				for i := range c.Events {
					c.Events[i].Timestamp[15]++
				}
				err = s.Commit(ctx, c)
			}
			return err
		}}
	}, "a timestamp that the aggregate has is refused"},

	{"a duplicate timestamp is a conflict", func() *broken {
		return &broken{commit: func(ctx context.Context, s *memory.Store, c store.Commit) error {
			if err := s.Commit(ctx, c); !errors.Is(err, store.ErrDuplicateTimestamp) {
				return err
			}
			return store.ErrConflict
		}}
	}, "a timestamp that the aggregate has is refused"},

	{"a refused body is replaced by null", func() *broken {
		return &broken{commit: func(ctx context.Context, s *memory.Store, c store.Commit) error {
			err := s.Commit(ctx, c)
			var fault *store.InvalidEventError
			if !errors.As(err, &fault) || fault.Field != "body" || len(c.Events) == 0 {
				return err
			}
			c.Events = slices.Clone(c.Events)
			for i := range c.Events {
				c.Events[i].Body = json.RawMessage("null")
			}
			return s.Commit(ctx, c)
		}}
	}, "an event is refused: its body has the character U+0000"},

	{"a commit ignores its context", func() *broken {
		return &broken{commit: func(ctx context.Context, s *memory.Store, c store.Commit) error {
			return s.Commit(context.WithoutCancel(ctx), c)
		}}
	}, "a commit with an ended context stores nothing"},

	{"a commit writes to what it is given", func() *broken {
		return &broken{commit: func(ctx context.Context, s *memory.Store, c store.Commit) error {
			err := s.Commit(ctx, c)
			for i := range c.Events {
				if b := c.Events[i].Body; len(b) > 0 {
					c.Events[i].Body = append(b, '\n')[:len(b)]
				}
			}
			return err
		}}
	}, "a commit does not write to what it is given"},

	{"metadata is dropped", func() *broken {
		return &broken{commit: func(ctx context.Context, s *memory.Store, c store.Commit) error {
			c.Events = slices.Clone(c.Events)
			for i := range c.Events {
				c.Events[i].Metadata = types.Metadata{}
			}
			return s.Commit(ctx, c)
		}}
	}, "metadata reads back as it was committed"},

	{"numbers become floating point", func() *broken {
		return &broken{commit: func(ctx context.Context, s *memory.Store, c store.Commit) error {
			c.Events = slices.Clone(c.Events)
			for i := range c.Events {
				var v any
				if json.Unmarshal(c.Events[i].Body, &v) == nil {
					c.Events[i].Body, _ = json.Marshal(v)
				}
			}
			return s.Commit(ctx, c)
		}}
	}, "a body of any JSON kind reads back as an equal value"},

	{"types are cut to 255 bytes", func() *broken {
		return &broken{commit: func(ctx context.Context, s *memory.Store, c store.Commit) error {
			c.Events = slices.Clone(c.Events)
			for i := range c.Events {
				if e := &c.Events[i]; len(e.Type) == types.MaxTypeLength {
					e.Type = e.Type[:254]
				}
			}
			return s.Commit(ctx, c)
		}}
	}, "an event type may have 256 bytes"},
}
