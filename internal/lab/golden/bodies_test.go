package golden_test

import (
	"context"
	"encoding/json"
	"math"
	"math/big"
	"net/netip"
	"testing"
	"time"

	"github.com/eventmaestro/maestro/aggregate"
	"github.com/eventmaestro/maestro/store/memory"
	"github.com/eventmaestro/maestro/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

type (
	inner struct {
		Bytes []byte
		Any   any    `json:"any,omitempty"`
		Text  string `json:"text,omitempty"`
	}
	outer struct {
		inner
		Zero   time.Time `json:",omitzero"`
		Quoted int64     `json:",string"`
		Inner  *inner    `json:"inner"`
		List   []inner   `json:"list,omitempty"`
	}
)

// What was stored is compared with what is stored (repeats of a command, snapshots, commits in
// doubt), so no encoding/json may write another byte: run it with GOEXPERIMENT=jsonv2 and nojsonv2.
func TestBodiesAreStoredByteForByteAsEver(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		value any
		body  string
	}{
		{nil, `{}`},
		{outer{}, `{"Bytes": null, "inner": null, "Quoted": "0"}`},
		{
			outer{inner: inner{Text: "a"}, Zero: time.Unix(1, 5).UTC(), Quoted: -7, Inner: &inner{Any: 1.0}, List: []inner{{Bytes: []byte{}}}},
			`{"Zero": "1970-01-01T00:00:01.000000005Z", "list": [{"Bytes": ""}], "text": "a", "Bytes": null, "inner": {"any": 1, "Bytes": null}, "Quoted": "-7"}`,
		},
		{map[string]any{"longer": nil, "b": []string(nil), "a": []string{}, "": map[string]int(nil)}, `{"": null, "a": [], "b": null, "longer": null}`},
		{map[int]string{3: "c", -1: "a", 20: "b"}, `{"3": "c", "-1": "a", "20": "b"}`},
		{map[string]string{"s": "<&> \u2028 é \" \\ / \b\f\n\r\t\x01\x7f \U0001F600 \xff"}, "{\"s\": \"<&> \u2028 é \\\" \\\\ / \\b\\f\\n\\r\\t\\u0001\x7f \U0001F600 \ufffd\"}"},
		{[]float64{0, math.Copysign(0, -1), 1e20, 1e21, 1e-6, 1e-7, 0.1}, `[0, 0, 100000000000000000000, 1000000000000000000000, 0.000001, 0.0000001, 0.1]`},
		{[]float32{0.1, 1e21, 16777216}, `[0.1, 1000000000000000000000, 16777216]`},
		{[]any{int64(math.MinInt64), uint64(math.MaxUint64), time.Second, [2]bool{true}}, `[-9223372036854775808, 18446744073709551615, 1000000000, [true, false]]`},
		{json.RawMessage(` { "b" : [1, 2.50, 1e3] , "a":"\u003c" , "b":1 } `), `{"a": "<", "b": 1}`},
		{[]any{big.NewInt(7), netip.MustParseAddr("::1"), json.Number("1.50")}, `[7, "::1", 1.50]`},
	} {
		assert.Equal(t, c.body, stored(t, c.value), "%#v", c.value)
	}
}

// stored returns the body of an event, as the store has it.
func stored(t *testing.T, value any) string {
	t.Helper()
	ctx, events := t.Context(), memory.New()
	sup, err := aggregate.NewSupervisor(events, nil)
	require.NoError(t, err)
	defer sup.Shutdown(context.WithoutCancel(ctx))
	root, err := aggregate.NewRoot(sup, aggregate.Definition[struct{}]{
		Commands: aggregate.Commands[struct{}]{
			"store": aggregate.Command(func(context.Context, aggregate.Instance[struct{}], struct{}) ([]types.Uncommitted, error) {
				return types.Events(types.NewEvent("stored", value)), nil
			}),
		},
		Events: aggregate.Events[struct{}]{
			"stored": aggregate.Event(func(s struct{}, _ json.RawMessage) struct{} { return s }),
		},
	})
	require.NoError(t, err)
	id, err := root.NewID(ctx)
	require.NoError(t, err)
	done, err := root.EvaluateEvents(ctx, types.Command{AggregateID: id, Type: "store"})
	require.NoError(t, err)
	require.Len(t, done, 1)
	return string(done[0].Body)
}
