package aggregate_test

import (
	"context"
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/eventmaestro/maestro/aggregate"
	"github.com/eventmaestro/maestro/hlc"
	"github.com/eventmaestro/maestro/store"
	"github.com/eventmaestro/maestro/store/memory"
	"github.com/eventmaestro/maestro/types"
)

// paying is a root whose command's data is C, as one version of a program has it.
func paying[C any](t *testing.T, a store.Adapter) *aggregate.Root[countedV1] {
	t.Helper()
	d := v1()
	d.Commands = aggregate.Commands[countedV1]{"pay": aggregate.Command(func(context.Context, aggregate.Instance[countedV1], C) ([]types.Uncommitted, error) {
		return types.Events(types.NewEvent("added", added{1}), types.NewEvent("added", added{1})), nil
	})}
	root, _ := versioned(t, a, d)
	return root
}

type (
	payment struct {
		Cents int
		Items []string
		To    struct{ Name string }
	}
	paymentV2 struct { // a field more, a tag, another order
		Note  string   `json:"Note"`
		Items []string `json:"items,omitempty"`
		Cents int      `json:"cents"`
		To    struct {
			Name string
			At   *time.Time
		}
		Extra map[string]int
	}
)

func pay(id hlc.Timestamp, data any) types.Command {
	return types.Command{AggregateID: id, Type: "pay", ID: "payment 7", Data: data}
}

func TestAFaithfulRepeatIsOneAfterADeployToo(t *testing.T) {
	t.Parallel()
	s := memory.New()
	old := paying[payment](t, s)
	id := newID(t, old)
	evaluate(t, old, pay(id, payment{Cents: 5}))
	for _, text := range []string{`{"Cents":5}`, `{"cents": 5}`, `{"Cents":5,"Items":[]}`, `{"Items":null,"Cents":5,"To":{}}`, `{"Cents":5,"To":{"Name":""}}`} {
		evaluate(t, old, pay(id, json.RawMessage(text)))
	}
	young := paying[paymentV2](t, s)
	for _, text := range []string{`{"Cents":5}`, `{"cents":5,"Note":""}`, `{"CENTS":5,"Extra":{}}`, `{"cents":5,"To":{"At":null}}`} {
		evaluate(t, young, pay(id, json.RawMessage(text)))
	}
	evaluate(t, young, pay(id, paymentV2{Cents: 5}), pay(id, &paymentV2{Cents: 5, Items: []string{}}))
	require.Len(t, logOf(t, s, id), 2, "it was carried out once")

	for _, other := range []any{
		payment{Cents: 6}, payment{}, payment{Cents: 5, Items: []string{""}}, payment{Cents: 5, To: struct{ Name string }{"Ann"}},
	} {
		err := old.Evaluate(t.Context(), pay(id, other))
		var reused *aggregate.CommandReusedError
		require.ErrorAs(t, err, &reused)
		require.Equal(t, aggregate.CommandReusedError{AggregateID: id, CommandID: "payment 7", After: 0, Last: 2}, *reused)
		require.ErrorContains(t, err, "another command with this id was carried out before, and led to sequences 1 to 2; this one was not")
	}
	require.ErrorIs(t, old.Evaluate(t.Context(), pay(id, json.RawMessage(`{"Sents":5}`))), aggregate.ErrInvalidData)
}

// timed carries the time at which the server got it, which is another one at each repeat.
type timed struct {
	Seat string
	At   time.Time
}

func (c timed) Identity() any { return c.Seat }

// timedByPointer has the method on its pointer.
type timedByPointer struct {
	Seat string
	At   time.Time
}

func (c *timedByPointer) Identity() any { return struct{ Seat string }{c.Seat} }

func TestACommandSaysItselfWhatMakesItTheSame(t *testing.T) {
	t.Parallel()
	now := time.Now()
	for _, make := range []func(seat string, at time.Time) (*aggregate.Root[countedV1], any){
		func(seat string, at time.Time) (*aggregate.Root[countedV1], any) {
			return paying[timed](t, memory.New()), timed{seat, at}
		},
		func(seat string, at time.Time) (*aggregate.Root[countedV1], any) {
			return paying[timedByPointer](t, memory.New()), timedByPointer{seat, at}
		},
	} {
		root, first := make("A1", now)
		_, again := make("A1", now.Add(time.Second))
		_, other := make("A2", now)
		id := newID(t, root)
		evaluate(t, root, pay(id, first), pay(id, again))
		require.ErrorIs(t, root.Evaluate(t.Context(), pay(id, other)), aggregate.ErrCommandReused)
		require.EqualValues(t, 2, get(t, root, id).Total)
	}
	// The safe default: a time is data as any other.
	root := paying[struct{ At time.Time }](t, memory.New())
	id := newID(t, root)
	evaluate(t, root, pay(id, struct{ At time.Time }{now}))
	require.ErrorIs(t, root.Evaluate(t.Context(), pay(id, struct{ At time.Time }{now.Add(1)})), aggregate.ErrCommandReused)
}

// TestWhatAHandlerCanTellApartIsNotTheSame: zero is left out for fields only, whose absence is the
// same.
func TestWhatAHandlerCanTellApartIsNotTheSame(t *testing.T) {
	t.Parallel()
	type data struct {
		M map[string]any
		P *int
		L []int
		S string
		B []byte
	}
	zero, one := 0, 1
	all := []any{
		data{},
		data{P: &zero},
		data{P: &one},
		data{L: []int{0}},
		data{L: []int{0, 0}},
		data{L: []int{1, 2}},
		data{L: []int{12}},
		data{M: map[string]any{"a": nil}},
		data{M: map[string]any{"a": 0}},
		data{M: map[string]any{"A": 0}},
		data{M: map[string]any{"a": ""}},
		data{M: map[string]any{"a": map[string]any{}}},
		data{M: map[string]any{"a": []any{}}},
		data{M: map[string]any{"a": "0"}},
		data{S: "a"},
		data{S: "a\",\"M"},
		data{B: []byte{1}},
		data{M: map[string]any{"a": 0, "b": 0}},
	}
	for i := range all {
		root := paying[data](t, memory.New())
		id := newID(t, root)
		evaluate(t, root, pay(id, all[i]))
		for j := range all {
			err := root.Evaluate(t.Context(), pay(id, all[j]))
			if i == j {
				require.NoError(t, err)
			} else {
				require.ErrorIs(t, err, aggregate.ErrCommandReused, "%d %d", i, j)
			}
		}
	}
}
