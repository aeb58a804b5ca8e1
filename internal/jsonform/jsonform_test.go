package jsonform

import (
	"encoding/json"
	"math/big"
	"net/url"
	"reflect"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/eventmaestro/maestro/hlc"
)

// The functions behind New and the snapshots are tested on types here: a root of each would take
// the compiler a second.

type (
	embA struct{ N int }
	EmbA struct{ N int }
	EmbB struct{ N int }
	num  int
	deep struct{ Name string }
	unit struct{ tenths int }
	ring struct {
		*ring //nolint:unused // encoding/json looks at it
		N     int
	}
	overridden struct {
		time.Time
		Unit string
	}
)

func (u unit) MarshalText() ([]byte, error)       { return json.Marshal(u.tenths) }
func (u *unit) UnmarshalText(b []byte) error      { return json.Unmarshal(b, &u.tenths) }
func (o overridden) MarshalJSON() ([]byte, error) { return json.Marshal([]any{o.Time, o.Unit}) }

func TestEmbeddedFieldsThatJSONWouldLoseAreNamed(t *testing.T) {
	t.Parallel()
	for text, state := range map[string]any{
		`S.EmbB.N has the same JSON name "N" as EmbA.N, so a snapshot's JSON would lose it: give it another name`: struct {
			EmbA
			EmbB
		}{},
		`S.N has the same JSON name "N" as EmbA.N, so a snapshot's JSON would lose it: give it another name`: struct {
			EmbA
			N int
		}{},
		"S.num is not exported, so a snapshot's JSON would lose it: export it": struct {
			num
			Other int
		}{},
		"S.embA is not exported, so a snapshot's JSON would lose it: export it": struct {
			*embA
			Other int
		}{},
		"S.Others is next to an embedded time.Time, whose JSON replaces that of the whole struct, so a snapshot's JSON would lose it: give the field Time a name of its own": struct {
			time.Time
			Others []int
		}{},
		"S.At.Unit is next to an embedded jsonform.unit, whose JSON replaces that of the whole struct, so a snapshot's JSON would lose it: give the field unit a name of its own": struct {
			At struct {
				unit
				Unit string
			}
		}{},
		"S.Link.User (url.Userinfo) hides what it holds, so a snapshot's JSON would lose it: use a type with a JSON form, such as a string": struct{ Link *url.URL }{},
		"S.ring is not exported, so a snapshot's JSON would lose it: export it":                                                             ring{},
	} {
		lost := Lost(reflect.TypeOf(state))
		require.NotNil(t, lost, text)
		require.Equal(t, text, lost.Error())
	}
	for _, state := range []any{
		struct {
			deep
			EmbA
			Time time.Time
		}{},
		overridden{},
		struct{ time.Time }{},
		struct{ A, B *big.Int }{},
	} {
		require.Nil(t, Lost(reflect.TypeOf(state)), "%T", state)
	}
}

// moment has its own rule of what is equal, and a hidden field.
type moment struct {
	At    int
	cache *int
}

func (m moment) Equal(o moment) bool { return m.At == o.At }

// TestValuesWithSeveralFormsAreAlike: a type that hides its fields says itself what is equal, and
// raw JSON is a value, however it is written.
func TestValuesWithSeveralFormsAreAlike(t *testing.T) {
	t.Parallel()
	type formed struct {
		When moment
		At   time.Time
		N    *big.Int
		Raw  json.RawMessage
		Self *formed
	}
	now := time.Now()
	a := formed{moment{1, nil}, now, new(big.Int).Sub(big.NewInt(1), big.NewInt(1)), json.RawMessage(`{"b":1,"a":[ 1.0 ]}`), nil}
	b := formed{moment{1, new(int)}, now.Round(0), new(big.Int), json.RawMessage(`{"a": [1.0], "b": 1}`), nil}
	a.Self, b.Self = &a, &b
	require.Nil(t, Unlike(a, b))
	for field, change := range map[string]func(*formed){
		"S.When": func(f *formed) { f.When.At++ },
		"S.At":   func(f *formed) { f.At = f.At.In(time.FixedZone("", 3600)) },
		"S.N":    func(f *formed) { f.N = big.NewInt(1) },
		"S.Raw":  func(f *formed) { f.Raw = json.RawMessage(`{"a": [1], "b": 1}`) },
		"S.Self": func(f *formed) { f.Self = nil },
	} {
		c := b
		change(&c)
		found := Unlike(a, c)
		require.NotNil(t, found, field)
		require.Equal(t, field, found.Path)
	}
}

func TestTheShapeFollowsNamesTagsAndTypes(t *testing.T) {
	t.Parallel()
	type inner struct{ A int }
	shapes := map[string]string{}
	for _, state := range []any{
		struct{ A int }{},
		struct{ B int }{},
		struct{ A int64 }{},
		struct {
			A int `json:"a"`
		}{},
		struct {
			A int `json:",omitempty"`
		}{},
		struct{ A []int }{},
		struct{ A []inner }{},
		struct{ A map[string]inner }{},
		struct{ A [2]int }{},
		struct{ A [3]int }{},
		struct{ A *inner }{},
		struct{ A num }{},
		struct{ A any }{},
		struct{ A, B int }{},
		ring{},
		7, "", num(1),
		struct{ inner }{},
	} {
		shape := Shape(reflect.TypeOf(state))
		require.Equal(t, shape, Shape(reflect.TypeOf(state)))
		require.Empty(t, shapes[shape], "%T", state)
		shapes[shape] = reflect.TypeOf(state).String()
	}
}

func TestAFieldThatASnapshotLacksIsNamed(t *testing.T) {
	t.Parallel()
	type item struct {
		Name  string
		Count int `json:"count"`
	}
	type whole struct {
		EmbA
		Items map[string][]*item
		At    *hlc.Timestamp
		Any   any
	}
	for body, lacking := range map[string]string{
		`{"n": 1, "items": {}, "at": null, "ANY": 1}`:                                                "",
		`{"N": 1, "Items": {"a": [{"Name": "x", "count": 1}, null]}, "At": null, "Any": {}}`:         "",
		`{"N": 1, "Items": {"a": [{"Name": "x", "count": 1}, {"Name": "y"}]}, "At": null, "Any": 1}`: "S.Items[…][…].Count",
		`{"Items": {}, "At": null, "Any": 1}`:                                                        "S.N",
		`{"N": 1, "Items": null, "At": null}`:                                                        "S.Any",
		`7`:                                                                                          "S",
	} {
		var v any
		require.NoError(t, json.Unmarshal([]byte(body), &v))
		require.Equal(t, lacking, Lacking(reflect.TypeFor[whole](), v), body)
	}
}
