package aggregate_test

import (
	"context"
	"encoding/json"
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/eventmaestro/maestro/aggregate"
	"github.com/eventmaestro/maestro/internal/lab/pgtest"
	"github.com/eventmaestro/maestro/store"
	"github.com/eventmaestro/maestro/store/memory"
	"github.com/eventmaestro/maestro/types"
)

// Law 6: the state that a handler sees after a commit equals the state rebuilt from the store.

// record keeps bodies in several forms, so that any difference between what was applied and what is
// read shows.
type record struct {
	Raw     []json.RawMessage
	Decoded []any
	Typed   []content
	Count   map[string]int
}

type content struct {
	Text   string
	Number float64
	Small  float32
	Whole  int64
	Bytes  []byte
	At     time.Time
	Any    any
	Raw    json.RawMessage
	Nested *content
}

func recordDefinition() aggregate.Definition[record] {
	return aggregate.Definition[record]{
		Name: "record",
		Commands: aggregate.Commands[record]{
			"keep": aggregate.CommandFunc[record](func(_ context.Context, _ aggregate.Instance[record], c types.Command) ([]types.Uncommitted, error) {
				return c.Data.([]types.Uncommitted), nil
			}),
		},
		Events: aggregate.Events[record]{
			"raw": aggregate.EventFunc[record](func(s record, e types.Event) (record, error) {
				s.Raw = append(s.Raw, append(json.RawMessage(nil), e.Body...))
				var v any
				err := json.Unmarshal(e.Body, &v)
				s.Decoded = append(s.Decoded, v)
				return s, err
			}),
			"typed": aggregate.Event(func(s record, c content) record {
				if s.Count == nil {
					s.Count = map[string]int{}
				}
				s.Count[c.Text]++
				s.Typed = append(s.Typed, c)
				return s
			}),
		},
	}
}

// jsonTexts generates JSON as people write it: white space, escapes, odd numbers, keys twice and in
// any order.
func jsonTexts(depth int) *rapid.Generator[string] {
	leaf := rapid.OneOf(
		rapid.SampledFrom([]string{
			"null", "true", " false ", "0", "-0", "-0.0", "1.50", "1e2", "1E-3", "12345678901234567890", "0.1e+1", "1e300",
			`""`, `"a"`, `"\u00e9\ud83d\ude80"`, `"<&>\u2028"`, `"\/\b\f\n\r\t\\\""`, `"\u0001"`, "\"žluť\"",
		}),
		rapid.Map(rapid.Float64(), func(f float64) string { b, _ := json.Marshal(f); return string(b) }),
		rapid.Map(rapid.String(), func(s string) string { b, _ := json.Marshal(withoutNUL(s)); return string(b) }),
	)
	if depth == 0 {
		return leaf
	}
	inner := jsonTexts(depth - 1)
	return rapid.OneOf(leaf,
		rapid.Custom(func(t *rapid.T) string {
			text := "["
			for i, v := range rapid.SliceOfN(inner, 0, 4).Draw(t, "elements") {
				if i > 0 {
					text += " ,"
				}
				text += v
			}
			return text + "\t]"
		}),
		rapid.Custom(func(t *rapid.T) string {
			text := "{"
			for i, v := range rapid.SliceOfN(inner, 0, 5).Draw(t, "values") {
				if i > 0 {
					text += ",\n"
				}
				text += rapid.SampledFrom([]string{`"a"`, `"b"`, `"aa"`, `"\u0061"`, `"é"`, `""`, `"Text"`}).Draw(t, "key") + " : " + v
			}
			return text + "}"
		}),
	)
}

// withoutNUL leaves out the one character that can't be stored.
func withoutNUL(s string) string {
	b := []rune(s)
	for i := range b {
		if b[i] == 0 {
			b[i] = 'x'
		}
	}
	return string(b)
}

func contents(t *rapid.T, depth int) content {
	c := content{
		Text:   withoutNUL(rapid.OneOf(rapid.String(), rapid.SampledFrom([]string{"\xff\xfe", "<&>", "\u2028", "a"})).Draw(t, "text")),
		Number: rapid.OneOf(rapid.Float64(), rapid.SampledFrom([]float64{math.MaxFloat64, math.SmallestNonzeroFloat64, 1e21, 1e-7, math.Copysign(0, -1)})).Draw(t, "number"),
		Small:  rapid.Float32().Draw(t, "small"),
		Whole:  rapid.Int64().Draw(t, "whole"),
		Bytes:  rapid.SliceOfN(rapid.Byte(), 0, 9).Draw(t, "bytes"),
		At:     time.Unix(rapid.Int64Range(0, 1e10).Draw(t, "at"), 123456789).UTC(),
		Any:    rapid.SampledFrom([]any{nil, 1, 1.5, "x", []int{1}, map[string]any{"b": 1, "a": nil}}).Draw(t, "any"),
		Raw:    json.RawMessage(jsonTexts(1).Draw(t, "raw")),
	}
	if depth > 0 && rapid.Bool().Draw(t, "nested") {
		nested := contents(t, depth-1)
		c.Nested = &nested
	}
	return c
}

func drawEvents(t *rapid.T) []types.Uncommitted {
	var events []types.Uncommitted
	for range rapid.IntRange(1, 4).Draw(t, "events") {
		if rapid.Bool().Draw(t, "is raw") {
			events = append(events, types.NewEvent("raw", json.RawMessage(jsonTexts(3).Draw(t, "body"))))
		} else {
			events = append(events, types.NewEvent("typed", contents(t, 2)))
		}
	}
	return events
}

// hotEqualsCold is the property. open returns an adapter of the same store each time.
func hotEqualsCold(t *testing.T, open func() store.Adapter) func(*rapid.T) {
	t.Helper()
	return func(rt *rapid.T) {
		hot := rapidRoot(rt, open())
		id := newIDOf(t)
		for range rapid.IntRange(1, 4).Draw(rt, "commands") {
			command := types.Command{AggregateID: id, Type: "keep", Data: drawEvents(rt)}
			state, err := hot.EvaluateState(t.Context(), command)
			require.NoError(rt, err)
			if rapid.Bool().Draw(rt, "snapshot") {
				require.NoError(rt, hot.Snapshot(t.Context(), id))
			}
			cold, err := rapidRoot(rt, open()).FetchInstance(t.Context(), id)
			require.NoError(rt, err)
			require.Equal(rt, state, cold.State)
			replayed, err := hot.Replay(t.Context(), id, cold.Sequence)
			require.NoError(rt, err)
			require.Equal(rt, state, replayed)
		}
	}
}

func rapidRoot(t *rapid.T, a store.Adapter) *aggregate.Root[record] {
	sup, err := aggregate.NewSupervisor(a, nil)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, sup.Shutdown(context.Background())) })
	root, err := aggregate.NewRoot(sup, recordDefinition())
	require.NoError(t, err)
	return root
}

func TestHotEqualsCold(t *testing.T) {
	t.Parallel()
	t.Run("memory", func(t *testing.T) {
		t.Parallel()
		s := memory.New()
		rapid.Check(t, hotEqualsCold(t, func() store.Adapter { return s }))
	})
	t.Run("postgres", func(t *testing.T) {
		t.Parallel()
		pool := pgtest.Plain(t, fewConnections)
		rapid.Check(t, hotEqualsCold(t, func() store.Adapter { return pgtest.Store(t, pool, nil) }))
	})
}

func TestBodiesComeBackAsTheyWereApplied(t *testing.T) {
	t.Parallel()
	onEveryStore(t, func(t *testing.T, open func() store.Adapter) {
		root, err := aggregate.NewRoot(newSupervisor(t, open(), nil), recordDefinition())
		require.NoError(t, err)
		id := newID(t, root)
		events, err := root.EvaluateEvents(t.Context(), types.Command{AggregateID: id, Type: "keep", Data: types.Events(
			types.NewEvent("raw", json.RawMessage(`{"b": 1, "aa": 2, "b": 3, "a": 1e2}`)),
			types.NewEvent("raw", json.RawMessage(` [1.50, -0, "\u0061<&>" ] `)),
		)})
		require.NoError(t, err)
		want := []json.RawMessage{json.RawMessage(`{"a": 100, "b": 3, "aa": 2}`), json.RawMessage(`[1.50, 0, "a<&>"]`)}
		require.Equal(t, want, get(t, root, id).Raw)
		log := logOf(t, open(), id)
		for i := range want {
			require.Equal(t, string(want[i]), string(log[i].Body))
			require.Equal(t, string(want[i]), string(events[i].Body))
		}
	})
}
