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

type (
	yieldEvent = func(types.Event, error) bool
	yieldEntry = func(store.Entry, error) bool
)

// reading makes an adapter that changes what Events yields.
func reading(change func(events []types.Event) []types.Event) func() *broken {
	return func() *broken {
		return &broken{events: func(ctx context.Context, s *memory.Store, id hlc.Timestamp, r store.Range, yield yieldEvent) {
			events, err := readAll(ctx, s, id, r)
			give(change(events), err, yield)
		}}
	}
}

func give(events []types.Event, err error, yield yieldEvent) {
	for _, e := range events {
		if !yield(e, nil) {
			return
		}
	}
	if err != nil {
		yield(types.Event{}, err)
	}
}

// loading makes an adapter that changes what Load yields.
func loading(change func(r store.Range, sn *types.Snapshot, events []types.Event) (*types.Snapshot, []types.Event)) func() *broken {
	return func() *broken {
		return &broken{load: func(ctx context.Context, s *memory.Store, id hlc.Timestamp, r store.Range, yield yieldEntry) {
			sn, events, err := loadAll(ctx, s, id, r)
			sn, events = change(r, sn, events)
			if sn != nil && !yield(store.Entry{Snapshot: sn}, nil) {
				return
			}
			give(events, err, func(e types.Event, err error) bool { return yield(store.Entry{Event: e}, err) })
		}}
	}
}

func byTimestamp(a, b types.Event) int { return a.Timestamp.Compare(b.Timestamp) }

var readMutants = []mutant{
	{"events are read by timestamp", reading(func(events []types.Event) []types.Event {
		slices.SortFunc(events, byTimestamp)
		return events
	}), "events are read by sequence where a later commit has an earlier timestamp"},

	{"a load is by timestamp", loading(func(_ store.Range, sn *types.Snapshot, events []types.Event) (*types.Snapshot, []types.Event) {
		slices.SortFunc(events, byTimestamp)
		return sn, events
	}), "a load is by sequence where a later commit has an earlier timestamp"},

	{"events are read backwards", reading(func(events []types.Event) []types.Event {
		slices.Reverse(events)
		return events
	}), "the events of one commit are stored in their order"},

	{"an event is read twice", reading(func(events []types.Event) []types.Event {
		if len(events) > 2 {
			events = slices.Insert(events, 2, events[1])
		}
		return events
	}), "what one commit stored is followed by the next"},

	{"a page ends at a hundred events", reading(func(events []types.Event) []types.Event {
		return events[:min(len(events), 100)]
	}), "five hundred commits in a row make one history"},

	{"After is included", func() *broken {
		return &broken{events: func(ctx context.Context, s *memory.Store, id hlc.Timestamp, r store.Range, yield yieldEvent) {
			r.After = max(r.After-1, 0)
			s.Events(ctx, id, r)(yield)
		}}
	}, "After is excluded"},

	{"Max is excluded", func() *broken {
		return &broken{events: func(ctx context.Context, s *memory.Store, id hlc.Timestamp, r store.Range, yield yieldEvent) {
			if r.Max == 1 {
				return
			}
			r.Max = max(r.Max-1, 0)
			s.Events(ctx, id, r)(yield)
		}}
	}, "Max is included"},

	{"Max is not looked at", func() *broken {
		return &broken{load: func(ctx context.Context, s *memory.Store, id hlc.Timestamp, r store.Range, yield yieldEntry) {
			s.Load(ctx, id, store.Range{After: r.After})(yield)
		}}
	}, "a snapshot beyond Max is passed over"},

	{"a load leaves out the event at its snapshot", loading(func(_ store.Range, sn *types.Snapshot, events []types.Event) (*types.Snapshot, []types.Event) {
		if sn != nil && len(events) > 0 {
			events = events[1:]
		}
		return sn, events
	}), "a load begins with the snapshot, and goes on with the event at its sequence"},

	{"a load reads snapshot and events at two moments", func() *broken {
		return &broken{load: func(ctx context.Context, s *memory.Store, id hlc.Timestamp, r store.Range, yield yieldEntry) {
			if _, err := s.LatestSnapshot(ctx, id, r); err != nil {
				yield(store.Entry{}, err)
				return
			}
			_, events, err := loadAll(ctx, s, id, r)
			sn, _ := s.LatestSnapshot(ctx, id, r)
			if sn != nil && !yield(store.Entry{Snapshot: sn}, nil) {
				return
			}
			give(events, err, func(e types.Event, err error) bool { return yield(store.Entry{Event: e}, err) })
		}}
	}, "a load is of one moment while others write"},

	{"a read ignores its context", func() *broken {
		return &broken{events: func(ctx context.Context, s *memory.Store, id hlc.Timestamp, r store.Range, yield yieldEvent) {
			s.Events(context.WithoutCancel(ctx), id, r)(yield)
		}}
	}, "a loop whose context ends midway ends with its error"},

	{"an early end keeps its connection", func() *broken {
		var mu sync.Mutex
		busy := 0
		return &broken{events: func(ctx context.Context, s *memory.Store, id hlc.Timestamp, r store.Range, yield yieldEvent) {
			mu.Lock()
			defer mu.Unlock()
			if busy == 10 {
				yield(types.Event{}, store.ErrUnavailable)
				return
			}
			s.Events(ctx, id, r)(func(e types.Event, err error) bool {
				if yield(e, err) {
					return true
				}
				busy++
				return false
			})
		}}
	}, "a loop that ends early gives back what it held"},

	{"what is new begins behind what was asked for", func() *broken {
		return &broken{follow: func(events []types.Event, from types.Sequence) []types.Event {
			if len(events) > 0 && from > 1 {
				return events[1:]
			}
			return events
		}}
	}, "what is new is as a range has it, for each of those who ask at once"},

	{"the last aggregate of a page is missing", func() *broken {
		return &broken{list: func(ids []hlc.Timestamp) []hlc.Timestamp { return ids[:max(0, len(ids)-1)] }}
	}, "aggregates with events are listed in rising order, page by page"},

	{"bodies are kept without a copy", func() *broken {
		var kept sync.Map
		return &broken{
			commit: func(ctx context.Context, s *memory.Store, c store.Commit) error {
				err := s.Commit(ctx, c)
				for _, e := range c.Events {
					if err == nil {
						kept.Store(e.Timestamp, e.Body)
					}
				}
				return err
			},
			events: func(ctx context.Context, s *memory.Store, id hlc.Timestamp, r store.Range, yield yieldEvent) {
				s.Events(ctx, id, r)(func(e types.Event, err error) bool {
					if b, ok := kept.Load(e.Timestamp); ok {
						e.Body = b.(json.RawMessage)
					}
					return yield(e, err)
				})
			},
		}
	}, "a body that changes after the commit changes nothing in the store"},

	{"bodies are returned without a copy", func() *broken {
		var cache sync.Map
		return &broken{events: func(ctx context.Context, s *memory.Store, id hlc.Timestamp, r store.Range, yield yieldEvent) {
			s.Events(ctx, id, r)(func(e types.Event, err error) bool {
				b, _ := cache.LoadOrStore(e.Timestamp, e.Body)
				e.Body = b.(json.RawMessage)
				return yield(e, err)
			})
		}}
	}, "a returned body that is written to changes nothing in the store"},

	{"the bodies of a page share their memory", reading(func(events []types.Event) []types.Event {
		var page []byte
		for _, e := range events {
			page = append(page, e.Body...)
		}
		for i, at := 0, 0; i < len(events); i++ {
			n := len(events[i].Body)
			events[i].Body = page[at : at+n]
			at += n
		}
		return events
	}), "a returned body that is appended to changes no other event"},

	{"a process reads what it has read before", func() *broken {
		var mu sync.Mutex
		cache := map[hlc.Timestamp][]types.Event{}
		return &broken{events: func(ctx context.Context, s *memory.Store, id hlc.Timestamp, r store.Range, yield yieldEvent) {
			mu.Lock()
			if cache[id] == nil {
				cache[id], _ = readAll(ctx, s, id, store.Range{})
			}
			events := clone(within(cache[id], r))
			mu.Unlock()
			give(events, nil, yield)
		}}
	}, "what one process stored another reads"},
}
