package flatjson_test

import (
	"encoding/json"
	"math"
	"reflect"
	"testing"
	"time"

	"github.com/eventmaestro/maestro/internal/body/flatjson"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

type flat struct {
	Name   string  `json:"name"`
	By     int     `json:"by,omitempty"`
	Small  int8    `json:"small"`
	Count  uint16  `json:"count"`
	Big    uint64  `json:"big"`
	Price  float64 `json:"price"`
	Ratio  float32
	Yes    bool `json:"yes"`
	List   []int
	hidden int
	Skip   string `json:"-"`
}

var decoder = flatjson.New(reflect.TypeFor[flat]())

// same decodes with both and requires the same result wherever ours claims one.
func same(t require.TestingT, src []byte) bool {
	var ours, theirs flat
	ok := decoder.Decode(src, reflect.ValueOf(&ours).Elem())
	require.Zero(t, ours.hidden)
	if ok {
		require.NoError(t, json.Unmarshal(src, &theirs), "%s", src)
		require.True(t, reflect.DeepEqual(ours, theirs), "%s: %+v, want %+v", src, ours, theirs)
	}
	return ok
}

func TestDecodesWhatIsPlain(t *testing.T) {
	t.Parallel()
	for _, src := range []string{
		`{}`, ` { } `, `{"by": 1}`, `{"by":-0}`, `{"name": "žluťoučký 🚀", "by": 7}`, `{"yes": true, "price": -1.5e3}`,
		`{"by": 1, "by": 2}`, `{"big": 123456789012345678}`, `{"Ratio": 0.1, "small": -128, "count": 65535, "yes": false}`, "{\t\"by\"\n:\r1 }",
	} {
		require.True(t, same(t, []byte(src)), src)
	}
}

func TestLeavesTheRestToEncodingJSON(t *testing.T) {
	t.Parallel()
	for _, src := range []string{
		``, `null`, `[]`, `1`, `{`, `{"by"`, `{"by":`, `{"by":1`, `{"by":1,}`, `{"by":1}x`, `{"by":01}`, `{"by":1.0}`, `{"by":1e2}`, `{"by":"1"}`,
		`{"by":null}`, `{"BY":1}`, `{"other":1}`, `{"name":"a\nb"}`, "{\"name\":\"a\nb\"}", "{\"name\":\"\xff\"}", `{"small":128}`, `{"count":-1}`, `{"count":65536}`,
		`{"big":18446744073709551615}`, `{"List":[1]}`, `{"price":1e999}`, `{"price":.5}`, `{"price":1.}`, `{"price":01}`, `{"yes":tru}`, `{"yes":truex}`, `{"by":--1}`, `{"Skip":"x"}`, `{"hidden":1}`,
	} {
		require.False(t, same(t, []byte(src)), src)
	}
}

func TestTakesOnlyTypesThatAreTheirFields(t *testing.T) {
	t.Parallel()
	type inner struct{ A int }
	for _, v := range []any{
		1, "",
		[]int{},
		map[string]int{},
		time.Time{},
		&flat{},
		struct{ inner }{},
		struct {
			A int `json:",string"`
		}{},
		struct{ By, BY int }{},
		struct {
			A int `json:"a b"`
		}{},
	} {
		require.Nil(t, flatjson.New(reflect.TypeOf(v)), "%T", v)
	}
}

func TestEveryPlainValueRoundTrips(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		v := flat{
			Name: rapid.StringMatching(`[ -!#-\[\]-~äöü€]*`).Draw(t, "name"), By: rapid.IntRange(-1e17, 1e17).Draw(t, "by"),
			Small: rapid.Int8().Draw(t, "small"), Count: rapid.Uint16().Draw(t, "count"), Big: rapid.Uint64Range(0, 1e17).Draw(t, "big"),
			Price: rapid.Float64Range(-math.MaxFloat64, math.MaxFloat64).Draw(t, "price"), Ratio: rapid.Float32Range(-math.MaxFloat32, math.MaxFloat32).Draw(t, "ratio"), Yes: rapid.Bool().Draw(t, "yes"),
		}
		v.Name = noEscape(v.Name)
		var m map[string]any
		src, err := json.Marshal(v)
		require.NoError(t, err)
		require.NoError(t, json.Unmarshal(src, &m))
		delete(m, "List")
		src = []byte(`{`)
		for _, k := range []string{"name", "by", "small", "count", "big", "price", "Ratio", "yes"} {
			if value, ok := m[k]; ok {
				text, _ := json.Marshal(value)
				if k == "big" || k == "by" {
					text, _ = json.Marshal(map[string]any{"big": v.Big, "by": v.By}[k])
				}
				src = append(append(append(src, `"`+k+`": `...), text...), ", "...)
			}
		}
		src = append(src[:len(src)-2], '}')
		require.True(t, same(t, src), "%s", src)
	})
}

func noEscape(s string) string {
	out := []rune{}
	for _, r := range s {
		if r != '<' && r != '>' && r != '&' {
			out = append(out, r)
		}
	}
	return string(out)
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte(`{"name": "x", "by": 1, "price": 1.5, "yes": true}`))
	f.Add([]byte(`{"by":1e5,"BY":2}`))
	f.Fuzz(func(t *testing.T, src []byte) { same(t, src) })
}

func BenchmarkDecode(b *testing.B) {
	src := []byte(`{"name": "Ada", "by": 17}`)
	b.Run("ours", func(b *testing.B) {
		for b.Loop() {
			var v flat
			decoder.Decode(src, reflect.ValueOf(&v).Elem())
		}
	})
	b.Run("limit", func(b *testing.B) {
		for b.Loop() {
			var v flat
			_ = json.Unmarshal(src, &v)
		}
	})
}
