package storetest

import (
	"context"
	"errors"
	"runtime"
	"sync"

	"github.com/eventmaestro/maestro/hlc"
	"github.com/eventmaestro/maestro/store"
	"github.com/eventmaestro/maestro/store/memory"
	"github.com/eventmaestro/maestro/types"
)

// serializable is held by a commit that would abort all others.
var serializable sync.Mutex

func ignore(err, what error) error {
	if errors.Is(err, what) {
		return nil
	}
	return err
}

func length(s *memory.Store, id hlc.Timestamp) int {
	log, _ := readAll(context.Background(), s, id, store.Range{})
	return len(log)
}

func isStored(s *memory.Store, events []types.Event) bool {
	for _, e := range events {
		log, _ := readAll(context.Background(), s, e.AggregateID, store.Range{After: e.Sequence - 1, Max: e.Sequence})
		if len(log) != 1 || log[0].Timestamp != e.Timestamp {
			return false
		}
	}
	return len(events) > 0
}

func oneByOne(ctx context.Context, s *memory.Store, c store.Commit) error {
	if len(c.Events) == 0 {
		return s.Commit(ctx, c)
	}
	for _, e := range c.Events {
		part := c
		part.Events = []types.Event{e}
		if err := s.Commit(ctx, part); err != nil {
			return err
		}
		for range 20 {
			runtime.Gosched()
		}
	}
	return nil
}
