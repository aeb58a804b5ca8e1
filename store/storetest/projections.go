package storetest

import (
	"context"
	"errors"
	"slices"
	"sync"

	"github.com/stretchr/testify/require"

	"github.com/eventmaestro/maestro/hlc"
	"github.com/eventmaestro/maestro/store"
	"github.com/eventmaestro/maestro/types"
)

func projectionClauses() []clause {
	return needing(FeatureProjections, []clause{
		{name: "a projection gets the events of a commit in their order", run: projectionOrder},
		{name: "a projection gets an event as it was committed", run: projectionEvent},
		{name: "every projection gets every event", run: everyProjection},
		{name: "a projection of another kind is skipped", run: foreignProjection},
		{name: "what a projection wrote is there after the commit", run: projectionWrites},
		{name: "a projection that refuses an event refuses the whole commit", run: projectionRefuses},
		{name: "a refusal undoes what other projections wrote", run: refusalUndoes},
		{name: "the error of a projection names the event and wraps the cause", run: projectionError},
		{name: "a projection that panics refuses the commit, and the panic is its cause", run: projectionPanics},
		{name: "a conflict undoes what projections wrote", run: conflictUndoes},
		{name: "a conflict is told before the error of a projection", run: conflictBeforeProjection},
		{name: "a refused event undoes what projections wrote", run: badEventUndoes},
		{name: "the log goes on after a refusal by a projection", run: afterRefusal},
		{name: "racing commits leave the rows of the stored events only", run: projectionRace},
		{name: "a refusing projection fails only its own of many commits", run: refusalAlone},
	})
}

// project commits with projections.
func (v *env) project(projections []store.Projection, events ...types.Event) error {
	return v.try(store.Commit{AggregateID: events[0].AggregateID, Events: events, Projections: projections})
}

// rows checks what a recorder's projection wrote: the timestamps of events, in any order.
func (v *env) rows(r Recorder, events ...types.Event) {
	v.Helper()
	got, err := r.Rows(v.Context())
	require.NoError(v, err)
	var want []hlc.Timestamp
	for _, e := range events {
		want = append(want, e.Timestamp)
	}
	slices.SortFunc(got, hlc.Timestamp.Compare)
	slices.SortFunc(want, hlc.Timestamp.Compare)
	require.True(v, slices.Equal(want, got), "rows %v instead of %v", got, want)
}

// collector returns a projection that keeps the events it got.
func (v *env) collector() (store.Projection, func() []types.Event) {
	var mu sync.Mutex
	var got []types.Event
	p := v.h.Projection(func(_ context.Context, e types.Event) error {
		mu.Lock()
		defer mu.Unlock()
		got = append(got, e)
		return nil
	})
	return p, func() []types.Event {
		mu.Lock()
		defer mu.Unlock()
		return slices.Clone(got)
	}
}

var errRefused = errors.New("refused by the test")

// refusing returns a projection that refuses one sequence.
func (v *env) refusing(s types.Sequence) store.Projection {
	return v.h.Projection(func(_ context.Context, e types.Event) error {
		if e.Sequence == s {
			return errRefused
		}
		return nil
	})
}

func projectionOrder(v *env) {
	p, got := v.collector()
	id := v.stamp()
	events := v.events(id, 1, 5)
	require.NoError(v, v.project([]store.Projection{p}, events...))
	v.same(events, got())
	next := v.event(id, 6)
	require.NoError(v, v.project([]store.Projection{p}, next))
	v.same(append(events, next), got())
}

func projectionEvent(v *env) {
	p, got := v.collector()
	e := v.event(v.stamp(), 1)
	e.Type, e.Body = "größe_geändert", []byte(`{"b": [1, 2], "a": "é"}`)
	require.NoError(v, v.project([]store.Projection{p}, e))
	v.same([]types.Event{e}, got())
}

func everyProjection(v *env) {
	p, gotP := v.collector()
	q, gotQ := v.collector()
	events := v.events(v.stamp(), 1, 3)
	require.NoError(v, v.project([]store.Projection{p, q}, events...))
	v.same(events, gotP())
	v.same(events, gotQ())
}

// foreign is a projection of a kind that no adapter has.
type foreign struct{}

func (foreign) StoreKind() string { return "storetest: another kind" }

func foreignProjection(v *env) {
	p, got := v.collector()
	id := v.stamp()
	e, next := v.event(id, 1), v.event(id, 2)
	require.NoError(v, v.project([]store.Projection{foreign{}, p, foreign{}}, e))
	require.NoError(v, v.project([]store.Projection{foreign{}}, next))
	v.same([]types.Event{e}, got())
	v.holds(id, e, next)
}

func projectionWrites(v *env) {
	r := v.h.Recorder(v, v.a)
	v.rows(r)
	a, b := v.stamp(), v.stamp()
	ofA, ofB := v.events(a, 1, 3), v.events(b, 1, 1)
	require.NoError(v, v.project([]store.Projection{r.Projection}, ofA...))
	v.rows(r, ofA...)
	require.NoError(v, v.project([]store.Projection{r.Projection}, ofB...))
	v.rows(r, append(ofA, ofB...)...)
}

func projectionRefuses(v *env) {
	id := v.stamp()
	log := v.history(id, 2)
	for _, s := range []types.Sequence{3, 4, 5} {
		require.ErrorIs(v, v.project([]store.Projection{v.refusing(s)}, v.events(id, 3, 3)...), errRefused)
		v.holds(id, log...)
	}
}

func refusalUndoes(v *env) {
	r := v.h.Recorder(v, v.a)
	id := v.stamp()
	require.ErrorIs(v, v.project([]store.Projection{r.Projection, v.refusing(3)}, v.events(id, 1, 3)...), errRefused)
	v.rows(r)
	require.ErrorIs(v, v.project([]store.Projection{v.refusing(2), r.Projection}, v.events(id, 1, 3)...), errRefused)
	v.rows(r)
	v.holds(id)
}

func projectionError(v *env) {
	id := v.stamp()
	err := v.project([]store.Projection{v.refusing(2)}, v.events(id, 1, 3)...)
	var refusal *store.ProjectionError
	require.ErrorAs(v, err, &refusal)
	require.ErrorIs(v, err, errRefused)
	require.Equal(v, id, refusal.Event.AggregateID)
	require.Contains(v, []types.Sequence{1, 2}, refusal.Event.Sequence, "the event, or the first of the commit")
	for _, other := range []error{store.ErrConflict, store.ErrInvalidEvent, store.ErrOutcomeUnknown, store.ErrUnavailable} {
		require.NotErrorIs(v, err, other)
	}
}

func projectionPanics(v *env) {
	id := v.stamp()
	panicking := v.h.Projection(func(context.Context, types.Event) error { panic(errRefused) })
	err := v.project([]store.Projection{panicking}, v.event(id, 1))
	var refusal *store.ProjectionError
	require.ErrorAs(v, err, &refusal)
	var panicked *types.PanicError
	require.ErrorAs(v, err, &panicked)
	require.Equal(v, any(errRefused), panicked.Value)
	require.Contains(v, string(panicked.Stack), "projectionPanics")
	v.holds(id)
	v.must(v.event(id, 1))
}

func conflictUndoes(v *env) {
	r := v.h.Recorder(v, v.a)
	id := v.stamp()
	log := v.events(id, 1, 3)
	all := []store.Projection{r.Projection}
	require.NoError(v, v.project(all, log...))
	require.ErrorIs(v, v.project(all, v.events(id, 3, 2)...), store.ErrConflict)
	require.ErrorIs(v, v.project(all, log...), store.ErrConflict)
	v.rows(r, log...)
	v.holds(id, log...)
}

func conflictBeforeProjection(v *env) {
	id := v.stamp()
	log := v.history(id, 1)
	err := v.project([]store.Projection{v.refusing(1)}, v.event(id, 1))
	require.ErrorIs(v, err, store.ErrConflict)
	v.holds(id, log...)
}

func badEventUndoes(v *env) {
	r := v.h.Recorder(v, v.a)
	id := v.stamp()
	events := v.events(id, 1, 3)
	events[2].Body = []byte(`{"text": "\u0000"}`)
	require.ErrorIs(v, v.project([]store.Projection{r.Projection}, events...), store.ErrInvalidEvent)
	first := v.event(id, 1)
	require.NoError(v, v.project([]store.Projection{r.Projection}, first))
	again := v.event(id, 2)
	again.Timestamp = first.Timestamp
	require.ErrorIs(v, v.project([]store.Projection{r.Projection}, again), store.ErrDuplicateTimestamp)
	v.rows(r, first)
	v.holds(id, first)
}

func afterRefusal(v *env) {
	r := v.h.Recorder(v, v.a)
	id := v.stamp()
	events := v.events(id, 1, 2)
	for range 10 {
		require.ErrorIs(v, v.project([]store.Projection{r.Projection, v.refusing(1)}, events...), errRefused)
	}
	require.NoError(v, v.project([]store.Projection{r.Projection}, events...), "the very same events")
	v.rows(r, events...)
	v.holds(id, events...)
}
