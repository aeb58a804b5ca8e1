package aggregate_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/eventmaestro/maestro/aggregate"
	"github.com/eventmaestro/maestro/hlc"
	"github.com/eventmaestro/maestro/store"
	"github.com/eventmaestro/maestro/store/memory"
	"github.com/eventmaestro/maestro/types"
)

// order is what clients of a shop repeat themselves about.
type order struct {
	Item string `json:"item"`
	Paid int64  `json:"paid"`
}

type (
	placeOrder  struct{ Item string }
	payOrder    struct{ Cents int64 }
	orderPlaced struct{ Item string }
	orderPaid   struct{ Cents int64 }
)

func orders() aggregate.Definition[order] {
	return aggregate.Definition[order]{
		Name: "order",
		Commands: aggregate.Commands[order]{
			"place": aggregate.Command(func(_ context.Context, o aggregate.Instance[order], cmd placeOrder) ([]types.Uncommitted, error) {
				if o.Sequence > 0 {
					return nil, aggregate.Reject("placed already")
				}
				return types.Events(types.NewEvent("placed", orderPlaced(cmd))), nil
			}),
			"pay": aggregate.Command(func(_ context.Context, _ aggregate.Instance[order], cmd payOrder) ([]types.Uncommitted, error) {
				return types.Events(types.NewEvent("paid", orderPaid(cmd))), nil
			}),
		},
		Events: aggregate.Events[order]{
			"placed": aggregate.Event(func(o order, e orderPlaced) order { o.Item = e.Item; return o }),
			"paid":   aggregate.Event(func(o order, e orderPaid) order { o.Paid += e.Cents; return o }),
		},
		Upcasts: aggregate.Upcasts{
			"ordered": aggregate.Rename("placed"),
			"printed": aggregate.Drop(),
			"paid_in_halves": {To: []string{"half_paid"}, Func: func(e types.Event) ([]aggregate.Upcasted, error) {
				return []aggregate.Upcasted{{Type: "half_paid", Body: e.Body}, {Type: "half_paid", Body: e.Body}}, nil
			}},
			"half_paid": aggregate.Rewrite("paid", func(body json.RawMessage) (json.RawMessage, error) {
				var p orderPaid
				if err := json.Unmarshal(body, &p); err != nil {
					return nil, err
				}
				p.Cents /= 2
				return json.Marshal(p)
			}),
		},
	}
}

func shop(t *testing.T, s store.Adapter, d aggregate.Definition[order]) *aggregate.Root[order] {
	t.Helper()
	sup, err := aggregate.NewSupervisor(s, nil)
	require.NoError(t, err)
	ended := context.WithoutCancel(t.Context())
	t.Cleanup(func() { _ = sup.Shutdown(ended) })
	root, err := aggregate.NewRoot(sup, d)
	require.NoError(t, err)
	return root
}

func TestOfManyCreationsWithOneKeyOneCreates(t *testing.T) {
	t.Parallel()
	s := memory.New()
	replicas := []*aggregate.Root[order]{shop(t, s, orders()), shop(t, s, orders()), shop(t, s, orders())}
	const key = "5b1c-a-key-of-the-client"
	var all sync.WaitGroup
	for i := range 64 {
		root := replicas[i%len(replicas)]
		all.Go(func() {
			events, err := root.EvaluateEvents(t.Context(), types.Command{
				AggregateID: root.IDFor(key), Type: "place", Data: placeOrder{"tea"}, ID: key,
			})
			if err != nil || len(events) != 1 {
				t.Errorf("%d events, %v", len(events), err)
			}
		})
	}
	all.Wait()
	n := 0
	for _, err := range s.Events(t.Context(), replicas[0].IDFor(key), store.Range{}) {
		require.NoError(t, err)
		n++
	}
	require.Equal(t, 1, n)
}

func TestTheIDForAKeyIsForEver(t *testing.T) {
	t.Parallel()
	root := shop(t, memory.New(), orders())
	require.Equal(t, "2003-12-27T12:45:15.604Z-0171-AB82F626C73E8B0D", root.IDFor("a").String())
	require.True(t, root.IDFor("").IsZero())
	other := orders()
	other.Name = "orderb"
	require.NotEqual(t, shop(t, memory.New(), other).IDFor("a"), root.IDFor("ba"), "no two roots meet")
	seen := map[hlc.Timestamp]bool{}
	latest := time.Date(2004, 11, 4, 0, 0, 0, 0, time.UTC)
	for i := range 10_000 {
		id := root.IDFor(fmt.Sprint(i))
		require.False(t, seen[id])
		require.True(t, id.Time().Before(latest), "%v is no id of a clock", id)
		seen[id] = true
	}
}

func TestWhatDoesNotExistIsSaid(t *testing.T) {
	t.Parallel()
	s := memory.New()
	here, there := shop(t, s, orders()), shop(t, s, orders())
	id, err := here.NewID(t.Context())
	require.NoError(t, err)
	exists, err := here.Exists(t.Context(), id)
	require.NoError(t, err)
	require.False(t, exists)
	_, err = here.FetchExisting(t.Context(), id)
	require.ErrorIs(t, err, aggregate.ErrNoAggregate)
	_, err = here.GetExisting(t.Context(), id)
	require.ErrorIs(t, err, aggregate.ErrNoAggregate)
	pay := types.Command{AggregateID: id, Type: "pay", Data: payOrder{1}, Expected: types.Expect(types.Exists)}
	require.ErrorIs(t, here.Evaluate(t.Context(), pay), aggregate.ErrNoAggregate)

	place := types.Command{AggregateID: id, Type: "place", Data: placeOrder{"tea"}, Expected: types.Expect(0)}
	require.NoError(t, there.Evaluate(t.Context(), place))
	current, err := here.GetExisting(t.Context(), id)
	require.NoError(t, err, "what is in memory here is older than the aggregate")
	require.Equal(t, order{Item: "tea"}, current.State)
	require.Equal(t, types.Sequence(1), current.Sequence)
	exists, err = here.Exists(t.Context(), id)
	require.NoError(t, err)
	require.True(t, exists)
	require.NoError(t, here.Evaluate(t.Context(), pay))
	require.ErrorIs(t, here.Evaluate(t.Context(), place), aggregate.ErrUnexpectedSequence)
	_, err = here.Exists(t.Context(), hlc.Timestamp{})
	require.ErrorIs(t, err, aggregate.ErrInvalidID)
}

func TestTheHistoryIsReadInTodaysShapes(t *testing.T) {
	t.Parallel()
	s := memory.New()
	root := shop(t, s, orders())
	id := hlc.Timestamp{1}
	c := store.Commit{AggregateID: id}
	for i, kind := range []string{"ordered", "printed", "paid_in_halves", "paid", "half_paid"} {
		c.Events = append(c.Events, types.Event{
			AggregateID: id, Sequence: types.Sequence(i + 1), Timestamp: hlc.Timestamp{2, byte(i)}, Type: kind,
			Body: json.RawMessage(`{"Cents": 8}`),
		})
	}
	c.Events[4].Body = json.RawMessage(`{"Cents": "eight"}`)
	require.NoError(t, s.Commit(t.Context(), c))
	var got []string
	var failed error
	for e, err := range root.HistoryUpcast(t.Context(), id, store.Range{}) {
		if failed = err; err != nil {
			break
		}
		got = append(got, fmt.Sprint(e.Sequence, " ", e.Type, " ", string(e.Body)))
	}
	require.Equal(t, []string{
		`1 placed {"Cents": 8}`, `3 paid {"Cents":4}`, `3 paid {"Cents":4}`, `4 paid {"Cents": 8}`,
	}, got)
	fault, ok := errors.AsType[*aggregate.EventError](failed)
	require.True(t, ok, "%v", failed)
	require.Equal(t, types.Sequence(5), fault.Sequence)
	require.ErrorIs(t, failed, aggregate.ErrCorruptLog)
	for _, err := range root.HistoryUpcast(t.Context(), id, store.Range{After: 2}) {
		require.NoError(t, err)
		break
	}
	for _, err := range root.HistoryUpcast(t.Context(), hlc.Timestamp{}, store.Range{}) {
		require.ErrorIs(t, err, aggregate.ErrInvalidID)
	}
}

func TestAClientIsToldNothingOfGo(t *testing.T) {
	t.Parallel()
	root := shop(t, memory.New(), orders())
	for data, want := range map[string]string{
		`{"Cent": 1}`:                     `unknown field "Cent"`,
		`{"Cents": "1"}`:                  `field "Cents" is a JSON string, want a whole number of 64 bits`,
		`[]`:                              `the data is a JSON array, want an object`,
		`{"Cents": 99999999999999999999}`: `field "Cents" is a JSON number 99999999999999999999, want a whole number of 64 bits`,
		`{`:                               `the data can't be read`,
		`{]`:                              `the data is not JSON near byte`,
		`null`:                            `command "pay" takes other data`,
	} {
		err := root.Evaluate(t.Context(), types.Command{AggregateID: hlc.Timestamp{1}, Type: "pay", Data: json.RawMessage(data)})
		require.ErrorIs(t, err, aggregate.ErrInvalidData)
		// Which byte it is depends on the experiment jsonv2.
		require.Equal(t, want, strings.TrimRight(aggregate.ClientText(err), " 12"))
		require.NotContains(t, aggregate.ClientText(err), "payOrder")
	}
	for want, command := range map[string]types.Command{
		`there is no command "fly"`:            {AggregateID: hlc.Timestamp{1}, Type: "fly"},
		`it has changed: it is at 0, not at 7`: {AggregateID: hlc.Timestamp{1}, Type: "pay", Data: payOrder{}, Expected: types.Expect(7)},
		`there is none with this id`:           {AggregateID: hlc.Timestamp{1}, Type: "pay", Data: payOrder{}, Expected: types.Expect(types.Exists)},
		`the id is missing`:                    {Type: "pay", Data: payOrder{}},
	} {
		require.Equal(t, want, aggregate.ClientText(root.Evaluate(t.Context(), command)))
	}
	require.Equal(t, "no", aggregate.ClientText(fmt.Errorf("handler: %w", aggregate.Reject("no"))))
	require.Empty(t, aggregate.ClientText(store.ErrUnavailable))
	require.Empty(t, aggregate.ClientText(nil))
}

func TestDoTellsAllThatACommandLedTo(t *testing.T) {
	t.Parallel()
	root := shop(t, memory.New(), orders())
	id := root.IDFor("a")
	_, err := root.Do(t.Context(), types.Command{AggregateID: id, Type: "fly"})
	require.ErrorIs(t, err, aggregate.ErrUnknownCommand)
	place := types.Command{AggregateID: id, Type: "place", Data: placeOrder{"tea"}, ID: "1"}
	first, err := root.Do(t.Context(), place)
	require.NoError(t, err)
	require.Equal(t, order{Item: "tea"}, first.State)
	require.Equal(t, types.Sequence(1), first.Sequence)
	require.Len(t, first.Events, 1)
	require.False(t, first.Repeat)
	paid, err := root.Do(t.Context(), types.Command{AggregateID: id, Type: "pay", Data: payOrder{7}, Expected: &first.Sequence})
	require.NoError(t, err)
	require.Equal(t, order{Item: "tea", Paid: 7}, paid.State)
	require.Equal(t, types.Sequence(2), paid.Sequence)
	again, err := root.Do(t.Context(), place)
	require.NoError(t, err)
	require.True(t, again.Repeat)
	again.Repeat = false
	require.Equal(t, first.State, again.State)
	require.Equal(t, first.Sequence, again.Sequence, "that of the first time")
	require.Equal(t, first.Events[0].Timestamp, again.Events[0].Timestamp)
}
