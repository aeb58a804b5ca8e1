package storetest

import (
	"errors"
	"fmt"
	"testing"

	"github.com/eventmaestro/maestro/hlc"
	"github.com/eventmaestro/maestro/store"
	"github.com/eventmaestro/maestro/store/memory"
	"github.com/eventmaestro/maestro/types"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// TestWhatTheContractSaysOfAnUnknownOutcomeIsEnough lets writers follow the contract to the letter,
// under faults: they resend what is unknown until it is settled. What they believe in the end has
// to be the log.
func TestWhatTheContractSaysOfAnUnknownOutcomeIsEnough(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		f := NewFaults(memory.New(), rapid.Uint64().Draw(rt, "seed"), everything())
		h := Harness{New: func(testing.TB) store.Adapter { return f }}
		v := newEnv(t, &h)
		ids := []hlc.Timestamp{v.stamp(), v.stamp()}
		acked := make([][]types.Event, 3)
		for _, err := range race(len(acked), func(i int) error {
			for n := range 15 {
				events, err := v.write(ids[(i+n)%2], 1+n%2)
				if err != nil {
					return err
				}
				acked[i] = append(acked[i], events...)
			}
			return nil
		}) {
			if err != nil {
				rt.Fatal(err)
			}
		}
		f.Settle()
		defer f.Pause()()
		if err := v.explains(ids, acked); err != nil {
			rt.Fatal(err)
		}
		require.Positive(t, f.Total())
	})
}

// write appends n events and returns when they are stored.
func (v *env) write(id hlc.Timestamp, n int) ([]types.Event, error) {
	for range 10_000 {
		log, err := readAll(v.Context(), v.a, id, store.Range{})
		if err != nil {
			continue
		}
		events := v.events(id, types.Sequence(len(log)+1), n)
		stored, err := v.settle(events)
		if err != nil || stored {
			return events, err
		}
	}
	return nil, errors.New("no end of faults")
}

// settle commits until it is clear whether the events are stored.
func (v *env) settle(events []types.Event) (stored bool, err error) {
	unknown := false
	for range 10_000 {
		switch err := v.commitOrPanic(events); {
		case err == nil:
			return true, nil
		case errors.Is(err, store.ErrConflict) && !unknown:
			return false, nil
		case errors.Is(err, store.ErrConflict):
			return v.own(events)
		case errors.Is(err, store.ErrOutcomeUnknown):
			unknown = true
		case errors.Is(err, store.ErrUnavailable), errors.Is(err, ErrInjected):
			if !unknown {
				return false, nil // it is definite: decide again
			}
		default:
			return false, err
		}
	}
	return false, errors.New("no end of faults")
}

func (v *env) commitOrPanic(events []types.Event) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = p.(error)
		}
	}()
	return v.commit(events...)
}

// own looks up whether it is these events that stand in their place.
func (v *env) own(events []types.Event) (bool, error) {
	first, last := events[0], events[len(events)-1]
	for range 10_000 {
		log, err := readAll(v.Context(), v.a, first.AggregateID, store.Range{After: first.Sequence - 1, Max: last.Sequence})
		if err == nil {
			return difference(events, log) == "", nil
		}
		if !errors.Is(err, store.ErrUnavailable) && !errors.Is(err, ErrInjected) {
			return false, fmt.Errorf("read: %w", err)
		}
	}
	return false, errors.New("no end of faults")
}
