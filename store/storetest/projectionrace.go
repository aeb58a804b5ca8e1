package storetest

import (
	"github.com/eventmaestro/maestro/hlc"
	"github.com/eventmaestro/maestro/store"
	"github.com/eventmaestro/maestro/types"
	"github.com/stretchr/testify/require"
)

func projectionRace(v *env) {
	r := v.h.Recorder(v, v.a)
	ids := []hlc.Timestamp{v.stamp(), v.stamp()}
	var stored []types.Event
	for s := types.Sequence(1); s <= 10; s += 2 {
		tries := make([][]types.Event, 16)
		for i := range tries {
			tries[i] = v.events(ids[i%2], s, 2)
		}
		errs := race(len(tries), func(i int) error { return v.project([]store.Projection{r.Projection}, tries[i]...) })
		for k := range 2 {
			var some []error
			for i := k; i < len(errs); i += 2 {
				some = append(some, errs[i])
			}
			stored = append(stored, tries[2*v.winner(some)+k]...)
		}
		v.rows(r, stored...)
	}
}

func refusalAlone(v *env) {
	r := v.h.Recorder(v, v.a)
	var stored []types.Event
	events := make([]types.Event, 16)
	for i := range events {
		events[i] = v.event(v.stamp(), 1)
	}
	for i, err := range race(len(events), func(i int) error {
		all := []store.Projection{r.Projection}
		if i%4 == 0 {
			all = append(all, v.refusing(1))
		}
		return v.project(all, events[i])
	}) {
		if i%4 == 0 {
			require.ErrorIs(v, err, errRefused)
			v.holds(events[i].AggregateID)
			continue
		}
		require.NoError(v, err)
		stored = append(stored, events[i])
	}
	v.rows(r, stored...)
}
