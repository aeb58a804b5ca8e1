package flatjson_test

import (
	"bytes"
	"encoding/json"
	"math"
	"testing"
	"time"

	"github.com/eventmaestro/maestro/internal/body/flatjson"
	"github.com/eventmaestro/maestro/internal/body/jsonb"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

type fact struct {
	Name  string `json:"name"`
	By    int    `json:"by,omitempty"`
	Small int8
	Count uint64  `json:"c"`
	Price float64 `json:"price"`
	Ratio float32
	Yes   bool `json:"yes"`
	quiet int
	Skip  string `json:"-"`
}

func slow(t require.TestingT, v any) []byte {
	text, err := json.Marshal(v)
	require.NoError(t, err)
	canonical, err := jsonb.Canonical(text)
	require.NoError(t, err)
	return canonical
}

func TestEncodesAsTheCanonicalForm(t *testing.T) {
	t.Parallel()
	encoded := 0
	rapid.Check(t, func(t *rapid.T) {
		v := fact{
			Name: rapid.String().Draw(t, "name"), By: rapid.Int().Draw(t, "by"), Small: rapid.Int8().Draw(t, "small"),
			Count: rapid.Uint64().Draw(t, "count"), Yes: rapid.Bool().Draw(t, "yes"),
			Price: rapid.OneOf(rapid.Float64(), rapid.Float64Range(-1e6, 1e6), rapid.Just(0.1), rapid.Just(1.5)).Draw(t, "price"),
			Ratio: rapid.Float32Range(-10, 10).Draw(t, "ratio"), quiet: 1, Skip: "x",
		}
		if math.IsNaN(v.Price) || math.IsInf(v.Price, 0) {
			v.Price = 1
		}
		ours, ok := flatjson.Append([]byte("before"), v)
		if !ok {
			require.Equal(t, "before", string(ours), "nothing is left behind")
			return
		}
		encoded++
		require.Equal(t, "before"+string(slow(t, v)), string(ours))
	})
	require.Greater(t, encoded, 10)
}

func TestEncodesFloatsAsEncodingJSONDoes(t *testing.T) {
	t.Parallel()
	for _, x := range []float64{1, -1, 0.1, 1.5, 100, 1e14, 123456.789, 1e-4, 0.000123, 1.0 / 3, math.Pi * 1e10} {
		v := struct{ X float64 }{x}
		ours, ok := flatjson.Append(nil, v)
		require.True(t, ok)
		require.Equal(t, string(slow(t, v)), string(ours))
		w := struct{ X float32 }{float32(x)}
		ours, ok = flatjson.Append(nil, w)
		require.True(t, ok)
		require.Equal(t, string(slow(t, w)), string(ours))
	}
}

func TestLeavesOtherValuesToEncodingJSON(t *testing.T) {
	t.Parallel()
	for _, v := range []any{
		1, nil, "x",
		[]int{1},
		map[string]int{},
		time.Time{},
		&fact{}, json.RawMessage(`{}`),
		struct{ L []int }{},
		struct{ T time.Time }{},
		struct {
			A int `json:",string"`
		}{},
		struct {
			A int `json:",omitzero"`
		}{},
		struct{ S string }{"a\"b"},
		struct{ S string }{"\x00"},
		struct{ S string }{"\xff"},
		struct{ F float64 }{0},
		struct{ F float64 }{1e300},
		struct{ F float64 }{math.NaN()},
	} {
		dst, ok := flatjson.Append(nil, v)
		require.False(t, ok, "%#v", v)
		require.Empty(t, dst)
	}
}

func BenchmarkEncode(b *testing.B) {
	v := fact{Name: "Ada", By: 17}
	v.Price, v.Ratio = 1, 1
	b.Run("ours", func(b *testing.B) {
		var buf []byte
		for b.Loop() {
			buf, _ = flatjson.Append(buf[:0], v)
		}
	})
	b.Run("limit", func(b *testing.B) {
		var buf bytes.Buffer
		enc := json.NewEncoder(&buf)
		for b.Loop() {
			buf.Reset()
			_ = enc.Encode(v)
		}
	})
}
