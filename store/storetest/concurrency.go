package storetest

import (
	"errors"
	"fmt"
	"sync"

	"github.com/eventmaestro/maestro/hlc"
	"github.com/eventmaestro/maestro/store"
	"github.com/eventmaestro/maestro/types"
	"github.com/stretchr/testify/require"
)

func concurrencyClauses() []clause {
	return []clause{
		{name: "of sixteen writers of one sequence one succeeds and fifteen conflict", run: oneWinner},
		{name: "of racing commits of several events one is stored whole and none in part", run: wholeWinner},
		{name: "of sixteen senders of the very same commit one succeeds", run: racingResends},
		{name: "of racing commits with one timestamp one succeeds", run: racingTimestamps, needs: FeatureGlobalTimestamps},
		{name: "commits of different aggregates never conflict", run: noFalseConflict},
		{name: "first commits of different aggregates never conflict", run: newAggregates},
		{name: "writers that try again after a conflict lose and repeat nothing", run: tryAgain},
		{name: "a reader beside writers sees whole commits and no gap", run: readerBesideWriters},
		{name: "a bad commit among others that run at the same moment fails alone", run: badAmongGood},
	}
}

// race runs n functions that begin at the same moment and returns their errors.
func race(n int, f func(i int) error) []error {
	var all sync.WaitGroup
	begin := make(chan struct{})
	errs := make([]error, n)
	for i := range n {
		all.Go(func() {
			<-begin
			errs[i] = f(i)
		})
	}
	close(begin)
	all.Wait()
	return errs
}

// winner returns which one succeeded, where all others have to conflict.
func (v *env) winner(errs []error) int {
	v.Helper()
	won := -1
	for i, err := range errs {
		switch {
		case err != nil:
			require.ErrorIs(v, err, store.ErrConflict)
		case won >= 0:
			require.FailNow(v, "two writers have won")
		default:
			won = i
		}
	}
	require.GreaterOrEqual(v, won, 0, "nobody has won")
	return won
}

func oneWinner(v *env) { v.racing([]store.Adapter{v.a}, 1) }

func wholeWinner(v *env) { v.racing([]store.Adapter{v.a}, 3) }

// racing lets sixteen writers, spread over adapters, commit n events each to the same sequences.
func (v *env) racing(adapters []store.Adapter, n int) {
	v.Helper()
	id := v.stamp()
	var log []types.Event
	for range 12 {
		next := types.Sequence(len(log) + 1)
		tries := make([][]types.Event, 16)
		for i := range tries {
			// Commits of different lengths tear in different places.
			tries[i] = v.events(id, next, n+i%n)
		}
		won := v.winner(race(len(tries), func(i int) error {
			return v.on(adapters[i%len(adapters)]).commit(tries[i]...)
		}))
		log = append(log, tries[won]...)
		v.holds(id, log...)
	}
}

func racingResends(v *env) {
	id := v.stamp()
	var log []types.Event
	for range 12 {
		events := v.events(id, types.Sequence(len(log)+1), 2)
		v.winner(race(16, func(int) error { return v.commit(events...) }))
		log = append(log, events...)
		v.holds(id, log...)
	}
}

func racingTimestamps(v *env) {
	for range 8 {
		events := make([]types.Event, 8)
		for i := range events {
			events[i] = v.event(v.stamp(), 1)
			events[i].Timestamp = events[0].Timestamp
		}
		won := 0
		for i, err := range race(len(events), func(i int) error { return v.commit(events[i]) }) {
			if err == nil {
				won++
				v.holds(events[i].AggregateID, events[i])
				continue
			}
			require.ErrorIs(v, err, store.ErrDuplicateTimestamp)
			v.holds(events[i].AggregateID)
		}
		require.Equal(v, 1, won)
	}
}

func noFalseConflict(v *env) {
	for _, err := range race(16, func(int) error {
		id := v.stamp()
		for s := types.Sequence(1); s <= 25; s++ {
			if err := v.commit(v.event(id, s)); err != nil {
				return fmt.Errorf("sequence %d: %w", s, err)
			}
		}
		return nil
	}) {
		require.NoError(v, err)
	}
}

func newAggregates(v *env) {
	for range 10 {
		for _, err := range race(16, func(int) error { return v.commit(v.events(v.stamp(), 1, 2)...) }) {
			require.NoError(v, err)
		}
	}
}

func tryAgain(v *env) { v.appending([]store.Adapter{v.a}) }

// appending lets eight writers, spread over adapters, append ten commits each to one log.
func (v *env) appending(adapters []store.Adapter) {
	v.Helper()
	id := v.stamp()
	stored := make([][]types.Event, 8)
	for _, err := range race(len(stored), func(i int) error {
		w := v.on(adapters[i%len(adapters)])
		for range 10 {
			events, err := w.appendOne(id, 1+i%3)
			if err != nil {
				return err
			}
			stored[i] = append(stored[i], events...)
		}
		return nil
	}) {
		require.NoError(v, err)
	}
	total := 0
	log := v.read(id, store.Range{})
	for _, events := range stored {
		total += len(events)
		for _, e := range events {
			require.LessOrEqual(v, int(e.Sequence), len(log))
			v.same([]types.Event{e}, log[e.Sequence-1:e.Sequence])
		}
	}
	require.Len(v, log, total)
}

// appendOne commits n events at the end of the log, wherever that is.
func (v *env) appendOne(id hlc.Timestamp, n int) ([]types.Event, error) {
	for range 1000 {
		log, err := readAll(v.Context(), v.a, id, store.Range{})
		if err != nil {
			return nil, err
		}
		events := v.events(id, types.Sequence(len(log)+1), n)
		if err := v.commit(events...); !errors.Is(err, store.ErrConflict) {
			return events, err
		}
	}
	return nil, errors.New("a conflict that nobody else explains")
}

func readerBesideWriters(v *env) {
	id := v.stamp()
	done := make(chan struct{})
	errs := race(2, func(i int) error {
		if i == 0 {
			defer close(done)
			for range 100 {
				if _, err := v.appendOne(id, 3); err != nil {
					return err
				}
			}
			return nil
		}
		for last := 0; ; {
			select {
			case <-done:
				return nil
			default:
			}
			log, err := readAll(v.Context(), v.a, id, store.Range{})
			if err != nil {
				return err
			}
			if len(log)%3 != 0 || len(log) < last || (len(log) > 0 && log[len(log)-1].Sequence != types.Sequence(len(log))) {
				return fmt.Errorf("%d events after %d", len(log), last)
			}
			last = len(log)
		}
	})
	require.NoError(v, errs[0])
	require.NoError(v, errs[1])
}

func badAmongGood(v *env) {
	for range 10 {
		events := v.events(v.stamp(), 1, 16)
		for i := range events {
			events[i].AggregateID, events[i].Sequence = v.stamp(), 1
		}
		events[7].Body = []byte(`{"text": "\u0000"}`)
		for i, err := range race(len(events), func(i int) error { return v.commit(events[i]) }) {
			if i == 7 {
				require.ErrorIs(v, err, store.ErrInvalidEvent)
				v.holds(events[i].AggregateID)
				continue
			}
			require.NoError(v, err)
			v.holds(events[i].AggregateID, events[i])
		}
	}
}
