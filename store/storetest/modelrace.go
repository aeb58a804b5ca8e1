package storetest

import (
	"errors"
	"fmt"

	"github.com/eventmaestro/maestro/hlc"
	"github.com/eventmaestro/maestro/store"
	"github.com/eventmaestro/maestro/types"
	"pgregory.net/rapid"
)

// plan is a commit that a client will try, at the end of what it believes the log to be.
type plan struct{ aggregate, count, behind int }

// concurrentModel lets three clients carry out drawn plans at once. Whatever the order, what was
// acknowledged has to be in the log once and in place, and nothing else.
func concurrentModel(v *env) {
	adapters := v.clients()
	rapid.Check(v, func(t *rapid.T) {
		ids := []hlc.Timestamp{v.stamp(), v.stamp()}
		step := rapid.Custom(func(t *rapid.T) plan {
			return plan{
				aggregate: rapid.IntRange(0, 1).Draw(t, "aggregate"),
				count:     rapid.IntRange(1, 3).Draw(t, "count"),
				behind:    rapid.IntRange(0, 1).Draw(t, "behind"),
			}
		})
		plans := make([][]plan, len(adapters))
		for i := range plans {
			plans[i] = rapid.SliceOfN(step, 1, 6).Draw(t, "plans")
		}
		acked := make([][]types.Event, len(adapters))
		for _, err := range race(len(adapters), func(i int) error {
			var err error
			acked[i], err = v.on(adapters[i]).carryOut(ids, plans[i])
			return err
		}) {
			if err != nil {
				t.Fatal(err)
			}
		}
		if err := v.explains(ids, acked); err != nil {
			t.Fatal(err)
		}
	})
}

// carryOut returns the events that were acknowledged.
func (v *env) carryOut(ids []hlc.Timestamp, plans []plan) (acked []types.Event, err error) {
	for _, p := range plans {
		id := ids[p.aggregate]
		log, err := readAll(v.Context(), v.a, id, store.Range{})
		if err != nil {
			return acked, err
		}
		first := types.Sequence(max(len(log)-p.behind, 0) + 1)
		events := v.events(id, first, p.count)
		switch err := v.commit(events...); {
		case err == nil && int(first) <= len(log):
			return acked, fmt.Errorf("sequence %d was stored a second time", first)
		case err == nil:
			acked = append(acked, events...)
		case !errors.Is(err, store.ErrConflict):
			return acked, err
		}
	}
	return acked, nil
}

func (v *env) explains(ids []hlc.Timestamp, acked [][]types.Event) error {
	want := map[hlc.Timestamp][]types.Event{}
	for _, events := range acked {
		for _, e := range events {
			log := want[e.AggregateID]
			for len(log) < int(e.Sequence) {
				log = append(log, types.Event{})
			}
			log[e.Sequence-1] = e
			want[e.AggregateID] = log
		}
	}
	for _, id := range ids {
		got, err := readAll(v.Context(), v.a, id, store.Range{})
		if err != nil {
			return err
		}
		if diff := difference(want[id], got); diff != "" {
			return errors.New(diff)
		}
	}
	return nil
}
